import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Acceptor, type AcceptorOptions } from '../../relay/accept/acceptor.ts';
import { sourceOf, fragment } from '../../relay/record/line-writer.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { FakeJournal, numbered } from '../support/fake-journal.ts';

const dataset = { name: 'syslog', stored: true };
const transient = { name: 'secret', stored: false };
const HOUR_MS = 3_600_000;

/** An acceptor over an array, with the few bytes of a record that these tests need. */
class Accepting {
  readonly clock = new FakeClock();
  readonly journal = new FakeJournal();
  readonly acceptor: Acceptor;
  repeats = 0;

  constructor(options: Partial<AcceptorOptions> = {}) {
    this.acceptor = new Acceptor({
      journal: this.journal,
      clock: this.clock,
      batchBytesMax: 65_536,
      inFlightBytesMax: 1_048_576,
      commitDelayMsMax: 2,
      receiptsWindowMs: HOUR_MS,
      patienceMs: 20_000,
      ...options,
    });
  }

  write(text: string, into = dataset, padding = 0): void {
    const { recorder } = this.acceptor;
    const source = sourceOf(Buffer.from(text + '.'.repeat(padding)));
    const writer = recorder.open(into, source.bytes.length);
    writer.raw(fragment('},"message":"'));
    writer.text(source, 0, source.bytes.length);
    writer.byte(0x22);
    recorder.close(recorder.nowMs);
  }

  /** A request of records. What becomes of it is in `outcome` once it is known. */
  request(texts: readonly string[], key?: string, padding = 0): { outcome: unknown } {
    const request: { outcome: unknown } = { outcome: 'open' };
    const write = (): number => {
      for (const text of texts) this.write(text, dataset, padding);
      return texts.length;
    };
    this.acceptor
      .accept(write, key, () => this.repeats++)
      .then(
        (accepted) => (request.outcome = accepted),
        (error: unknown) => (request.outcome = error),
      );
    return request;
  }

  /** Records of the relay's own. What becomes of them is in `outcome` once it is known. */
  derive(texts: readonly string[]): { outcome: unknown } {
    const derived: { outcome: unknown } = { outcome: 'open' };
    const write = (): object => {
      for (const text of texts) this.write(text);
      return {};
    };
    void this.acceptor.derive(write).then(() => (derived.outcome = 'done'));
    return derived;
  }

  get texts(): string[] {
    return this.journal.lines.map((line) => (JSON.parse(line) as { message: string }).message.replace(/\.+$/, ''));
  }
}

test('a lone request is committed at once, and answered only then', async () => {
  const relay = new Accepting();
  relay.journal.byHand = true;
  const request = relay.request(['r1', 'r2']);
  await settled();
  expect(relay.journal.appending).toHaveLength(1);
  expect(request.outcome).toBe('open');
  expect(relay.acceptor.recordsInFlight).toBe(2);
  relay.journal.commit();
  await settled();

  expect(request.outcome).toEqual({ records: 2, repeat: false });
  expect(relay.texts).toEqual(['r1', 'r2']);
  expect(relay.acceptor.recordsInFlight).toBe(0);
});

test('what arrives during one commit is committed together by the next', async () => {
  const relay = new Accepting();
  relay.journal.byHand = true;
  relay.request(['r1']);
  await settled();
  for (const text of numbered(2, 500)) relay.request([text]);
  await settled();
  expect(relay.journal.appending).toHaveLength(1);
  relay.journal.commit();
  await relay.clock.advance(2);
  expect(relay.journal.appending).toHaveLength(1);
  relay.journal.commit();
  await settled();

  expect(relay.journal.committed).toEqual([
    { firstSeq: 1, records: 1 },
    { firstSeq: 2, records: 500 },
  ]);
  expect(relay.texts).toEqual(numbered(1, 501));
});

test('a request longer than one batch is committed whole, without anything else to push it on', async () => {
  const relay = new Accepting();
  const request = relay.request(numbered(1, 200), 'key', 1_000);
  await settled();

  expect(request.outcome).toEqual({ records: 200, repeat: false });
  expect(relay.journal.committed.length).toBeGreaterThan(3);
  expect(relay.texts).toEqual(numbered(1, 200));
  expect(relay.journal.keys).toEqual(['key']);
});

test.each([undefined, 'key'])(
  'a request whose last record fills its batch exactly is committed (key %s)',
  async (key) => {
    const relay = new Accepting();
    // One record of this length fills a batch.
    const request = relay.request(['r1'], key, 70_000);
    await settled();

    expect(request.outcome).toEqual({ records: 1, repeat: false });
    expect(relay.journal.keys).toEqual(key === undefined ? [] : ['key']);
    const next = relay.request(['r2']);
    await settled();
    expect(next.outcome).toEqual({ records: 1, repeat: false });
    expect(relay.texts).toEqual(['r1', 'r2']);
  },
);

