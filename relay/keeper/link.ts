import { type BigIntStats, linkSync, lstatSync, unlinkSync } from 'node:fs';
import { type OpenFolder, systemCode } from './folder.ts';

/** Why a file that has a runner's name is not kept. A closed set: it is counted by these. */
export type Refusal = 'not_a_file' | 'wrong_owner' | 'too_large' | 'no_permission' | 'limit' | 'failed';

export type LinkOutcome =
  | { readonly result: 'kept'; readonly stats: BigIntStats }
  /** It went before it could be linked. */
  | { readonly result: 'gone' }
  | { readonly result: 'refused'; readonly reason: Refusal; readonly code?: string };

export interface LinkRequest {
  readonly from: OpenFolder;
  readonly name: string;
  /** A name in a folder that is the keeper's alone and that nobody tails. */
  readonly incoming: string;
  /** A name on the same file system that nobody has. */
  readonly target: string;
  /** Undefined: anybody. */
  readonly ownerId: number | undefined;
  readonly fileBytesMax: number;
}

/**
 * Gives a file a second name, and looks at it only then: what was linked cannot be exchanged any more, so that nothing can change
 * between the check and the use. link(2) follows no symbolic link: the link to one is a symbolic link itself, and is found out. What
 * is not as it must be loses the second name again; the first is never touched.
 */
export function linkVerified({ from, name, incoming, target, ownerId, fileBytesMax }: LinkRequest): LinkOutcome {
  try {
    linkSync(from.at(name), incoming);
  } catch (error) {
    return explainFailure(systemCode(error), from, name);
  }
  try {
    const stats = lstatSync(incoming, { bigint: true });
    const refusal = refusalOf(stats, ownerId, fileBytesMax);
    if (refusal !== undefined) return { result: 'refused', reason: refusal };
    // Not rename(2): that would take the name from whoever has it.
    linkSync(incoming, target);
    return { result: 'kept', stats };
  } catch (error) {
    return { result: 'refused', reason: 'failed', code: systemCode(error) };
  } finally {
    unlinkSync(incoming);
  }
}

function refusalOf(stats: BigIntStats, ownerId: number | undefined, fileBytesMax: number): Refusal | undefined {
  if (!stats.isFile()) return 'not_a_file';
  if (ownerId !== undefined && Number(stats.uid) !== ownerId) return 'wrong_owner';
  return stats.size > fileBytesMax ? 'too_large' : undefined;
}

function explainFailure(code: string, from: OpenFolder, name: string): LinkOutcome {
  if (code !== 'EPERM' && code !== 'ENOENT') return { result: 'refused', reason: 'failed', code };
  // link(2) says EPERM for a folder, and for what fs.protected_hardlinks guards: files of others, and whatever is no plain file.
  // ENOENT may mean the folder here as well as the file there.
  try {
    const isFile = lstatSync(from.at(name)).isFile();
    if (code === 'ENOENT') return { result: 'refused', reason: 'failed', code };
    return isFile ? { result: 'refused', reason: 'no_permission', code } : { result: 'refused', reason: 'not_a_file' };
  } catch {
    return { result: 'gone' };
  }
}
