// For docs/walkthrough.md: what a running demo is called, as shell variables; or the present code of somebody's second factor.
//
// eval "$(node tests/story/by-hand.mjs DIR)"          node tests/story/by-hand.mjs DIR norte radiologist

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { codeNow } from './stage/totp.mjs';

const [folder, node, role] = process.argv.slice(2);
if (!folder) {
  console.error('usage: by-hand.mjs DIR [hub|norte|sur ROLE]');
  process.exit(2);
}
const demo = JSON.parse(readFileSync(join(folder, 'demo.json'), 'utf8'));
const nodes = [demo.hub, ...demo.hospitals];
if (node) {
  const person = nodes.find((n) => n.key === node)?.people.find((p) => p.role === role);
  if (!person) throw new Error(`nobody is ${role} at ${node}`);
  console.log(`cuenta ${person.account}   contraseña ${person.password}   código ${codeNow(person)}`);
} else {
  const story = JSON.parse(readFileSync(join(folder, 'story', 'story.json'), 'utf8'));
  const [hub, norte, sur] = nodes;
  const visit = story.visits[0];
  const citizen = demo.citizens.find((c) => c.curp === visit.curp);
  const named = {
    HUB: hub.pages, NORTE: norte.pages, SUR: sur.pages, TOKEN: norte.token, NORTE_PID: norte.pid, MLLP: norte.mllp.port, DICOM: norte.dimse.port, NORTE_AE: norte.dimse.ae_title, CT_AE: demo.modalities.ct,
    CURP: visit.curp, STUDY: visit.study_uid, SERIES: visit.series_uid, FILES: resolve(folder, 'story'), KEYS: demo.keys, LOGIN: citizen.login, CLAVE: citizen.password,
  };
  for (const [name, value] of Object.entries(named)) console.log(`export ${name}='${String(value).replaceAll("'", "'\\''")}'`);
}
