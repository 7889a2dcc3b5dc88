import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../relay/io/clock.ts';
import { describeDrain, drain, type Drained } from '../../relay/keeper/drain.ts';
import { undeliveredRecords, waitingChunks } from '../../relay/keeper/fluent-bit.ts';
import { FluentBitStandIn } from '../support/fluent-bit-stand-in.ts';

/** Twenty times as fast, but for how long an answer may take: this machine may have other things to do. */
const clock: Clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * 20,
  after: (delayMs, callback) => systemClock.after(delayMs < 2_000 ? delayMs / 20 : delayMs, callback),
};

const nothing = { files: 0, bytes: 0 };

function run(
  fluentBit: FluentBitStandIn,
  look: () => typeof nothing = () => nothing,
  timeoutMs = 600_000,
): Promise<Drained> {
  return drain({
    clock,
    timeoutMs,
    fluentBit: fluentBit.url,
    quietMs: 0,
    look: async () => ({ left: look(), keptBytes: 0 }),
  });
}

test('it is over when everything was read and as much was sent', async () => {
  await using fluentBit = await FluentBitStandIn.start();
  Object.assign(fluentBit.records, { read: 100, sent: 95, dropped: 2, filteredOut: 3 });

  const drained = await run(fluentBit);

  expect(drained).toMatchObject({ delivered: true, undelivered: 0 });
  // What Fluent Bit says is up to a second old.
  expect(drained.waitedMs).toBeGreaterThanOrEqual(1_500);
  expect(describeDrain(drained)).toMatch(/^everything that was kept is delivered, after \d+\.\d s$/);
});

test('what is read later is waited for', async () => {
  await using fluentBit = await FluentBitStandIn.start();
  let looks = 0;

  const drained = await run(fluentBit, () => (++looks < 10 ? { files: 1, bytes: 10 } : nothing));

  expect(drained.delivered).toBe(true);
  expect(looks).toBeGreaterThan(10);
});

test('with a quiet time it is not over while something comes, though it is read at once', async () => {
  await using fluentBit = await FluentBitStandIn.start();
  let keptBytes = 0;
  let grewMs = 0;

  const drained = await drain({
    clock,
    timeoutMs: 600_000,
    fluentBit: fluentBit.url,
    quietMs: 4_000,
    look: async () => {
      if (keptBytes === 20) return { left: nothing, keptBytes };
      grewMs = clock.monotonicMs();
      return { left: nothing, keptBytes: ++keptBytes };
    },
  });

  expect(drained.delivered).toBe(true);
  expect(clock.monotonicMs() - grewMs).toBeGreaterThanOrEqual(4_000);
});

test('what is not sent when the time is up is told', async () => {
  await using fluentBit = await FluentBitStandIn.start();
  Object.assign(fluentBit.records, { read: 100, sent: 60, backlog: 5 });
  fluentBit.chunks = 2;

  const drained = await run(fluentBit, undefined, 10_000);

  expect(drained).toMatchObject({ delivered: false, undelivered: 45, left: nothing });
  expect(drained.waitedMs).toBeGreaterThanOrEqual(10_000);
  expect(describeDrain(drained)).toMatch(/^NOT DELIVERED after \d+\.\d s: 45 records were read and not sent$/);
});

test('what is not read when the time is up is told', async () => {
  await using fluentBit = await FluentBitStandIn.start();

  const drained = await run(fluentBit, () => ({ files: 3, bytes: 4_000 }), 1_000);

  expect(drained).toMatchObject({ delivered: false, left: { files: 3, bytes: 4_000 } });
  expect(describeDrain(drained)).toMatch(/: 4000 bytes in 3 files were not read by Fluent Bit$/);
});

test('where the outputs do not all get everything, it is over when no chunk is left', async () => {
  await using fluentBit = await FluentBitStandIn.start();
  Object.assign(fluentBit.records, { read: 100, sent: 60 });

  const drained = await run(fluentBit);

  expect(drained).toMatchObject({ delivered: true, undelivered: 40 });
  expect(drained.waitedMs).toBeGreaterThanOrEqual(6_000);
});

test('a Fluent Bit that has just begun is not believed: it may not have counted what is on the disk', async () => {
  await using fluentBit = await FluentBitStandIn.start();
  fluentBit.hasStorage = false;

  expect(await run(fluentBit, undefined, 4_000)).toMatchObject({ delivered: false, undelivered: 0 });
});

test('a Fluent Bit that does not answer is said to be unknown', async () => {
  const fluentBit = await FluentBitStandIn.start();
  await fluentBit[Symbol.asyncDispose]();

  const drained = await run(fluentBit, undefined, 1_000);

  expect(drained).toMatchObject({ delivered: false, undelivered: undefined });
  expect(describeDrain(drained)).toMatch(/whether Fluent Bit has sent what it read is not known: .*ECONNREFUSED/);
});

test('neither is one that answers with an error, or never', async () => {
  await using fluentBit = await FluentBitStandIn.start();
  fluentBit.failure = 500;
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;

  const failing = await run(fluentBit, undefined, 1_000);
  const mute = await drain({
    clock,
    timeoutMs: 1_000,
    fluentBit: new URL(`http://127.0.0.1:${port}`),
    quietMs: 0,
    look: async () => ({ left: nothing, keptBytes: 0 }),
  });

  expect(failing.problem).toContain('answered 500');
  expect(mute.problem).toContain('did not answer');
  silent.close();
});

test.each([undefined, null, [], 'text', {}, { input: {}, output: {} }, { input: 1, output: { a: 1 } }])(
  'an answer of another form tells nothing: %j',
  (answer) => {
    expect(undeliveredRecords(answer)).toBeUndefined();
    expect(waitingChunks(answer)).toBeUndefined();
  },
);

test('the slowest output counts', () => {
  const metrics = {
    input: { a: { records: 10 }, b: { records: 5 } },
    filter: {},
    output: { fast: { proc_records: 15 }, slow: { proc_records: 3, dropped_records: 1 } },
  };

  expect(undeliveredRecords(metrics)).toBe(11);
});
