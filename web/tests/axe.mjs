// Checks pages of a running node with axe-core (WCAG 2.1 A and AA): `node tests/axe.mjs BASE COOKIE ROUTE...`, or `check` from another test.
//
// BASE is an address (`http://127.0.0.1:8080`), COOKIE is `name=value` (or `-` for nobody), a ROUTE is what stands behind the `#`.
// Each route is looked at in light and dark, at the size of a desk and of a phone. The exit code is 1 when anything is found.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { launch } from './browser.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
export const LOOKS = [
  { name: 'desk, light', viewport: { width: 1440, height: 900 }, colorScheme: 'light' },
  { name: 'desk, dark', viewport: { width: 1440, height: 900 }, colorScheme: 'dark' },
  { name: 'phone, light', viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  { name: 'phone, dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
];

/** What axe finds on the page as it stands now; the viewer's frame is not ours and is left out. */
export async function violationsOn(page) {
  // Evaluated by the browser's own tool, which the policy of the page does not bind.
  await page.evaluate(AXE);
  const found = await page.evaluate((tags) => window.axe.run({ exclude: [['iframe']] }, { runOnly: { type: 'tag', values: tags }, iframes: false }), TAGS);
  return found.violations.map((v) => ({ rule: v.id, impact: v.impact, nodes: v.nodes.map((n) => `${n.target.join(' ')}: ${n.failureSummary?.split('\n').slice(1).join(' ').trim()}`) }));
}

/** Whether the page must be scrolled sideways, in pixels. */
export const sideways = (page) => page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - innerWidth));

/** Looks at every route in each look; returns what was found, one line each. */
export async function check(base, cookie, routes, browser, looks = LOOKS) {
  const own = browser ?? (await launch());
  const lines = [];
  try {
    for (const look of looks) {
      const context = await own.newContext({ viewport: look.viewport, colorScheme: look.colorScheme, locale: 'es-MX', reducedMotion: 'reduce', ignoreHTTPSErrors: true });
      if (cookie) {
        const [name, ...value] = cookie.split('=');
        await context.addCookies([{ name, value: value.join('='), url: base }]);
      }
      for (const route of routes) {
        const page = await context.newPage();
        await page.goto(`${base}/#${route}`);
        await page.waitForSelector('main h1', { timeout: 30_000 });
        await page.waitForLoadState('networkidle').catch(() => undefined);
        for (const v of await violationsOn(page)) lines.push(`${route} (${look.name}): ${v.rule} (${v.impact}): ${v.nodes.join(' | ')}`);
        const over = await sideways(page);
        if (over > 0) lines.push(`${route} (${look.name}): scrolls sideways by ${over} px`);
        await page.close();
      }
      await context.close();
    }
  } finally {
    if (!browser) await own.close();
  }
  return lines;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [base, cookie, ...routes] = process.argv.slice(2);
  if (!base || routes.length === 0) {
    console.error('usage: node tests/axe.mjs BASE COOKIE|- ROUTE...');
    process.exit(2);
  }
  const lines = await check(base.replace(/\/$/, ''), cookie === '-' ? null : cookie, routes);
  for (const line of lines) console.log(line);
  console.log(`${routes.length} routes, ${LOOKS.length} looks each: ${lines.length} findings`);
  process.exit(lines.length === 0 ? 0 : 1);
}
