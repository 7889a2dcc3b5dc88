import { existsSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { describeError } from '../../errors.ts';
import { Archive } from '../../journal/archive.ts';
import { askRelay } from '../control.ts';
import { bytes, count } from '../figures.ts';
import type { Check, Finding } from './check.ts';

/** The journal, where there is one, is whole; the disk has room for what it may grow to; and nobody works on it yet. */
export const journal: Check = {
  name: 'journal',
  run: async ({ config }) => [...(await running(config)), ...store(config), ...room(config)],
};

async function running(config: Config): Promise<Finding[]> {
  try {
    if ((await askRelay(config.data_dir, 'GET', '/api/v1/status')) === undefined) return [];
    const advice = 'a second one would not start; "kill -HUP" has it take over a changed config';
    return [{ outcome: 'ok', message: `data_dir: a relay is running on ${config.data_dir} (${advice})` }];
  } catch (error) {
    return [
      { outcome: 'warning', message: `data_dir: the relay that runs there does not answer (${describeError(error)})` },
    ];
  }
}

function store({ data_dir }: Config): Finding[] {
  if (!existsSync(join(data_dir, 'journal.db')))
    return [{ outcome: 'ok', message: 'journal: there is none yet; it will be made' }];
  try {
    using archive = new Archive(data_dir);
    const problems = archive.checkPages();
    if (problems.length > 0)
      return problems.map((problem) => ({ outcome: 'problem', message: `journal: it is damaged: ${problem}` }));
    return [{ outcome: 'ok', message: `journal: it is whole; ${count(archive.stats().records)} records are in it` }];
  } catch (error) {
    return [{ outcome: 'problem', message: `journal: it cannot be read (${describeError(error)})` }];
  }
}

/** What is free must hold what the journal may still grow by, and what must stay free. */
function room({ data_dir, journal: limits }: Config): Finding[] {
  let folder = data_dir;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const disk = statfsSync(folder);
  const free = disk.bavail * disk.bsize;
  const about = `${bytes(free)} are free on the disk of ${folder}`;
  if (free <= limits.min_free_bytes)
    return [
      {
        outcome: 'problem',
        message: `journal.min_free_bytes is ${bytes(limits.min_free_bytes)} and only ${about}: nothing would be accepted`,
      },
    ];
  const used = usedBytes(data_dir);
  const mayGrow = Math.max(0, limits.max_bytes - used);
  if (limits.max_bytes > 0 && free - limits.min_free_bytes < mayGrow)
    return [
      {
        outcome: 'warning',
        message: `journal.max_bytes is ${bytes(limits.max_bytes)}, but ${about}: the disk is the limit, not the option`,
      },
    ];
  return [{ outcome: 'ok', message: `journal: ${about}` }];
}

function usedBytes(folder: string): number {
  try {
    using archive = new Archive(folder);
    return archive.stats().fileBytes;
  } catch {
    return 0;
  }
}
