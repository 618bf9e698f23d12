// Step 5: the radiologist signs in with a second factor, finds the unread study, and sees its first image in OHIF.

import { levelsDrawn, signInByPage } from '../stage/browser.mjs';
import { Pages } from '../stage/pages.mjs';
import { totp } from '../stage/totp.mjs';

export const title = 'the radiologist opens the study';

/** Fewer grey levels than this are a blank canvas with a logo, not an image. */
const LEVELS_MIN = 24;
const VIEWER = { ms: 150_000, every: 1000 };

export async function run(stage) {
  const { norte, ct, browser } = stage;
  const radiologist = stage.person(norte, 'radiologist');
  await secondFactor(stage, radiologist);

  const page = await browser.desk.newPage();
  await signInByPage(page, norte, radiologist, totp);
  await page.waitForSelector('tbody tr');
  const row = page.locator('tr', { hasText: ct.accession });
  stage.equal(await row.count(), 1, `the worklist shows the study ${ct.accession} once`);
  stage.expect((await row.innerText()).includes('Sin leer'), 'as unread');
  const full = `${ct.given} ${ct.first_surname} ${ct.second_surname}`.trim();
  stage.expect((await row.innerText()).includes(full), `with the whole name, ${full}`, await row.innerText());
  stage.expect((await row.innerText()).includes(ct.curp), 'and the CURP beside it, so that two people are not mixed up');
  await browser.photograph(page, '05-worklist');

  await row.getByRole('button').click();
  await page.waitForSelector('iframe');
  await stage.eventually(async () => levelsDrawn(await viewerIn(page)).then((n) => n >= LEVELS_MIN), 'OHIF shows the first image beside the report', VIEWER);
  await browser.photograph(page, '05-viewer');
  const head = await page.locator('.head').innerText();
  stage.expect(head.includes(full) && head.includes(ct.curp), 'the page says whose study it is', head);
  stage.kept.reading = page;

  const technologist = new Pages(norte);
  await technologist.signIn(stage.person(norte, 'technologist'));
  const claim = await technologist.ask('POST', `/api/studies/${ct.study_uid}/claim`, {});
  stage.equal(claim.status, 403, 'a technologist cannot take a study to read');
}

/** The viewer's frame of a page, once it is there. */
export async function viewerIn(page) {
  const element = await page.waitForSelector('iframe');
  return element.contentFrame();
}

async function secondFactor(stage, person) {
  const door = new Pages(stage.norte);
  const credentials = { account: person.account, password: person.password };
  const without = await door.ask('POST', '/api/sign-in', credentials);
  stage.equal([without.status, without.body.code], [401, 'totp_required'], 'account and password alone do not sign in: the second factor is asked for');
  const wrong = await door.ask('POST', '/api/sign-in', { ...credentials, totp: '000000' });
  stage.equal([wrong.status, wrong.body.code], [401, 'totp_wrong'], 'a wrong code does not either');
  const guess = await door.ask('POST', '/api/sign-in', { account: person.account, password: 'otra-contraseña-larga', totp: '000000' });
  stage.equal([guess.status, guess.body.code], [401, 'bad_credentials'], 'nor a wrong password');
  const none = await door.ask('GET', '/api/worklist');
  stage.equal(none.status, 401, 'without a sign-in there is no worklist');
}
