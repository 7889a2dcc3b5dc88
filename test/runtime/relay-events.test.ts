import { expect, test } from 'vitest';
import { RelayError } from '../../relay/errors.ts';
import { RelayEvents } from '../../relay/runtime/relay-events.ts';
import type { Log, LogFields } from '../../relay/telemetry/logger.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';

function open() {
  const lines: { level: string; message: string; fields: LogFields }[] = [];
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ level, message, fields });
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  const clock = new FakeClock();
  const ages: number[] = [];
  const gaps: number[] = [];
  let failed = 0;
  const events = new RelayEvents({
    log,
    clock,
    observeAge: (_, seconds) => ages.push(seconds),
    onReclaimed: (records) => gaps.push(records),
    onFailed: () => failed++,
    secondsToFull: async () => 7_200,
  });
  return { events, lines, clock, ages, gaps, failures: () => failed };
}

const failure = new RelayError('OUTPUT_UNREACHABLE', 'cannot connect', { cause: new Error('ECONNREFUSED') });
const state = (name: 'up' | 'degraded' | 'down' | 'recovering', sinceMs: number) => ({
  name,
  sinceMs,
  failingSinceMs: undefined,
  failures: 0,
});

test('an outage is a warning when it begins and when it ends, with since when, how much waits and why', async () => {
  const { events, lines, clock } = open();
  const nowMs = clock.nowMs();
  const detail = { backlogRecords: 7, oldestReceivedMs: nowMs - 5_000, failure };
  events.stateChanged('siem', state('up', 0), state('degraded', nowMs), detail);
  events.stateChanged('siem', state('degraded', nowMs), state('down', nowMs), detail);
  events.reminder('siem', state('down', nowMs), detail);
  await settled();
  events.stateChanged('siem', state('down', nowMs), state('recovering', nowMs + 90_000), {
    ...detail,
    backlogRecords: 0,
  });

  expect(lines.map(({ level }) => level)).toEqual(['info', 'warn', 'warn', 'warn']);
  expect(lines[1]!.fields).toEqual({
    endpoint: 'siem',
    from: 'degraded',
    to: 'down',
    backlog_records: 7,
    oldest_record_age_s: 5,
    code: 'OUTPUT_UNREACHABLE',
    reason: 'cannot connect: ECONNREFUSED',
  });
  expect(lines[2]!.fields).toMatchObject({
    since: '2026-11-22T05:00:00.000Z',
    backlog_records: 7,
    journal_full_in_s: 7_200,
  });
  expect(lines[3]!.fields).toEqual({
    endpoint: 'siem',
    from: 'down',
    to: 'recovering',
    backlog_records: 0,
    down_for_s: 90,
  });
});

test('what is delivered, filtered, refused, tried and sent again is counted for each endpoint', () => {
  const { events, lines, ages } = open();
  events.delivered('siem', { records: 3, bytes: 300, ageMs: 250 });
  events.delivered('siem', { records: 2, bytes: 200, ageMs: 50 });
  events.filtered('siem', 4);
  events.retrying('siem', failure, 12.6);
  events.refused('siem', { seq: 9, code: 'OUTPUT_REFUSED_RECORD', reason: 'no' });
  events.sentAgain('siem', 10);

  expect(events.counters('siem')).toEqual({
    delivered: 5,
    deliveredBytes: 500,
    filtered: 4,
    retries: 1,
    refused: 1,
    sentAgain: 10,
  });
  expect(events.counters('other').delivered).toBe(0);
  expect(ages).toEqual([0.25, 0.05]);
  expect(lines.map(({ level }) => level)).toEqual(['debug', 'error', 'info']);
});

test('what stops an endpoint or loses records is an error, with what is needed to act on it', () => {
  const { events, lines, gaps, failures } = open();
  events.deadLettersFull('siem', 100);
  events.readFailed('siem', new Error('I/O error'));
  events.reclaimed({ firstSeq: 1, records: 10, owedRecords: 0 });
  events.reclaimed({ firstSeq: 11, records: 10, owedRecords: 6 });
  events.damaged({ firstSeq: 21, records: 4, reason: 'hash' });
  events.failed(new Error('gone'));

  expect(lines.map(({ level }) => level)).toEqual(['error', 'error', 'error', 'error', 'error']);
  expect(lines[1]!.fields).toEqual({ endpoint: 'siem', reason: 'I/O error' });
  expect(gaps).toEqual([6]);
  expect(events.damagedRecords).toBe(4);
  expect(events.journalFailure).toBe('gone');
  expect(failures()).toBe(1);
});

test('a full journal is told of, and told of again when it is not any more', () => {
  const { events, lines } = open();
  events.full(true, 'the quota is used up');
  expect(events.journalFull).toBe('the quota is used up');
  events.full(false, '');
  expect(events.journalFull).toBe('');
  expect(lines.map(({ level }) => level)).toEqual(['error', 'warn']);
});
