import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileMatch } from '../../relay/delivery/match.ts';
import { Stretches } from '../../relay/delivery/stretches.ts';
import { RelayError } from '../../relay/errors.ts';
import { sleep } from '../../relay/io/clock.ts';
import { DeliveryHarness, type DeliveryHarnessOptions } from '../support/delivery-harness.ts';
import { settled } from '../support/fake-clock.ts';
import { FakeJournal, numbered } from '../support/fake-journal.ts';
import { FakeOutput } from '../support/fake-output.ts';

/** Takes 100 records a second, one delivery at a time. */
async function slowEndpoint(options: DeliveryHarnessOptions = {}): Promise<DeliveryHarness> {
  const output = new FakeOutput({ recordsMax: 100, inFlightMax: options.acknowledged === false ? 2 : 1 });
  const relay = await DeliveryHarness.start({ outputs: [output], ...options });
  const never = new AbortController();
  output.before = () => sleep(relay.clock, 1_000, never.signal);
  return relay;
}

/** Ten minutes' worth of records gather while the endpoint is down, then it is back. */
async function afterOutage(relay: DeliveryHarness): Promise<void> {
  relay.output.answer = () => 'down';
  for (let n = 0; n < 600; n++) relay.journal.add(numbered(1 + n * 100, 100));
  await relay.clock.advance(120_000);
  relay.output.answer = () => 'take';
  await relay.clock.advance(65_000);
}

const numberOf = (message: string): number => Number(message.slice(1));

test('new records are sent beside a long backlog, in turns, and the books add up throughout', async () => {
  await using relay = await slowEndpoint();
  await afterOutage(relay);
  expect(relay.output.taken.every((message, i) => numberOf(message) === i + 1)).toBe(true);

  for (let n = 0; n < 20; n++) {
    relay.journal.add([`r${60_001 + n}`]);
    await relay.clock.advance(5_000);
    expect(relay.output.taken).toContain(`r${60_001 + n}`);
    relay.journal.expectBalanced('siem');
  }
  expect(relay.books.seq).toBeLessThan(30_000);
  await relay.clock.advance(900_000);

  const old = relay.output.taken.filter((message) => numberOf(message) <= 60_000);
  expect(old).toEqual(numbered(1, 60_000));
  expect(relay.output.taken.filter((message) => numberOf(message) > 60_000)).toEqual(numbered(60_001, 20));
  expect(relay.books).toMatchObject({ seq: 60_021, delivered: 60_020, gone: 0 });
  expect(relay.endpoint.dispatcher.idle).toBe(true);
  expect(relay.changes.at(-1)).toBe('recovering>up');
  expect(relay.journal.held).toBe(0);
});

test('the backlog gets its share where new records alone would fill the endpoint', async () => {
  await using relay = await slowEndpoint();
  await afterOutage(relay);
  const before = relay.books.seq;
  for (let n = 0; n < 100; n++) {
    relay.journal.add(numbered(60_001 + n * 100, 100));
    await relay.clock.advance(1_000);
  }
  expect(relay.books.seq - before).toBeGreaterThan(4_000);
  expect(relay.output.taken.filter((message) => numberOf(message) > 60_000).length).toBeGreaterThan(3_000);
});

test('in order, nothing new is sent before all that is older', async () => {
  await using relay = await slowEndpoint({ drain: 'in_order' });
  await afterOutage(relay);
  relay.journal.add(['r60001']);
  await relay.clock.advance(900_000);
  expect(relay.output.taken).toEqual(numbered(1, 60_001));
});

test('a backlog that is soon worked off stays in order', async () => {
  await using relay = await slowEndpoint();
  relay.output.answer = () => 'down';
  relay.journal.add(numbered(1, 2_000));
  await relay.clock.advance(120_000);
  relay.output.answer = () => 'take';
  for (let n = 0; n < 60; n++) {
    relay.journal.add([`r${2_001 + n}`]);
    await relay.clock.advance(1_000);
  }
  await relay.clock.advance(60_000);
  expect(relay.output.taken).toEqual(numbered(1, 2_060));
});

test('a limit on the working-off of a backlog does not hold new records back', async () => {
  await using relay = await DeliveryHarness.start({ drainRecordsPerSecondMax: 100 });
  await afterOutage(relay);
  for (let n = 0; n < 10; n++) {
    relay.journal.add([`r${60_001 + n}`]);
    await settled();
    expect(relay.output.taken.at(-1)).toBe(`r${60_001 + n}`);
    await relay.clock.advance(1_000);
  }
  expect(relay.books.seq).toBeLessThan(8_000);
});

test('what is refused of the new records becomes dead letters when the cursor gets there', async () => {
  await using relay = await slowEndpoint({ deadLettersMax: 100_000 });
  await afterOutage(relay);
  relay.output.answer = (messages) =>
    numberOf(messages[0]!) <= 60_000 ? 'take' : new RelayError('OUTPUT_REFUSED_RECORD', 'no', { recordIndex: 0 });
  relay.journal.add(numbered(60_001, 20));
  await relay.clock.advance(60_000);
  expect(relay.refused).toBe(20);
  expect(relay.books.letters).toEqual([]);
  await relay.clock.advance(900_000);

  expect(relay.books.letters.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, i) => 60_001 + i));
  expect(relay.books).toMatchObject({ seq: 60_021, delivered: 60_000 });
});

