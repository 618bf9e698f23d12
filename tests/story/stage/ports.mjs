// A run of free ports, below those that the system gives out by itself.

import { createServer } from 'node:net';

const free = (port) =>
  new Promise((tell) => {
    const server = createServer();
    server.once('error', () => tell(false));
    server.listen(port, '127.0.0.1', () => server.close(() => tell(true)));
  });

export async function freePorts(count) {
  for (let tries = 0; tries < 50; tries += 1) {
    const base = 20_000 + 100 * Math.floor(Math.random() * 120);
    const all = await Promise.all(Array.from({ length: count }, (_, n) => free(base + n)));
    if (all.every(Boolean)) return base;
  }
  throw new Error(`no ${count} free ports in a row`);
}
