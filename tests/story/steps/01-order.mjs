// Step 1: registrations and orders arrive over MLLP; they are acknowledged when durable and become Patient, Encounter, ServiceRequest and Task.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { segments, send } from '../peers/mllp.mjs';
import { Pages } from '../stage/pages.mjs';
import { CURP, Rest } from '../stage/rest.mjs';

export const title = 'orders arrive over MLLP';

export async function run(stage) {
  const { story, norte } = stage;
  const files = story.arrivals.map((_, n) => readFileSync(join(stage.folder, `message-${String(n).padStart(2, '0')}.hl7`)));
  for (const [n, arrival] of story.arrivals.entries()) {
    const [, acknowledgement] = segments(await send(norte.mllp, files[n]));
    const sentence = `${arrival.kind} (${arrival.encoding || 'no character set named'}) is accepted (CA) under its own control id`;
    stage.equal(acknowledgement?.slice(0, 3), ['MSA', 'CA', arrival.control_id], sentence);
  }
  const stranger = files[0].toString('latin1').replace(/^(MSH\|\^~\\&\|)[^|]*/, '$1DESCONOCIDO');
  const refusal = segments(await send(norte.mllp, Buffer.from(stranger, 'latin1')));
  stage.expect(!['AA', 'CA'].includes(refusal[1]?.[1]), 'a message of a sender whom nobody listed is not accepted', refusal);

  await recorded(stage);
  await repeated(stage, files);
  await kept(stage, files);
}

async function recorded(stage) {
  const { ct, mammogram, norte, hub } = stage;
  const record = new Rest(norte);
  const found = await record.search('Patient', { identifier: `${CURP}|${ct.curp}` });
  stage.equal(found.length, 1, 'the citizen is one Patient at Norte, found by CURP');
  const [patient] = found;
  const name = patient.name.find((n) => n.use === 'official') ?? patient.name[0];
  stage.equal([name.given.join(' '), name.family], [ct.given, `${ct.first_surname} ${ct.second_surname}`.trim()], `her name came through with its accents: ${name.given.join(' ')} ${name.family}`);
  stage.expect(patient.identifier.some((i) => i.value === ct.mrn), 'she has the hospital number of the registration', patient.identifier);
  const of = { patient: `Patient/${patient.id}` };
  stage.expect((await record.search('Encounter', of)).length >= 1, 'her visit is an Encounter');
  const orders = await record.search('ServiceRequest', of);
  const ordered = orders.flatMap((o) => o.identifier ?? []).map((i) => i.value);
  stage.equal(orders.length, 2, 'her two orders (ORM and OMI) are two ServiceRequests');
  for (const visit of [ct, mammogram]) stage.expect(ordered.includes(visit.accession), `one of them has the accession number ${visit.accession}`, ordered);
  stage.expect((await record.search('Task', of)).length >= 2, 'each order has a Task');
  stage.kept.patient = patient.id;

  const index = new Rest(hub);
  const known = () => index.search('Patient', { identifier: `${CURP}|${ct.curp}` }).then((all) => all.length === 1);
  await stage.eventually(known, 'the hub knows her by CURP', { ms: 20_000 });
}

/** The order that is sent again, in other clothes too. */
const twice = (story) => story.arrivals.findIndex((a) => a.kind === 'ORM^O01' && a.visit === 0);

async function repeated(stage, files) {
  const n = twice(stage.story);
  const versions = async () => {
    const orders = await new Rest(stage.norte).search('ServiceRequest', { patient: `Patient/${stage.kept.patient}` });
    return orders.map((o) => `${o.id} ${o.meta.versionId}`).sort();
  };
  const before = await versions();
  const [, again] = segments(await send(stage.norte.mllp, files[n]));
  stage.equal(again?.[1], 'CA', 'the same order sent again is accepted');
  stage.equal(await versions(), before, 'and wrote nothing again');
  // Without MSH-15 and MSH-16 a sender speaks in the original mode, and is answered in it (HL7 v2.5.1, 2.9.2).
  const original = Buffer.from(files[n].toString('latin1').replace('|AL|NE|', '|||'), 'latin1');
  const [, answer] = segments(await send(stage.norte.mllp, original));
  stage.equal(answer?.[1], 'AA', 'a sender in the original mode is acknowledged AA');
  const orders = await new Rest(stage.norte).search('ServiceRequest', { patient: `Patient/${stage.kept.patient}` });
  stage.equal(orders.length, 2, 'and nothing was ordered twice');
}

async function kept(stage, files) {
  const { story, norte } = stage;
  const admin = new Pages(norte);
  await admin.signIn(stage.person(norte, 'administrator'));
  const { messages, losses } = await admin.get('/api/admin/messages');
  const strange = story.arrivals.find((a) => a.something_unknown);
  // Newest first: where it is the order that was sent in the other mode too, it is the older one.
  const row = messages.findLast((m) => m.control_id === strange.control_id);
  stage.equal(row?.state, 'applied', 'the message with something unknown in it was applied all the same');
  const where = row.losses.map((l) => l.location);
  stage.expect(where.some((l) => l.startsWith('ZMX')) && where.some((l) => l.startsWith('PID')), 'what was not understood in it (a Z segment, a field of PID) is shown', row);
  // In the other mode the order was another message, and what was strange in it came a second time.
  const times = story.arrivals.indexOf(strange) === twice(story) ? 2 : 1;
  stage.expect(losses.some((s) => s.locations.some((l) => l.location.includes('ZMX') && l.count === times)), 'and counted by sender and place', losses);
  stage.expect(!JSON.stringify(messages).includes(stage.ct.curp), 'the list for the administrator holds no CURP');
  // The original, byte for byte, is clinical content: a radiologist may open it, the administrator may not.
  const refused = await admin.ask('GET', `/api/messages/${row.id}/original`);
  stage.expect([403, 404].includes(refused.status), 'the administrator cannot open the message itself', refused.status);
  stage.kept.radiologist = new Pages(norte);
  await stage.kept.radiologist.signIn(stage.person(norte, 'radiologist'));
  const original = await stage.kept.radiologist.ask('GET', `/api/messages/${row.id}/original`);
  stage.equal(original.status, 200, 'a radiologist can open the message as it was received');
  stage.expect(original.bytes.equals(files[story.arrivals.indexOf(strange)]), 'and it is kept byte for byte');
}
