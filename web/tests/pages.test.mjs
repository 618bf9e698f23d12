// Single pages in a real browser, against a stand-in for /api (standin.mjs). The whole product is tested elsewhere, with the real server.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { citizen, hub, session, study, worklist } from './answers.mjs';
import { LOOKS, check, violationsOn } from './axe.mjs';
import { launch } from './browser.mjs';
import { serve } from './serve.mjs';
import { standIn } from './standin.mjs';

let browser, server, context, page, state, current, troubles;
before(async () => {
  browser = await launch();
  server = await serve((request, response) => current.answer(request, response));
});
after(async () => {
  await browser?.close();
  server?.close();
});
beforeEach(async () => {
  current = standIn();
  state = current.state;
  troubles = [];
  context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'es-MX' });
  // The viewer is tested with real images elsewhere; here its frame stays empty.
  await context.route('**/visor/**', (route) => route.fulfill({ contentType: 'text/html', headers: { 'cross-origin-embedder-policy': 'require-corp' }, body: '<p>visor</p>' }));
  page = await context.newPage();
  watch(page);
});
afterEach(async () => {
  await context.close();
  assert.deepEqual(troubles, [], 'the console stays silent and the policy is not broken');
});
function watch(of) {
  of.on('console', (m) => m.type() === 'error' && !/status of 40[19]/.test(m.text()) && troubles.push(m.text()));
  of.on('pageerror', (e) => troubles.push(e.message));
}
const open = (route) => page.goto(`${server.base}/#${route}`);
const writes = () => state.asked.filter((a) => a.path.endsWith('/report'));

test('signing in asks for the second factor and then shows the worklist', async () => {
  await open('/');
  await page.fill('[name=account]', 'isolis');
  await page.fill('[name=password]', 'una frase larga');
  await page.keyboard.press('Enter');
  await page.fill('[name=totp]', '000000');
  await page.keyboard.press('Enter');
  await page.getByText('El código no es correcto.').waitFor();
  await page.fill('[name=totp]', '123 456');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Lista de lectura' }).waitFor();
  assert.equal(state.asked.filter((a) => a.path === '/api/sign-in').at(-1).body.totp, '123456');
});

test('whom a provider has signed in shows the second factor here, and is told when no account is linked', async () => {
  await open('/entrar/codigo');
  await page.fill('[name=totp]', '000000');
  await page.keyboard.press('Enter');
  await page.getByText('El código no es correcto.').waitFor();
  await page.fill('[name=totp]', '123456');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Lista de lectura' }).waitFor();
  assert.equal(state.asked.filter((a) => a.path === '/api/sign-in').length, 0);
  state.session = session(null);
  await open('/entrar/sin-cuenta');
  await page.reload();
  await page.getByText('ninguna cuenta de esta institución').waitFor();
});

