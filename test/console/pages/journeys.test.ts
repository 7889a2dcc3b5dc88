import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fillJournal } from '../../crash/purge-fill.ts';
import { findChromium } from '../../support/chromium.ts';
import { JOB, SCRIPT } from '../../support/runner-log.ts';
import { sendJob } from '../../support/sent-jobs.ts';
import { ConsoleHarness } from '../console-harness.ts';

// The errands for which people come to the console, each walked on the real page over one real relay. They may be walked in any order.

const chromium = await findChromium();
const skip = 'why' in chromium;
const name = (text: string): string => ('why' in chromium ? `${text} (skipped: ${chromium.why})` : text);

/** Received two days before, by an earlier life of the relay. */
const OLD_RECORDS = 40;

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
      endpoints: {
        siem: { type: 'memory', down_after_ms: 100, backoff_max_ms: 300 },
        picky: { type: 'memory' },
        archive: { type: 'memory' },
      },
      retention: { rules: [{ name: 'pulls', match: { operation: 'pull_*' }, keep_hours: 24 }], load_percent: 100 },
      runs: { attribution_wait_ms: 200, identity_wait_ms: 200 },
    },
    {},
    (folder) => fillJournal(join(folder, 'data'), OLD_RECORDS, 'archive'),
  );
});

afterAll(() => harness?.[Symbol.asyncDispose]());

const memory = (endpoint: string) => harness.admin.relay.memory.at(endpoint);
const send = (...messages: string[]) => harness.admin.relay.send('a', ...messages);

test.skipIf(skip)(name('why an endpoint is behind is two looks away, and that it is back is seen'), async () => {
  memory('siem').behaviour = 'fail';
  memory('siem').trouble = 'the certificate of siem.corp has expired';
  await send('one', 'two', 'three');
  await using console = await harness.open('viewer');
  const { page } = console;

  await page.getByRole('heading', { name: /needs? a look/ }).waitFor();
  const card = page.locator('.card', { hasText: 'siem' });
  await card.getByText('the certificate of siem.corp has expired').waitFor();
  await card.click();
  await page.getByRole('heading', { level: 1, name: 'siem' }).waitFor();
  expect(await page.locator('.why').textContent()).toBe('OUTPUT_UNREACHABLE the certificate of siem.corp has expired');
  expect(await page.locator('dl.facts').textContent()).toMatch(/Waiting(?!0 )\d+ record/);
  expect(await page.getByRole('button', { name: 'Pause' }).count(), 'a viewer is offered nothing').toBe(0);

  memory('siem').behaviour = 'take';
  await page.locator('.badge', { hasText: 'up' }).waitFor();
  await page.getByText('0 records, 0 B').waitFor();
  expect(console.troubles).toEqual([]);
});

test.skipIf(skip)(name('a line is found by a word, and leads to its place in the log of its job'), async () => {
  const lines = Array.from({ length: 2_400 }, (_, n) => (n === 1_700 ? 'a needle in the hay' : `hay ${n}`));
  const script = SCRIPT.map((step) => (step.record === JOB.steps[1].record ? { ...step, messages: lines } : step));
  await sendJob(harness.admin.relay.port('edge'), { number: 1, startMs: Date.now() - 3_600_000, script });
  await using console = await harness.open('viewer', 'search');
  const { page } = console;
  await vi.waitFor(
    async () => {
      await page.getByRole('searchbox', { name: 'What to look for' }).fill('needle dataset:github.runner');
      await page.getByRole('button', { name: 'Search' }).click();
      await page.locator('.record').first().waitFor({ timeout: 2_000 });
      await page.locator('.record button').first().click();
      await page.getByText('See it in its job').waitFor({ timeout: 1_000 });
      await page.reload();
    },
    { timeout: 30_000 },
  );
  await page.locator('.record button').first().click();
  await page.getByText('See it in its job').click();

  const marked = page.locator('.line.marked');
  await marked.waitFor();
  expect(await marked.locator('.line-text').textContent()).toBe('a needle in the hay');
  await expect.poll(() => marked.evaluate((line) => line.getBoundingClientRect().top)).toBeLessThan(800);
  expect(await marked.evaluate((line) => line.getBoundingClientRect().top)).toBeGreaterThan(0);
  await page.getByText('hay 1699', { exact: true }).waitFor();
  expect(await page.getByText('hay 10', { exact: true }).count()).toBe(0);
  await page.getByRole('button', { name: 'Earlier lines' }).click();
  await page.getByText('hay 1000', { exact: true }).waitFor();
  expect(console.troubles).toEqual([]);
});

