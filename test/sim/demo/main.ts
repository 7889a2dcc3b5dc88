/** `npm run demo`: runners, Harbor, the relay and an endpoint that goes and comes back, in under a minute. `--keep` leaves the folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { demo } from './demo.ts';
import { Screen } from './screen.ts';

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });
const folder = mkdtempSync(join(tmpdir(), 'spillway-demo-'));
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());
const screen = new Screen(process.stdout);
let good = false;
try {
  good = await demo(folder, screen, stopping.signal);
} finally {
  if (values.keep) screen.print('', `Everything is in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
process.exitCode = good ? 0 : 1;
