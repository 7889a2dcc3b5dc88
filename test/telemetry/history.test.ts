import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { History, type Reading } from '../../relay/telemetry/history.ts';
import { silentLog } from '../../relay/telemetry/logger.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const STEP_MS = 10_000;

function harness(folder: string, clock = new FakeClock()) {
  const readings: Reading[] = [
    { name: 'intake/a', value: 0, grows: true },
    { name: 'backlog/e', value: 0, grows: false },
  ];
  const state = { total: 0, backlog: 0 };
  const history = new History({
    read: async () => [
      { ...readings[0]!, value: state.total },
      { ...readings[1]!, value: state.backlog },
    ],
    clock,
    path: join(folder, 'charts.json'),
    log: silentLog,
  });
  const step = async (records: number, backlog: number): Promise<void> => {
    state.total += records;
    state.backlog = backlog;
    await clock.advance(STEP_MS);
  };
  return { clock, history, step };
}

test('what grows is drawn as a rate a second, what does not as it is', async () => {
  using folder = temporaryFolder();
  const { history, step } = harness(folder.path);
  await step(0, 5);
  await step(1_000, 7);
  await step(50, 0);

  const { series, stepMs } = history.chart('hour');

  expect(stepMs).toBe(STEP_MS);
  expect(series['intake/a']).toHaveLength(360);
  expect(series['intake/a']!.slice(-2)).toEqual([100, 5]);
  expect(series['backlog/e']!.slice(-3)).toEqual([5, 7, 0]);
  history.stop();
});

test('a time when nobody looked is a hole', async () => {
  using folder = temporaryFolder();
  const { clock, history, step } = harness(folder.path);
  await step(0, 1);
  await step(0, 2);
  clock.jump(3 * STEP_MS);
  await step(0, 3);

  expect(history.chart('hour').series['backlog/e']!.slice(-6)).toEqual([1, 2, null, null, null, 3]);
  history.stop();
});

test('charts outlive a restart, and a counter that began anew is no negative rate', async () => {
  using folder = temporaryFolder();
  const first = harness(folder.path);
  await first.step(0, 1);
  await first.step(100, 2);
  first.history.stop();

  const second = harness(folder.path, first.clock);
  await second.step(0, 3);
  await second.step(20, 4);

  const { series } = second.history.chart('hour');
  expect(series['backlog/e']!.slice(-4)).toEqual([1, 2, 3, 4]);
  expect(series['intake/a']!.slice(-4)).toEqual([null, 10, null, 2]);
  second.history.stop();
});

test.each(['', '{', '{"version":2}', '{"version":1,"spans":[{"lastStep":1,"series":{"a":["x"]}}]}'])(
  'a file that holds %j is no reason not to start',
  async (text) => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'charts.json'), text);
    const { history, step } = harness(folder.path);
    await step(0, 1);
    expect(history.chart('hour').series['backlog/e']!.at(-1)).toBe(1);
    history.stop();
    expect(readFileSync(join(folder.path, 'charts.json'), 'utf8')).toContain('"version":1');
  },
);
