// The first story, end to end, as one test: two hospitals and a hub, other people's software and a browser, ten steps, one printed seed.
//
// node tests/story/run.mjs [--seed N] [--binary PATH] [--keep] [--until N]
// What it leaves (screenshots, proofs, logs of the nodes) lies in $CARGO_TARGET_DIR/story. docs/walkthrough.md is the same story by hand.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Stage } from './stage/stage.mjs';
import { Verdicts } from './stage/verdicts.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const { values: given } = parseArgs({
  options: { seed: { type: 'string' }, binary: { type: 'string' }, keep: { type: 'boolean' }, until: { type: 'string' } },
});
const seed = given.seed ?? String(randomBytes(4).readUInt32BE());
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const out = join(target, 'story');
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

console.log(`story: seed ${seed} (repeat with: node tests/story/run.mjs --seed ${seed})`);
const verdicts = new Verdicts();
const stage = new Stage({ root, out, seed, binary: given.binary ?? process.env.BADIANO_BINARY ?? join(target, 'debug', 'badiano'), verdicts });
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stage.end(true).then(() => process.exit(130)));

const began = Date.now();
let failed = 0;
let at = 'the start';
try {
  await stage.begin();
  const steps = readdirSync(join(here, 'steps')).filter((n) => n.endsWith('.mjs')).sort();
  for (const file of steps) {
    const number = Number.parseInt(file, 10);
    if (number > Number(given.until ?? 99)) break;
    const step = await import(join(here, 'steps', file));
    at = `step ${number}, ${step.title}`;
    const from = Date.now();
    console.log(`\n${number}. ${step.title}`);
    await step.run(stage);
    console.log(`   (${((Date.now() - from) / 1000).toFixed(1)} s)`);
  }
} catch (why) {
  failed = 1;
  console.log(`\nFAILED in ${at}; seed ${seed}\n${why instanceof Error ? why.stack : why}`);
  await stage.photographAll('failure').catch(() => {});
  console.log(stage.logTails());
} finally {
  await stage.end(given.keep && failed === 0 ? false : !given.keep);
}
console.log(`\nseed ${seed}, ${((Date.now() - began) / 1000).toFixed(0)} s, artefacts in ${out}`);
console.log(`story: ${verdicts.passed} passed, ${failed} failed`);
process.exit(failed);
