import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { post } from '../support/http-exchange.ts';
import { RelayHarness } from '../support/relay-harness.ts';
import { JOB, pagePath, tailed, WORKER_PATH, workerLog, type TailedLine } from '../support/runner-log.ts';

const MIB = 1_048_576;
const guid = (n: number): string => `${n.toString(16).padStart(8, '0')}-1111-4111-8111-111111111111`;
const stamp = (second: number): string => `2026-11-22T08:15:${String(second).padStart(2, '0')}.0000000Z`;
/** Text that cannot be compressed. */
const noise = (n: number): string =>
  Array.from({ length: 12 }, (_, part) => createHash('sha256').update(`${n} ${part}`).digest('base64')).join('');

/** The page of a job that nobody knows the run of. */
function noisyPage(n: number): TailedLine[] {
  const lines = Array.from({ length: 400 }, (_, line) => `${stamp(line % 60)} ${noise(n * 1_000 + line)}\n`);
  return tailed(pagePath(guid(2 * n), 1, guid(2 * n + 1)), lines.join(''));
}

async function send(running: RelayHarness, lines: readonly TailedLine[]): Promise<number> {
  const headers = { 'content-type': 'application/json', 'user-agent': 'Fluent-Bit' };
  return (await post(running.port('edge'), JSON.stringify(lines), { headers })).status;
}

function linesAt(running: RelayHarness): number {
  return running.memory.at('siem').lines.filter((line) => line.includes('"dataset":"github.runner"')).length;
}

test('raw lines that are more than the journal may hold do not stop it, though a job keeps some of them', async () => {
  await using running = await RelayHarness.start({
    inputs: { edge: { type: 'http', listen: 'http://127.0.0.1:0' } },
    endpoints: { siem: { type: 'memory' } },
    journal: { min_free_bytes: 0, max_bytes: 3 * MIB, max_in_flight_bytes: MIB },
    runs: { attribution_wait_ms: 50, identity_wait_ms: 100, order_wait_ms: 300 },
  });
  // A job at work, whose step has written a line that never comes in the job page: it is kept, as it may fill a gap.
  const log = workerLog().slice(0, -3);
  expect(await send(running, tailed(WORKER_PATH, `${log.join('\n')}\n`))).toBe(200);
  const [step] = JOB.steps;
  expect(await send(running, tailed(pagePath(step.record), `${stamp(1)} only here\n`))).toBe(200);
  expect(await send(running, tailed(pagePath(JOB.record), `${stamp(0)} begins\n`))).toBe(200);

  const pages = Array.from({ length: 40 }, (_, n) => noisyPage(n));
  for (const page of pages) await expect.poll(() => send(running, page), { timeout: 20_000, interval: 20 }).toBe(200);

  await expect.poll(() => linesAt(running), { timeout: 20_000 }).toBe(1 + pages.flat().length);
}, 60_000);
