import { expect, test } from 'vitest';
import { RelayError } from '../../relay/errors.ts';
import { DeliveryHarness } from '../support/delivery-harness.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { FakeJournal, numbered } from '../support/fake-journal.ts';
import { FakeOutput } from '../support/fake-output.ts';

const HOUR_MS = 3_600_000;
const refusedBatch = new RelayError('OUTPUT_REFUSED_BATCH', 'the server answered 400');
const refusedRecord = (recordIndex?: number): RelayError =>
  new RelayError('OUTPUT_REFUSED_RECORD', 'no', recordIndex === undefined ? {} : { recordIndex });

test('records are delivered in order as they come, and the books add up', async () => {
  await using relay = await DeliveryHarness.start();
  relay.journal.add(numbered(1, 3));
  await settled();
  relay.journal.add(numbered(4, 250));
  await settled();

  expect(relay.output.taken).toEqual(numbered(1, 253));
  expect(relay.books).toMatchObject({ seq: 254, delivered: 253 });
  expect(relay.delivered).toBe(253);
  expect(relay.journal.held).toBe(0);
  expect(relay.endpoint.dispatcher.idle).toBe(true);
});

test('an endpoint that was down for three hours gets its records within 40 seconds of being back', async () => {
  await using relay = await DeliveryHarness.start();
  relay.output.answer = () => 'down';
  relay.journal.add(numbered(1, 5));
  await relay.clock.advance(3 * HOUR_MS);
  expect(relay.output.taken).toEqual([]);
  expect(Math.max(...relay.delays)).toBeLessThanOrEqual(30_000);
  // Capped at 30 s, three hours are 360 attempts and the few quick ones at the start.
  expect(relay.output.attempts).toBeGreaterThan(350);
  expect(relay.output.attempts).toBeLessThan(380);

  relay.output.answer = () => 'take';
  await relay.clock.advance(40_000);
  relay.output.answer = () => 'down';
  await relay.clock.advance(HOUR_MS);

  expect(relay.output.taken).toEqual(numbered(1, 5));
  expect(relay.books).toMatchObject({ seq: 6, delivered: 5 });
});

test('what a purge takes while it waits in memory is not sent, and what is being sent goes without it the next time', async () => {
  await using relay = await DeliveryHarness.start();
  relay.output.answer = () => 'hang';
  relay.journal.add(numbered(1, 10));
  await settled();
  expect(relay.output.attempts).toBe(1);
  // Of the first batch all is under way; the second waits for it.
  relay.journal.add(numbered(11, 3));
  await settled();
  relay.journal.purge([2, 3, 11, 12, 13]);
  relay.output.cutHanging();
  relay.output.answer = () => 'take';
  await relay.clock.advance(60_000);

  expect(relay.output.taken).toEqual([...numbered(1, 1), ...numbered(4, 7)]);
  expect(relay.books).toMatchObject({ seq: 14, delivered: 8, gone: 5 });
  expect(relay.journal.held).toBe(0);
  expect(relay.endpoint.dispatcher.idle).toBe(true);
});

test('a long outage is told of once when it begins and once when it ends, with a reminder each half hour', async () => {
  await using relay = await DeliveryHarness.start();
  relay.output.answer = () => 'down';
  relay.journal.add(numbered(1, 5));
  await relay.clock.advance(3 * HOUR_MS + 60_000);
  relay.output.answer = () => 'take';
  await relay.clock.advance(40_000);

  expect(relay.changes).toEqual(['up>degraded', 'degraded>down', 'down>up']);
  expect(relay.told.filter((line) => line === 'reminder 5')).toHaveLength(6);
});

test('an endpoint that comes back with much to catch up on is recovering until it has', async () => {
  await using relay = await DeliveryHarness.start();
  relay.output.answer = () => 'down';
  for (let n = 0; n < 30; n++) relay.journal.add(numbered(1 + n * 100, 100));
  await relay.clock.advance(60_000);
  relay.output.answer = () => 'take';
  await relay.clock.advance(30_000);

  expect(relay.changes).toEqual(['up>degraded', 'degraded>down', 'down>recovering', 'recovering>up']);
});

test('deliveries that fail together with their connection count as one failure', async () => {
  await using relay = await DeliveryHarness.start({ outputs: [new FakeOutput({ inFlightMax: 8, recordsMax: 1 })] });
  relay.output.answer = () => 'down';
  relay.output.before = settled;
  relay.journal.add(numbered(1, 8));
  await relay.clock.advance(200);

  expect(relay.output.attempts).toBe(8);
  expect(relay.delays).toHaveLength(1);
  expect(relay.changes).toEqual(['up>degraded']);
});

