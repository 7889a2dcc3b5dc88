import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { JournalRoom } from '../journal.ts';
import { JOURNAL_FILE } from './database.ts';

/** What the journal in a directory takes of its disk, and what that has left for us. */
export async function diskRoom(directory: string): Promise<JournalRoom> {
  const [file, log, disk] = await Promise.all([size(directory, ''), size(directory, '-wal'), statfs(directory)]);
  return { fileBytes: file + log, freeBytes: disk.bavail * disk.bsize };
}

/** 0 for a file that is not there: the write-ahead log comes and goes. */
function size(directory: string, suffix: string): Promise<number> {
  return stat(join(directory, JOURNAL_FILE + suffix)).then(
    (found) => found.size,
    () => 0,
  );
}
