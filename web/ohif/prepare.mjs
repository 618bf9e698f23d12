// Makes dist/visor from the published build of the OHIF viewer: pruned, minified, under a base path of its own, without calls to the outside.
//
// The package is fetched as a tarball and checked against a hash written here; its own dependencies (which its build has bundled) are not installed.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform, version as esbuild } from 'esbuild';

const PACKAGE = '@ohif/app@3.13.2';
const TARBALL = 'ohif-app-3.13.2.tgz';
const SHA512 = 'WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==';
/** Where the viewer stands on the node's origin. */
const BASE = '/visor/';

const here = dirname(fileURLToPath(import.meta.url));
const web = dirname(here);
const cache = join(web, 'node_modules', '.ohif');
const target = join(web, 'dist', 'visor');
/** Everything but the page stands in a folder named after what made it, so that browsers may keep it for ever. */
const made_of = [SHA512, esbuild, readFileSync(fileURLToPath(import.meta.url)), readFileSync(join(here, 'app-config.js'))];
const REVISION = made_of.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex').slice(0, 12);
const FILES = `${BASE}${REVISION}/`;

/** Left out: what calls outside, what nothing here uses, and what only phones' home screens want. */
const DROPPED = [
  /\.map$/,
  /^ort\//, // the segmentation models that run in the browser
  /^(init-service-worker|sw)\.js$/,
  /^(google|polyfill\.min|es6-shim\.min|oidc-client\.min|app-config)\.js$/,
  /^(index|silent-refresh)\.html$/,
  /^(_headers|_redirects|serve\.json|manifest\.json)$/,
  /^customizations\//,
  /^assets\/(?!images\/|favicon)/,
];
/** Root-absolute addresses in the code, and how they stand below the base. Each must be found, or the package has changed. */
const REBASED = [
  [/__webpack_require__\.p = "\/"/g, `__webpack_require__.p = "${FILES}"`],
  [/'\/dicom-microscopy-viewer\//g, `'${FILES}dicom-microscopy-viewer/`],
  [/"\.\/ohif-logo\.svg"/g, `"${FILES}ohif-logo.svg"`],
];

function fetchPackage() {
  mkdirSync(cache, { recursive: true });
  const file = join(cache, TARBALL);
  const fits = () => existsSync(file) && createHash('sha512').update(readFileSync(file)).digest('base64') === SHA512;
  if (!fits()) execFileSync('npm', ['pack', PACKAGE, '--pack-destination', cache, '--silent'], { cwd: cache, stdio: ['ignore', 'ignore', 'inherit'] });
  if (!fits()) throw new Error(`${TARBALL} is not the file that was pinned`);
  const open = join(cache, 'open');
  rmSync(open, { recursive: true, force: true });
  mkdirSync(open);
  execFileSync('tar', ['xzf', file, '-C', open, '--exclude=*.map', '--exclude=package/dist/ort']);
  return join(open, 'package');
}

function filesBelow(folder, root = folder) {
  return readdirSync(folder).sort().flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesBelow(path, root) : [relative(root, path)];
  });
}

/** One script: addresses moved below the base, comments and blanks gone. */
async function script(source, name, found) {
  let text = source;
  for (const [index, [pattern, replacement]] of REBASED.entries()) {
    text = text.replace(pattern, () => { found[index] += 1; return replacement; });
  }
  const { code } = await transform(text, { loader: 'js', minify: true, target: 'es2022', legalComments: 'none', charset: 'utf8', sourcefile: name });
  return code;
}

/** The page, without any script of its own in it, so that the policy needs no exception for it. */
function page(entry) {
  return `<!doctype html>
<html lang="es-MX">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Visor · Badiano</title>
<link rel="icon" href="${FILES}assets/favicon.ico">
<script src="${FILES}app-config.js"></script>
<script defer src="${FILES}${entry}"></script>
<link rel="stylesheet" href="${FILES}app.bundle.css">
</head>
<body>
<noscript>El visor necesita JavaScript. The viewer needs JavaScript.</noscript>
<div id="react-portal"></div>
<div id="root"></div>
</body>
</html>
`;
}

const source = fetchPackage();
const dist = join(source, 'dist');
const fresh = `${target}.new`;
const made = join(fresh, REVISION);
rmSync(fresh, { recursive: true, force: true });
const found = REBASED.map(() => 0);
const kept = filesBelow(dist).filter((name) => !DROPPED.some((pattern) => pattern.test(name)));
for (const name of kept) {
  const to = join(made, name);
  mkdirSync(dirname(to), { recursive: true });
  if (name.endsWith('.js')) {
    writeFileSync(to, await script(readFileSync(join(dist, name), 'utf8'), name, found));
  } else if (name.endsWith('.css')) {
    const rebased = readFileSync(join(dist, name), 'utf8').replace(/url\(\/(?!\/)/g, `url(${FILES}`);
    writeFileSync(to, (await transform(rebased, { loader: 'css', minify: true, legalComments: 'none' })).code);
  } else {
    copyFileSync(join(dist, name), to);
  }
}
REBASED.forEach(([pattern], index) => {
  if (found[index] === 0) throw new Error(`${pattern} is no longer in the package: read its build again`);
});
const entry = kept.find((name) => /^app\.bundle\.[0-9a-f]+\.js$/.test(name));
if (!entry) throw new Error('the package has no entry script');
writeFileSync(join(fresh, 'index.html'), page(entry));
copyFileSync(join(here, 'app-config.js'), join(made, 'app-config.js'));
copyFileSync(join(source, 'LICENSE'), join(fresh, 'LICENSE.txt'));
for (const name of filesBelow(fresh)) {
  if (/service-worker|(^|\/)sw\.js$/.test(name)) throw new Error(`${name} must not be served`);
  if (/\.(js|html)$/.test(name) && /init-service-worker|workbox-cdn/.test(readFileSync(join(fresh, name), 'utf8'))) {
    throw new Error(`${name} still names the service worker`);
  }
}
rmSync(target, { recursive: true, force: true });
renameSync(fresh, target);
rmSync(join(cache, 'open'), { recursive: true, force: true });
const bytes = filesBelow(target).reduce((sum, name) => sum + statSync(join(target, name)).size, 0);
console.log(`dist/visor: ${filesBelow(target).length} files, ${(bytes / 1e6).toFixed(1)} MB`);
