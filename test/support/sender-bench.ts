import { BatchBuilder } from '../../relay/record/batch-builder.ts';
import { eventIdPrefix } from '../../relay/record/event-id.ts';
import type { Flag } from '../../relay/record/recorder.ts';
import { SenderRecordWriter, type SenderRecordOptions } from '../../relay/record/sender-record.ts';
import { SlabPool } from '../../relay/record/slab.ts';
import type { ParsedRecord } from './input-harness.ts';

export const RECEIVED = '2026-11-22T05:20:10.123Z';

/** A `SenderRecordWriter` over a real batch builder; what it wrote can be read back. The receive time is `RECEIVED`. */
export class SenderBench {
  readonly writer: SenderRecordWriter;
  readonly streams: string[] = [];
  readonly flags: Flag[] = [];
  readonly #lines: string[] = [];
  readonly #builder: BatchBuilder;

  constructor({ slabBytes = 1 << 20, ...changes }: Partial<SenderRecordOptions> & { slabBytes?: number } = {}) {
    this.#builder = new BatchBuilder({
      pool: new SlabPool({ slabBytes, idleMax: 2 }),
      idPrefix: eventIdPrefix('testnd', 1),
      firstSeq: 1,
      bytesMax: 512 * 1024,
      nowMs: () => Date.parse(RECEIVED),
      onSealed: (batch) => {
        this.#lines.push(...batch.slab.bytes.toString('utf8', 0, batch.bytes).split('\n').slice(0, -1));
        this.streams.push(...batch.streams);
        batch.slab.release();
      },
    });
    this.writer = new SenderRecordWriter({
      recorder: this.#builder,
      input: 'web',
      dataset: { name: 'generic', stored: true },
      datasetOf: (name) => ({ name, stored: true }),
      flagged: (flag) => this.flags.push(flag),
      keepOriginal: false,
      recordBytesMax: 1 << 20,
      ...changes,
    });
  }

  /** The lines since the last call. */
  lines(): string[] {
    this.#builder.seal();
    return this.#lines.splice(0);
  }

  /** The same, parsed. Throws where a line is not valid JSON. */
  records(): ParsedRecord[] {
    return this.lines().map((line) => JSON.parse(line) as ParsedRecord);
  }
}
