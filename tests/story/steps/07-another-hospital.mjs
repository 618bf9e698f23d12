// Step 7: a clinician at Sur asks by CURP; the hub finds who holds something and merges; the report shows, and the images open from Norte.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { segments, send } from '../peers/mllp.mjs';
import { levelsDrawn, signInByPage } from '../stage/browser.mjs';
import { Pages } from '../stage/pages.mjs';
import { CURP, Rest } from '../stage/rest.mjs';
import { totp } from '../stage/totp.mjs';

export const title = 'another hospital asks';

const LEVELS_MIN = 24;

export async function run(stage) {
  await registeredAtSur(stage);
  await askedByPage(stage);
  await imagesPassThrough(stage);
  await forOthers(stage);
}

/** Sur's administrator lists the system of Sur's registration desk, and she is registered there too. */
async function registeredAtSur(stage) {
  const { sur, story } = stage;
  const [norte, south] = story.hospitals;
  const admin = new Pages(sur);
  await admin.signIn(stage.person(sur, 'administrator'));
  const desk = { kind: 'hl7', name: `${south.application}|${south.facility}`, description: 'Admisión', host: '127.0.0.1', port: 0, institution: sur.clues };
  stage.expect((await admin.put('/api/admin/peers', desk)).active, 'the administrator of Sur lists the registration desk');
  const n = story.arrivals.findIndex((a) => a.kind === 'ADT^A04' && a.visit === 0);
  const text = readFileSync(join(stage.folder, `message-${String(n).padStart(2, '0')}.hl7`)).toString('latin1');
  const moved = text.replaceAll(norte.application, south.application).replaceAll(norte.facility, south.facility).replaceAll(norte.authority, south.authority).replaceAll(norte.clues, south.clues);
  const [, acknowledgement] = segments(await send(sur.mllp, Buffer.from(moved, 'latin1')));
  stage.equal(acknowledgement?.[1], 'CA', 'she is registered at Sur over MLLP');
  const patients = () => new Rest(stage.hub).search('Patient', { identifier: `${CURP}|${stage.ct.curp}` });
  await new Promise((wake) => setTimeout(wake, 3000));
  stage.equal((await patients()).length, 1, 'and is still one person at the hub');
}

async function askedByPage(stage) {
  const { browser, sur, norte, ct, kept } = stage;
  const page = await browser.desk.newPage();
  await signInByPage(page, sur, stage.person(sur, 'clinician'), totp);
  await kept.reading.reload();
  await kept.reading.waitForSelector('.pane');
  stage.expect(true, 'the radiologist of Norte is still signed in in the same browser: cookies of two nodes do not meet');
  await page.waitForSelector('input[name=curp]');
  await page.fill('input[name=curp]', ct.curp);
  await page.getByRole('button', { name: 'Consultar' }).click();
  await page.waitForSelector('.results');
  const text = await page.locator('.results').innerText();
  stage.expect(text.includes(kept.conclusion), 'the report of Norte shows at Sur, as amended', text);
  stage.expect(text.includes(norte.name), `and says that it is from ${norte.name}`, text);
  stage.expect(text.includes('puede haber restringido'), 'the notice that the person may have restricted something is there');
  stage.expect(!page.url().includes(ct.curp), 'the CURP stands in no address');
  await browser.photograph(page, '07-national', { fullPage: true });

  const opening = page.context().waitForEvent('page');
  await page.locator('.cards li', { hasText: 'CT' }).getByRole('link').click();
  const viewer = await opening;
  await stage.eventually(async () => (await levelsDrawn(viewer)) >= LEVELS_MIN, 'OHIF at Sur shows the image that Norte holds', { ms: 150_000, every: 1000 });
  await browser.photograph(viewer, '07-viewer');
  await viewer.close();
  kept.asking = page;
}

/** What the viewer gets through the hub is what Norte holds, byte for byte. */
async function imagesPassThrough(stage) {
  const { sur, norte, ct, browser, kept } = stage;
  const clinician = new Pages(sur);
  await clinician.likeBrowser(browser.desk);
  kept.clinician = clinician;
  const path = `/studies/${ct.study_uid}/series/${ct.series_uid}/instances/${ct.instances[0]}`;
  const through = await clinician.ask('GET', `/dicomweb-nacional${path}`, undefined, { accept: 'application/dicom' });
  stage.equal(through.status, 200, 'an object of Norte is retrieved at Sur, through the hub');
  const there = await new Rest(norte).object(ct.study_uid, ct.series_uid, ct.instances[0]);
  stage.expect(through.bytes.equals(there), 'and is the same, byte for byte');
  const answer = await clinician.post('/api/national/query', { curp: ct.curp, purpose: 'TREAT' });
  stage.equal(answer.studies.map((s) => s.study_uid).toSorted(), [ct.study_uid, stage.mammogram.study_uid].toSorted(), 'her two studies are found');
  stage.equal(answer.failed, [], 'no source failed');
  stage.equal(answer.answered.map((s) => s.clues).toSorted(), [norte.clues, sur.clues].toSorted(), 'and the answer says who answered: Norte and Sur');
}

/** Whom the door is not for. */
async function forOthers(stage) {
  const { sur, ct } = stage;
  const admin = new Pages(sur);
  await admin.signIn(stage.person(sur, 'administrator'));
  const question = { curp: ct.curp, purpose: 'TREAT' };
  stage.equal((await admin.ask('POST', '/api/national/query', question)).status, 403, 'the administrator of Sur may not ask');
  const stranger = await admin.ask('GET', `/dicomweb-nacional/studies/${ct.study_uid}/metadata`);
  stage.equal(stranger.status, 404, 'nor open the images that a colleague found');
  const forged = await stage.kept.clinician.ask('POST', '/api/national/query', question, { 'x-csrf-token': 'otro' });
  stage.equal(forged.status, 403, 'a request without the token of our own page is refused (CSRF)');
  const unknown = await stage.kept.clinician.ask('POST', '/api/national/query', { curp: 'no es una CURP', purpose: 'TREAT' });
  stage.equal(unknown.status, 400, 'what is no CURP is said to be none');
}