test('a stretch whose refused records cannot be handed on yet reads no more of them than it may hold', async () => {
  const journal = new FakeJournal();
  const stretches = new Stretches(1, { journal, matcher: compileMatch(undefined), recordsMax: 0, holdMs: 0 });
  journal.add(numbered(1, 10));
  stretches.part(11);
  journal.add(numbered(11, 2_000));
  const { last } = stretches;
  await last.read(journal.nextSeq, { recordsMax: 1, bytesMax: 1_000, inFlightMax: 1 });
  let refused = 0;
  for (; stretches.reading.includes(last); refused++) {
    last.admit();
    last.window.refuse(last.window.take()!, 0, new RelayError('OUTPUT_REFUSED_RECORD', 'no'));
    last.settle(0);
    last.confirm(0);
  }
  expect(refused).toBe(1_000);
  expect(stretches.takeConfirmed(journal.nextSeq)).toEqual([]);
  stretches.release();
});

const step = fc.record({
  records: fc.constantFrom(0, 1, 1_500, 3_000),
  answer: fc.constantFrom('take', 'take', 'down', 'lost_answer', 'lost_connection', 'pause'),
  waitMs: fc.constantFrom(1_000, 20_000, 60_000),
  gone: fc.boolean(),
});

const scenario = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
  acknowledged: fc.boolean(),
  inFlightMax: fc.constantFrom(1, 3),
  poison: fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 5 }),
});

// Goal: with stretches side by side each record still arrives at least once, is a dead letter or is counted as gone, and the journal sees
// one cursor that moves in order. Method: random outages of a slow endpoint, longer and shorter than the backlog's patience; the
// journal's stand-in throws on any progress that does not fit its books.
test('whatever the outages, each record arrives or is counted, once in the books', { timeout: 60_000 }, async () => {
  let parted = 0;
  await fc.assert(
    fc.asyncProperty(scenario, async ({ steps, acknowledged, inFlightMax, poison }) => {
      const output = new FakeOutput({ inFlightMax, recordsMax: 100 });
      await using relay = await DeliveryHarness.start({ acknowledged, outputs: [output] });
      const never = new AbortController();
      output.before = () => sleep(relay.clock, 1_000, never.signal);
      const bad = new Set(poison.map((n) => `r${n}`));
      let total = 0;
      const removed = new Set<string>();
      for (const { records, answer, waitMs, gone } of steps) {
        relay.endpoint.dispatcher.setPaused(answer === 'pause');
        output.answer = (messages) => {
          if (answer === 'down') return 'down';
          const index = messages.findIndex((message) => bad.has(message));
          if (index >= 0) return new RelayError('OUTPUT_REFUSED_RECORD', 'no', { recordIndex: index });
          if (answer !== 'lost_answer') return 'take';
          output.taken.push(...messages);
          return new RelayError('OUTPUT_CONNECTION_LOST', 'reset');
        };
        const firstSeq = total + 1;
        for (let n = 0; n < records; n += 500) relay.journal.add(numbered(firstSeq + n, Math.min(500, records - n)));
        total += records;
        for (const goneSeq of gone && answer === 'down' && records > 1 ? [firstSeq + 500, total - 499] : []) {
          relay.journal.remove(goneSeq);
          for (const message of numbered(goneSeq, 500)) removed.add(message);
        }
        await settled();
        if (answer === 'lost_connection') relay.connectionLost();
        await relay.clock.advance(waitMs);
        relay.journal.expectBalanced('siem');
      }
      relay.endpoint.dispatcher.setPaused(false);
      output.answer = (messages) => {
        const index = messages.findIndex((message) => bad.has(message));
        return index < 0 ? 'take' : new RelayError('OUTPUT_REFUSED_RECORD', 'no', { recordIndex: index });
      };
      await relay.clock.advance(800_000);

      const all = numbered(1, total);
      const letters = new Set(relay.books.letters.map(({ seq }) => `r${seq}`));
      expect(letters.size).toBe(relay.books.letters.length);
      const taken = new Set(output.taken);
      expect(all.filter((message) => !taken.has(message) && !letters.has(message) && !removed.has(message))).toEqual(
        [],
      );
      expect(relay.books.seq).toBeGreaterThan(total - 1_000);
      relay.journal.expectBalanced('siem');
      expect(relay.journal.held).toBe(0);
      expect(relay.endpoint.dispatcher.idle).toBe(true);
      const firsts = [...taken].map(numberOf);
      if (firsts.some((n, i) => i > 0 && n < firsts[i - 1]!)) parted++;
    }),
    { numRuns: 40 },
  );
  expect(parted).toBeGreaterThan(0);
});
