import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { systemClock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import type { JournalLimits } from '../../relay/journal/journal.ts';
import { JOURNAL_FILE, openForReading } from '../../relay/journal/sqlite/database.ts';
import type { FromWriter, HeldBatch, WireRead } from '../../relay/journal/sqlite/messages.ts';
import { Reader } from '../../relay/journal/sqlite/reader.ts';
import { verifyChain, type Verification } from '../../relay/journal/sqlite/verify.ts';
import { Writer } from '../../relay/journal/sqlite/writer.ts';

const LIMITS: JournalLimits = { bytesMax: 0, freeBytesMin: 0, whenFull: 'block' };

/** The journal's writer and reader without their threads: all that is done with them has been done when the call returns. */
export class JournalBench implements Disposable {
  readonly directory: string;
  readonly limits: JournalLimits;
  readonly told: FromWriter[] = [];
  readonly sync: 'full' | 'normal';
  writer: Writer;
  reader: Reader;

  constructor(limits: Partial<JournalLimits> = {}, options: { directory?: string; sync?: 'full' | 'normal' } = {}) {
    this.directory = options.directory ?? mkdtempSync(join(tmpdir(), 'spillway-journal-'));
    this.limits = { ...LIMITS, ...limits };
    this.sync = options.sync ?? 'normal';
    this.writer = this.#open();
    this.reader = new Reader(this.directory);
  }

  #open(): Writer {
    const options = { sync: this.sync, compressionLevel: 1, limits: this.limits, receiptsWindowMs: 3_600_000 };
    const world = { clock: systemClock, random: systemRandom };
    return new Writer({ directory: this.directory, ...options }, world, (message) => this.told.push(message));
  }

  /** Appends one group; true where it was committed. */
  append(...batches: HeldBatch[]): boolean {
    this.writer.append(batches);
    return this.told.findLast(({ kind }) => kind === 'committed' || kind === 'refused')?.kind === 'committed';
  }

  get nextSeq(): number {
    return this.reader.head().nextSeq;
  }

  reopen(): void {
    this.close();
    this.writer = this.#open();
    this.reader = new Reader(this.directory);
  }

  close(): void {
    this.reader.close();
    this.writer.close();
  }

  /** Reads on from a place as the main thread does, and has damage set aside on the way. */
  read(fromSeq: number): Extract<WireRead, { kind: 'batch' }>[] {
    const found: Extract<WireRead, { kind: 'batch' }>[] = [];
    for (let seq = fromSeq; seq < this.nextSeq;) {
      const items = this.reader.read(seq, this.nextSeq, 1_000_000);
      if (items.length === 0) break;
      for (const item of items) {
        if (item.kind === 'batch') {
          found.push(item);
          seq = item.firstSeq + item.records;
          continue;
        }
        const outcome = this.writer.setAsideDamage(item.firstSeq, item.records, item.reason);
        if (outcome === 'readable') throw new Error(`${item.reason} at ${item.firstSeq}, and yet it can be read`);
        if (outcome === 'salvaged') {
          this.reader.close();
          this.reader = new Reader(this.directory);
        }
        break;
      }
    }
    return found;
  }

  /** Every record from a place on, by its own place. */
  records(fromSeq = 1): Map<number, string> {
    const records = new Map<number, string>();
    for (const batch of this.read(fromSeq))
      for (const [i, text] of textsIn(batch.lines).entries())
        if (batch.firstSeq + i >= fromSeq) records.set(batch.firstSeq + i, text);
    return records;
  }

  /** A second connection that writes, as somebody does who tampers with the file. */
  openBehindItsBack(): Database.Database {
    return new Database(join(this.directory, JOURNAL_FILE));
  }

  verify(): Verification {
    const database = openForReading(this.directory);
    try {
      return verifyChain(database, () => {});
    } finally {
      database.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
    rmSync(this.directory, { recursive: true });
  }
}

export function heldBatch(firstSeq: number, texts: readonly string[], options: Partial<HeldBatch> = {}): HeldBatch {
  const lines = Buffer.from(texts.map((text) => `{"message":${JSON.stringify(text)}}\n`).join(''));
  const shared = new SharedArrayBuffer(Math.max(1, lines.length));
  lines.copy(Buffer.from(shared));
  return {
    firstSeq,
    records: texts.length,
    shared,
    slabId: undefined,
    bytes: lines.length,
    receivedFirstMs: 1_000 + firstSeq,
    receivedLastMs: 1_000 + firstSeq,
    eventFirstMs: 1_000,
    eventLastMs: 1_000,
    datasets: { syslog: texts.length },
    streams: ['host:a', `run:${firstSeq % 3}`],
    streamsCut: false,
    transient: false,
    receipts: [],
    changes: [],
    continues: false,
    ...options,
  };
}

export function textsIn(lines: Uint8Array): string[] {
  return Buffer.from(lines)
    .toString()
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { message: string }).message);
}

/** Text that does not compress, the same for the same number. */
export function noise(n: number, length: number): string {
  let state = n + 1;
  let text = '';
  while (text.length < length) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    text += state.toString(36).padStart(7, '0');
  }
  return text.slice(0, length);
}
