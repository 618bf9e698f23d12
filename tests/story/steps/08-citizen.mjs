// Step 8: the citizen signs in with her phone, reads her result, sees who looked, and downloads a proof that holds without us; then she withdraws a permission.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run as execute } from '../stage/program.mjs';
import { Pages } from '../stage/pages.mjs';

export const title = 'the citizen sees who looked, and decides';

export async function run(stage) {
  const page = await signedIn(stage);
  await ownStudy(stage, page);
  const proof = await whoLooked(stage, page);
  await verified(stage, proof);
  await withdrawn(stage, page);
}

async function signedIn(stage) {
  const { browser, hub } = stage;
  const citizen = stage.citizenSignIn();
  const page = await browser.phone.newPage();
  await page.goto(hub.pages);
  const button = page.getByRole('link', { name: /Llave MX/ });
  stage.expect((await button.innerText()).includes('simulador'), 'the provider stands in for Llave MX and is named so');
  await browser.photograph(page, '08-door');
  await button.click();
  await page.fill('input[name=usuario]', citizen.login);
  await page.fill('input[name=contrasena]', 'no es esta');
  await page.click('button');
  stage.expect((await page.innerText('main')).includes('no corresponden'), 'a wrong password does not sign in');
  await page.fill('input[name=usuario]', citizen.login);
  await page.fill('input[name=contrasena]', citizen.password);
  await page.click('button');
  await page.waitForURL(`${hub.pages}/**`);
  await page.waitForSelector('h1');
  stage.equal(await page.getAttribute('html', 'lang'), 'es-MX', 'the page is in Spanish');
  return page;
}

async function ownStudy(stage, page) {
  const { browser, ct, norte, kept } = stage;
  await page.waitForSelector('.cards');
  await fits(stage, page, 'her record');
  const text = await page.innerText('main');
  stage.expect(text.includes(ct.given) && text.includes(norte.name), 'she sees her name and where her studies were made', text);
  await browser.photograph(page, '08-record', { fullPage: true });
  await page.locator('.cards a', { hasText: 'Con resultado' }).click();
  await page.waitForSelector('figure img');
  await stage.eventually(() => page.locator('figure img').evaluate((i) => i.complete && i.naturalWidth > 100), 'she sees an image of her study');
  stage.expect((await page.innerText('main')).includes(kept.conclusion), 'and what the radiologist concluded');
  await browser.photograph(page, '08-study', { fullPage: true });
}

async function fits(stage, page, what) {
  const beyond = await page.evaluate(() => {
    if (document.documentElement.scrollWidth <= 390) return [];
    const wide = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > 391);
    return wide.map((e) => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)} ${e.textContent.slice(0, 60)}`);
  });
  stage.expect(beyond.length === 0, `${what} fits a phone of 390 by 844`, beyond.slice(0, 12));
}

async function whoLooked(stage, page) {
  const { browser, sur, norte, hub } = stage;
  const clinician = stage.person(sur, 'clinician');
  const radiologist = stage.person(norte, 'radiologist');
  await page.goto(`${hub.pages}/#/accesos`);
  await page.waitForSelector('.entries li');
  const text = await page.innerText('main');
  stage.expect(text.includes(clinician.name) && text.includes(sur.name), `she sees that ${clinician.name} of ${sur.name} looked`, text);
  stage.expect(text.includes(radiologist.name), `and ${radiologist.name}, who read her study`, text);
  stage.expect(text.includes('Para atenderle'), 'and why: for her care');
  await fits(stage, page, 'the list of who looked');
  await browser.photograph(page, '08-accesses');
  const link = page.locator('.entries li', { hasText: clinician.name }).getByRole('link').first();
  await stage.eventually(async () => (await link.count()) > 0 || (await page.reload(), await page.waitForSelector('.entries li'), false), 'each entry has a proof soon after');
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  const proof = join(stage.out, '08-proof.txt');
  await download.saveAs(proof);
  const me = new Pages(hub);
  await me.likeBrowser(browser.phone);
  stage.kept.citizen = me;
  const { entries, failed } = await me.get('/api/me/accesses');
  stage.equal(failed, [], 'the list is whole: no institution failed to say who looked');
  stage.expect(entries.some((e) => e.own), 'her own visit is in it too');
  return proof;
}

