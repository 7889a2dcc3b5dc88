import { isInternalFor } from '../delivery/match.ts';
import type { Cursor } from '../journal/journal.ts';
import type { Relay } from './relay.ts';

/**
 * Where the endpoints are, their backlogs without the lines of runners that wait to be put together: those an endpoint passes over.
 * For one that is to get some of them the backlog counts all.
 */
export async function cursorsOf({ journal, config }: Pick<Relay, 'journal' | 'config'>): Promise<Cursor[]> {
  return (await journal.cursors()).map((cursor) => {
    const { internal, ...rest } = cursor;
    if (internal === undefined) return cursor;
    const match = config.endpoints.find(({ name }) => name === cursor.endpoint)?.delivery.match;
    if (!isInternalFor(match, config.runs.forward_worker_log)) return rest;
    // Some of them may have been purged.
    const backlogRecords = Math.max(0, rest.backlogRecords - internal.records);
    return { ...rest, backlogRecords, backlogBytes: Math.max(0, rest.backlogBytes - internal.bytes) };
  });
}
