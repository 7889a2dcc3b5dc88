import { expect, test } from 'vitest';
import { RelayLog, type LogLevel } from '../../relay/telemetry/logger.ts';
import { FakeClock } from '../support/fake-clock.ts';

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly time: string;
  readonly [field: string]: unknown;
}

function open(level: LogLevel = 'info') {
  const clock = new FakeClock();
  const written: string[] = [];
  const log = new RelayLog({ clock, level, name: 'edge', destination: { write: (line) => void written.push(line) } });
  return { clock, log, written, lines: () => written.map((line) => JSON.parse(line) as Line) };
}

test('a line has its level as a word, its time, the relay and the fields of its part', () => {
  const { log, lines } = open();
  log.root.child({ endpoint: 'siem' }).warn('endpoint is down', { backlog_records: 7 });

  expect(lines()).toEqual([
    {
      level: 'warn',
      time: '2026-11-22T05:00:00.000Z',
      relay: 'edge',
      msg: 'endpoint is down',
      endpoint: 'siem',
      backlog_records: 7,
    },
  ]);
});

test('of a message that comes again and again five are shown, and at the end of the minute how many there were more', async () => {
  const { clock, log, lines } = open();
  for (let n = 0; n < 1_000; n++) log.root.error('refused', { seq: n });
  expect(lines()).toHaveLength(5);
  await clock.advance(120_000);
  expect(lines().slice(5)).toMatchObject([{ level: 'error', msg: 'refused (repeated)', times: 995 }]);

  log.root.error('refused', { seq: 1_000 });
  expect(lines().at(-1)).toMatchObject({ msg: 'refused', seq: 1_000 });
  await clock.advance(600_000);
  expect(lines()).toHaveLength(7);
});

test('each part and each level is counted by itself', () => {
  const { log, lines } = open();
  for (let n = 0; n < 10; n++) {
    log.root.child({ endpoint: 'a' }).info('same');
    log.root.child({ endpoint: 'b' }).info('same');
    log.root.child({ endpoint: 'b' }).warn('same');
  }
  expect(lines()).toHaveLength(15);
});

test('what was held back is told when the log ends, and its timer with it', async () => {
  const { clock, log, lines } = open();
  for (let n = 0; n < 7; n++) log.root.info('again');
  await log[Symbol.asyncDispose]();

  expect(lines().at(-1)).toMatchObject({ msg: 'again (repeated)', times: 2 });
  expect(clock.intervalsMs).toEqual([]);
});

test('a thousand and more different messages are not remembered without end, and none is lost', async () => {
  const { log, lines } = open();
  for (let n = 0; n < 1_500; n++) for (let time = 0; time < 6; time++) log.root.child({ input: `i${n}` }).info('same');
  expect(lines().filter(({ msg }) => msg === 'same (repeated)')).toHaveLength(500);
  await log[Symbol.asyncDispose]();
  expect(lines().filter(({ msg }) => msg === 'same (repeated)')).toHaveLength(1_500);
});

test('a value is cut where it is longer than a reader can use, in lists too', () => {
  const { log, lines } = open();
  const long = 'x'.repeat(100_000);
  log.root.info('a peer said something', {
    reason: long,
    list: [long, 'short'],
    many: Array.from({ length: 100 }, () => 'v'),
  });

  const [line] = lines();
  expect(line!['reason']).toBe(`${'x'.repeat(1_000)}…`);
  expect(line!['list']).toEqual([`${'x'.repeat(1_000)}…`, 'short']);
  expect(line!['many']).toHaveLength(20);
});

test('what a peer says cannot forge a line', () => {
  const { log, written } = open();
  log.root.info('refused', { reason: 'x"}\n{"level":"error","msg":"forged"}' });
  expect(written).toHaveLength(1);
  expect(written[0]!.match(/\n/g)).toHaveLength(1);
});

test('levels below the one set are not shown, and not counted; it can be changed while running', async () => {
  const { clock, log, lines } = open('warn');
  for (let n = 0; n < 10; n++) log.root.info('quiet');
  log.root.warn('loud');
  await clock.advance(120_000);
  expect(lines().map(({ msg }) => msg)).toEqual(['loud']);
  log.level = 'debug';
  log.root.debug('now');
  expect(lines().at(-1)).toMatchObject({ level: 'debug', msg: 'now' });
});
