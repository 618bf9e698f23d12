// Packs dist into dist-packed: every file as gzip, and a table (path, SHA-256 of the open bytes, open length) that the binary is built from.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';

/** Our own pages stay small enough for a poor connection: scripts and styles together, as sent. */
const OWN_PAGES_BYTES_MAX = 72_000;

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
let own = 0;
let all = 0;
for (const name of filesBelow(dist)) {
  const open = readFileSync(join(dist, name));
  const gzip = gzipSync(open, { level: constants.Z_BEST_COMPRESSION });
  const to = join(packed, 'files', `${name}.gz`);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, gzip);
  rows.push(`${name}\t${createHash('sha256').update(open).digest('hex')}\t${open.length}`);
  all += gzip.length;
  if (!name.startsWith('visor/') && /\.(js|css)$/.test(name)) own += gzip.length;
}
writeFileSync(join(packed, 'table.tsv'), `${rows.join('\n')}\n`);
console.log(`dist-packed: ${rows.length} files, ${(all / 1e6).toFixed(1)} MB; own pages ${(own / 1e3).toFixed(1)} kB`);
if (own > OWN_PAGES_BYTES_MAX) throw new Error(`own pages are larger than ${OWN_PAGES_BYTES_MAX} bytes`);