test('an endpoint that asks to be left alone is, for as long as it asked', async () => {
  await using relay = await DeliveryHarness.start();
  relay.output.answer = (_, attempt) =>
    attempt === 1 ? new RelayError('OUTPUT_THROTTLED', 'busy', { retryAfterMs: 45_000 }) : 'take';
  relay.journal.add(['r1']);
  await relay.clock.advance(44_999);
  expect(relay.output.attempts).toBe(1);
  await relay.clock.advance(1);
  expect(relay.output.taken).toEqual(['r1']);
});

test('an endpoint that answers nothing never delays another', async () => {
  const clock = new FakeClock();
  const journal = new FakeJournal(() => clock.nowMs());
  await using stuck = await DeliveryHarness.start({ clock, journal, name: 'stuck' });
  await using fine = await DeliveryHarness.start({ clock, journal, name: 'fine' });
  stuck.output.answer = () => 'hang';

  for (let n = 0; n < 100; n++) {
    journal.add(numbered(1 + n * 10, 10));
    await settled();
    expect(fine.output.taken).toHaveLength((n + 1) * 10);
  }
  expect(fine.output.taken).toEqual(numbered(1, 1_000));
  expect(stuck.output.taken).toEqual([]);
});

test.each([{ inFlightMax: 1 }, { inFlightMax: 4 }])(
  'order is kept with $inFlightMax in flight, also when the second of them fails',
  async ({ inFlightMax }) => {
    await using relay = await DeliveryHarness.start({ outputs: [new FakeOutput({ recordsMax: 2, inFlightMax })] });
    relay.output.answer = (_, attempt) => (attempt === 2 ? 'down' : 'take');
    relay.journal.add(numbered(1, 20));
    await relay.clock.advance(1_000);

    expect(relay.output.taken).toEqual(numbered(1, 20));
    expect(relay.output.inFlightMost).toBe(inFlightMax);
    expect(relay.books).toMatchObject({ seq: 21, delivered: 20 });
  },
);

test('what an endpoint refuses as a whole is halved until the culprits are found; all others are delivered, in order', async () => {
  await using relay = await DeliveryHarness.start();
  const bad = ['r1', 'r42', 'r43', 'r90'];
  relay.output.answer = (messages) => (messages.some((m) => bad.includes(m)) ? refusedBatch : 'take');
  relay.journal.add(numbered(1, 90));
  await settled();

  expect(relay.output.taken).toEqual(numbered(1, 90).filter((m) => !bad.includes(m)));
  expect(relay.books.letters.map(({ seq }) => seq)).toEqual([1, 42, 43, 90]);
  expect(relay.books.letters[1]).toMatchObject({ code: 'OUTPUT_REFUSED_BATCH', reason: 'the server answered 400' });
  expect(JSON.parse(relay.books.letters[1]!.line)).toMatchObject({ message: 'r42' });
  expect(relay.changes).toEqual([]);
  expect(relay.delivered).toBe(86);
  expect(relay.journal.held).toBe(0);
  relay.journal.expectBalanced('siem');
});

test('a record that an endpoint names is refused alone, and those before it are not sent twice', async () => {
  await using relay = await DeliveryHarness.start();
  relay.output.answer = (messages) => {
    const index = messages.indexOf('r7');
    return index < 0 ? 'take' : refusedRecord(index);
  };
  relay.journal.add(numbered(1, 10));
  await settled();

  expect(relay.output.taken).toEqual(numbered(1, 10).filter((m) => m !== 'r7'));
  expect(relay.delivered).toBe(9);
  expect(relay.books.letters.map(({ seq }) => seq)).toEqual([7]);
});

test.each([undefined, -1, 99])('a refused record at place %s is searched for, not guessed', async (index) => {
  await using relay = await DeliveryHarness.start();
  relay.output.answer = (messages) => (messages.includes('r7') ? refusedRecord(index) : 'take');
  relay.journal.add(numbered(1, 10));
  await settled();

  expect(relay.books.letters.map(({ seq }) => seq)).toEqual([7]);
  expect(new Set(relay.output.taken)).toEqual(new Set(numbered(1, 10).filter((m) => m !== 'r7')));
});

test('at the limit of dead letters delivery waits for an operator, and goes on by itself afterwards', async () => {
  await using relay = await DeliveryHarness.start({ deadLettersMax: 3 });
  relay.output.answer = (messages) => (messages.some((m) => Number(m.slice(1)) <= 5) ? refusedBatch : 'take');
  relay.journal.add(numbered(1, 8));
  await relay.clock.advance(60_000);
  expect(relay.books.letters).toHaveLength(3);
  expect(relay.told.filter((line) => line.startsWith('dead letters'))).toEqual(['dead letters full 3']);

  await relay.journal.discardDeadLetters('siem', [1, 2, 3], 'discarded');
  await relay.clock.advance(60_000);
  expect(relay.output.taken).toEqual(['r6', 'r7', 'r8']);
  relay.journal.expectBalanced('siem');
});

