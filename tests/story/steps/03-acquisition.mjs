// Step 3: the scanner says that it began and ended (MPPS), sends the images (storescu), and asks whether they are safe (storage commitment).

import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { store } from '../peers/dcmtk.mjs';
import { python } from '../peers/python.mjs';
import { Rest } from '../stage/rest.mjs';

export const title = 'the study is made and sent';

/** A store of one of these small objects takes far less than the 40 ms that Nagle with a delayed acknowledgement costs. */
const STORE_MS_MAX = 35;
/** That stall comes at every sending; one sending without it shows that it is not there. */
const SENDINGS_MAX = 5;

export async function run(stage) {
  const { ct, mammogram } = stage;
  for (const [visit, calling] of [[ct, stage.ae.ct], [mammogram, stage.ae.mammography]]) {
    await performed(stage, visit, calling);
    await sent(stage, visit, calling);
    await committed(stage, visit, calling);
  }
}

async function performed(stage, visit, calling) {
  const answers = await python(join(stage.peers, 'mpps.py'), { visit, calling, dimse: stage.norte.dimse });
  stage.equal(answers.created, 0, `${visit.modality}: MPPS N-CREATE succeeds`);
  stage.equal(answers.created_again, 0x0111, `${visit.modality}: a second N-CREATE of the same step is a duplicate (0111)`);
  stage.equal(answers.completed, 0, `${visit.modality}: MPPS N-SET COMPLETED succeeds`);
  stage.equal(answers.set_after_completion, 0x0110, `${visit.modality}: a step that is completed is no longer changed (0110)`);
}

async function sent(stage, visit, calling) {
  const files = stage.filesOf(visit);
  const send = async () => {
    const from = performance.now();
    const done = await store(calling, stage.norte.dimse, files.map((f) => f.path));
    stage.equal([done.code, done.acknowledged.length], [0, files.length], `${visit.modality}: storescu sends ${files.length} objects and each is acknowledged`);
    return (performance.now() - from) / files.length;
  };
  let each = await send();
  if (visit === stage.ct) {
    for (let n = 1; n < SENDINGS_MAX && each >= STORE_MS_MAX; n += 1) each = Math.min(each, await send());
    const isBusy = loadavg()[0] > availableParallelism();
    if (each >= STORE_MS_MAX && isBusy) console.log('     not judged: this machine has more to do than it can, and a stall cannot be told from waiting');
    else stage.expect(each < STORE_MS_MAX, `a stock client is not slowed down by Nagle and delayed acknowledgements (under ${STORE_MS_MAX} ms an object)`, `${each} ms`);
  }
  console.log(`     ${each.toFixed(1)} ms an object`);
  const again = await store(calling, stage.norte.dimse, [files[0].path]);
  stage.equal(again.acknowledged.length, 1, `${visit.modality}: the same object sent again is acknowledged`);
  const found = await new Rest(stage.norte).qido(`/instances?StudyInstanceUID=${visit.study_uid}`);
  stage.equal(found.length, files.length, `${visit.modality}: and the archive holds each object once`);
}

async function committed(stage, visit, calling) {
  const objects = visit.instances.map((sop) => [visit.sop_class, sop]);
  const given = { dimse: stage.norte.dimse, calling, objects, listen: 0, hang_up: false };
  const first = await python(join(stage.peers, 'commitment.py'), given);
  stage.equal(first.action, 0, `${visit.modality}: storage commitment N-ACTION is accepted`);
  const [report] = first.reports;
  stage.equal([report?.event_type, report?.transaction], [1, first.transaction], `${visit.modality}: N-EVENT-REPORT says that all is committed, on the same association`);
  stage.equal(report.here.toSorted(), visit.instances.toSorted(), `${visit.modality}: and names every object`);
  if (visit !== stage.ct) return;

  const stranger = '2.25.99999999999999999999';
  const hungUp = { ...given, objects: [...objects, [visit.sop_class, stranger]], listen: stage.answers.dicom, hang_up: true };
  const second = await python(join(stage.peers, 'commitment.py'), hungUp);
  stage.equal(second.reports[0]?.where, 'association of the archive', 'a scanner that hangs up is called back on its own port');
  stage.equal([second.reports[0].event_type, second.reports[0].missing], [2, [[stranger, 0x0112]]], 'and the object that never came is named as not here (0112)');
}