test('records of a dataset that is not stored go in batches of their own, within one request too', async () => {
  const relay = new Accepting();
  let outcome: unknown;
  void relay.acceptor
    .accept(
      () => {
        relay.write('a', dataset);
        relay.write('b', transient);
        relay.write('c', dataset);
        return 3;
      },
      'key',
      () => {},
    )
    .then((accepted) => (outcome = accepted));
  await settled();

  expect(outcome).toEqual({ records: 3, repeat: false });
  expect(relay.journal.committed.map(({ records }) => records)).toEqual([1, 1, 1]);
});

test('a full journal turns requests away, keeps what it was given, and goes on when there is room, in order', async () => {
  const relay = new Accepting();
  relay.journal.byHand = true;
  const early = relay.request(['r1']);
  await settled();
  for (const text of ['r2', 'r3']) relay.write(text);
  relay.journal.refuse();
  await settled();
  expect(relay.acceptor.congested).toBe(true);
  expect(relay.acceptor.refusal).toMatchObject({ code: 'JOURNAL_FULL' });
  const late = relay.request(['never']);
  let relieved = false;
  void relay.acceptor.relieved().then(() => (relieved = true));
  await settled();
  expect(late.outcome).toMatchObject({ code: 'JOURNAL_FULL', disposition: 'retry' });

  await relay.clock.advance(500);
  relay.journal.refuse();
  await relay.clock.advance(500);
  expect(relieved).toBe(false);
  relay.journal.byHand = false;
  relay.journal.commit();
  await settled();

  expect(early.outcome).toEqual({ records: 1, repeat: false });
  expect(relieved).toBe(true);
  expect(relay.acceptor.refusal).toBeUndefined();
  expect(relay.texts).toEqual(['r1', 'r2', 'r3']);
});

test('what is made of records does not wait for room, and takes along what stands before it; senders wait on', async () => {
  const relay = new Accepting();
  relay.journal.byHand = true;
  relay.request(['r1']);
  await settled();
  relay.journal.refuse();
  await settled();
  const derived = relay.derive(['d2']);
  await settled();
  expect(relay.journal.appending.map(({ urgent }) => urgent)).toEqual([true, true]);
  relay.journal.commit();
  await settled();

  expect(derived.outcome).toBe('done');
  expect(relay.texts).toEqual(['r1', 'd2']);
  expect([relay.acceptor.congested, relay.acceptor.strained]).toEqual([true, true]);
  const more = relay.derive(['d3']);
  await settled();
  relay.journal.commit();
  await settled();
  expect(more.outcome).toBe('done');

  // A first sender finds out whether there is room; no other is let in before.
  await relay.clock.advance(500);
  expect(relay.acceptor.congested).toBe(false);
  const first = relay.request(['r4']);
  await settled();
  expect(relay.request(['never']).outcome).toBe('open');
  expect(relay.acceptor.congested).toBe(true);
  expect(relay.journal.appending.map(({ urgent }) => urgent)).toEqual([false]);
  relay.journal.commit();
  await settled();
  expect(first.outcome).toEqual({ records: 1, repeat: false });
  expect([relay.acceptor.congested, relay.acceptor.strained]).toEqual([false, false]);
  expect(relay.texts).toEqual(['r1', 'd2', 'd3', 'r4']);
});

test('what was sealed while the journal took nothing is offered too, without anything else to push it on', async () => {
  const relay = new Accepting();
  relay.journal.byHand = true;
  relay.request(['r1']);
  await settled();
  relay.journal.refuse();
  await settled();
  await relay.clock.advance(500);
  expect(relay.journal.appending).toHaveLength(1);
  // An input without answers had this in its hands already; it fills a batch.
  relay.write('r2', dataset, 70_000);
  relay.acceptor.flush();
  relay.journal.byHand = false;
  relay.journal.commit();
  await settled();

  expect(relay.texts).toEqual(['r1', 'r2']);
  expect(relay.acceptor.recordsInFlight).toBe(0);
});

test('a request that waits longer than a sender should is turned away; its records are kept all the same', async () => {
  const relay = new Accepting();
  relay.journal.byHand = true;
  const first = relay.request(['r1'], 'key');
  await relay.clock.advance(19_000);
  expect(first.outcome).toBe('open');
  await relay.clock.advance(1_000);
  expect(first.outcome).toMatchObject({ code: 'JOURNAL_FULL', disposition: 'retry' });

  // The sender comes back while they are still under way, and is not stored twice.
  const second = relay.request(['r1'], 'key');
  await settled();
  expect(second.outcome).toBe('open');
  relay.journal.byHand = false;
  relay.journal.commit();
  await settled();
  expect(second.outcome).toEqual({ records: 1, repeat: true });
  expect(relay.repeats).toBe(1);
  expect(relay.texts).toEqual(['r1']);
});

