import type { BuiltBatch } from '../../record/batch.ts';
import type { RunChanges } from '../runs.ts';
import type { WireBatch } from './messages.ts';

/** Slabs that the writer remembers. It does so for ever, so they must not become many. */
const KNOWN_SLABS_MAX = 128;

/** Batches on their way to the writer. Shared memory costs the receiving thread each time it is sent, so a slab of the pool is sent once. */
export class WireBatches {
  readonly #known = new Set<number>();

  of(batch: BuiltBatch): WireBatch {
    return {
      ...this.#memoryOf(batch),
      firstSeq: batch.firstSeq,
      records: batch.records,
      bytes: batch.bytes,
      receivedFirstMs: batch.receivedFirstMs,
      receivedLastMs: batch.receivedLastMs,
      eventFirstMs: batch.eventFirstMs,
      eventLastMs: batch.eventLastMs,
      datasets: batch.datasets,
      streams: batch.streams,
      streamsCut: batch.streamsCut,
      transient: batch.transient,
      receipts: batch.receipts.map((receipt) => receipt.key),
      // Whoever made them typed them; a batch only carries them here.
      changes: batch.changes as readonly RunChanges[],
      continues: batch.continues,
    };
  }

  #memoryOf({ slab }: BuiltBatch): Pick<WireBatch, 'shared' | 'slabId'> {
    if (slab.id !== undefined && this.#known.has(slab.id)) return { shared: undefined, slabId: slab.id };
    if (slab.id === undefined || this.#known.size >= KNOWN_SLABS_MAX) return { shared: slab.shared, slabId: undefined };
    this.#known.add(slab.id);
    return { shared: slab.shared, slabId: slab.id };
  }
}
