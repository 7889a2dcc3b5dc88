import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { findChromium } from '../../support/chromium.ts';
import { idsOf, sendJob } from '../../support/sent-jobs.ts';
import { ConsoleHarness, type WatchedPage } from '../console-harness.ts';

// Goal: the console is of use to whoever has a small screen, a slow line, a keyboard alone, weak eyes or a screen reader. Method: the
// rules are measured on each page as it is drawn.

const chromium = await findChromium();
const skip = 'why' in chromium;
const name = (text: string): string => ('why' in chromium ? `${text} (skipped: ${chromium.why})` : text);

/** Of scripts and styles, compressed, that the first page loads. */
const FIRST_VIEW_BYTES_MAX = 60_000;
const CONTRAST_LEAST = 4.5;

const job = idsOf(1);
const PAGES = [
  '',
  'runs',
  'runs/corp/web/4711',
  `runs/job/${job.timeline}/${job.record}`,
  'harbor?since=all',
  'search?since=all',
  'tail',
  'retention/rules',
  'retention/purge',
  'retention/history',
  'retention/holds',
  'endpoints',
  'endpoints/siem-of-the-security-team',
  'settings',
] as const;

let harness: ConsoleHarness;

beforeAll(async () => {
  if ('why' in chromium) return;
  harness = await ConsoleHarness.start(
    chromium.file,
    {
      inputs: {
        edge: { type: 'http', listen: 'http://127.0.0.1:0' },
        a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' },
      },
      endpoints: { 'siem-of-the-security-team': { type: 'memory' }, archive: { type: 'memory' } },
      retention: {
        rules: [{ name: 'pulls', match: { operation: 'pull_*' }, keep_hours: 24 }],
        schedule: '0 0 3 * * *',
      },
      runs: { attribution_wait_ms: 200, identity_wait_ms: 200 },
    },
    {
      warnings: () => [
        {
          atMs: Date.now(),
          level: 'warn',
          message: 'endpoint is down; records for it are kept until it is back',
          fields: {
            address: 'https://a.very.long.name.of.some.machine.in.the.corp.example:9543/api/v2/messages/ingest/0',
          },
        },
      ],
    },
  );
  const { relay, tokens } = harness.admin;
  relay.memory.at('siem-of-the-security-team').behaviour = 'refuse';
  await sendJob(relay.port('edge'), { number: 1, startMs: Date.now() - 600_000 });
  await relay.send('a', 'refuse me', `GET /${'a-long-word-without-a-blank/'.repeat(20)}`);
  const hold = JSON.stringify({ why: 'incident 7 of the year before', repository: 'corp/web' });
  await harness.admin.ask({
    method: 'POST',
    path: '/api/v1/retention/holds',
    token: tokens.get('auditor'),
    body: hold,
  });
  await harness.admin.ask({
    method: 'POST',
    path: '/api/v1/retention/dry-run',
    token: tokens.get('admin'),
    body: '{}',
  });
  await vi.waitFor(
    async () => {
      const answer = await harness.admin.ask({ path: '/api/v1/runs/corp/web/4711', token: tokens.get('viewer') });
      expect(answer.status).toBe(200);
    },
    { timeout: 20_000 },
  );
});

afterAll(() => harness?.[Symbol.asyncDispose]());

async function onEachPage(console: WatchedPage, look: (place: string) => Promise<unknown>): Promise<void> {
  for (const place of PAGES) {
    await console.go(place);
    await openRecords(console);
    expect(await look(place), `#/${place}`).toEqual([]);
  }
  expect(console.troubles).toEqual([]);
}

async function openRecords(console: WatchedPage): Promise<void> {
  await console.page.evaluate(() => {
    for (const element of document.querySelectorAll<HTMLElement>(
      'details:not([open]) > summary, .record [aria-expanded=false]',
    ))
      element.click();
  });
  await console.settle();
}

