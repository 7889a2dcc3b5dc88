import { expect, test } from 'vitest';
import { Acceptor } from '../../relay/accept/acceptor.ts';
import { systemClock } from '../../relay/io/clock.ts';
import { fragment, sourceOf } from '../../relay/record/line-writer.ts';
import { JournalHarness } from '../support/journal-harness.ts';

const BATCH_BYTES_MAX = 4_096;

async function open(): Promise<{ acceptor: Acceptor; harness: JournalHarness } & AsyncDisposable> {
  const harness = await JournalHarness.open();
  const acceptor = new Acceptor({
    journal: harness.journal,
    clock: systemClock,
    batchBytesMax: BATCH_BYTES_MAX,
    inFlightBytesMax: 1 << 20,
    commitDelayMsMax: 2,
    receiptsWindowMs: 60_000,
    patienceMs: 5_000,
  });
  await acceptor.open();
  return {
    acceptor,
    harness,
    async [Symbol.asyncDispose]() {
      await acceptor.drain(1_000);
      await harness[Symbol.asyncDispose]();
    },
  };
}

/** Writes records whose text is so long. */
function writing(acceptor: Acceptor, count: number, textBytes: number): () => number {
  const text = sourceOf(Buffer.alloc(textBytes, 'x'));
  return () => {
    for (let i = 0; i < count; i++) {
      const writer = acceptor.recorder.open({ name: 'test', stored: true }, textBytes);
      writer.raw(fragment('},"message":"'));
      writer.text(text, 0, textBytes);
      writer.byte(0x22);
      acceptor.recorder.close(acceptor.recorder.nowMs);
    }
    return count;
  };
}

// The journal commits a request that takes several batches in one piece, so it waits for the last of them: all must reach it though no
// other request follows.
test.each([
  ['ends within a batch', 205, 100],
  ['ends with a batch that is full', 3, BATCH_BYTES_MAX],
])('a request of several batches that %s is durable by itself', async (_name, count, textBytes) => {
  await using opened = await open();
  const { acceptor, harness } = opened;

  for (const key of ['key', undefined, undefined])
    expect(await acceptor.accept(writing(acceptor, count, textBytes), key, () => {})).toEqual({
      records: count,
      repeat: false,
    });

  expect(await harness.texts()).toHaveLength(3 * count);
  expect(
    await acceptor.accept(
      () => expect.unreachable(),
      'key',
      () => {},
    ),
  ).toMatchObject({ repeat: true });
});