test('a repeat is known while its first is under way, after it, after a restart, and for a whole window', async () => {
  const relay = new Accepting();
  relay.journal.byHand = true;
  const first = relay.request(['r1', 'r2'], 'key');
  const during = relay.request(['r1', 'r2'], 'key');
  await settled();
  relay.journal.byHand = false;
  relay.journal.commit();
  await settled();
  expect([first.outcome, during.outcome]).toEqual([
    { records: 2, repeat: false },
    { records: 2, repeat: true },
  ]);

  await relay.clock.advance(HOUR_MS - 1);
  const after = relay.request(['r1', 'r2'], 'key');
  await settled();
  expect(after.outcome).toEqual({ records: 0, repeat: true });
  expect(relay.texts).toEqual(['r1', 'r2']);

  const restarted = new Accepting();
  restarted.journal.keys.push('key');
  await restarted.acceptor.open();
  const again = restarted.request(['r1'], 'key');
  await settled();
  expect(again.outcome).toEqual({ records: 0, repeat: true });
  await restarted.clock.advance(2 * HOUR_MS);
  restarted.request(['r1'], 'key');
  await settled();
  expect(restarted.texts).toEqual(['r1']);
});

test('a request of no records is answered at once and its key not remembered', async () => {
  const relay = new Accepting();
  const empty = relay.request([], 'key');
  await settled();
  expect(empty.outcome).toEqual({ records: 0, repeat: false });
  relay.request(['r1'], 'key');
  await settled();
  expect(relay.texts).toEqual(['r1']);
});

test('more in flight than may be makes inputs wait until there is room', async () => {
  const relay = new Accepting({ inFlightBytesMax: 100_000 });
  relay.journal.byHand = true;
  for (let n = 0; n < 3; n++) relay.write(`r${n + 1}`, dataset, 40_000);
  relay.write('r4', dataset, 40_000);
  expect(relay.acceptor.congested).toBe(true);
  const turnedAway = relay.request(['r5']);
  let relieved = false;
  void relay.acceptor.relieved().then(() => (relieved = true));
  await settled();
  expect(turnedAway.outcome).toMatchObject({ code: 'JOURNAL_FULL' });
  expect(relieved).toBe(false);
  relay.journal.commit();
  await settled();

  expect(relieved).toBe(true);
  await expect(relay.acceptor.relieved()).resolves.toBeUndefined();
});

test('inputs that give no answer wait while requests are still taken', async () => {
  const relay = new Accepting({ inFlightBytesMax: 16 * 1_048_576 });
  relay.journal.byHand = true;
  for (let n = 0; n < 220; n++) relay.write(`r${n + 1}`, dataset, 40_000);
  expect(relay.acceptor.congested).toBe(true);
  const request = relay.request(['last']);
  while (relay.journal.appending.length > 0) {
    relay.journal.commit();
    await settled();
  }

  expect(request.outcome).toEqual({ records: 1, repeat: false });
  expect(relay.acceptor.congested).toBe(false);
});

test('records without a sender that waits are committed after a flush', async () => {
  const relay = new Accepting();
  for (const text of numbered(1, 5)) {
    relay.write(text);
    relay.acceptor.flush();
  }
  await settled();
  expect(relay.journal.committed).toEqual([{ firstSeq: 1, records: 5 }]);
});

test('a writer that fails neither leaves half a record nor stops those who come after it', async () => {
  const relay = new Accepting();
  const failed = relay.acceptor.accept(
    () => {
      relay.write('r1');
      relay.acceptor.recorder.open(dataset, 10).raw(fragment('},"message":"half'));
      throw new Error('a mistake of ours');
    },
    'key',
    () => {},
  );
  await expect(failed).rejects.toThrow('a mistake of ours');
  const next = relay.request(['r2'], 'key');
  await settled();

  expect(next.outcome).toEqual({ records: 1, repeat: false });
  expect(relay.texts).toEqual(['r1', 'r2']);
});

test('a note is a record in the stream', async () => {
  const relay = new Accepting();
  relay.acceptor.note(dataset, 'a "gap"', { spillway: { gap: { records: 7, first_seq: 1, reason: 'quota' } } });
  await settled();

  expect(relay.journal.lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { message: 'a "gap"', spillway: { gap: { records: 7, reason: 'quota' } }, event: { dataset: 'syslog' } },
  ]);
});

