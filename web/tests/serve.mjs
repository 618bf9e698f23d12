// Serves dist-packed on loopback the way the binary does: the same files, and the policies read from the binary's own source.

import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const packed = join(web, 'dist-packed');

/** The text of a constant in assets.rs, its line ends joined as Rust joins them. */
function policy(name) {
  const source = readFileSync(join(web, '../crates/gateway/src/pages/assets.rs'), 'utf8');
  const found = new RegExp(`pub const ${name}: &str = "([^"]*)"`).exec(source);
  if (!found) throw new Error(`${name} is not in assets.rs`);
  return found[1].replace(/\\\n\s*/g, '');
}

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml', wasm: 'application/wasm', woff2: 'font/woff2', png: 'image/png', ico: 'image/x-icon', txt: 'text/plain; charset=utf-8' };

/** Starts the server; `other` may answer what is not a file (it returns true when it did). */
export async function serve(other = () => false, port = 0) {
  if (!existsSync(join(packed, 'table.tsv'))) throw new Error('the pages are not built: npm run build');
  const names = new Set(readFileSync(join(packed, 'table.tsv'), 'utf8').trim().split('\n').map((row) => row.split('\t')[0]));
  const policies = { own: policy('CSP_PAGES'), visor: policy('CSP_VISOR'), workers: policy('CSP_VISOR_WORKERS') };
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname;
    let name = path === '/' ? 'index.html' : path.slice(1);
    if (!names.has(name) && /^visor(\/[^.]*)?$/.test(name)) name = 'visor/index.html';
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-embedder-policy', 'require-corp');
    response.setHeader('cross-origin-resource-policy', 'same-origin');
    if (!names.has(name)) {
      if (!other(request, response)) response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': TYPES[name.split('.').pop()] ?? 'application/octet-stream',
      'content-encoding': 'gzip',
      'content-security-policy': !name.startsWith('visor/') ? policies.own : name.endsWith('.js') ? policies.workers : policies.visor,
      'cache-control': 'no-cache',
    });
    response.end(readFileSync(join(packed, 'files', `${name}.gz`)));
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return { base: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
