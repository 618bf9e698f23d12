// Expectations as sentences: each says what was expected, is printed when it holds, and ends the story when it does not.

export class Verdicts {
  passed = 0;

  /** `seen` is what was there instead; shown only on failure. */
  expect(holds, sentence, seen) {
    if (!holds) throw new Error(`expected: ${sentence}${seen === undefined ? '' : `\n    seen: ${show(seen)}`}`);
    this.passed += 1;
    console.log(`   + ${sentence}`);
  }

  equal(seen, wanted, sentence) {
    const same = JSON.stringify(seen) === JSON.stringify(wanted);
    this.expect(same, sentence, same ? undefined : { seen, wanted });
  }

  /** Asks again until something true comes; returns it. For what the product does in the background, with a limit. */
  async eventually(ask, sentence, { ms = 15_000, every = 200 } = {}) {
    const end = Date.now() + ms;
    let seen;
    do {
      seen = await ask();
      if (seen) {
        this.expect(true, sentence);
        return seen;
      }
      await new Promise((wake) => setTimeout(wake, every));
    } while (Date.now() < end);
    throw new Error(`expected within ${ms} ms: ${sentence}`);
  }
}

function show(seen) {
  const text = typeof seen === 'string' ? seen : JSON.stringify(seen, null, 1);
  return (text ?? String(seen)).slice(0, 3000);
}
