import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrueJob } from '../runner/truth.ts';

const LF = 0x0a;

export interface IndexedPage {
  readonly bytes: Buffer;
  /** Where each line that is complete begins, and the number of the step that wrote it. */
  readonly lines: ReadonlyMap<number, number>;
}

/** What one job really was, with its job pages as they were on the disk. */
export class IndexedJob {
  readonly job: TrueJob;
  readonly pages: ReadonlyMap<string, IndexedPage>;
  /** Lines of the job pages that have an end: the last one of a worker that was killed may have none, and is never sent. */
  readonly lines: number;

  constructor(job: TrueJob, folder: string) {
    const steps = job.lineSteps.flatMap(([step, count]) => Array<number>(count).fill(step));
    const pages = new Map<string, IndexedPage>();
    let line = 0;
    for (const { name } of job.jobPages) {
      const bytes = readFileSync(join(folder, name));
      const starts = new Map<number, number>();
      let from = 0;
      for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, from)) {
        starts.set(from, steps[line++] ?? 0);
        from = end + 1;
      }
      pages.set(name, { bytes, lines: starts });
    }
    this.job = job;
    this.pages = pages;
    this.lines = line;
  }

  /** Every byte of the job's log that ended in a line, byte order marks included. */
  get bytes(): Buffer {
    return Buffer.concat([...this.pages.values()].map(({ bytes }) => bytes.subarray(0, bytes.lastIndexOf(LF) + 1)));
  }
}

/** All jobs that the simulator has written down. */
export function readTruth(folder: string): IndexedJob[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as TrueJob)
    .map((job) => new IndexedJob(job, folder));
}