test('a paused endpoint gets nothing until it is resumed', async () => {
  await using relay = await DeliveryHarness.start({ paused: true });
  relay.journal.add(numbered(1, 5));
  await relay.clock.advance(60_000);
  expect(relay.output.attempts).toBe(0);

  relay.endpoint.dispatcher.setPaused(false);
  await settled();
  expect(relay.output.taken).toEqual(numbered(1, 5));
});

test('a pause holds at once, also while a backlog waits for its turn', async () => {
  await using relay = await DeliveryHarness.start({ paused: true, drainRecordsPerSecondMax: 100 });
  for (let n = 0; n < 10; n++) relay.journal.add(numbered(1 + n * 100, 100));
  await relay.clock.advance(60_000);
  relay.endpoint.dispatcher.setPaused(false);
  await relay.clock.advance(2_500);
  expect(relay.output.taken).toHaveLength(300);
  relay.endpoint.dispatcher.setPaused(true);
  await relay.clock.advance(60_000);
  expect(relay.output.taken).toHaveLength(300);
  relay.endpoint.dispatcher.setPaused(false);
  await relay.clock.advance(60_000);

  expect(relay.output.taken).toEqual(numbered(1, 1_000));
});

test('a stop in the middle of a back-off ends at once', async () => {
  await using relay = await DeliveryHarness.start();
  relay.output.answer = () => 'down';
  relay.journal.add(['r1']);
  await relay.clock.advance(600_000);
  let stopped = false;
  void relay.endpoint.stop(5_000).then(() => (stopped = true));
  await settled();

  expect(stopped).toBe(true);
  expect(relay.journal.held).toBe(0);
});

test('a stop waits for what is being sent, but not past its deadline', async () => {
  await using relay = await DeliveryHarness.start();
  relay.output.answer = () => 'hang';
  relay.journal.add(['r1']);
  await settled();
  let stopped = false;
  void relay.endpoint.stop(5_000).then(() => (stopped = true));
  await relay.clock.advance(4_999);
  expect(stopped).toBe(false);
  await relay.clock.advance(1);

  expect(stopped).toBe(true);
  expect(relay.books).toMatchObject({ seq: 1, delivered: 0 });
  expect(relay.journal.held).toBe(0);
});

test('an output that does not listen when it is told to give up does not keep the relay from ending', async () => {
  await using relay = await DeliveryHarness.start();
  relay.output.answer = () => 'hang';
  relay.output.deaf = true;
  relay.journal.add(['r1']);
  await settled();
  let stopped = false;
  void relay.endpoint.stop(5_000).then(() => (stopped = true));
  await relay.clock.advance(6_000);

  expect(stopped).toBe(true);
  expect(relay.journal.held).toBe(1);
  relay.output.cutHanging();
  await settled();
  expect(relay.journal.held).toBe(0);
});

test('records that have gone from the journal are passed over and counted as gone', async () => {
  await using relay = await DeliveryHarness.start({ paused: true });
  for (let n = 0; n < 6; n++) relay.journal.add(numbered(1 + n * 10, 10));
  relay.journal.remove(1);
  relay.journal.remove(21);
  relay.journal.remove(31);
  relay.endpoint.dispatcher.setPaused(false);
  await settled();

  expect(relay.output.taken).toEqual([...numbered(11, 10), ...numbered(41, 20)]);
  expect(relay.books).toMatchObject({ seq: 61, delivered: 30, filtered: 0, gone: 30 });
});

test('a gap between records that are under way together is not taken for records that are not wanted', async () => {
  const outputs = [new FakeOutput({ recordsMax: 10, inFlightMax: 4 })];
  await using relay = await DeliveryHarness.start({ paused: true, outputs });
  for (let n = 0; n < 3; n++) relay.journal.add(numbered(1 + n * 10, 10));
  relay.journal.remove(11);
  // The second one is answered first, so that both are settled in one go.
  let first = true;
  relay.output.deliver = async () => {
    const isFirst = first;
    first = false;
    if (isFirst) await settled();
  };
  relay.endpoint.dispatcher.setPaused(false);
  await relay.clock.advance(0);
  await settled();

  expect(relay.books).toMatchObject({ seq: 31, delivered: 20, filtered: 0, gone: 10 });
});

