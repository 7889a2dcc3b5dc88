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

/** One of the keeper, and one for each of Fluent Bit's three inputs. */
const INSTANCES_PER_RUNNER = 4;

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
    if (found >= least) return { outcome: 'ok', message: `inotify: ${name} is ${found}${enough(name, found)}` };
    return {
      outcome: 'warning',
      message: `inotify: fs.inotify.${name} is ${found} (${what}), a keeper wants ${least}; set it by sysctl`,
    };
  });
}

/** The limit on instances is one for all runners of a user on a machine, in whatever containers they are. */
function enough(name: string, found: number): string {
  if (name !== 'max_user_instances') return '';
  return `: enough for ${Math.floor(found / INSTANCES_PER_RUNNER)} runners of one user on this machine`;
}

function read(file: string): number | undefined {
  try {
    const value = Number(readFileSync(file, 'utf8').trim());
    return Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
