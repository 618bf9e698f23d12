// Step 4: the archive answers over DICOMweb (QIDO-RS, WADO-RS, STOW-RS) and DIMSE (C-FIND, C-GET, C-MOVE), and the study is an ImagingStudy in the record.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { canonical, isPart10, transferSyntax } from '../peers/dcmtk.mjs';
import { python } from '../peers/python.mjs';
import { CURP, Rest, valueOf } from '../stage/rest.mjs';

export const title = 'the archive answers';

export async function run(stage) {
  const archive = new Rest(stage.norte);
  for (const visit of [stage.ct, stage.mammogram]) {
    await searched(stage, archive, visit);
    await retrieved(stage, archive, visit);
    await rendered(stage, archive, visit);
    await inRecord(stage, archive, visit);
    await overDimse(stage, visit);
  }
  await stored(stage, archive, stage.story.visits[2]);
  await everyFileOfPydicom(stage);
  await expanded(stage);
  await byLibrary(stage);
}

/** What breaks off in the middle, and what is not in the encoding that it names. */
const REFUSED = ['MR_truncated.dcm', 'SC_rgb_jpeg.dcm', 'rtplan_truncated.dcm'];

async function everyFileOfPydicom(stage) {
  const told = await python(join(stage.peers, 'pydicom_files.py'), { dicomweb: stage.norte.dicomweb, token: stage.norte.token });
  stage.expect(told.identical > 50, `${told.identical} of the ${told.files} files that pydicom tests itself with are stored and given back byte for byte (${told.without_uids} have no UIDs)`, told);
  stage.equal(told.different, [], 'none of them comes back different');
  stage.equal(told.refused.map(([name]) => name).filter((name) => !REFUSED.includes(name)), [], `and none is refused but ${REFUSED.join(', ')}`);
}

/** A peer that takes no compression gets native pixels, exactly those of other programs; what cannot be expanded is told failed. */
async function expanded(stage) {
  const given = { dimse: stage.norte.dimse, calling: stage.ae.workstation, dicomweb: stage.norte.dicomweb, token: stage.norte.token };
  const told = await python(join(stage.peers, 'expanded.py'), given);
  stage.equal(told.wrong, [], 'compressed objects of pydicom are expanded by C-GET and over the web to the values that pydicom and DCMTK see');
  stage.expect(told.exact > 10 && told.near > 5 && told.unknown.length < 5, `${told.exact} lossless ones exactly, ${told.near} lossy ones nearly; ${told.refused.length} that cannot be expanded are counted as failed`, told);
}

/** A library that strangers use, and what it hides from them: each of its ways to the archive answers as it must. */
async function byLibrary(stage) {
  const told = await python(join(stage.peers, 'dicomweb_library.py'), { dicomweb: stage.norte.dicomweb, token: stage.norte.token });
  const wrong = Object.keys(told).filter((way) => told[way] !== true);
  stage.equal(wrong, [], `dicomweb-client stores, finds and retrieves in ${Object.keys(told).length} ways: ${Object.keys(told).join(', ')}`);
}

async function searched(stage, archive, visit) {
  const [study, ...more] = await archive.qido(`/studies?StudyInstanceUID=${visit.study_uid}&includefield=all`);
  stage.equal(more.length, 0, `${visit.modality}: QIDO-RS finds the study once`);
  const seen = [valueOf(study, '00080050'), study['00080061'].Value, valueOf(study, '00201208'), valueOf(study, '00100020')];
  stage.equal(seen, [visit.accession, [visit.modality], visit.instances.length, visit.mrn], `${visit.modality}: with its accession number, modality, number of objects and patient`);
  const name = `${visit.first_surname} ${visit.second_surname}`.trim() + `^${visit.given}`;
  stage.equal(valueOf(study, '00100010')?.Alphabetic, name, `${visit.modality}: and her name with every accent (sent in ${visit.charset})`);
  const none = await archive.qido(`/studies?AccessionNumber=NO-HAY`);
  stage.equal(none, [], 'QIDO-RS for an accession number that nobody gave finds nothing');
}

async function retrieved(stage, archive, visit) {
  const metadata = JSON.parse((await archive.ask(`${archive.dicomweb}/studies/${visit.study_uid}/metadata`)).bytes);
  stage.equal(metadata.map((m) => valueOf(m, '00080018')).toSorted(), visit.instances.toSorted(), `${visit.modality}: WADO-RS metadata lists every object`);
  const files = stage.filesOf(visit);
  for (const { sop, path } of files) {
    const here = join(stage.out, 'retrieved.dcm');
    writeFileSync(here, await archive.object(visit.study_uid, visit.series_uid, sop));
    if (!(await isPart10(here))) throw new Error(`${sop} as retrieved is no Part 10 file`);
    await canonical(here, `${here}.set`);
    await canonical(path, `${path}.set`);
    if (!readFileSync(`${here}.set`).equals(readFileSync(`${path}.set`))) throw new Error(`${sop} as retrieved is not what was sent`);
  }
  stage.expect(true, `${visit.modality}: WADO-RS gives each of the ${files.length} objects back as it was sent, bit for bit`);
  const [{ sop }] = files;
  const frame = await archive.ask(`${archive.dicomweb}/studies/${visit.study_uid}/series/${visit.series_uid}/instances/${sop}/frames/1`, { headers: { accept: 'multipart/related; type="application/octet-stream"' } });
  const [set] = metadata.filter((m) => valueOf(m, '00080018') === sop);
  const bytes = valueOf(set, '00280010') * valueOf(set, '00280011') * (valueOf(set, '00280100') / 8);
  stage.expect(frame.status === 200 && frame.bytes.length > bytes && frame.bytes.length < bytes + 1000, `${visit.modality}: WADO-RS gives the first frame, of ${bytes} bytes`, [frame.status, frame.bytes.length]);
}

