import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../relay/io/clock.ts';
import { BATCH_COLUMNS, columnValues, type BatchRow } from '../../relay/journal/sqlite/batch-row.ts';
import { contentHash } from '../../relay/journal/sqlite/chain.ts';
import { Indexer } from '../../relay/query/indexer.ts';
import type { SearchRequest, SearchStep } from '../../relay/query/request.ts';
import { SearchRun } from '../../relay/query/search-run.ts';
import { eventIdPrefix, writeSequence } from '../../relay/record/event-id.ts';
import { JournalBench, heldBatch } from './journal-bench.ts';

export interface PlainRecord {
  readonly dataset?: string;
  /** Milliseconds since 1970. */
  readonly timeMs?: number;
  readonly receivedMs?: number;
  readonly fields?: object;
}

export const START_MS = Date.parse('2026-11-22T05:00:00Z');

/** A journal whose records are whole ones, to be searched. */
export class SearchBench implements Disposable {
  readonly journal: JournalBench;
  readonly lines = new Map<number, string>();
  #nextSeq = 1;

  constructor(directory = mkdtempSync(join(tmpdir(), 'spillway-search-'))) {
    this.journal = new JournalBench({}, { directory });
  }

  get directory(): string {
    return this.journal.directory;
  }

  /** Appends one batch. */
  append(records: readonly PlainRecord[], streams: readonly string[] = []): void {
    const firstSeq = this.#nextSeq;
    const datasets: Record<string, number> = {};
    const lines = records.map((record, index) => {
      const { dataset = 'syslog' } = record;
      datasets[dataset] = (datasets[dataset] ?? 0) + 1;
      const line = recordLine(firstSeq + index, record);
      this.lines.set(firstSeq + index, line);
      return `${line}\n`;
    });
    this.#nextSeq += records.length;
    const bytes = Buffer.from(lines.join(''));
    const shared = new SharedArrayBuffer(bytes.length);
    bytes.copy(Buffer.from(shared));
    const times = records.map(({ timeMs = START_MS }) => timeMs);
    const received = records.map(({ receivedMs = START_MS }) => receivedMs);
    const batch = {
      ...heldBatch(firstSeq, []),
      records: records.length,
      shared,
      bytes: bytes.length,
      datasets,
      streams,
      eventFirstMs: Math.min(...times),
      eventLastMs: Math.max(...times),
      receivedFirstMs: Math.min(...received),
      receivedLastMs: Math.max(...received),
    };
    if (!this.journal.append(batch)) throw new Error('the batch was refused');
  }

  /** Puts other lines in the place of those of the only batch there is, as no input would write them. */
  rewrite(change: (line: string, index: number) => string): void {
    const lines = [...this.lines.values()].map((line, index) => `${change(line, index)}\n`).join('');
    const database = this.journal.openBehindItsBack();
    const row = database.prepare('SELECT * FROM batch').get() as BatchRow;
    const payload = Buffer.from(lines);
    const written = {
      ...row,
      line_bytes: payload.length,
      payload_bytes: payload.length,
      encoding: 'plain',
      payload_hash: contentHash(payload),
    };
    database
      .prepare(`INSERT OR REPLACE INTO batch (${BATCH_COLUMNS}) VALUES (${BATCH_COLUMNS.replaceAll(/\w+/g, '?')})`)
      .run(...columnValues(written, payload));
    database.close();
  }

  /** Has the writer merge its small batches. */
  merge(): void {
    this.journal.reopen();
  }

  /** Brings the index of searches up to date, small batches too. */
  index(): void {
    const indexer = new Indexer(
      { directory: this.directory, freeBytesMin: 0, indexBytesMax: 1e9, batchBytesMin: 1 },
      systemClock,
    );
    while (indexer.step(1_000));
  }

  /** The places of what is found, in the order in which it is. */
  places(request: Partial<SearchRequest> = {}): number[] {
    return this.steps(request).flatMap(({ found }) => found.map(({ seq }) => seq));
  }

  run(request: Partial<SearchRequest> = {}): SearchRun {
    return new SearchRun(
      this.directory,
      { query: '', order: 'oldest', recordsMax: 1_000_000, ...request },
      systemClock,
    );
  }

  steps(request: Partial<SearchRequest> = {}): SearchStep[] {
    using run = this.run(request);
    const steps: SearchStep[] = [];
    do steps.push(run.step(1_000));
    while (steps.at(-1)!.ending === undefined);
    return steps;
  }

  [Symbol.dispose](): void {
    this.journal.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A line as inputs write it. */
export function recordLine(
  seq: number,
  { dataset = 'syslog', timeMs = START_MS, receivedMs = START_MS, fields = {} }: PlainRecord,
): string {
  const sequence = Buffer.alloc(9);
  writeSequence(sequence, 0, seq);
  const event = {
    id: `${eventIdPrefix('abcdef', 1)}${sequence.toString('latin1')}`,
    created: new Date(receivedMs).toISOString(),
    dataset,
  };
  const line = JSON.stringify({ event, '@timestamp': new Date(timeMs).toISOString(), ...fields });
  // As the relay writes lines.
  return line.replaceAll(/[\u0085\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
