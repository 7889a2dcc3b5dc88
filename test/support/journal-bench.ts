import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'vitest';
import { systemClock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import type { JournalLimits } from '../../relay/journal/journal.ts';
import { JOURNAL_FILE, openForReading } from '../../relay/journal/sqlite/database.ts';
import type { FromWriter, HeldBatch, WireRead } from '../../relay/journal/sqlite/messages.ts';
import { Reader } from '../../relay/journal/sqlite/reader.ts';
import type { PurgeRun, PurgeStart } from '../../relay/journal/retention-store.ts';
import type { PurgeDeskCalls } from '../../relay/journal/sqlite/purge/purge-desk.ts';
import { Purger } from '../../relay/journal/sqlite/purge/purger.ts';
import { verifyChain, type Verification, type Witnesses } from '../../relay/journal/sqlite/verify.ts';
import { Writer } from '../../relay/journal/sqlite/writer.ts';

const LIMITS: JournalLimits = { bytesMax: 0, freeBytesMin: 0, whenFull: 'block' };

export interface JournalBenchOptions {
  readonly directory?: string;
  readonly sync?: 'full' | 'normal';
  /** Shown the writer's connection before it is used. */
  readonly opened?: (database: Database.Database) => void;
}

/** The journal's writer and reader without their threads: all that is done with them has been done when the call returns. */
export class JournalBench implements Disposable {
  readonly directory: string;
  readonly limits: JournalLimits;
  readonly told: FromWriter[] = [];
  readonly sync: 'full' | 'normal';
  readonly #opened: ((database: Database.Database) => void) | undefined;
  writer: Writer;
  reader: Reader;

  constructor(limits: Partial<JournalLimits> = {}, options: JournalBenchOptions = {}) {
    this.directory = options.directory ?? mkdtempSync(join(tmpdir(), 'spillway-journal-'));
    this.limits = { ...LIMITS, ...limits };
    this.sync = options.sync ?? 'normal';
    this.#opened = options.opened;
    this.writer = this.#open();
    this.reader = new Reader(this.directory);
  }

  #open(): Writer {
    const options = { sync: this.sync, compressionLevel: 1, limits: this.limits, receiptsWindowMs: 3_600_000 };
    const world = {
      clock: systemClock,
      random: systemRandom,
      opened: (database: Database.Database) => this.#opened?.(database),
    };
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
        if (text !== undefined && batch.firstSeq + i >= fromSeq) records.set(batch.firstSeq + i, text);
    return records;
  }

  /** A second connection that writes, as somebody does who tampers with the file. */
  openBehindItsBack(): Database.Database {
    return new Database(join(this.directory, JOURNAL_FILE));
  }

  /** Runs a purge to its end, in steps of so many batches; with `steps`, no more than so many of them. Returns how it stands then. */
  purge(start: Partial<PurgeStart> = {}, { batches = 2, steps = Number.POSITIVE_INFINITY } = {}): PurgeRun {
    const run = this.ask('begin', {
      dryRun: false,
      cause: 'manual',
      who: 'tester',
      rules: [],
      parameters: {},
      ...start,
    });
    return this.carryOn(run, { batches, steps });
  }

  carryOn(run: PurgeRun, { batches = 2, steps = Number.POSITIVE_INFINITY } = {}): PurgeRun {
    const purger = new Purger({ directory: this.directory, compressionLevel: 1 }, systemClock);
    try {
      for (let now = run, n = 0; n < steps; n++) {
        const step = purger.scan(now.plan, now.position, { batchesMax: batches, lookMs: 1_000 });
        const applied = this.ask('apply', now.id, step);
        expect(applied.outcome).toBe('applied');
        now = applied.run;
        if (step.done) return this.ask('end', now.id, 'done', undefined);
      }
      return this.ask('run', run.id)!;
    } finally {
      purger.close();
    }
  }

  /** One of retention's calls. */
  ask<Name extends keyof PurgeDeskCalls>(
    method: Name,
    ...args: Parameters<PurgeDeskCalls[Name]>
  ): ReturnType<PurgeDeskCalls[Name]> {
    return this.writer.retention(method, args).value;
  }

  verify(witnesses: Witnesses = {}): Verification {
    const database = openForReading(this.directory);
    try {
      return verifyChain(database, () => {}, witnesses);
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
  const lines = Buffer.from(
    texts
      .map((text, i) => {
        const operation = (firstSeq + i) % 2 === 0 ? 'even' : 'odd';
        return `{"message":${JSON.stringify(text)},"harbor":{"operation":"${operation}"}}\n`;
      })
      .join(''),
  );
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

/** The text of each place; undefined where its record was purged. */
export function textsIn(lines: Uint8Array): (string | undefined)[] {
  return Buffer.from(lines)
    .toString()
    .split('\n')
    .slice(0, -1)
    .map((line) => (line === '' ? undefined : (JSON.parse(line) as { message: string }).message));
}

/** A batch of Harbor's records: an operation each. `receivedMs` is when all of it was received. */
export function harborBatch(firstSeq: number, operations: readonly string[], receivedMs = 1_000): HeldBatch {
  const lines = operations.map((operation, i) => {
    const created = new Date(receivedMs).toISOString();
    const id = `testnd-0000001-${String(firstSeq + i).padStart(9, '0')}`;
    const event = { id, created, dataset: 'harbor.audit', action: operation };
    const rest = { harbor: { operation, repository: 'team/web', project: 'team' }, host: { name: 'core-1' } };
    return `${JSON.stringify({ event, '@timestamp': created, message: `${operation} ${firstSeq + i}`, ...rest })}\n`;
  });
  const bytes = Buffer.from(lines.join(''));
  const shared = new SharedArrayBuffer(bytes.length);
  bytes.copy(Buffer.from(shared));
  return heldBatch(firstSeq, [''], {
    records: operations.length,
    shared,
    bytes: bytes.length,
    receivedFirstMs: receivedMs,
    receivedLastMs: receivedMs,
    eventFirstMs: receivedMs,
    eventLastMs: receivedMs,
    datasets: { 'harbor.audit': operations.length },
    streams: ['host:core-1'],
  });
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