test.skipIf(skip)(name('a purge is counted first, warns, may be called off, and takes what was counted'), async () => {
  await using console = await harness.open('admin', 'retention');
  const { page } = console;
  await page.getByRole('link', { name: 'Purge now' }).click();
  await page.getByRole('button', { name: 'Dry run' }).click();
  const outcome = page.locator('.panel', { hasText: 'Looked at' });
  await outcome.getByText('done').waitFor();
  expect(await outcome.locator('.figure').textContent()).toContain(`${OLD_RECORDS / 2} records would go`);

  await page.getByRole('button', { name: 'Purge…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Purge now?' });
  expect(await dialog.textContent()).toContain('cannot be recovered');
  expect(await dialog.textContent()).toContain(`found ${OLD_RECORDS / 2} records`);
  expect(
    await dialog.getByRole('button', { name: 'Cancel' }).evaluate((button) => button === document.activeElement),
  ).toBe(true);
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  expect(await page.getByText('The purge has begun.').count()).toBe(0);

  await page.getByRole('button', { name: 'Purge…' }).click();
  await dialog.getByRole('button', { name: 'Purge' }).click();
  await outcome.getByText('records went').waitFor();
  await outcome.getByText('done').waitFor();
  expect(await outcome.locator('.figure').textContent()).toContain(`${OLD_RECORDS / 2} records went`);

  await page.getByRole('link', { name: 'History' }).click();
  await page
    .getByRole('button', { name: /Log of purge/ })
    .first()
    .click();
  await page.getByRole('dialog').getByText('Purge audit job start').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect(console.troubles).toEqual([]);
});

test.skipIf(skip)(name('a dead letter says why, and is sent again when the endpoint thinks better of it'), async () => {
  memory('picky').behaviour = 'refuse';
  memory('picky').reason = 'field "count" is no number';
  await send('fine', 'refuse me');
  await using console = await harness.open('operator', 'endpoints/picky');
  const { page } = console;
  const letters = page.locator('.letters li');
  await letters.waitFor();
  expect(await letters.locator('summary').textContent()).toContain('OUTPUT_REFUSED_RECORD field "count" is no number');
  expect(await page.getByRole('button', { name: 'Send again' }).isDisabled()).toBe(true);

  memory('picky').behaviour = 'take';
  await letters.getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Send again' }).click();
  await page.getByText('refused nothing for good').waitFor();
  await expect.poll(() => memory('picky').messages.filter((message) => message === 'refuse me')).toHaveLength(1);
  expect(console.troubles).toEqual([]);
});

test.skipIf(skip)(name('a token is changed for another: the new one opens, the old one no longer'), async () => {
  const old = harness.admin.tokenFile.add('ci-2025', 'viewer').token;
  const status = async (token: string) => (await harness.admin.ask({ path: '/api/v1/status', token })).status;
  await using console = await harness.open('admin', 'settings');
  const { page } = console;
  await page.getByRole('textbox', { name: 'Name' }).fill('ci-2026');
  await page.getByRole('button', { name: 'Make it' }).click();
  const made = await page.getByRole('dialog', { name: 'The token of ci-2026' }).locator('.secret').textContent();
  await page.getByRole('button', { name: 'Close' }).click();
  expect([await status(made ?? ''), await status(old)]).toEqual([200, 200]);

  const remove = page.getByRole('button', { name: 'Remove ci-2025' });
  await remove.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await remove.waitFor({ state: 'detached' });
  expect([await status(made ?? ''), await status(old)]).toEqual([200, 401]);
  expect(await page.content()).not.toContain(made);
  expect(console.troubles).toEqual([]);
});

test.skipIf(skip)(
  name('a token is rotated: the new one opens at once, the old one as long as was chosen'),
  async () => {
    const old = harness.admin.tokenFile.add('prometheus', 'viewer').token;
    const status = async (token: string) => (await harness.admin.ask({ path: '/api/v1/status', token })).status;
    await using console = await harness.open('admin', 'settings');
    const { page } = console;
    const rotate = async (overlap: string): Promise<string> => {
      await page.getByRole('button', { name: 'Rotate prometheus' }).click();
      const asking = page.getByRole('dialog', { name: 'Rotate prometheus?' });
      await asking.getByLabel('The token before').selectOption({ label: overlap });
      await asking.getByRole('button', { name: 'Rotate' }).click();
      const shown = page.getByRole('dialog', { name: 'The new token of prometheus' });
      const secret = (await shown.locator('.secret').textContent()) ?? '';
      await shown.getByRole('button', { name: 'Close' }).click();
      return secret;
    };

    const next = await rotate('is good for another day');
    expect([await status(old), await status(next)]).toEqual([200, 200]);
    await page
      .getByRole('row', { name: /prometheus/ })
      .getByText('the one before until')
      .waitFor();

    const last = await rotate('ends at once, with its sessions');
    expect([await status(old), await status(next), await status(last)]).toEqual([401, 401, 200]);
    await expect.poll(() => page.getByText('the one before until').count()).toBe(0);
    expect(await page.locator('body').textContent()).not.toContain(last);
    expect(console.troubles).toEqual([]);
  },
);

