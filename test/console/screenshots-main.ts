/**
 * `npm run screenshots`: makes the pictures of the README from the real console, over a relay that is filled with what runners, Harbor
 * and machines send. Further words are the folder to write to, and `all` for each page, in light and dark and on a phone.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findChromium } from '../support/chromium.ts';
import { idsOf } from '../support/sent-jobs.ts';
import { ConsoleHarness } from './console-harness.ts';
import { demoConfig, fillDemo, fillOldLife } from './demo-data.ts';

const PICTURE_BYTES_MAX = 200_000;
/** For the charts to tell of the endpoint that goes: they take a point each ten seconds. */
const WATCHED_MS = 35_000;

const [folder = 'docs/images', extent = 'readme'] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const chromium = await findChromium();
if ('why' in chromium) throw new Error(chromium.why);
await using harness = await ConsoleHarness.start(chromium.file, demoConfig, { warnings: () => [] }, fillOldLife);
await fillDemo(harness.admin, extent === 'quick' ? 1_000 : WATCHED_MS);

const failed = idsOf(2);
const README = [
  ['overview', '', 960],
  ['run', `runs/shop/checkout/5102?job=${failed.record}&step=3`, 900],
  ['search', 'search?q=timeout', 800],
  ['retention', 'retention/purge', 760],
] as const;
const OTHERS = [
  ['runs', 'runs', 800],
  ['harbor', 'harbor', 800],
  ['tail', 'tail', 800],
  ['rules', 'retention/rules', 800],
  ['history', 'retention/history', 800],
  ['holds', 'retention/holds', 800],
  ['endpoints', 'endpoints', 800],
  ['endpoint', 'endpoints/siem', 800],
  ['settings', 'settings', 800],
] as const;

await shoot('', README, {});
if (extent !== 'readme') {
  await shoot('', OTHERS, {});
  await shoot('-dark', [...README, ...OTHERS], { colorScheme: 'dark' });
  await shoot('-phone', [...README, ...OTHERS], { viewport: { width: 360, height: 740 } });
}

async function shoot(
  suffix: string,
  pages: readonly (readonly [string, string, number])[],
  options: Parameters<ConsoleHarness['open']>[2],
): Promise<void> {
  await using console = await harness.open('admin', '', options);
  const { page } = console;
  for (const [name, place, height] of pages) {
    if (options?.viewport === undefined) await page.setViewportSize({ width: 1_280, height });
    await console.go(place);
    if (name === 'retention') await page.getByText('records would go').waitFor();
    if (name === 'search') await page.locator('.record button').first().click();
    // The charts draw themselves after the page.
    await sleep(700);
    await page.mouse.move(0, 0);
    const path = join(folder, `${name}${suffix}.png`);
    // A list of a hundred records says no more than its start.
    await page.screenshot({ path, fullPage: suffix !== '' && !['search', 'harbor'].includes(name) });
    const { size } = statSync(path);
    process.stdout.write(`${path}: ${size} bytes\n`);
    if (suffix === '' && size > PICTURE_BYTES_MAX) throw new Error(`${path} is too large`);
  }
}
