// A program that runs beside the story, with its output in a log; and one that runs to its end.

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

const READY_MS_MAX = 90_000;
const STOP_MS_MAX = 10_000;

export class Program {
  constructor(name, file, args, log) {
    Object.assign(this, { name, log });
    this.child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = new Promise((tell) => this.child.once('exit', (code, signal) => tell(code ?? signal)));
    this.child.once('error', () => {});
    const to = createWriteStream(log, { flags: 'a' });
    this.child.stderr.pipe(to, { end: false });
    this.child.stdout.pipe(to, { end: false });
    let text = '';
    this.said = new Promise((tell) => {
      this.child.stdout.on('data', (chunk) => {
        text = (text + chunk).slice(-65_536);
        if (/^ready/m.test(text)) tell(true);
      });
    });
  }

  async ready() {
    const late = new Promise((tell) => setTimeout(tell, READY_MS_MAX, 'nothing in time').unref());
    const first = await Promise.race([this.said, this.ended, late]);
    if (first !== true) throw new Error(`${this.name} did not become ready (${first}); see ${this.log}`);
  }

  async stop() {
    this.child.kill('SIGTERM');
    const late = new Promise((tell) => setTimeout(tell, STOP_MS_MAX, 'late').unref());
    if ((await Promise.race([this.ended, late])) === 'late') this.child.kill('SIGKILL');
  }
}

/** Runs to the end; never throws for an exit code. Output is bytes, for what is not UTF-8. */
export function run(file, args, { ms = 120_000, env = {}, onOutput, onStart } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const timer = setTimeout(() => child.kill('SIGKILL'), ms);
    const parts = { out: [], err: [] };
    const take = (which) => (chunk) => {
      parts[which].push(chunk);
      onOutput?.(chunk.toString('latin1'));
    };
    child.stdout.on('data', take('out'));
    child.stderr.on('data', take('err'));
    child.once('error', (why) => fail(new Error(`${file}: ${why.message}`)));
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const [out, err] = [Buffer.concat(parts.out), Buffer.concat(parts.err)];
      done({ code: code ?? signal, out, err, text: `${out.toString()}${err.toString()}` });
    });
    onStart?.(child);
  });
}
