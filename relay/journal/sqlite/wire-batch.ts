import type { WireRead } from './messages.ts';
import type { BatchRow } from './batch-row.ts';

/** A row with how many of its places hold no record any more. */
export interface ReadRow extends BatchRow {
  readonly absent: number;
}

/** A row as a batch to be handed over. */
export function wireBatch(row: ReadRow, lines: Buffer): WireRead {
  return {
    kind: 'batch',
    firstSeq: row.first_seq,
    records: row.records,
    absent: row.absent,
    lines: ownBytes(lines),
    datasets: JSON.parse(row.datasets) as Record<string, number>,
    receivedFirstMs: row.received_first_ms,
    receivedLastMs: row.received_last_ms,
  };
}

/** Bytes that have their ArrayBuffer for themselves, so that it can be handed to another thread. */
function ownBytes(bytes: Buffer): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
    ? new Uint8Array(bytes.buffer)
    : new Uint8Array(bytes);
}

/** Small neighbouring batches on their way to become one. */
export class Joining {
  readonly #first: ReadRow;
  readonly #parts: Buffer[] = [];
  readonly #datasets: Record<string, number> = {};
  #records = 0;
  #absent = 0;
  #lastMs = 0;
  bytes = 0;

  constructor(first: ReadRow) {
    this.#first = first;
  }

  get endSeq(): number {
    return this.#first.first_seq + this.#records;
  }

  add(row: ReadRow, lines: Buffer): void {
    this.#parts.push(lines);
    this.#records += row.records;
    this.#absent += row.absent;
    this.bytes += row.line_bytes;
    this.#lastMs = row.received_last_ms;
    for (const [name, count] of Object.entries(JSON.parse(row.datasets) as Record<string, number>))
      this.#datasets[name] = (this.#datasets[name] ?? 0) + count;
  }

  finish(): WireRead {
    return {
      kind: 'batch',
      firstSeq: this.#first.first_seq,
      records: this.#records,
      absent: this.#absent,
      lines: new Uint8Array(Buffer.concat(this.#parts)),
      datasets: this.#datasets,
      receivedFirstMs: this.#first.received_first_ms,
      receivedLastMs: this.#lastMs,
    };
  }
}
