// Packs dist into dist-packed: every file as gzip, and a table (path, SHA-256 of the open bytes, open length) that the binary is built from.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';

/** Each of our own pages stays small enough for a poor connection: what it takes on a first visit, scripts and styles together, as sent. */
const PAGE_BYTES_MAX = 60_000;

const web = dirname(fileURLToPath(import.meta.url));
const dist = join(web, 'dist');
const packed = join(web, 'dist-packed');

function filesBelow(folder, prefix = '') {
  return readdirSync(folder).sort().flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesBelow(path, `${prefix}${name}/`) : [`${prefix}${name}`];
  });
}

for (const name of readdirSync(packed)) {
  if (name !== '.gitignore') rmSync(join(packed, name), { recursive: true });
}
const rows = [];
const sent = new Map();
let all = 0;
for (const name of filesBelow(dist)) {
  const open = readFileSync(join(dist, name));
  const gzip = gzipSync(open, { level: constants.Z_BEST_COMPRESSION });
  const to = join(packed, 'files', `${name}.gz`);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, gzip);
  rows.push(`${name}\t${createHash('sha256').update(open).digest('hex')}\t${open.length}`);
  all += gzip.length;
  if (name.startsWith('assets/')) sent.set(name.slice('assets/'.length), { bytes: gzip.length, text: open.toString() });
}
writeFileSync(join(packed, 'table.tsv'), `${rows.join('\n')}\n`);

/** A script and all that it cannot do without. */
function withImports(name, into = new Set()) {
  if (into.has(name) || !sent.has(name)) return into;
  into.add(name);
  for (const [, other] of sent.get(name).text.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) withImports(other, into);
  return into;
}
const [, entry] = /src="\/assets\/([^"]+\.js)"/.exec(readFileSync(join(dist, 'index.html'), 'utf8'));
const dynamic = [...sent.get(entry).text.matchAll(/import\(["'`]\.\/([^"'`]+\.js)["'`]\)/g)].map(([, name]) => name);
if (dynamic.length === 0) throw new Error('no page is fetched apart: pages are no longer found in the entry script');
/** The styles of a script have its name; the hashes differ. */
const stylesOf = (script) => [...sent.keys()].filter((n) => n.endsWith('.css') && n.slice(0, -13) === script.slice(0, -12));
const weigh = (page) => {
  const scripts = [...withImports(page, withImports(entry))];
  return [...scripts, ...scripts.flatMap(stylesOf)].reduce((sum, name) => sum + sent.get(name).bytes, 0);
};
const heaviest = dynamic.map((page) => [weigh(page), page]).sort(([a], [b]) => b - a)[0];
console.log(`dist-packed: ${rows.length} files, ${(all / 1e6).toFixed(1)} MB; the heaviest page, ${heaviest[1]}, takes ${(heaviest[0] / 1e3).toFixed(1)} kB of ${dynamic.length}`);
if (heaviest[0] > PAGE_BYTES_MAX) throw new Error(`${heaviest[1]} takes more than ${PAGE_BYTES_MAX} bytes`);
