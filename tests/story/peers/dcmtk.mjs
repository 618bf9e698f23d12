// The programs of DCMTK as a modality and a workstation use them: echoscu, findscu -W, storescu, dcmdump, dcmftest, dcmconv.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../stage/program.mjs';

const address = ({ host, port }) => [host, String(port)];
const titles = (calling, dimse) => ['-aet', calling, '-aec', dimse.ae_title];

export const echo = (calling, dimse) => run('echoscu', [...titles(calling, dimse), ...address(dimse)]);

/** Encodes text as the character set's bytes: Latin 1 or UTF-8. */
const bytesOf = (text, charset) => Buffer.from(text, charset === 'ISO_IR 100' ? 'latin1' : 'utf8');
const textOf = (bytes, charset) => bytes.toString(charset === 'ISO_IR 100' ? 'latin1' : 'utf8');

/** Modality worklist: asks in a character set by (part of) a name; each answer as `{ tag: text }`, decoded from the bytes that came. */
export async function worklist(calling, dimse, { charset, name, modality, scratch }) {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const line = (tag, vr, value = '') => `(${tag}) ${vr} [${value}]\n`;
  const query = [
    line('0008,0005', 'CS', charset), line('0008,0050', 'SH'), line('0010,0010', 'PN', name), line('0010,0020', 'LO'), line('0010,0030', 'DA'), line('0010,0040', 'CS'),
    line('0020,000d', 'UI'), line('0032,1060', 'LO'), '(0040,0100) SQ\n(fffe,e000) na\n',
    line('0008,0060', 'CS', modality), line('0040,0001', 'AE', calling), line('0040,0002', 'DA'), line('0040,0003', 'TM'), line('0040,0007', 'LO'), line('0040,0009', 'SH'),
    '(fffe,e00d) na\n(fffe,e0dd) na\n', line('0040,1001', 'SH'),
  ].join('');
  const [text, file] = [join(scratch, 'query.dump'), join(scratch, 'query.dcm')];
  writeFileSync(text, bytesOf(query, charset));
  const made = await run('dump2dcm', ['-q', '+F', text, file]);
  if (made.code !== 0) throw new Error(`dump2dcm: ${made.text}`);
  const asked = await run('findscu', ['-W', '-X', '-od', scratch, ...titles(calling, dimse), ...address(dimse), file]);
  if (asked.code !== 0) throw new Error(`findscu -W: ${asked.text}`);
  const answers = readdirSync(scratch).filter((n) => n.startsWith('rsp')).sort();
  return Promise.all(answers.map(async (n) => {
    const dumped = await run('dcmdump', ['-q', '+L', join(scratch, n)]);
    return elements(textOf(dumped.out, charset));
  }));
}

/** `gggg,eeee` to text, of every element of a dump, in sequences too. */
function elements(dump) {
  const found = {};
  for (const [, tag, value] of dump.matchAll(/^\s*\(([0-9a-f]{4},[0-9a-f]{4})\) [A-Za-z]{2} (?:\[(.*)\]|\(no value available\))/gm)) found[tag] ??= (value ?? '').trim();
  return found;
}

/** Sends files; which of them were acknowledged with success, as told line by line. */
export async function store(calling, dimse, files, options = {}) {
  const acknowledged = [];
  let current = '';
  let rest = '';
  const onOutput = (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const sending = /Sending file: (.*)$/.exec(line);
      if (sending) current = sending[1].trim();
      if (/Received Store Response \(Success\)/.test(line)) acknowledged.push(current);
      options.onLine?.(line, acknowledged);
    }
  };
  const done = await run('storescu', ['-v', '-R', ...(options.flags ?? []), ...titles(calling, dimse), ...address(dimse), ...files], { onOutput });
  return { ...done, acknowledged };
}

export const isPart10 = async (path) => (await run('dcmftest', [path])).code === 0;

/** The UID of a file's transfer syntax. */
export async function transferSyntax(path) {
  const dumped = await run('dcmdump', ['-q', '-Un', '+P', '0002,0010', path]);
  return /\[([0-9.]+)\]/.exec(dumped.out.toString())?.[1];
}

/** The data set alone, written in one way (explicit little endian, explicit lengths, no group lengths), so that encodings can be compared byte by byte. */
export async function canonical(path, to) {
  const done = await run('dcmconv', ['-q', '-F', '+te', '+e', '-g', path, to]);
  if (done.code !== 0) throw new Error(`dcmconv ${path}: ${done.text}`);
}