test('a gap at the very end neither spins nor keeps the endpoint from being up and idle', async () => {
  await using relay = await DeliveryHarness.start();
  relay.output.answer = () => 'down';
  relay.journal.add(numbered(1, 10));
  relay.journal.add(numbered(11, 5_000));
  await relay.clock.advance(60_000);
  relay.journal.remove(11);
  relay.output.answer = () => 'take';
  await relay.clock.advance(60_000);
  const { reads } = relay.journal;
  await relay.clock.advance(600_000);

  expect(relay.journal.reads).toBe(reads);
  expect(relay.endpoint.dispatcher.idle).toBe(true);
  expect(relay.endpoint.dispatcher.health.state.name).toBe('up');
  relay.journal.add(['after']);
  await settled();
  expect(relay.output.taken.at(-1)).toBe('after');
});

test('damaged records are passed over; a journal that cannot be read at all is tried again each second', async () => {
  await using relay = await DeliveryHarness.start({ paused: true });
  relay.journal.add(numbered(1, 10));
  relay.journal.add(numbered(11, 10));
  relay.journal.add(numbered(21, 10));
  relay.journal.damage(1);
  relay.journal.damage(11);
  relay.journal.failures.push(new RelayError('JOURNAL_UNUSABLE', 'I/O error'), new Error('I/O error'));
  relay.endpoint.dispatcher.setPaused(false);
  await relay.clock.advance(1_500);
  expect(relay.output.taken).toEqual([]);
  await relay.clock.advance(1_000);

  expect(relay.told.filter((line) => line === 'read failed')).toHaveLength(2);
  expect(relay.output.taken).toEqual(numbered(21, 10));
  expect(relay.books).toMatchObject({ delivered: 10, gone: 20 });
});

test('nothing turns while there is nothing to do, nor while an endpoint is down', async () => {
  await using relay = await DeliveryHarness.start();
  relay.journal.add(['r1']);
  await settled();
  const { reads } = relay.journal;
  await relay.clock.advance(24 * HOUR_MS);
  expect(relay.journal.reads).toBe(reads);
  expect(Math.min(...relay.clock.intervalsMs)).toBeGreaterThanOrEqual(1_000);

  relay.output.answer = () => 'down';
  for (let n = 0; n < 100; n++) relay.journal.add([`m${n}`]);
  await relay.clock.advance(HOUR_MS);
  expect(relay.journal.reads).toBeLessThan(reads + 10);
  const attempts = relay.output.attempts;
  await relay.clock.advance(HOUR_MS);
  expect(relay.output.attempts - attempts).toBeLessThan(130);
});

test('an endpoint that is being retired takes nothing from its end on, also where that is within a batch', async () => {
  const journal = new FakeJournal();
  journal.add(numbered(1, 10));
  journal.add(numbered(11, 10));
  await using within = await DeliveryHarness.start({ journal, untilSeq: 15, name: 'within' });
  await settled();
  expect(within.output.taken).toEqual(numbered(1, 14));
  expect(within.books).toMatchObject({ seq: 15, delivered: 14 });
  expect(within.endpoint.dispatcher.idle).toBe(true);

  journal.remove(1);
  await using gone = await DeliveryHarness.start({ journal, untilSeq: 5, name: 'gone', startAt: 'first' });
  await settled();
  expect(gone.output.taken).toEqual([]);
  expect(gone.endpoint.dispatcher.idle).toBe(true);
});

test('records that an endpoint does not want are settled without being sent', async () => {
  await using relay = await DeliveryHarness.start({ match: { 'event.dataset': 'audit' } });
  relay.journal.add(numbered(1, 10), 'syslog');
  relay.journal.add(numbered(11, 5), 'audit');
  relay.journal.add(numbered(16, 10), 'syslog');
  await settled();

  expect(relay.output.taken).toEqual(numbered(11, 5));
  expect(relay.books).toMatchObject({ seq: 26, delivered: 5, filtered: 20 });
  expect(relay.filtered).toBe(20);
});

test('a backlog is worked off no faster than it may be; fresh records are not held back', async () => {
  await using relay = await DeliveryHarness.start({ paused: true, drainRecordsPerSecondMax: 100 });
  for (let n = 0; n < 10; n++) relay.journal.add(numbered(1 + n * 100, 100));
  await relay.clock.advance(60_000);
  relay.endpoint.dispatcher.setPaused(false);
  await relay.clock.advance(4_500);
  expect(relay.output.taken.length).toBe(500);
  await relay.clock.advance(10_000);
  expect(relay.output.taken.length).toBe(1_000);

  for (let n = 0; n < 10; n++) relay.journal.add(numbered(1_001 + n * 100, 100));
  await settled();
  expect(relay.output.taken).toEqual(numbered(1, 2_000));
});
