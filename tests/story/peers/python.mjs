// Runs a peer written in Python (pynetdicom), in the environment that `cargo xtask test` prepares; its last line is JSON.

import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../stage/program.mjs';

const PYTHON = process.env.BADIANO_PYTHON ?? join(homedir(), '.cache/badiano/venv/bin/python');

export async function python(script, given, options) {
  const done = await run(PYTHON, [script, JSON.stringify(given)], options);
  const last = done.out.toString().trimEnd().split('\n').pop();
  if (done.code !== 0) throw new Error(`${script}: exit ${done.code}\n${done.text.slice(-3000)}`);
  return JSON.parse(last);
}