test('an administrator links a person of a provider, registers a system and revokes a certificate', async () => {
  state.session = session(['administrator']);
  await open('/admin/proveedores');
  await page.locator('main select').selectOption('admin');
  await page.getByRole('button', { name: 'Enlazar' }).click();
  await page.getByRole('button', { name: 'Enlazar' }).waitFor();
  await open('/admin/sistemas');
  await page.getByRole('button', { name: 'Registrar sistema' }).click();
  await page.fill('[name=system-id]', 'farmacia');
  await page.fill('[name=system-name]', 'Farmacia');
  await page.fill('[name=system-scopes]', 'system/Patient.rs  system/MedicationRequest.cruds');
  await page.fill('[name=system-jwks]', '{"keys":[]}');
  await page.getByRole('button', { name: 'Guardar' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  state.session = session(['administrator'], { node: hub });
  await open('/admin/instituciones');
  await page.reload();
  await page.getByRole('button', { name: 'Revocar certificado Hospital Regional Norte' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revocar certificado' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const asked = (path) => state.asked.filter((a) => a.path === path && a.method !== 'GET').map((a) => a.body);
  assert.deepEqual(asked('/api/admin/links'), [{ account: 'admin', issuer: 'https://identidad.hospital.example', subject: '81bc' }]);
  assert.deepEqual(asked('/api/admin/systems'), [{ id: 'farmacia', name: 'Farmacia', jwks: '{"keys":[]}', scopes: ['system/Patient.rs', 'system/MedicationRequest.cruds'] }]);
  assert.equal(asked('/api/admin/institutions/SLSSA000012/revoke').length, 1);
});

test('a wrong password is told, and asks for no second factor', async () => {
  await open('/');
  await page.fill('[name=account]', 'isolis');
  await page.fill('[name=password]', 'otra');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('La cuenta o la contraseña').waitFor();
  assert.equal(await page.locator('[name=totp]').count(), 0);
});

test('unread studies come first, the filter ignores accents, and the keyboard claims', async () => {
  state.session = session(['radiologist']);
  await open('/lectura');
  await page.locator('a.open').first().waitFor();
  const order = await page.locator('tbody tr td:first-child .tag:first-child').allInnerTexts();
  const states = order.map((text) => ['Sin leer', 'En lectura', 'Borrador', 'Firmado'].indexOf(text)).filter((n) => n >= 0);
  assert.deepEqual(states, [...states].sort(), 'unread, claimed, draft, signed');
  await page.getByLabel('Filtrar').fill('nanez torax');
  await page.getByText('1 de 6 estudios').waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('t');
  await page.getByRole('heading', { name: 'Reporte' }).waitFor();
  const claims = state.asked.filter((a) => a.path.endsWith('/claim'));
  assert.deepEqual(claims.map((a) => [a.path, a.csrf]), [['/api/studies/2.25.33002/claim', 'c-1']]);
});

test('indicators hide small counts and their times', async () => {
  state.session = session(['radiologist']);
  await open('/indicadores');
  await page.getByRole('row', { name: /^CT/ }).waitFor();
  const cells = await page.getByRole('row', { name: /^CT/ }).getByRole('cell').allTextContents();
  assert.deepEqual(cells, ['12', '< 5', '0', '5', '7', '< 5', '< 5', '1,990']);
  const times = await page.getByRole('row', { name: /Sin leer → Firmado/ }).getByRole('cell').allTextContents();
  assert.deepEqual(times, ['1,990', '45 min', '24 h']);
  assert.match(await page.getByRole('row', { name: /Solicitado → Sin leer/ }).textContent(), /< 5——/);
});

test('a rule is tried on a file before it is switched on, and what it would change is shown', async () => {
  state.session = session(['administrator']);
  await open('/admin/correcciones');
  await page.getByRole('button', { name: 'Probar ct-1' }).click();
  await page.setInputFiles('[name=trial-file]', { name: 'a.dcm', mimeType: 'application/dicom', buffer: Buffer.from('DICM') });
  await page.fill('[name=trial-ae]', 'CT1');
  await page.keyboard.press('Enter');
  await page.getByRole('row', { name: /InstitutionName\s*HOSPITAL/ }).waitFor();
  await page.getByRole('button', { name: 'Cerrar' }).last().click();
  await page.getByRole('button', { name: 'Activar ct-1' }).click();
  await page.getByText('Activa', { exact: true }).waitFor();
  const turned = state.asked.filter((a) => a.path === '/api/admin/coercion-rules/ct-1/active');
  assert.deepEqual(turned.map((a) => [a.body, a.csrf]), [[{ version: 3, active: true }, 'c-1']]);
});

test('a series is rejected with its reason, shown among what was rejected, and given again', async () => {
  state.session = session(['technologist']);
  await open('/archivo');
  await page.fill('[name=archive-name]', 'nuñez');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /Abrir NÚÑEZ LARA, ANA/ }).click();
  await page.getByText('For Referring Provider').waitFor();
  await page.getByRole('button', { name: 'Agregar archivo' }).last().click();
  await page.setInputFiles('[name=add-file]', { name: 'herida.jpg', mimeType: 'image/jpeg', buffer: Buffer.from([255, 216, 255]) });
  await page.fill('[name=add-title]', 'Herida');
  await page.keyboard.press('Enter');
  await page.getByText('1 archivos guardados.').waitFor();
  const [brought] = state.asked.filter((a) => a.path === '/api/wrap');
  assert.match(brought.url, /study=2\.25\.900&title=Herida&origin=photograph/);
  await page.getByRole('button', { name: 'Enviar a un equipo' }).click();
  await page.selectOption('[name=send-to]', 'NEURO');
  await page.getByRole('dialog').getByRole('button', { name: 'Enviar a un equipo' }).click();
  await page.getByText('3 objetos esperan ser enviados a NEURO.').waitFor();
  await page.getByRole('button', { name: 'Rechazar CT 2' }).click();
  await page.selectOption('[name=reject-reason]', '113038');
  await page.fill('[name=reject-comment]', 'otra persona');
  await page.keyboard.press('Enter');
  await page.getByText('Rechazado.').waitFor();
  const [sent] = state.asked.filter((a) => a.path.endsWith('/reject'));
  assert.deepEqual([sent.path, sent.body], ['/api/studies/2.25.900/reject', { reason: '113038', comment: 'otra persona', series: ['2.25.901'] }]);
  await page.getByRole('button', { name: /Volver a entregar/ }).click();
  await page.getByText('Se entrega otra vez.').waitFor();
  await page.getByRole('heading', { name: 'Rechazados' }).waitFor({ state: 'detached' });
});

test('a route is switched off, and what waits on a route is shown with why', async () => {
  state.session = session(['administrator']);
  await open('/admin/rutas');
  await page.getByRole('row', { name: /NEURO.*a mano.*cannot be reached/ }).waitFor();
  await page.getByRole('button', { name: 'Desactivar tc-neuro' }).click();
  await page.waitForTimeout(300);
  const [sent] = state.asked.filter((a) => a.method === 'PUT' && a.path === '/api/admin/routes');
  assert.equal(sent.body.active, false);
});

test('what is stuck stands first, with why, and is tried again', async () => {
  state.session = session(['administrator']);
  await open('/admin/pendientes');
  const first = page.locator('tbody tr').first();
  await first.getByText('connection refused').waitFor();
  await first.getByRole('button').first().click();
  await page.waitForTimeout(300);
  assert.ok(state.asked.some((a) => a.method === 'POST' && a.path === '/api/admin/queues/7/retry' && a.csrf === 'c-1'));
});

test('the ledger counts by age, and a study is excused with a reason', async () => {
  state.session = session(['radiologist']);
  await open('/pendientes');
  const unread = page.locator('tr[data-state=to-read]');
  await unread.waitFor();
  assert.deepEqual(await unread.locator('td').allInnerTexts(), ['0', '1,200', '0', '0', '0', '13,351', '13,351']);
  const row = page.locator('tbody tr', { hasText: 'Mastografía de tamizaje' });
  await row.getByRole('button', { name: 'Dispensar' }).click();
  const dialog = page.getByRole('dialog');
  assert.deepEqual(await violationsOn(page), [], 'the dialog passes axe');
  await dialog.getByLabel('Motivo').fill('Estudio repetido por movimiento');
  await dialog.getByRole('button', { name: 'Dispensar' }).click();
  await dialog.waitFor({ state: 'detached' });
  await row.waitFor({ state: 'detached' });
  const move = state.asked.find((a) => a.path.endsWith('/move'));
  assert.deepEqual([move.path, move.body, move.csrf], ['/api/studies/2.25.33003/move', { event: 'excuse', reason: 'Estudio repetido por movimiento' }, 'c-1']);
});

test('a study is handed over to a colleague by name', async () => {
  state.session = session(['radiologist']);
  await open('/pendientes');
  await page.locator('tbody tr', { hasText: 'Mastografía de tamizaje' }).getByRole('button', { name: 'Pasar a' }).click();
  await page.getByRole('dialog').getByLabel('Quién lo toma').selectOption('otrevino');
  await page.getByRole('dialog').getByRole('button', { name: 'Pasar a' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.deepEqual(state.asked.find((a) => a.path.endsWith('/move')).body, { event: 'hand-over', to: 'otrevino' });
});

test('a clerk says which records are of one person, with the keyboard alone', async () => {
  state.session = session(['registrar']);
  await open('/identidades');
  await page.getByText('Par 1 de 2').waitFor();
  await page.keyboard.press('ArrowRight');
  await page.getByText('given names differ: twins or siblings').waitFor();
  await page.keyboard.press('d');
  await page.getByText('Par 1 de 1').waitFor();
  await page.keyboard.press('m');
  await page.getByText('No hay expedientes por comparar.').waitFor();
  const said = state.asked.filter((a) => a.path === '/api/identity/decision');
  assert.deepEqual(said.map((a) => [a.body.a, a.body.b, a.body.verdict, a.csrf]), [['p3', 'p4', 'different', 'c-1'], ['p1', 'p2', 'same', 'c-1']]);
});

test('a critical result is said back, by who raised it only with whom they told', async () => {
  state.session = session(['clinician', 'radiologist']);
  await open('/alertas');
  await page.getByText('Escalado 1').waitFor();
  await page.locator('[data-critical=c1]').getByRole('button', { name: 'Lo recibo' }).click();
  const dialog = page.getByRole('dialog');
  assert.deepEqual(await violationsOn(page), [], 'the dialog passes axe');
  assert.equal(await dialog.getByLabel('A quién').count(), 0);
  await dialog.getByLabel('Repita el hallazgo').fill('Neumotórax derecho, se drena ahora');
  await page.keyboard.press('Tab');
  await dialog.getByRole('button', { name: 'Confirmar' }).click();
  await page.locator('[data-critical=c1]').waitFor({ state: 'detached' });
  const heard = state.asked.find((a) => a.path === '/api/critical/c1/heard');
  assert.deepEqual([heard.body, heard.csrf], [{ told: '', read_back: 'Neumotórax derecho, se drena ahora' }, 'c-1']);
  await page.locator('[data-critical=c2]').getByRole('button', { name: 'Ya lo comuniqué' }).click();
  await dialog.getByLabel('A quién').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('nav [role=status]', { hasText: '1' }).waitFor();
  await page.getByRole('button', { name: 'Marcar como leídos' }).click();
  await page.getByRole('button', { name: 'Marcar como leídos' }).waitFor({ state: 'detached' });
  assert.deepEqual(state.asked.find((a) => a.path === '/api/notices/read').body, { ids: ['n1'] });
});

test('beside the report a critical result is raised for a person, and a reading of two says its category', async () => {
  state.session = session(['radiologist']);
  state.fail = (path) => (path === '/api/studies/2.25.33003' ? { body: study(worklist[2], { state: 'claimed', mine: true }) } : null);
  await open('/estudio/2.25.33003');
  await page.getByText('Este estudio lo leen dos personas por separado.').waitFor();
  await page.getByRole('button', { name: 'Resultado crítico' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Primero a').selectOption('rcota');
  await dialog.getByLabel('Hallazgo').fill('Masa espiculada en mama izquierda');
  assert.deepEqual(await violationsOn(page), [], 'the dialog passes axe');
  await dialog.getByRole('button', { name: 'Avisar' }).click();
  await page.getByText('Se avisó el resultado crítico.').waitFor();
  assert.deepEqual(state.asked.find((a) => a.path.endsWith('/critical')).body, { level: 'immediate', finding: 'Masa espiculada en mama izquierda', to: 'rcota' });
  await page.getByLabel('Categoría').selectOption('4');
  await page.locator('[data-saved=saved]').waitFor();
  assert.equal(writes().at(-1).body.assessment, '4');
});

test('what was typed survives the death of the browser before the node has it', async () => {
  state.session = session(['radiologist']);
  state.fail = (path) => (path.endsWith('/report') ? { status: 503, body: { code: 'unavailable', text: 'Sin servicio.' } } : null);
  await open('/estudio/2.25.33005');
  troubles = { push: () => 0 };
  await page.getByLabel('Conclusión').fill('Rotura del menisco medial.');
  await page.locator('[data-saved=kept]').waitFor();
  await page.close({ runBeforeUnload: false });

  state.fail = null;
  page = await context.newPage();
  troubles = [];
  watch(page);
  await open('/estudio/2.25.33005');
  await page.getByText('Se recuperó el texto').waitFor();
  assert.equal(await page.getByLabel('Conclusión').inputValue(), 'Rotura del menisco medial.');
  await page.locator('[data-saved=saved]').waitFor();
  assert.equal(state.reports.get('2.25.33005').conclusion, 'Rotura del menisco medial.');
  assert.equal(await page.evaluate(() => Object.keys(localStorage).filter((k) => k.startsWith('badiano.draft')).length), 0, 'the copy is removed once acknowledged');
});

test('what is typed while a save is on its way is saved after it, under the new version', async () => {
  state.session = session(['radiologist']);
  await open('/estudio/2.25.33005');
  const conclusion = page.getByLabel('Conclusión');
  await conclusion.fill('Uno');
  await page.keyboard.press('Control+s');
  await conclusion.fill('Uno y dos');
  await page.waitForFunction(() => document.querySelector('[data-saved]')?.dataset.saved === 'saved');
  assert.equal(state.reports.get('2.25.33005').conclusion, 'Uno y dos');
  assert.deepEqual(writes().map((w) => w.body.version), [null, 1]);
});

test('two writers: neither text is lost, and the person chooses', async () => {
  state.session = session(['radiologist']);
  await open('/estudio/2.25.33005');
  await page.getByLabel('Conclusión').fill('Mi texto');
  await page.locator('[data-saved=saved]').waitFor();
  state.reports.set('2.25.33005', { ...state.reports.get('2.25.33005'), version: 9, conclusion: 'El texto del nodo' });
  await page.getByLabel('Conclusión').fill('Mi texto, más largo');
  await page.getByText('El reporte cambió en el nodo').waitFor();
  await page.getByText('El texto del nodo').waitFor();
  await page.getByRole('button', { name: 'Usar mi texto' }).click();
  await page.locator('[data-saved=saved]').waitFor();
  assert.equal(state.reports.get('2.25.33005').conclusion, 'Mi texto, más largo');
});

test('signing shows the name and two identifiers, takes the second factor, and amending makes a new version', async () => {
  state.session = session(['radiologist']);
  await open('/estudio/2.25.33005');
  await page.getByRole('button', { name: 'Firmar' }).click();
  await page.getByText('Escriba la conclusión antes de firmar.').waitFor();
  await page.getByLabel('Conclusión').fill('Sin lesión.');
  await page.locator('[data-saved=saved]').waitFor();
  await page.keyboard.press('Control+Enter');
  const dialog = page.getByRole('dialog');
  for (const text of ['Luz María Ñáñez Güemes', 'NAGL710308MOCXMZ09', 'N-004512', 'Sin lesión.']) await dialog.getByText(text).waitFor();
  assert.deepEqual(await violationsOn(page), [], 'the dialog passes axe');
  await dialog.locator('[name=totp]').fill('999999');
  await page.keyboard.press('Enter');
  await dialog.getByText('El código no es correcto.').waitFor();
  await dialog.locator('[name=totp]').fill('123456');
  await page.keyboard.press('Enter');
  await page.getByText('Definitivo').waitFor();

  await page.getByRole('button', { name: 'Enmendar el reporte' }).click();
  await page.getByLabel('Conclusión').fill('Sin lesión; quiste simple.');
  await page.keyboard.press('Control+Enter');
  await dialog.locator('[name=totp]').fill('123456');
  await page.keyboard.press('Enter');
  await page.getByText('Enmendado').waitFor();
  assert.deepEqual(writes().map((w) => w.body.action).filter((a) => a !== 'save'), ['sign', 'sign', 'amend']);
  const shown = writes().find((w) => w.body.action === 'sign').body.shown;
  assert.deepEqual([shown.viewer_study_uid, shown.accession, shown.patient.curp], ['2.25.33005', 'A261005', 'NAGL710308MOCXMZ09'], 'what the viewer and the page show goes with the signature');
});

test('the pane says no more than the study of its address, and moving on saves nothing under another one', async () => {
  state.session = session(['radiologist']);
  await open('/estudio/2.25.33005');
  await page.getByLabel('Conclusión').fill('De la rodilla');
  await open('/estudio/2.25.33001');
  await page.getByText('Tomografía de tórax sin alteraciones agudas.').waitFor();
  await page.waitForTimeout(2500);
  assert.ok(writes().every((w) => w.path.includes('2.25.33005')), JSON.stringify(writes()));
  await open('/estudio/2.25.33005');
  await page.getByLabel('Conclusión').waitFor();
  assert.equal(await page.getByLabel('Conclusión').inputValue(), 'De la rodilla');
});

test('a national answer names who failed, always carries the notice, and no CURP stands in an address', async () => {
  state.session = session(['clinician']);
  await open('/consulta');
  await page.fill('[name=curp]', 'nagl710308mocxmz09');
  await page.getByRole('button', { name: 'Consultar' }).click();
  await page.locator('.failed').getByText('Hospital General Sur').waitFor();
  await page.locator('.standing').getByText('puede haber restringido').waitFor();
  const link = await page.getByRole('link', { name: /Abrir imágenes/ }).first().getAttribute('href');
  assert.equal(link, '/visor/viewer/nacional?StudyInstanceUIDs=2.25.33002&lng=es');

  await page.getByRole('button', { name: /Acceso de urgencia/ }).click();
  assert.deepEqual(await violationsOn(page), [], 'the answer and the dialog pass axe');
  await page.fill('[name=reason]', 'Paciente inconsciente en sala de choque');
  await page.fill('[name=totp]', '123456');
  await page.getByRole('button', { name: 'Abrir por urgencia' }).click();
  await page.getByText('se avisó a la persona').waitFor();
  assert.equal(state.asked.find((a) => a.path === '/api/national/emergency').body.curp, 'NAGL710308MOCXMZ09');
  assert.ok(state.asked.every((a) => !/NAGL/i.test(a.url)) && !/NAGL/i.test(page.url()));
});

test('the security office says of an emergency access whether it was justified, and why', async () => {
  state.session = session(['security-office']);
  await open('/urgencias');
  await page.locator('[data-access=e1]').getByText('Inconsciente en urgencias').waitFor();
  await page.getByRole('button', { name: 'Revisar' }).click();
  assert.deepEqual(await violationsOn(page), [], 'the list and the dialog pass axe');
  await page.getByLabel('No justificado').check();
  await page.fill('[name=reason]', 'No consta su ingreso a urgencias');
  await page.getByRole('button', { name: 'Guardar la decisión' }).click();
  await page.getByText('No hay ninguno.').waitFor();
  assert.deepEqual({ justified: state.reviewed.justified, reason: state.reviewed.reason }, { justified: false, reason: 'No consta su ingreso a urgencias' });
});

test('a technologist goes through the day with the keyboard: who came, another time, a cancelled appointment', async () => {
  state.session = session(['technologist']);
  await open('/agenda');
  const line = (id) => page.locator(`[data-line="${id}"]`);
  await line('71').waitFor();
  assert.equal(await page.getByText('Ocupado').count(), 1, 'of a hidden patient only the time is shown');
  await line('71').focus();
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.evaluate(() => document.activeElement.dataset.line), '72');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  assert.deepEqual(await violationsOn(page), [], 'the day and the dialog pass axe');
  await page.getByRole('button', { name: 'Guardar' }).press('Enter');
  await page.locator('[data-room=TC-1] li').first().getByText('Llegó').waitFor();
  await line('72').press('Enter');
  await page.getByLabel('Cambiar de hora o sala').check();
  await page.getByLabel('Nueva hora').selectOption('TC-1|2026-11-24T08:25:00');
  await page.getByRole('button', { name: 'Guardar' }).press('Enter');
  await page.locator('[data-line="72"]', { hasText: '08:25' }).waitFor();
  await line('72').press('Enter');
  await page.getByLabel('Cancelar la cita').check();
  await page.getByRole('button', { name: 'Guardar' }).press('Enter');
  assert.equal(await page.getByRole('dialog').count(), 1, 'without a reason nothing is sent');
  await page.fill('[name=reason]', 'El paciente llamó para cancelar');
  await page.getByRole('button', { name: 'Guardar' }).press('Enter');
  await page.getByText('Cancelada').waitFor();
  const sent = state.asked.filter((a) => a.path.startsWith('/api/appointments/')).map((a) => a.body);
  assert.deepEqual(sent, [{ event: 'arrive' }, { event: 'move', room: 'TC-1', start: '2026-11-24T08:25:00' }, { event: 'cancel', reason: 'El paciente llamó para cancelar' }]);
});

test('withdrawing a permission is explained, confirmed, sent once and shown', async () => {
  state.session = citizen;
  await page.setViewportSize({ width: 390, height: 844 });
  await open('/permisos');
  const line = page.locator('[data-clues=YNSSA000034] [data-class=imaging]');
  await line.getByRole('button').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Hospital General Sur dejará de ver desde este momento: Imágenes.').waitFor();
  assert.deepEqual(await violationsOn(page), [], 'the dialog passes axe');
  await dialog.getByRole('button', { name: 'Cancelar' }).click();
  assert.equal(await line.getAttribute('data-closed'), 'false');
  await line.getByRole('button').click();
  await dialog.getByRole('button', { name: 'Retirar permiso' }).click();
  await page.getByText('Hospital General Sur ya no puede ver: Imágenes.').waitFor();
  assert.equal(await line.getAttribute('data-closed'), 'true');
  assert.deepEqual(state.asked.filter((a) => a.method === 'POST').map((a) => a.body), [{ permit: false, clues: 'YNSSA000034', data_class: 'imaging' }]);
});

test('whom one represents is opened with the representation in every question, said above every page, and left again', async () => {
  state.session = citizen;
  await page.setViewportSize({ width: 1280, height: 900 });
  await open('/representantes');
  await page.getByRole('button', { name: 'Ver su expediente: Ximena Rivera' }).click();
  await page.getByText('Está viendo el expediente de Ximena Rivera, en su nombre.').waitFor();
  await page.waitForURL(/#\/mi$/);
  await page.getByRole('heading', { level: 1 }).waitFor();
  assert.deepEqual(await violationsOn(page), [], 'the page with its bar passes axe');
  assert.equal(state.asked.filter((a) => a.path === '/api/me').at(-1).inPlace, 'r2');
  await page.getByRole('button', { name: 'Volver al mío' }).click();
  await page.waitForTimeout(300);
  assert.equal(state.asked.filter((a) => a.path === '/api/me').at(-1).inPlace ?? '', '');
});

test('a power of attorney is taken back after a confirmation', async () => {
  state.session = citizen;
  await open('/representantes');
  await page.getByRole('button', { name: 'Terminar: Ana Rivera' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Ana Rivera ya no puede ver el expediente').waitFor();
  assert.deepEqual(await violationsOn(page), [], 'the dialog passes axe');
  await dialog.getByRole('button', { name: 'Terminar' }).click();
  await page.locator('[data-mine=r1]').getByText('Terminó').waitFor();
});

test('an app is let in for one patient, after its scopes were said in words', async () => {
  state.session = session(['clinician']);
  const query = 'client_id=crecimiento&redirect_uri=https%3A%2F%2Fapp.example%2Fvuelta&scope=patient%2FObservation.rs&state=s';
  await open(`/autorizar/${Buffer.from(query).toString('base64url')}`);
  await page.getByRole('heading', { name: 'Curvas de crecimiento pide entrar en su nombre' }).waitFor();
  await page.getByText('Leer Observation de un paciente').waitFor();
  await page.getByText('Leer y escribir Patient de quienes usted puede ver').waitFor();
  await page.fill('[name=app-patient]', ' p-1 ');
  await page.keyboard.press('Enter');
  await page.waitForURL(/alertas/);
  const [sent] = state.asked.filter((a) => a.path === '/api/apps/let-in').map((a) => a.body);
  assert.deepEqual([sent.client_id, sent.redirect_uri, sent.state, sent.patient], ['crecimiento', 'https://app.example/vuelta', 's', 'p-1']);
});

test('an emergency access is marked, with its reason, and each finished entry offers its proof', async () => {
  state.session = citizen;
  await open('/accesos');
  const entries = page.locator('.entry');
  await entries.first().waitFor();
  assert.equal(await entries.count(), 4, 'own visits are hidden at first');
  assert.equal(await page.locator('.entry.emergency').getByText('Inconsciente en urgencias').count(), 1);
  const proofs = await page.getByRole('link', { name: /Descargar comprobante/ }).evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  assert.deepEqual(proofs[0], '/api/me/accesses/badiano.mx%2FSLSSA000012%234/proof');
  assert.equal(proofs.length, 3);
});

test('the language switch changes the words, the document and what the node is asked for', async () => {
  state.session = session(['administrator']);
  await open('/admin/estado');
  await page.getByRole('button', { name: 'English' }).click();
  await page.getByRole('heading', { name: 'State of the node' }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
  await page.getByRole('button', { name: 'Refresh' }).click();
  await page.waitForTimeout(300);
  assert.equal(state.asked.at(-1).language, 'en');
});

test('every page passes axe, dark at a desk and light on a phone, and none scrolls sideways', { timeout: 300_000 }, async () => {
  const visits = [
    [session(null), ['/', '/setup/codigo']],
    [session(['radiologist']), ['/lectura', '/pendientes', '/indicadores', '/archivo', '/alertas', '/estudio/2.25.33005', '/estudio/2.25.33001', '/consulta']],
    [session(['technologist']), ['/agenda']],
    [session(['registrar']), ['/identidades']],
    [session(['clinician']), ['/autorizar/' + Buffer.from('client_id=crecimiento').toString('base64url')]],
    [citizen, ['/mi', '/mi-estudio/2.25.33002', '/accesos', '/permisos', '/representantes', '/avisos']],
    [session(['administrator']), ['/admin/estado', '/admin/equipos', '/admin/cuentas', '/admin/proveedores', '/admin/sistemas', '/admin/aplicaciones', '/admin/pendientes', '/admin/rutas', '/admin/correcciones', '/admin/mensajes']],
    [session(['administrator'], { node: hub }), ['/admin/instituciones']],
  ];
  const found = [];
  for (const [who, routes] of visits) {
    state.session = who;
    found.push(...(await check(server.base, null, routes, browser, LOOKS.slice(1, 3))));
  }
  assert.deepEqual(found, []);
});
