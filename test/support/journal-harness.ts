import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JournalEvents, JournalLimits } from '../../relay/journal/journal.ts';
import { SqliteJournal } from '../../relay/journal/sqlite/client.ts';
import type { Batch, BuiltBatch } from '../../relay/record/batch.ts';
import { Slab } from '../../relay/record/slab.ts';

const LIMITS: JournalLimits = { bytesMax: 0, freeBytesMin: 0, whenFull: 'block' };

/** A journal in a folder of its own, which can be closed and opened again. */
export class JournalHarness implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'spillway-journal-'));
  readonly events = {
    salvaged: [] as Parameters<JournalEvents['salvaged']>[0][],
    damaged: [] as Parameters<JournalEvents['damaged']>[0][],
    reclaimed: [] as Parameters<JournalEvents['reclaimed']>[0][],
    full: [] as boolean[],
    inconsistent: [] as string[],
    failed: [] as unknown[],
  };
  journal!: SqliteJournal;
  limits = LIMITS;

  static async open(limits: Partial<JournalLimits> = {}): Promise<JournalHarness> {
    const harness = new JournalHarness();
    harness.limits = { ...LIMITS, ...limits };
    await harness.reopen();
    return harness;
  }

  async reopen(): Promise<void> {
    await this.journal?.close();
    this.journal = await SqliteJournal.open(
      {
        directory: this.directory,
        sync: 'full',
        compressionLevel: 1,
        limits: this.limits,
        receiptsWindowMs: 3_600_000,
      },
      {
        salvaged: (report) => this.events.salvaged.push(report),
        damaged: (range) => this.events.damaged.push(range),
        reclaimed: (range) => this.events.reclaimed.push(range),
        full: (full) => this.events.full.push(full),
        inconsistent: (endpoint, detail) => this.events.inconsistent.push(`${endpoint}: ${detail}`),
        failed: (error) => this.events.failed.push(error),
      },
    );
  }

  /** Appends records with the given texts, as one batch. */
  append(texts: readonly string[], options: Partial<BuiltBatch> = {}): Promise<void> {
    return this.journal.append(builtBatch(this.#nextSeq(texts.length), texts, options));
  }

  #reserved = 0;
  #nextSeq(records: number): number {
    const firstSeq = Math.max(this.journal.nextSeq, this.#reserved);
    this.#reserved = firstSeq + records;
    return firstSeq;
  }

  /** After a refused append the next one takes its place again. */
  forgetReserved(): void {
    this.#reserved = 0;
  }

  /** The texts of everything from a place on. */
  async texts(fromSeq = 1): Promise<string[]> {
    const texts: string[] = [];
    for (let seq = fromSeq; ;) {
      const batch = await this.journal.read(seq);
      if (batch === undefined) return texts;
      texts.push(...textsOf(batch).slice(Math.max(0, seq - batch.firstSeq)));
      seq = batch.firstSeq + batch.records;
      batch.release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.journal.close();
    rmSync(this.directory, { recursive: true });
  }
}

export function builtBatch(firstSeq: number, texts: readonly string[], options: Partial<BuiltBatch> = {}): BuiltBatch {
  const lines = Buffer.from(texts.map((text) => `{"message":${JSON.stringify(text)}}\n`).join(''));
  const slab = new Slab(Math.max(1, lines.length));
  lines.copy(slab.bytes);
  const nowMs = Date.now();
  return {
    firstSeq,
    records: texts.length,
    slab,
    bytes: lines.length,
    receivedFirstMs: nowMs,
    receivedLastMs: nowMs,
    eventFirstMs: nowMs,
    eventLastMs: nowMs,
    datasets: { syslog: texts.length },
    streams: ['host:a'],
    streamsCut: false,
    transient: false,
    receipts: [],
    changes: [],
    continues: false,
    ...options,
  };
}

export function textsOf(batch: Batch): string[] {
  return batch.lines
    .toString()
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { message: string }).message);
}
