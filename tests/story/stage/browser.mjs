// The browser of the people in the story: the system's Chromium; staff at a desk, the citizen with a phone. Screenshots are kept.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
const PLACE = { locale: 'es-MX', timezoneId: 'America/Mexico_City', serviceWorkers: 'block' };

export class Browser {
  #photos = 0;
  #root;
  #out;

  constructor(root, out) {
    this.#root = root;
    this.#out = out;
    /** Addresses that pages asked for outside this machine, and errors that pages threw. */
    this.outside = [];
    this.errors = [];
  }

  async begin() {
    const web = createRequire(join(this.#root, 'web', 'package.json'));
    const { chromium } = (await import(pathToFileURL(web.resolve('playwright-core')).href)).default;
    this.program = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
    // Both hospitals in one browser, side by side: their cookies must not meet.
    this.desk = await this.#context({ viewport: { width: 1360, height: 900 } });
    this.phone = await this.#context({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2, acceptDownloads: true });
  }

  async #context(options) {
    const context = await this.program.newContext({ ...PLACE, ...options });
    context.setDefaultTimeout(20_000);
    context.on('request', (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (!['localhost', '127.0.0.1', ''].includes(hostname) && protocol.startsWith('http')) this.outside.push(request.url());
    });
    context.on('weberror', (error) => this.errors.push(`${error.page()?.url()}: ${error.error().message}`));
    return context;
  }

  /** Keeps what a page looks like: `05-lectura.png` */
  async photograph(page, name, options = {}) {
    await page.screenshot({ path: join(this.#out, `${name}.png`), ...options });
    this.#photos += 1;
  }

  async photographAll(name) {
    const pages = [this.desk, this.phone].flatMap((c) => c?.pages() ?? []);
    for (const [n, page] of pages.entries()) await this.photograph(page, `${name}-${n}`);
  }

  async end() {
    await this.program?.close();
  }
}

/** Whether a frame's viewer has drawn an image: more than a handful of grey levels on a visible canvas. */
export const levelsDrawn = (frame) =>
  frame.evaluate(() => {
    let most = 0;
    for (const canvas of document.querySelectorAll('canvas')) {
      if (canvas.width < 50 || canvas.height < 50 || canvas.getBoundingClientRect().width < 50) continue;
      const context = canvas.getContext('2d');
      if (!context) continue;
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const levels = new Set();
      for (let at = 0; at < data.length; at += 4 * 7) levels.add(data[at]);
      most = Math.max(most, levels.size);
    }
    return most;
  });

/** Signs a member of staff in through the page: account and password, then the second factor. */
export async function signInByPage(page, node, person, totp) {
  await page.goto(node.pages);
  await page.fill('input[name=account]', person.account);
  await page.fill('input[name=password]', person.password);
  await page.click('form button:not([type=button])');
  await page.fill('input[name=totp]', await totp(person));
  await page.click('form button:not([type=button])');
  await page.waitForSelector('input[name=totp]', { state: 'detached' });
}
