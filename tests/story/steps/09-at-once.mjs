// Step 9: at once Sur sees nothing of it, in no door and no count; emergency access with a reason opens it, and tells the citizen.

import { levelsDrawn } from '../stage/browser.mjs';
import { Pages } from '../stage/pages.mjs';
import { totp } from '../stage/totp.mjs';

export const title = 'what was withdrawn is gone at once; an emergency opens it and is told';

const REASON = 'Paciente inconsciente en urgencias, sin acompañante ni antecedentes';

export async function run(stage) {
  await hidden(stage);
  await unchangedAtNorte(stage);
  await emergency(stage);
  await told(stage);
}

async function hidden(stage) {
  const { ct, mammogram, kept, browser } = stage;
  const { clinician } = kept;
  const nothing = '2.25.123456789012345678901234567890';
  const answers = async (uid) => {
    const of = `/dicomweb-nacional/studies`;
    const instance = `${of}/${uid}/series/${ct.series_uid}/instances/${ct.instances[0]}`;
    const paths = [`${of}?StudyInstanceUID=${uid}`, `${of}/${uid}`, `${of}/${uid}/metadata`, `${of}/${uid}/series`, `${of}/${uid}/thumbnail`, `${of}/${uid}/rendered`, instance, `${instance}/frames/1`, `${instance}/rendered`];
    const all = [];
    for (const path of paths) {
      const answer = await clinician.ask('GET', path);
      all.push([answer.status, answer.headers.get('content-type'), answer.bytes.toString('latin1')]);
    }
    return all;
  };
  const [hers, nobodys] = [await answers(ct.study_uid), await answers(nothing)];
  stage.equal(hers, nobodys, 'nine DICOMweb doors at Sur (search, metadata, objects, frames, thumbnails) answer for her study as for one that does not exist');
  stage.expect(hers.every(([status, , body]) => status === 404 || body === '[]'), 'and that is: nothing', hers);
  const answer = await clinician.post('/api/national/query', { curp: ct.curp, purpose: 'TREAT' });
  const print = JSON.stringify(answer);
  stage.equal(answer.studies, [], 'asked again by CURP, Sur sees no study');
  stage.expect(!print.includes(ct.study_uid) && !print.includes(mammogram.study_uid) && !print.includes('ImagingStudy'), 'and no trace of one in what it does see', print);
  stage.equal(answer.reports, [], 'nor the report that was read from it');
  stage.expect(!print.includes(kept.conclusion.slice(0, 20)), 'and nothing of what the report says');
  stage.expect(answer.notice.length > 20, 'with the same notice as before');
  const page = kept.asking;
  await page.getByRole('button', { name: 'Consultar' }).click();
  await page.getByText('Ninguna institución mostró estudios').waitFor();
  await browser.photograph(page, '09-hidden', { fullPage: true });
  stage.equal(await page.getByRole('link', { name: /Abrir/ }).count(), 0, 'the page at Sur offers no image to open');
}

async function unchangedAtNorte(stage) {
  const { norte, ct, browser } = stage;
  const radiologist = new Pages(norte);
  await radiologist.likeBrowser(browser.desk);
  const own = await radiologist.ask('GET', `/dicomweb/studies/${ct.study_uid}/metadata`);
  stage.equal(own.status, 200, 'Norte, which made the study, still sees it to treat her');
}

async function emergency(stage) {
  const { kept, ct, sur, browser } = stage;
  const { clinician } = kept;
  const person = stage.person(sur, 'clinician');
  const short = await clinician.ask('POST', '/api/national/emergency', { curp: ct.curp, reason: 'urge', second_factor: { totp: '000000' } });
  stage.equal(short.status, 400, 'emergency access without a real reason is refused');
  const password = await clinician.ask('POST', '/api/national/emergency', { curp: ct.curp, reason: REASON, second_factor: { password: person.password } });
  stage.equal(password.status, 401, 'and without the second factor too');
  const page = kept.asking;
  await page.getByRole('button', { name: /^Acceso de urgencia/ }).click();
  const dialog = page.locator('dialog[open]');
  await dialog.locator('textarea[name=reason]').fill(REASON);
  await dialog.locator('input[name=totp]').fill(await totp(person));
  await browser.photograph(page, '09-emergency');
  await dialog.getByRole('button', { name: 'Abrir por urgencia' }).click();
  await page.waitForSelector('[data-purpose=ETREAT]');
  stage.equal(await page.locator('.cards li').count(), 2, 'with a reason and the second factor, emergency access shows her two studies');
  stage.expect((await page.innerText('.results')).includes(kept.conclusion), 'and the report');
  await browser.photograph(page, '09-opened', { fullPage: true });
  const opening = page.context().waitForEvent('page');
  await page.locator('.cards li', { hasText: 'CT' }).getByRole('link').click();
  const viewer = await opening;
  await stage.eventually(async () => (await levelsDrawn(viewer)) >= 24, 'and the images open', { ms: 150_000, every: 1000 });
  await viewer.close();
}

async function told(stage) {
  const { kept, hub, sur, browser } = stage;
  const person = stage.person(sur, 'clinician');
  const page = kept.phone;
  await page.goto(`${hub.pages}/#/avisos`);
  const notice = page.locator('li.emergency');
  await notice.waitFor();
  const text = await notice.innerText();
  stage.equal(await notice.count(), 1, 'the citizen has one notice');
  stage.expect(text.includes(person.name) && text.includes(sur.name) && text.includes(REASON), 'which says who, from where and why', text);
  await browser.photograph(page, '09-notice');
  const { entries } = await kept.citizen.get('/api/me/accesses');
  const marked = entries.filter((e) => e.emergency && e.who === person.name);
  stage.expect(marked.length >= 1 && marked.every((e) => e.purpose === 'ETREAT'), 'and the list of who looked marks it as an emergency', entries.slice(0, 5));
}
