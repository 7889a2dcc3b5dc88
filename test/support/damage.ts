import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Reader } from '../../relay/journal/sqlite/reader.ts';
import { balance } from '../../relay/cli/doctor.ts';
import type { HeldBatch } from '../../relay/journal/sqlite/messages.ts';
import { heldBatch, JournalBench, noise } from './journal-bench.ts';
import { temporaryFolder } from './temporary-folder.ts';

const RECORDS = 60;

/** A folder with a journal of small and large batches, closed; or as a crash leaves it, with its write-ahead log. */
export function sample(options: { leaveWal?: boolean } = {}): ReturnType<typeof temporaryFolder> {
  const folder = temporaryFolder();
  const bench = new JournalBench();
  bench.writer.openCursor('siem', 'first');
  let seq = 1;
  while (seq <= RECORDS) {
    const batch = sample.batch(seq);
    bench.append(batch);
    seq += batch.records;
  }
  bench.writer.advance('siem', { fromSeq: 1, toSeq: 5, delivered: 4, filtered: 0, refused: [] });
  bench.writer.settle();
  if (options.leaveWal === true) cpSync(bench.directory, folder.path, { recursive: true });
  bench.close();
  if (options.leaveWal !== true) cpSync(bench.directory, folder.path, { recursive: true });
  rmSync(bench.directory, { recursive: true });
  return folder;
}

sample.records = RECORDS;
sample.batch = (seq: number): HeldBatch =>
  seq % 4 === 0 ? heldBatch(seq, [`r${seq} ${noise(seq, 70_000)}`]) : heldBatch(seq, [`r${seq} ${noise(seq, 40)}`]);

export interface Damage {
  readonly file: 'journal.db' | 'journal.db-wal';
  readonly page: number;
  readonly how: 'flip' | 'zero' | 'cut';
}

/**
 * Damages a copy of the journal, starts on it and reads everything. Throws where a record is neither read as it was written nor counted,
 * where something altered is read, or where nothing tells of the damage though something is gone.
 */
export function damagedCopy(original: string, damage: Damage): void {
  const directory = mkdtempSync(join(tmpdir(), 'spillway-damage-'));
  try {
    cpSync(original, directory, { recursive: true });
    spoil(join(directory, damage.file), damage);
    const bench = new JournalBench({}, { directory });
    try {
      examine(bench, damage);
    } finally {
      bench.close();
    }
  } catch (cause) {
    throw new Error(`${damage.file}, page ${damage.page}, ${damage.how}`, { cause });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function examine(bench: JournalBench, damage: Damage): void {
  const found = bench.records();
  for (const [seq, text] of found)
    if (!text.startsWith(`r${seq} `)) throw new Error(`record ${seq} was altered: ${text.slice(0, 40)}`);
  try {
    bench.reader.cursors();
  } catch {
    // As the main thread does where the reader meets damage.
    bench.writer.repair();
    bench.reader.close();
    bench.reader = new Reader(bench.directory);
  }
  const { salvage, missing } = bench.writer.ready;
  const told = salvage !== undefined || missing !== undefined || bench.told.some(({ kind }) => kind === 'salvaged');
  const stats = bench.reader.stats();
  const lost = RECORDS - found.size;
  if (lost > 0 && !told && stats.damagedRecords < lost)
    throw new Error(`${lost} records are gone, ${stats.damagedRecords} are told of`);
  if (damage.file === 'journal.db' && bench.nextSeq !== RECORDS + 1)
    throw new Error(`the next place is ${bench.nextSeq}`);
  for (const cursor of bench.reader.cursors()) {
    const { unaccounted } = balance(cursor, bench.nextSeq);
    if (unaccounted !== 0) throw new Error(`${unaccounted} records of ${cursor.endpoint} are not accounted for`);
  }
  // It goes on taking records.
  if (!bench.append(heldBatch(bench.nextSeq, ['after']))) throw new Error('it takes no more records');
}

function spoil(file: string, { page, how }: Damage): void {
  const isWal = file.endsWith('-wal');
  const start = isWal ? 32 + page * 8_216 : page * 8_192;
  if (how === 'cut') return truncateSync(file, start + 4_000);
  const bytes = readFileSync(file);
  const end = Math.min(bytes.length, start + 8_192);
  if (how === 'zero') bytes.fill(0, start, end);
  else bytes[start + ((page * 977) % 8_000)]! ^= 1 << (page % 8);
  writeFileSync(file, bytes);
}