test.skipIf(skip)(name('the first view is small, comes from the relay alone, and is kept by the browser'), async () => {
  await using console = await harness.open(undefined);
  const { page } = console;
  const loaded = new Map<string, number>();
  page.on('response', async (response) => {
    if (/\.(js|css)$/.test(response.url())) loaded.set(response.url(), gzipSync(await response.body()).length);
    if (/\/assets\//.test(response.url())) expect(response.headers()['cache-control']).toContain('immutable');
  });
  await page.getByLabel('Password or token').fill(harness.admin.tokens.get('viewer')!);
  await page.reload();
  await page.getByLabel('Password or token').fill(harness.admin.tokens.get('viewer')!);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Over time' }).waitFor();

  await expect.poll(() => loaded.size).toBeGreaterThan(4);
  const bytes = [...loaded.values()].reduce((sum, size) => sum + size, 0);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(FIRST_VIEW_BYTES_MAX);
  expect(console.troubles).toEqual([]);
});

test.skipIf(skip)(
  name('at 360 pixels nothing has to be scrolled sideways to be reached, but tables in their frame'),
  async () => {
    await using console = await harness.open('admin', '', { viewport: { width: 360, height: 740 } });
    await onEachPage(console, () => console.page.evaluate(beyondTheEdge));
    await using stranger = await harness.open(undefined, '', { viewport: { width: 360, height: 740 } });
    expect(await stranger.page.evaluate(beyondTheEdge)).toEqual([]);
  },
);

function beyondTheEdge(): string[] {
  const width = document.documentElement.clientWidth;
  const wide =
    document.documentElement.scrollWidth > width ? [`the page is ${document.documentElement.scrollWidth} wide`] : [];
  const scrolled = (element: Element): boolean =>
    element.closest('.scroll, nav[aria-label=Pages] ul, .skip, .unseen') !== null;
  const out = [...document.querySelectorAll('a, button, input, select, summary')].filter((element) => {
    const { left, right, width: its } = element.getBoundingClientRect();
    return its > 0 && !scrolled(element) && (left < -1 || right > width + 1);
  });
  return [...wide, ...out.map((element) => element.outerHTML.slice(0, 150))];
}

test.skipIf(skip)(name('every control has a name, every page a heading, a title and its landmarks'), async () => {
  await using console = await harness.open('admin');
  const titles = new Set<string>();
  await onEachPage(console, async () => {
    titles.add(await console.page.title());
    return console.page.evaluate(nameless);
  });
  expect(titles.size).toBe(8);
});

function nameless(): string[] {
  const labelled = (element: Element): string =>
    [
      element.getAttribute('aria-label'),
      element.textContent,
      element.getAttribute('title'),
      ...('labels' in element
        ? [...((element.labels as NodeList | null) ?? [])].map((label) => label.textContent)
        : []),
    ].join('');
  const controls = [
    ...document.querySelectorAll(
      'a[href], button, input, select, textarea, summary, meter, [role=meter], progress, nav, table th',
    ),
  ];
  const silent = controls
    .filter((element) => labelled(element).trim() === '')
    .map((element) => element.outerHTML.slice(0, 150));
  const wrong = [
    ['main', 1],
    ['h1', 1],
    ['nav[aria-label=Pages]', 1],
    ['nav[aria-label=Pages] [aria-current=page]', 1],
  ] as const;
  const counts = wrong
    .map(([what, times]) => [what, document.querySelectorAll(what).length, times] as const)
    .filter(([, found, times]) => found !== times)
    .map(([what, found]) => `${found} of ${what}`);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `the id ${id} twice`);
  return [...silent, ...counts, ...twice];
}

test.skipIf(skip).each(['light', 'dark'] as const)(
  name('in %s all text stands out enough from what is behind it'),
  async (colorScheme) => {
    await using console = await harness.open('admin', '', { colorScheme });
    await onEachPage(console, () => console.page.evaluate(faint, CONTRAST_LEAST));
    await using stranger = await harness.open(undefined, '', { colorScheme });
    expect(await stranger.page.evaluate(faint, CONTRAST_LEAST)).toEqual([]);
  },
);

