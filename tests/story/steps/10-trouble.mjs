// Step 10: Norte is killed in the middle of a store and comes back whole; with Norte silent or gone, Sur's question is answered all the same.

import { cpSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonical, store } from '../peers/dcmtk.mjs';
import { run as execute } from '../stage/program.mjs';
import { Rest, valueOf } from '../stage/rest.mjs';

export const title = 'trouble: killed in the middle of a store, and gone';

/** Copies of each object, under instance UIDs of their own, so that there is a middle to be killed in. */
const COPIES = 8;
/** A question waits five seconds for the slowest source; the hub and the browser's node add a little. */
const ANSWER_MS_MAX = 8_000;

export async function run(stage) {
  const files = await manyObjects(stage);
  const acknowledged = await killedInTheMiddle(stage, files);
  await whole(stage, files, acknowledged);
  await sentAgain(stage, files);
  await silentAndGone(stage);
  stage.equal(stage.browser.outside, [], 'in the whole story no page asked for anything outside this machine');
  stage.equal(stage.browser.errors, [], 'and no script of a page failed');
}

async function manyObjects(stage) {
  const folder = join(stage.scratch, 'many');
  mkdirSync(folder);
  const visits = stage.story.visits.slice(3);
  const sources = visits.flatMap((v) => stage.filesOf(v).map((f) => ({ ...f, study: v.study_uid, series: v.series_uid })));
  const files = [];
  for (let copy = 0; copy < COPIES; copy += 1) {
    for (const [n, source] of sources.entries()) {
      const path = join(folder, `${copy}-${String(n).padStart(3, '0')}.dcm`);
      cpSync(source.path, path);
      files.push({ path, study: source.study, series: source.series });
    }
  }
  const renamed = await execute('dcmodify', ['-q', '-nb', '-gin', ...files.map((f) => f.path)]);
  if (renamed.code !== 0) throw new Error(`dcmodify: ${renamed.text}`);
  const dump = await execute('dcmdump', ['-q', '+P', '0008,0018', ...files.map((f) => f.path)]);
  const uids = [...dump.out.toString().matchAll(/UI \[([\d.]+)\]/g)].map((m) => m[1]);
  if (new Set(uids).size !== files.length) throw new Error(`${uids.length} instance UIDs for ${files.length} files`);
  return files.map((f, n) => ({ ...f, sop: uids[n] }));
}

async function killedInTheMiddle(stage, files) {
  const { norte, ae } = stage;
  const line = commandOf(norte.pid);
  let killed = false;
  const onLine = (_, acknowledged) => {
    if (killed || acknowledged.length < files.length / 4) return;
    killed = true;
    process.kill(norte.pid, 'SIGKILL');
  };
  const run = await store(ae.ct, norte.dimse, files.map((f) => f.path), { onLine });
  stage.expect(killed && run.code !== 0 && run.acknowledged.length < files.length, `Norte is killed (kill -9) after ${run.acknowledged.length} of ${files.length} objects were acknowledged`, run.code);
  const from = Date.now();
  await restart(stage, line, 'norte-again');
  stage.expect(true, `started again with the same command line, it is ready in ${Date.now() - from} ms`);
  return new Set(run.acknowledged);
}

function commandOf(pid) {
  const [, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  return { file: readlinkSync(`/proc/${pid}/exe`), args };
}

async function restart(stage, { file, args }, name) {
  const program = await stage.start(name, file, args);
  stage.norte.pid = program.child.pid;
}

async function whole(stage, files, acknowledged) {
  const archive = new Rest(stage.norte);
  const found = await instances(archive, files);
  const counted = Map.groupBy ? Map.groupBy(found, (sop) => sop) : groups(found);
  const twice = [...counted].filter(([, all]) => all.length > 1).map(([sop]) => sop);
  stage.equal(twice, [], 'nothing is there twice');
  const lost = files.filter((f) => acknowledged.has(f.path) && !counted.has(f.sop));
  stage.equal(lost.map((f) => f.sop), [], 'everything that was acknowledged is there');
  let compared = 0;
  for (const file of files.filter((f) => counted.has(f.sop))) {
    await same(stage, archive, file);
    compared += 1;
  }
  stage.expect(compared >= acknowledged.size, `nothing is there by halves: ${compared} objects come back bit for bit`);
}

const groups = (list) => list.reduce((map, item) => map.set(item, [...(map.get(item) ?? []), item]), new Map());

async function instances(archive, files) {
  const wanted = new Set(files.map((f) => f.sop));
  const all = [];
  for (const study of new Set(files.map((f) => f.study))) {
    const found = await archive.qido(`/instances?StudyInstanceUID=${study}&limit=1000`);
    all.push(...found.map((set) => valueOf(set, '00080018')).filter((sop) => wanted.has(sop)));
  }
  return all;
}

async function same(stage, archive, { path, study, series, sop }) {
  const here = join(stage.scratch, 'back.dcm');
  writeFileSync(here, await archive.object(study, series, sop));
  await canonical(here, `${here}.set`);
  await canonical(path, `${path}.set`);
  if (!readFileSync(`${here}.set`).equals(readFileSync(`${path}.set`))) throw new Error(`${sop} is not what was sent`);
}

async function sentAgain(stage, files) {
  const { norte, ae } = stage;
  const run = await store(ae.ct, norte.dimse, files.map((f) => f.path));
  stage.equal([run.code, run.acknowledged.length], [0, files.length], 'the scanner sends everything again, and all is acknowledged');
  const found = await instances(new Rest(norte), files);
  stage.equal([found.length, new Set(found).size], [files.length, files.length], 'and each object is there once');
  const report = await new Rest(norte).read(`DiagnosticReport/${stage.kept.report}`);
  stage.equal(report.conclusion, stage.kept.conclusion, 'the report that was signed before is untouched');
}

async function silentAndGone(stage) {
  const { norte, sur, ct, kept, browser } = stage;
  const ask = () => kept.clinician.ask('POST', '/api/national/query', { curp: ct.curp, purpose: 'TREAT' });
  for (const [signal, how] of [['SIGSTOP', 'silent'], ['SIGKILL', 'gone']]) {
    process.kill(norte.pid, signal);
    const answer = await ask();
    stage.equal(answer.status, 200, `with Norte ${how}, Sur's question is answered`);
    stage.expect(answer.ms < ANSWER_MS_MAX, `within the deadline (${Math.round(answer.ms)} ms)`, answer.ms);
    stage.equal(answer.body.failed.map((f) => f.clues), [norte.clues], `and names the source that failed: ${answer.body.failed[0]?.name} ${answer.body.failed[0]?.why}`);
    stage.equal(answer.body.answered.map((s) => s.clues), [sur.clues], 'the rest is there: what Sur itself holds');
  }
  const page = kept.asking;
  await page.getByRole('button', { name: 'Consultar' }).click();
  await page.waitForSelector('.failed');
  stage.expect((await page.innerText('.failed')).includes(norte.name), 'the page at Sur says that the information of Norte is missing');
  await browser.photograph(page, '10-missing', { fullPage: true });
}