async function rendered(stage, archive, visit) {
  const base = `${archive.dicomweb}/studies/${visit.study_uid}`;
  for (const [what, path] of [['rendered image', '/rendered'], ['thumbnail', '/thumbnail']]) {
    const image = await archive.ask(`${base}${path}`, { headers: { accept: 'image/jpeg' } });
    const isJpeg = image.bytes[0] === 0xff && image.bytes[1] === 0xd8;
    stage.expect(image.status === 200 && isJpeg && image.bytes.length > 500, `${visit.modality}: the ${what} is a JPEG`, [image.status, image.bytes.length]);
    writeFileSync(join(stage.out, `04-${visit.modality}${path.replace('/', '-')}.jpg`), image.bytes);
  }
}

async function inRecord(stage, archive, visit) {
  const ask = async () => {
    const all = await archive.search('ImagingStudy', { identifier: `urn:dicom:uid|urn:oid:${visit.study_uid}` });
    return all.length === 1 && all[0].numberOfInstances === visit.instances.length && all[0];
  };
  const study = await stage.eventually(ask, `${visit.modality}: the record has one ImagingStudy of ${visit.instances.length} objects`);
  stage.equal(study.subject.reference, `Patient/${stage.kept.patient}`, `${visit.modality}: of the citizen`);
  stage.expect(JSON.stringify(study.basedOn ?? []).includes('ServiceRequest/'), `${visit.modality}: made for her order`, study.basedOn);
}

const [SUCCESS, CANCEL, UNKNOWN_DESTINATION, NO_MATCH_FOR_CLASS] = [0x0000, 0xfe00, 0xa801, 0xa900];

/** A workstation asks and has objects sent to it: C-FIND, C-GET, C-MOVE, each with its cancel. */
async function overDimse(stage, visit) {
  const name = `${visit.first_surname}`.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase() + '*';
  const file = stage.filesOf(visit).find(({ sop }) => sop === visit.instances[0]);
  const transfer_syntax = (await transferSyntax(file.path)) ?? '1.2.840.10008.1.2.1';
  const given = { dimse: stage.norte.dimse, calling: stage.ae.workstation, listen: stage.answers.dicom, transfer_syntax, sop_class: visit.sop_class, study: visit.study_uid, series: visit.series_uid, instances: visit.instances, folded_name: name };
  const said = await python(join(stage.peers, 'retrieve.py'), given);
  const all = visit.instances.toSorted();
  const about = visit.modality;
  stage.equal([said.by_name.status, said.by_name.matches], [SUCCESS, 1], `${about}: C-FIND for ${name}, without accents and in lower case, finds her study`);
  stage.equal([said.hierarchical.status, said.relational.status, said.relational.matches], [NO_MATCH_FOR_CLASS, SUCCESS, 1], `${about}: a series is asked for without its study only where relational queries were negotiated`);
  for (const [service, whole, cancelled] of [['C-GET', said.get, said.get_cancelled], ['C-MOVE', said.move, said.move_cancelled]]) {
    stage.equal([whole.status, whole.counts, whole.received], [SUCCESS, [all.length, 0, 0], all], `${about}: ${service} of the study sends every object, and counts them`);
    if (all.length > 4) stage.expect(cancelled.status === CANCEL && cancelled.received.length < all.length, `${about}: ${service} that is cancelled stops, with status FE00`, cancelled);
  }
  stage.equal([said.get_one.status, said.get_one.received], [SUCCESS, [visit.instances[0]]], `${about}: C-GET of one object sends that one`);
  stage.equal([said.get_none.status, said.get_none.counts], [SUCCESS, [0, 0, 0]], `${about}: C-GET of a study that is not here sends nothing`);
  stage.equal(said.get_nothing.status, NO_MATCH_FOR_CLASS, `${about}: C-GET that names no study is refused (A900)`);
  stage.equal(said.move_elsewhere.status, UNKNOWN_DESTINATION, `${about}: C-MOVE to a title that is not listed is refused (A801)`);
}

/** Another person's study comes over the web (STOW-RS): kept as the very file that was sent. */
async function stored(stage, archive, visit) {
  const files = stage.filesOf(visit);
  const boundary = randomUUID();
  const parts = files.flatMap(({ path }) => [Buffer.from(`\r\n--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`), readFileSync(path)]);
  const body = Buffer.concat([...parts, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  const headers = { 'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`, accept: 'application/dicom+json' };
  const answer = await archive.ask(`${archive.dicomweb}/studies`, { method: 'POST', headers, body });
  stage.equal(answer.status, 200, `STOW-RS stores ${files.length} objects of another person`);
  const named = JSON.parse(answer.bytes)['00081199'].Value.map((i) => valueOf(i, '00081155'));
  stage.equal(named.toSorted(), visit.instances.toSorted(), 'and names each');
  const back = await archive.object(visit.study_uid, visit.series_uid, files[0].sop);
  await canonicalSame(stage, back, files[0].path);
  const hers = await archive.search('ImagingStudy', { 'patient.identifier': `${CURP}|${stage.ct.curp}` });
  stage.expect(hers.every((s) => !JSON.stringify(s).includes(visit.study_uid)), 'and the study of another person is not among hers');
}

async function canonicalSame(stage, bytes, path) {
  const here = join(stage.out, 'retrieved.dcm');
  writeFileSync(here, bytes);
  await canonical(here, `${here}.set`);
  await canonical(path, `${path}.set`);
  stage.expect(readFileSync(`${here}.set`).equals(readFileSync(`${path}.set`)), 'what STOW-RS took comes back bit for bit');
}
