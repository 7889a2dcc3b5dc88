import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { nowUs, serve } from './child.ts';

/** What a commit of one record writes: four pages of the journal. */
const WRITE_BYTES = 32_768;
/** The file is written over from here on, as a write-ahead log is. */
const FILE_BYTES = 32 * 1_048_576;

export interface DiskLatency {
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/**
 * How long a record would take if keeping it were nothing but a write and a sync, at so many a second, where those that came during one
 * sync share the next: less than that nobody can take who answers after the sync.
 */
async function pace({ file, rate, seconds }: { file: string; rate: number; seconds: number }): Promise<DiskLatency> {
  const bytes = Buffer.alloc(WRITE_BYTES, 1);
  const fd = openSync(file, 'w');
  for (let at = 0; at < FILE_BYTES; at += WRITE_BYTES) writeSync(fd, bytes, 0, WRITE_BYTES, at);
  fdatasyncSync(fd);
  const records = rate * seconds;
  const us: number[] = [];
  const startedAtUs = nowUs();
  for (let at = 0; us.length < records; at = (at + WRITE_BYTES) % FILE_BYTES) {
    const due = Math.min(records, Math.floor(((nowUs() - startedAtUs) * rate) / 1e6));
    if (due === us.length) {
      await sleep(1);
      continue;
    }
    writeSync(fd, bytes, 0, WRITE_BYTES, at);
    fdatasyncSync(fd);
    const doneAtUs = nowUs();
    for (let n = us.length; n < due; n++) us.push(doneAtUs - startedAtUs - (n * 1e6) / rate);
  }
  closeSync(fd);
  rmSync(file);
  const sorted = us.toSorted((a, b) => a - b);
  const at = (part: number): number => (sorted[Math.floor(part * records)] ?? Number.NaN) / 1_000;
  return { p50_ms: at(0.5), p99_ms: at(0.99) };
}

const service = { pace };
export type DiskService = typeof service;
serve(service);
