// Step 6: the report is written from a template beside the images, signed, and sent back to who ordered (ORU^R01); an amendment is a new version.

import { Listener, segments } from '../peers/mllp.mjs';
import { Pages } from '../stage/pages.mjs';
import { Rest } from '../stage/rest.mjs';

export const title = 'the report is signed and goes back';

const CONCLUSION = 'Nódulo sólido de 6 mm en el lóbulo superior derecho; control en 12 meses. Sin daño agudo.';
const AMENDED = 'Nódulo sólido de 6 mm en el lóbulo superior IZQUIERDO (se corrige el lado); control en 12 meses.';

export async function run(stage) {
  const listener = new Listener(stage.answers.hl7);
  await listener.listening;
  try {
    await signed(stage, listener);
    await amended(stage, listener);
  } finally {
    listener.close();
  }
}

async function signed(stage, listener) {
  const { ct, browser, norte, kept } = stage;
  const page = kept.reading;
  const pane = page.locator('.pane');
  const template = await pane.locator('select').inputValue();
  stage.expect(template.startsWith('ct-'), 'a template for CT stands ready', template);
  await pane.getByLabel('Hallazgos').fill('Parénquima pulmonar: nódulo sólido, bordes lisos.\nMediastino sin adenomegalias.');
  await pane.getByLabel('Conclusión').fill(CONCLUSION);
  await page.waitForSelector('[data-saved=saved]');
  const draft = await new Rest(norte).search('DiagnosticReport', { patient: `Patient/${kept.patient}` });
  stage.equal(draft.map((r) => r.status), ['preliminary'], 'while it is written it is kept at the node as a preliminary DiagnosticReport');
  stage.equal(listener.messages.length, 0, 'and nothing of a draft has left');

  await sign(stage, page, 'Firmar', '06-sign');
  await pane.getByText('Definitivo').waitFor();
  await browser.photograph(page, '06-signed');
  const [report] = await new Rest(norte).search('DiagnosticReport', { patient: `Patient/${kept.patient}` });
  stage.equal([report.status, report.conclusion], ['final', CONCLUSION], 'signed, the DiagnosticReport is final and says what was written');
  kept.report = report.id;
  await result(stage, listener, 'F', CONCLUSION);

  const reader = new Pages(norte);
  await reader.likeBrowser(browser.desk);
  const { items } = await reader.get('/api/worklist');
  stage.expect(items.every((i) => i.study_uid !== ct.study_uid), 'the study has left the list of what is to be read');
  const again = await reader.ask('POST', `/api/studies/${ct.study_uid}/report`, { action: 'save', template, sections: [], conclusion: 'otra', version: null });
  stage.expect([409, 400].includes(again.status), 'a signed report is not overwritten', again.status);
}

async function amended(stage, listener) {
  const { browser, norte, kept, ct } = stage;
  const page = kept.reading;
  const pane = page.locator('.pane');
  await pane.getByRole('button', { name: 'Enmendar el reporte' }).click();
  await pane.getByLabel('Conclusión').fill(AMENDED);
  await sign(stage, page, 'Enmendar', '06-amend');
  await pane.getByText('Enmendado').waitFor();
  await browser.photograph(page, '06-amended');
  const record = new Rest(norte);
  const report = await record.read(`DiagnosticReport/${kept.report}`);
  stage.equal([report.status, report.conclusion], ['amended', AMENDED], 'the amendment is the newest version of the same report');
  const history = await record.read(`DiagnosticReport/${kept.report}/_history`);
  const versions = history.entry.map((e) => e.resource).filter((r) => r.status === 'final');
  stage.expect(versions.length === 1 && versions[0].conclusion === CONCLUSION, 'and what was signed before is still there, unaltered', history.entry.map((e) => e.resource.status));
  await result(stage, listener, 'C', AMENDED);
  const reader = new Pages(norte);
  await reader.likeBrowser(browser.desk);
  const study = await reader.get(`/api/studies/${ct.study_uid}`);
  stage.equal(study.report.earlier.map((e) => e.conclusion), [CONCLUSION], 'the page shows the earlier version too');
  kept.conclusion = AMENDED;
}

/** Signs in the dialog, with the password as what proves who sits there. */
async function sign(stage, page, button, photo) {
  await page.locator('.pane').getByRole('button', { name: button, exact: true }).click();
  const dialog = page.locator('dialog[open]');
  stage.expect((await dialog.innerText()).includes(stage.ct.curp), 'before signing, the page shows whose report it is');
  await dialog.getByLabel('Contraseña').first().check();
  await dialog.locator('input[name=password]').fill(stage.person(stage.norte, 'radiologist').password);
  await stage.browser.photograph(page, photo);
  await dialog.getByRole('button', { name: button, exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
}

/** The next ORU^R01 that comes back to the sender of the order. */
async function result(stage, listener, status, conclusion) {
  const number = stage.kept.results = (stage.kept.results ?? 0) + 1;
  await stage.eventually(() => listener.messages.length >= number, `a result comes back to the sender of the order over MLLP`, { ms: 40_000 });
  const message = segments(listener.messages[number - 1]);
  const of = (name) => message.filter((s) => s[0] === name);
  const [header] = of('MSH');
  const [norte] = stage.story.hospitals;
  stage.equal([header[9].split('^').slice(0, 2).join('^'), header[5], header[6]], ['ORU^R01', norte.application, norte.facility], 'it is an ORU^R01 to the system that ordered');
  stage.expect(of('PID')[0].join('|').includes(stage.ct.mrn), 'for the patient number of that hospital');
  const [obr] = of('OBR');
  stage.expect(obr.join('|').includes(stage.ct.accession), `it names the order (${stage.ct.accession})`, obr.join('|'));
  stage.equal(obr[25], status, `its result status is ${status}`);
  const texts = of('OBX').map((s) => s[5]).join('\n');
  stage.expect(texts.replace(/\\\.br\\|~/g, '\n').includes(conclusion), 'and it holds the conclusion, accents and all', texts);
}