/** Texts whose contrast with their background is too small, by WCAG's formula. */
function faint(least: number): string[] {
  type Colour = readonly [number, number, number, number];
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;
  const parse = (colour: string): Colour => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0, alpha = 0] = context.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top: Colour, below: Colour, opacity = 1): Colour => {
    const alpha = top[3] * opacity;
    const mixed = [0, 1, 2].map((at) => (top[at] ?? 0) * alpha + (below[at] ?? 0) * (1 - alpha));
    return [mixed[0] ?? 0, mixed[1] ?? 0, mixed[2] ?? 0, 1];
  };
  const behind = (element: Element): Colour => {
    const below = element.parentElement === null ? parse('canvas') : behind(element.parentElement);
    return over(parse(getComputedStyle(element).backgroundColor), below);
  };
  const luminance = (colour: Colour): number => {
    const [red = 0, green = 0, blue = 0] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const opacityOf = (element: Element | null): number =>
    element === null ? 1 : Number(getComputedStyle(element).opacity) * opacityOf(element.parentElement);
  const found = new Map<string, string>();
  for (const field of document.querySelectorAll<HTMLInputElement>('[placeholder]')) {
    const back = behind(field);
    const hint = luminance(over(parse(getComputedStyle(field, '::placeholder').color), back));
    const contrast = (Math.max(hint, luminance(back)) + 0.05) / (Math.min(hint, luminance(back)) + 0.05);
    if (contrast < least) found.set(field.placeholder, `${field.placeholder} ${contrast.toFixed(2)}`);
  }
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes]
      .filter(({ nodeType }) => nodeType === Node.TEXT_NODE)
      .map(({ nodeValue }) => nodeValue)
      .join('')
      .trim();
    const { width, height } = element.getBoundingClientRect();
    // What cannot be used at present may be faint, by the same guidelines.
    if (text === '' || width * height === 0 || element.closest(':disabled, .unseen, option') !== null) continue;
    const back = behind(element);
    const front = over(parse(getComputedStyle(element).color), back, opacityOf(element));
    const [bright, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a) as [number, number];
    const contrast = (bright + 0.05) / (dark + 0.05);
    if (contrast < least)
      found.set(
        `${element.tagName}.${element.className}`,
        `${element.tagName}.${element.className} "${text.slice(0, 30)}" ${contrast.toFixed(2)}`,
      );
  }
  return [...found.values()];
}

const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const element = document.activeElement;
    return element === null ? '' : (element.getAttribute('aria-label') ?? element.textContent ?? '').trim();
  });

test.skipIf(skip)(name('a keyboard alone goes everywhere, and comes back from a dialog to where it was'), async () => {
  await using console = await harness.open('admin');
  const { page } = console;
  await page.keyboard.press('Tab');
  expect(await focused(page)).toBe('Skip to the content');
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('content');

  for (const [key, title] of [
    ['r', 'Runs'],
    ['h', 'Harbor’s audit log'],
    ['s', 'Search'],
    ['t', 'Live tail'],
    ['e', 'Endpoints'],
    ['x', 'Settings'],
    ['p', 'Retention'],
  ] as const) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
  }
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await page.getByRole('heading', { level: 1, name: 'Search' }).waitFor();
  await page.keyboard.press('/');
  expect(await focused(page)).toBe('What to look for');
  await page.keyboard.type('gr /');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=gr\+%2F/);

  await console.go('retention/purge');
  const purge = page.getByRole('button', { name: 'Purge…' });
  await purge.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  for (let presses = 0; presses < 5; presses++) {
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.closest('dialog, body')?.tagName)).toMatch(/DIALOG|BODY/);
  }
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  expect(page.url()).toContain('retention/purge');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await expect.poll(() => focused(page)).toBe('Purge…');
  expect(console.troubles).toEqual([]);
});

test.skipIf(skip)(name('whatever is reached by Tab can be seen, and where it is shows'), async () => {
  await using console = await harness.open('admin');
  const { page } = console;
  for (const place of ['', 'search?since=all', 'endpoints/siem-of-the-security-team', 'settings']) {
    await console.go(place);
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    const reached = new Set<string>();
    for (let presses = 0; presses < 25; presses++) {
      await page.keyboard.press('Tab');
      const state = await page.evaluate(() => {
        const element = document.activeElement;
        if (element === null || element === document.body) return undefined;
        const { width, height } = element.getBoundingClientRect();
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return {
          html: element.outerHTML.slice(0, 120),
          seen: width > 0 && height > 0,
          ring: outlineStyle !== 'none' && outlineWidth !== '0px',
        };
      });
      if (state === undefined) break;
      reached.add(state.html);
      expect(state, `${place}: ${state.html}`).toMatchObject({ seen: true, ring: true });
    }
    expect(reached.size, place).toBeGreaterThan(8);
  }
});

test.skipIf(skip)(name('nothing moves by itself where somebody wants no motion'), async () => {
  await using console = await harness.open('viewer', '', { reducedMotion: 'reduce' });
  const moving = await console.page.evaluate(() => [
    ...document.getAnimations().map(String),
    ...[...document.querySelectorAll('*')]
      .filter((element) => getComputedStyle(element).scrollBehavior === 'smooth')
      .map(String),
  ]);
  expect(moving).toEqual([]);
});
