// The JSON door of the pages (web/src/api.ts) as a browser uses it: a cookie, and the anti-forgery token with every change.

import { totp } from './totp.mjs';

export class Pages {
  #cookie = '';
  csrf = '';

  constructor(node) {
    this.base = node.pages;
  }

  /** Any status is an answer: `{ status, body, headers, ms }`. */
  async ask(method, path, body, headers = {}) {
    const from = performance.now();
    const answer = await fetch(`${this.base}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        accept: 'application/json',
        ...(this.#cookie ? { cookie: this.#cookie } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'GET' || !this.csrf ? {} : { 'x-csrf-token': this.csrf }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const set = answer.headers.getSetCookie().map((c) => c.split(';')[0]).filter((c) => !c.endsWith('='));
    if (set.length > 0) this.#cookie = set.join('; ');
    const bytes = Buffer.from(await answer.arrayBuffer());
    const json = answer.headers.get('content-type')?.includes('json') && bytes.length > 0;
    return { status: answer.status, headers: answer.headers, bytes, body: json ? JSON.parse(bytes) : bytes.toString(), ms: performance.now() - from };
  }

  /** The body, or the end of the story. */
  async must(method, path, body) {
    const answer = await this.ask(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.bytes.toString().slice(0, 500)}`);
    return answer.body;
  }
  get(path) { return this.must('GET', path); }
  post(path, body = {}) { return this.must('POST', path, body); }
  put(path, body) { return this.must('PUT', path, body); }

  async signIn(person) {
    const session = await this.post('/api/sign-in', { account: person.account, password: person.password, totp: await totp(person) });
    this.csrf = session.csrf;
    return session;
  }

  /** Goes on as the person who is signed in in a browser's context. */
  async likeBrowser(context) {
    const cookies = (await context.cookies(this.base)).filter((c) => c.name.startsWith('badiano_'));
    this.#cookie = cookies.map((c) => `${c.name}=${c.value}`).join('; ');
    const session = await this.get('/api/session');
    this.csrf = session.csrf;
    return session;
  }
}
