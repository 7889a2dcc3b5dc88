import { expect, test } from 'vitest';
import { Totals } from '../../../relay/admin/harbor/totals.ts';
import type { CountRequest, CountStep } from '../../../relay/query/request.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A journal of which every second record is meant, counted a hundred at a time, whenever the test says so. */
class Counted {
  nextSeq = 1_001;
  gone = 0;
  kept = true;
  readonly asked: CountRequest[] = [];
  readonly clock = new FakeClock();
  #waiting: (() => void)[] = [];

  readonly totals = new Totals({
    searches: { count: (request) => this.#count(request) },
    stats: async () => ({
      nextSeq: this.nextSeq,
      purgedRecords: this.gone,
      reclaimedRecords: 0,
      damagedRecords: 0,
    }),
    clock: this.clock,
    isKept: () => this.kept,
  });

  async *#count(request: CountRequest): AsyncGenerator<CountStep, void> {
    this.asked.push(request);
    const { fromSeq = 1, cursor = 0 } = request;
    for (let seq = Math.max(1, fromSeq), counted = 0; ;) {
      await new Promise<void>((go) => this.#waiting.push(go));
      const end = Math.min(cursor, seq + 100);
      counted += (end - seq) / 2;
      seq = end;
      const isDone = seq >= cursor;
      yield { counted, ending: isDone ? 'complete' : undefined } as CountStep;
      if (isDone) return;
    }
  }

  /** Lets counting go on by so many steps. */
  async steps(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      await expect.poll(() => this.#waiting.length).toBeGreaterThan(0);
      this.#waiting.shift()!();
    }
    await new Promise(setImmediate);
  }
}

const scope = { query: 'harbor.action:"pull"' };

test('what takes too long to count is answered with what was counted so far, and counted to its end all the same', async () => {
  const counted = new Counted();

  const first = counted.totals.of(scope);
  await counted.steps(3);
  await counted.clock.advance(1_000);
  expect(await first).toEqual({ records: 150, isExact: false });

  await counted.steps(7);
  expect(await counted.totals.of(scope)).toEqual({ records: 500, isExact: true });
  expect(counted.asked).toHaveLength(1);
});

test('only what came since is counted the next time', async () => {
  const counted = new Counted();
  const first = counted.totals.of(scope);
  await counted.steps(10);
  expect(await first).toEqual({ records: 500, isExact: true });

  counted.nextSeq = 1_101;
  const second = counted.totals.of(scope);
  await counted.steps(1);
  expect(await second).toEqual({ records: 550, isExact: true });
  expect(counted.asked[1]).toMatchObject({ fromSeq: 1_001, cursor: 1_101 });
});

test.each([
  ['something went from the journal', (counted: Counted) => (counted.gone = 1)],
  ['records go once they are delivered', (counted: Counted) => (counted.kept = false)],
])('where %s, all is counted anew', async (_, change) => {
  const counted = new Counted();
  const first = counted.totals.of(scope);
  await counted.steps(10);
  await first;

  change(counted);
  const second = counted.totals.of(scope);
  await counted.steps(10);
  expect(await second).toEqual({ records: 500, isExact: true });
  expect(counted.asked[1]).toMatchObject({ fromSeq: 0 });
});