test('what the relay makes is committed with its changes, also where there is nothing but changes', async () => {
  const accepting = new Accepting();
  const { acceptor, journal } = accepting;
  journal.byHand = true;
  let told = 0;
  const derive = (texts: readonly string[], changes: object): void =>
    void acceptor
      .derive((_, firstSeq) => {
        expect(firstSeq).toBe(journal.nextSeq);
        for (const text of texts) accepting.write(text);
        return changes;
      })
      .then(() => told++);
  const changed = (): unknown[] => journal.appending.flatMap(({ batch }) => batch.changes);
  const [first, second] = [{ n: 1 }, { n: 2 }];

  derive(['a'], first);
  await settled();
  expect(changed()).toEqual([first]);
  expect(told).toBe(0);
  journal.commit();
  await settled();
  expect(told).toBe(1);

  // One that comes while a commit is under way is not forgotten, though it has no records.
  accepting.request(['b']);
  await settled();
  void acceptor.derive(() => second).then(() => told++);
  await settled();
  journal.commit();
  await settled();
  expect(changed()).toEqual([second]);
  journal.commit();
  await settled();
  expect(told).toBe(2);
  expect(accepting.texts).toEqual(['a', 'b']);
});

test('draining commits what was recorded, and says what could not be', async () => {
  const relay = new Accepting();
  relay.write('r1');
  expect(await relay.acceptor.drain(1_000)).toBe(0);
  expect(relay.texts).toEqual(['r1']);
  expect(relay.clock.intervalsMs).toEqual([]);

  const stuck = new Accepting();
  stuck.journal.byHand = true;
  stuck.write('r1');
  stuck.write('r2');
  let left: number | undefined;
  void stuck.acceptor.drain(1_000).then((records) => (left = records));
  await stuck.clock.advance(1_000);
  expect(left).toBe(2);
});

test('an acceptor with nothing to do has no timer faster than a second', async () => {
  const relay = new Accepting();
  relay.request(['r1']);
  await relay.clock.advance(60_000);
  expect(Math.min(...relay.clock.intervalsMs)).toBeGreaterThanOrEqual(1_000);
});

const step = fc.record({
  do: fc.constantFrom('request', 'request', 'record', 'derive', 'commit', 'commit_one', 'refuse', 'wait', 'turn'),
  count: fc.integer({ min: 1, max: 12 }),
  padding: fc.constantFrom(0, 0, 3_000, 30_000),
  keyed: fc.boolean(),
});

// Goal: each accepted record is committed exactly once and in order, whatever the journal does. Method: random requests, loose records,
// commits and refusals; in the end the journal works, and holds what was written and nothing else.
test('every record is committed once and in order, and no request is answered before', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const relay = new Accepting({ inFlightBytesMax: 400_000 });
      relay.journal.byHand = true;
      const written: string[] = [];
      const requests: { readonly request: { outcome: unknown }; readonly texts: readonly string[] }[] = [];
      let keys = 0;
      let derived: { outcome: unknown } = { outcome: 'done' };
      const checkAnswers = (): void => {
        const durable = new Set(relay.texts);
        for (const { request, texts } of requests)
          if (typeof request.outcome === 'object' && !(request.outcome instanceof Error))
            expect(texts.every((text) => durable.has(text))).toBe(true);
      };
      for (const { do: what, count, padding, keyed } of steps) {
        const texts = numbered(written.length + 1, count);
        if (what === 'request') {
          const open = !relay.acceptor.congested;
          const request = relay.request(texts, keyed ? `key ${keys++}` : undefined, padding);
          if (open) {
            written.push(...texts);
            requests.push({ request, texts });
          }
        } else if (what === 'derive') {
          if (derived.outcome !== 'done') continue;
          derived = relay.derive(texts);
          written.push(...texts);
        } else if (what === 'record') {
          for (const text of texts) relay.write(text, count % 2 === 0 ? dataset : transient, padding);
          written.push(...texts);
          relay.acceptor.flush();
        } else if (what === 'commit') relay.journal.commit();
        else if (what === 'commit_one') relay.journal.commit(1);
        else if (what === 'refuse') relay.journal.refuse();
        else if (what === 'wait') await relay.clock.advance(500);
        else await settled();
        checkAnswers();
      }
      relay.journal.byHand = false;
      relay.journal.commit();
      await relay.clock.advance(2_000);

      expect(derived.outcome).toBe('done');
      expect(relay.texts).toEqual(written);
      expect(relay.acceptor.recordsInFlight).toBe(0);
      expect(relay.acceptor.congested).toBe(false);
      for (const { request, texts } of requests)
        expect(request.outcome).toEqual({ records: texts.length, repeat: false });
      expect(relay.journal.keys).toHaveLength(new Set(relay.journal.keys).size);
    }),
    { numRuns: 200 },
  );
});