test.skipIf(skip)(name('a wrong password is told so, the right one opens, and signing out closes'), async () => {
  const password = harness.admin.tokenFile.add('jane', 'operator', 'password').token;
  await using console = await harness.open(undefined, 'endpoints');
  const { page } = console;
  expect(await page.title()).toBe('Sign in · Spillway');
  await page.getByLabel('Name').fill('jane');
  await page.getByLabel('Password or token').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  expect(await page.getByRole('alert').textContent()).toContain('do not belong together');
  expect(console.troubles.splice(0)).toEqual([expect.stringContaining('status of 401')]);

  await page.getByLabel('Password or token').fill(password.toUpperCase());
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Endpoints' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Password or token').waitFor();
  expect(console.troubles).toEqual([]);
});

test.skipIf(skip)(name('an endpoint is paused, resumed, and sent again what it had'), async () => {
  await using console = await harness.open('operator', 'endpoints/archive');
  const { page } = console;
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.locator('.badge', { hasText: 'paused' }).waitFor();
  const before = memory('archive').lines.length;
  await send('while it rested');
  await page.getByText(/^1 record,/).waitFor();
  expect(memory('archive').lines.length).toBe(before);
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect.poll(() => memory('archive').messages).toContain('while it rested');

  await page.getByLabel('Received from').fill('2020-01-01T00:00');
  await page.getByLabel('Only what matches').fill('"while it rested"');
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.getByText('1 sent, 0 refused').waitFor();
  await expect
    .poll(() => memory('archive').messages.filter((message) => message === 'while it rested'))
    .toHaveLength(2);
  expect(console.troubles).toEqual([]);
});

test.skipIf(skip)(
  name('an auditor places a hold, which an admin sees and cannot lift, and lifts it with a reason'),
  async () => {
    await using auditor = await harness.open('auditor', 'retention/holds');
    const { page } = auditor;
    await page.getByLabel('Repository').fill('corp/web');
    await page.getByLabel('Why').fill('incident 7');
    await page.getByRole('button', { name: 'Place a hold' }).click();
    const hold = page.locator('.words li', { hasText: 'incident 7' });
    await hold.waitFor();
    expect(await hold.textContent()).toContain('repository corp/web: incident 7 placed');

    await using admin = await harness.open('admin', 'retention/holds');
    await admin.page.getByText('incident 7').waitFor();
    expect(await admin.page.getByRole('button', { name: 'Lift' }).count()).toBe(0);

    await hold.getByRole('button', { name: 'Lift' }).click();
    await page.getByRole('dialog').getByLabel('Why').fill('closed by legal');
    await page.getByRole('dialog').getByRole('button', { name: 'Lift' }).click();
    await hold.waitFor({ state: 'detached' });
    expect([...auditor.troubles, ...admin.troubles]).toEqual([]);
  },
);

test.skipIf(skip)(name('the live tail follows, rests, and tells how much passed meanwhile'), async () => {
  await using console = await harness.open('viewer', `tail?q=${encodeURIComponent('tailed')}`);
  const { page } = console;
  await page.getByText('following').waitFor();
  await send('tailed 1', 'another', 'tailed 2');
  const shown = page.locator('.record .text');
  await expect.poll(() => shown.allTextContents()).toEqual(['tailed 1', 'tailed 2']);

  // Somebody else who follows shows when a record has passed.
  await using other = await harness.open('viewer', `tail?q=${encodeURIComponent('tailed')}`);
  await other.page.getByText('following').waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('paused').waitFor();
  await send('tailed while nobody looked', 'tailed once more');
  await expect.poll(() => other.page.locator('.record').count()).toBe(2);
  expect(await page.locator('.record').count()).toBe(2);
  await page.getByRole('button', { name: 'Go on' }).click();
  await send('tailed 3');
  await expect.poll(async () => (await shown.allTextContents()).at(-1)).toBe('tailed 3');
  await page.getByText(/[1-9]\d* passed that are not shown/).waitFor();
  expect(console.troubles).toEqual([]);
});

test.skipIf(skip).each([['endpoints'], ['tail']])(
  name('a session that ended leads to the sign-in from #/%s'),
  async (place) => {
    const gone = `leaver-${place}`;
    const { token } = harness.admin.tokenFile.add(gone, 'viewer');
    await using console = await harness.open(undefined);
    const { page } = console;
    let cut = async (): Promise<void> => {};
    await page.routeWebSocket(/\/tail/, (socket) => {
      socket.connectToServer();
      cut = () => socket.close();
    });
    await page.getByLabel('Password or token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('.shell').waitFor();
    await console.go(place);
    if (place === 'tail') await page.getByText('following').waitFor();

    harness.admin.tokenFile.remove(gone);
    await cut();
    await page.getByLabel('Password or token').waitFor();
    expect(await page.locator('.shell').count()).toBe(0);
    expect(console.troubles.filter((trouble) => !/401|WebSocket/.test(trouble))).toEqual([]);
  },
);
