import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RelayError } from '../../relay/errors.ts';
import { DeliveryHarness } from '../support/delivery-harness.ts';
import { settled } from '../support/fake-clock.ts';
import { numbered } from '../support/fake-journal.ts';
import { FakeOutput, type Answer } from '../support/fake-output.ts';

const step = fc.record({
  records: fc.integer({ min: 0, max: 30 }),
  answer: fc.constantFrom('take', 'take', 'down', 'hang', 'throttle', 'lost_answer', 'lost_connection', 'pause'),
  waitMs: fc.constantFrom(0, 100, 1_000, 40_000),
});

const scenario = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
  acknowledged: fc.boolean(),
  inFlightMax: fc.constantFrom(1, 1, 4),
  recordsMax: fc.integer({ min: 1, max: 20 }),
  poison: fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 5 }),
  named: fc.boolean(),
});

// Goal: whatever an endpoint does, each record reaches it at least once or is a dead letter, in order, and the books add up. Method:
// random histories of an endpoint that refuses, hangs, throttles, takes without answering and loses its connections; then it works.
test(
  'each record is delivered at least once or is a dead letter, whatever the endpoint does',
  { timeout: 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ steps, acknowledged, inFlightMax, recordsMax, poison, named }) => {
        const output = new FakeOutput({ inFlightMax, recordsMax });
        await using relay = await DeliveryHarness.start({ acknowledged, outputs: [output] });
        const bad = new Set(poison.map((n) => `r${n}`));
        const refusal = (messages: readonly string[]): Answer => {
          const index = messages.findIndex((message) => bad.has(message));
          if (index < 0) return 'take';
          if (named) return new RelayError('OUTPUT_REFUSED_RECORD', 'no', { recordIndex: index });
          return new RelayError('OUTPUT_REFUSED_BATCH', 'no');
        };
        let total = 0;
        for (const { records, answer, waitMs } of steps) {
          output.cutHanging();
          relay.endpoint.dispatcher.setPaused(answer === 'pause');
          output.answer = (messages) => {
            if (answer === 'down' || answer === 'hang') return answer;
            if (answer === 'throttle') return new RelayError('OUTPUT_THROTTLED', 'busy', { retryAfterMs: 2_000 });
            const usual = refusal(messages);
            if (answer !== 'lost_answer' || usual !== 'take') return usual;
            output.taken.push(...messages);
            return new RelayError('OUTPUT_CONNECTION_LOST', 'reset');
          };
          if (records > 0) relay.journal.add(numbered(total + 1, records));
          total += records;
          await settled();
          if (answer === 'lost_connection') relay.connectionLost();
          await relay.clock.advance(waitMs);
          relay.journal.expectBalanced('siem');
        }
        output.cutHanging();
        relay.endpoint.dispatcher.setPaused(false);
        output.answer = refusal;
        await relay.clock.advance(120_000);

        const all = numbered(1, total);
        const letters = relay.books.letters.map(({ seq }) => `r${seq}`);
        expect(letters).toEqual(all.filter((message) => bad.has(message)));
        expect(new Set(output.taken)).toEqual(new Set(all.filter((message) => !bad.has(message))));
        expect(relay.books.seq).toBe(total + 1);
        relay.journal.expectBalanced('siem');
        expect(relay.journal.held).toBe(0);
        expect(relay.endpoint.dispatcher.idle).toBe(true);
        if (inFlightMax === 1) expect([...new Set(output.taken)]).toEqual(all.filter((message) => !bad.has(message)));
      }),
      { numRuns: 150 },
    );
  },
);
