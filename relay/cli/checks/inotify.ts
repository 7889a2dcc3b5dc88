import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Check, Finding } from './check.ts';

const FOLDER = '/proc/sys/fs/inotify';

/** What a runner's keeper and Fluent Bit beside it want together, with room for others of the same user. */
const LIMITS = [
  { name: 'max_user_watches', least: 8_192, what: 'files and folders watched' },
  { name: 'max_user_instances', least: 128, what: 'programs that watch' },
  { name: 'max_queued_events', least: 16_384, what: 'changes that wait to be seen' },
] as const;

/** The kernel's limits for watching files. A keeper beside a runner must see a page before the runner deletes it, a second later. */
export const inotify: Check = {
  name: 'inotify',
  run: async ({ keeper }) => (keeper ? inotifyLimits(FOLDER) : []),
};

export function inotifyLimits(folder: string): Finding[] {
  return LIMITS.map(({ name, least, what }) => {
    const found = read(join(folder, name));
    if (found === undefined)
      return { outcome: 'skipped', message: `inotify: ${name} cannot be read here; look at it where the keeper runs` };
    if (found >= least) return { outcome: 'ok', message: `inotify: ${name} is ${found}` };
    return {
      outcome: 'warning',
      message: `inotify: fs.inotify.${name} is ${found} (${what}), a keeper wants ${least}; set it by sysctl`,
    };
  });
}

function read(file: string): number | undefined {
  try {
    const value = Number(readFileSync(file, 'utf8').trim());
    return Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