/** `badiano verify`, without a network, against keys that were got apart from the proof. */
async function verified(stage, proof) {
  const { ct, data, out } = stage;
  const keys = join(data, 'keys.txt');
  const verify = async (file, more) => execute(stage.binary, ['verify', file, ...more]);
  const whole = await verify(proof, ['--keys', keys, '--curp', ct.curp]);
  stage.expect(whole.code === 0 && whole.text.includes('VALID'), 'badiano verify says that the proof is valid', whole.text);
  const given = JSON.parse(readFileSync(proof, 'utf8'));
  stage.expect(!given.content.includes(ct.curp), 'and the proof itself does not hold the CURP');

  const variant = (name, change) => {
    const file = join(out, `08-proof-${name}.txt`);
    const copy = structuredClone(given);
    change(copy);
    writeFileSync(file, JSON.stringify(copy, null, 2));
    return file;
  };
  const person = stage.person(stage.sur, 'clinician').name;
  const foreign = join(out, '08-keys-foreign.txt');
  const own = given.checkpoint.split('\n')[0];
  writeFileSync(foreign, readFileSync(keys, 'utf8').split('\n').filter((l) => l && !l.startsWith(own)).join('\n') + '\n');
  const another = stage.story.visits.find((v) => v.curp !== ct.curp).curp;
  const deceits = [
    ['an altered entry', variant('altered', (p) => { p.content = p.content.replace(person, 'Otra Persona'); }), keys, ct.curp],
    ['an altered leaf', variant('leaf', (p) => { p.leaf = Buffer.from(Buffer.from(p.leaf, 'base64').map((b, n) => (n === 40 ? b ^ 1 : b))).toString('base64'); }), keys, ct.curp],
    ['an entry that is taken out of its place', variant('moved', (p) => { p.index += 1; }), keys, ct.curp],
    ['an altered checkpoint', variant('checkpoint', (p) => { p.checkpoint = p.checkpoint.replace(/\n(\d+)\n/, (_, n) => `\n${Number(n) + 1}\n`); }), keys, ct.curp],
    ['a proof under a foreign key', proof, foreign, ct.curp],
    ['the proof of another person', proof, keys, another],
  ];
  for (const [what, file, trusted, curp] of deceits) {
    const answer = await verify(file, ['--keys', trusted, '--curp', curp]);
    stage.expect(answer.code === 1 && answer.text.includes('NOT VALID'), `${what} is refused`, answer.text);
  }
  const old = await verify(proof, ['--keys', keys, '--curp', ct.curp, '--seen', '1000000000']);
  stage.expect(old.code === 1, 'a checkpoint older than one already seen is refused', old.text);
}

async function withdrawn(stage, page) {
  const { browser, hub, sur } = stage;
  await page.goto(`${hub.pages}/#/permisos`);
  const line = page.locator(`section[data-clues=${sur.clues}] li[data-class=imaging]`);
  await line.waitFor();
  await fits(stage, page, 'the page of permissions');
  stage.equal(await line.getAttribute('data-closed'), 'false', 'until now Sur may see her images');
  await line.getByRole('button').click();
  const dialog = page.locator('dialog[open]');
  stage.expect((await dialog.innerText()).includes(sur.name), 'she is asked once more, in plain words');
  await browser.photograph(page, '08-withdraw');
  await dialog.getByRole('button', { name: 'Retirar permiso' }).click();
  await dialog.waitFor({ state: 'detached' });
  stage.equal(await line.getAttribute('data-closed'), 'true', `she withdraws her images from ${sur.name}`);
  await browser.photograph(page, '08-withdrawn');
  stage.kept.phone = page;
}
