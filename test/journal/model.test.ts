import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Progress } from '../../relay/journal/journal.ts';
import { JournalHarness } from '../support/journal-harness.ts';

const endpoints = ['loginsight', 'logstash'] as const;
type Name = (typeof endpoints)[number];
const endpoint = fc.constantFrom(...endpoints);

type Step =
  | { readonly do: 'append'; readonly count: number; readonly large: boolean }
  | {
      readonly do: 'deliver';
      readonly endpoint: Name;
      readonly count: number;
      readonly refuse: boolean;
      readonly skip: boolean;
    }
  | { readonly do: 'deliver_but_lose_the_ack'; readonly endpoint: Name }
  | { readonly do: 'reopen' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 5 }),
      large: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('deliver' as const),
      endpoint,
      count: fc.integer({ min: 1, max: 7 }),
      refuse: fc.boolean(),
      skip: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deliver_but_lose_the_ack' as const), endpoint }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);

/** The obvious journal: an array of texts, and a number for each endpoint. */
class Model {
  readonly texts: string[] = [];
  readonly cursor = { loginsight: 0, logstash: 0 };
  readonly counts = {
    loginsight: { delivered: 0, filtered: 0, deadLettered: 0 },
    logstash: { delivered: 0, filtered: 0, deadLettered: 0 },
  };
}

// Goal: at least once, in order, to each endpoint, with books that add up, whatever the order of events. Method: the same random
// steps run against the journal and against the model; then both are compared, record by record and count by count.
test('each endpoint gets every record in order, and its books add up', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      await using harness = await JournalHarness.open();
      for (const name of endpoints) await harness.journal.openCursor(name, 'first');
      const model = new Model();

      for (const each of steps) await run(each, harness, model);
      await harness.reopen();

      expect(await harness.texts()).toEqual(model.texts);
      for (const cursor of await harness.journal.cursors()) {
        const name = cursor.endpoint as Name;
        expect(cursor).toMatchObject({ ...model.counts[name], seq: model.cursor[name] + 1, dropped: 0, purged: 0 });
        expect(cursor.backlogRecords).toBe(model.texts.length - model.cursor[name]);
        expect(await harness.texts(cursor.seq)).toEqual(model.texts.slice(model.cursor[name]));
        expect(await harness.journal.deadLetters(name, 1_000)).toHaveLength(model.counts[name].deadLettered);
      }
      expect(harness.events.inconsistent).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

async function run(each: Step, harness: JournalHarness, model: Model): Promise<void> {
  switch (each.do) {
    case 'append': {
      const filler = each.large ? 'x'.repeat(40_000) : '';
      const texts = Array.from({ length: each.count }, (_, i) => `r${model.texts.length + i}${filler}`);
      await harness.append(texts);
      model.texts.push(...texts);
      return;
    }
    case 'deliver':
      return deliver(each, harness, model);
    case 'deliver_but_lose_the_ack': {
      const batch = await harness.journal.read(model.cursor[each.endpoint] + 1);
      batch?.release();
      return;
    }
    case 'reopen':
      return harness.reopen();
  }
}

async function deliver(
  { endpoint, count, refuse, skip }: Extract<Step, { do: 'deliver' }>,
  harness: JournalHarness,
  model: Model,
): Promise<void> {
  const from = model.cursor[endpoint];
  const to = Math.min(model.texts.length, from + count);
  if (to === from) return;
  const filtered = skip && to - from > 1 ? 1 : 0;
  const refused = refuse
    ? [{ seq: to, code: 'OUTPUT_REFUSED_RECORD', reason: 'no', line: Buffer.from(model.texts[to - 1]!) }]
    : [];
  const delivered = to - from - filtered - refused.length;
  const progress: Progress = { fromSeq: from + 1, toSeq: to + 1, delivered, filtered, refused };
  harness.journal.advance(endpoint, progress);
  model.cursor[endpoint] = to;
  model.counts[endpoint].delivered += delivered;
  model.counts[endpoint].filtered += filtered;
  model.counts[endpoint].deadLettered += refused.length;
}
