// What the steps share: the three nodes, the identity provider, the story's people and files, the browser, and the expectations.

import { readFileSync, rmSync, mkdtempSync, copyFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Browser } from './browser.mjs';
import { freePorts } from './ports.mjs';
import { Program } from './program.mjs';

/** Ports of the demo: hub from 0, Norte from 10, Sur from 20; the identity provider's is the last. */
const PORTS = 32;
const PROVIDER = 31;

export class Stage {
  #programs = [];

  constructor({ root, out, seed, binary, verdicts }) {
    Object.assign(this, { root, out, seed, binary, verdicts });
    this.peers = join(root, 'tests', 'story', 'peers');
    this.browser = new Browser(root, out);
    /** What one step leaves for the next. */
    this.kept = {};
  }

  expect(...args) { this.verdicts.expect(...args); }
  equal(...args) { this.verdicts.equal(...args); }
  eventually(...args) { return this.verdicts.eventually(...args); }

  async begin() {
    if (!existsSync(this.binary)) throw new Error(`${this.binary} is not there: cargo build -p badiano-server`);
    this.scratch = mkdtempSync(join(tmpdir(), 'badiano-story-'));
    this.data = join(this.scratch, 'demo');
    const base = await freePorts(PORTS);
    const issuer = `http://localhost:${base + PROVIDER}`;
    const redirect = `http://localhost:${base}/oauth/callback`;
    const provider = [join(this.root, 'fixtures/oidc/provider.mjs'), '--port', `${base + PROVIDER}`, '--people', join(this.data, 'citizens.json'), '--redirect', redirect];
    await this.start('provider', process.execPath, provider);
    const demo = ['demo', '--empty', '--fresh', '--seed', this.seed, '--data', this.data, '--port-base', `${base}`, '--oidc-issuer', issuer];
    this.demo = await this.start('demo', this.binary, demo);
    this.description = JSON.parse(readFileSync(join(this.data, 'demo.json'), 'utf8'));
    this.hub = this.description.hub;
    [this.norte, this.sur] = this.description.hospitals;
    this.folder = join(this.data, 'story');
    this.story = JSON.parse(readFileSync(join(this.folder, 'story.json'), 'utf8'));
    const [norte] = this.story.hospitals;
    this.ae = { ct: norte.ct_ae, mammography: norte.mammography_ae, workstation: norte.workstation_ae, norte: norte.ae_title };
    /** The citizen's two visits: a CT and a mammogram. */
    [this.ct, this.mammogram] = this.story.visits;
    const pages = Number(new URL(this.norte.pages).port);
    /** Where Norte sends what it has for its listed peers. */
    this.answers = { dicom: pages + 5, hl7: pages + 6 };
    await this.browser.begin();
  }

  /** A program that prints a line `ready` when it is. */
  async start(name, file, args) {
    const program = new Program(name, file, args, join(this.out, `${name}.log`));
    this.#programs.push(program);
    await program.ready();
    return program;
  }

  person(node, role) {
    const found = node.people.find((p) => p.role === role);
    if (!found) throw new Error(`${node.key} has nobody who is ${role}`);
    return found;
  }

  citizenSignIn() {
    return this.description.citizens.find((c) => c.curp === this.ct.curp);
  }

  filesOf(visit) {
    const number = this.story.visits.indexOf(visit);
    return visit.instances.map((sop, at) => ({ sop, path: join(this.folder, `visit-${number}`, `${String(at).padStart(3, '0')}.dcm`) }));
  }

  photographAll(name) { return this.browser.photographAll(name); }

  logTails() {
    const tail = (path) => (existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n').slice(-15).join('\n') : '(none)');
    const nodes = ['hub', 'norte', 'sur'].map((key) => [key, join(this.data ?? '', `${key}.log`)]);
    const ours = this.#programs.map((p) => [p.name, p.log]);
    return [...nodes, ...ours].map(([name, path]) => `--- log of ${name}\n${tail(path)}`).join('\n');
  }

  async end(remove) {
    await this.browser.end().catch(() => {});
    for (const key of ['hub', 'norte', 'sur']) {
      const log = join(this.data ?? '', `${key}.log`);
      if (existsSync(log)) copyFileSync(log, join(this.out, `node-${key}.log`));
    }
    for (const program of this.#programs.reverse()) await program.stop();
    if (this.scratch && remove) rmSync(this.scratch, { recursive: true, force: true });
    else if (this.scratch) console.log(`kept: ${this.data}`);
  }
}
