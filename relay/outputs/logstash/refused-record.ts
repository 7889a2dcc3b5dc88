/** What became of some records sent together: acknowledged, or the server hung up on them without a word. */
export type Outcome = 'taken' | 'hung_up';

/** A record that is hung up on this often, alone and on a connection that works, is refused for good. */
const TRIES = 3;

/**
 * Finds the record for which a server resets its connection instead of answering, by sending ever fewer records at a time. Everything
 * before it has been taken then. Resolves with its place, or with undefined if all were taken after all.
 *
 * `send` sends the records from one place up to another and resolves with their outcome; what it throws is thrown. `pause` is waited
 * for before a single record is sent again, so that a server that is only just starting is not taken for one that refuses.
 */
export async function findRefusedRecord(
  records: number,
  send: (from: number, to: number) => Promise<Outcome>,
  pause: () => Promise<void>,
): Promise<number | undefined> {
  let from = 0;
  let size = Math.max(1, Math.ceil(records / 2));
  let hungUp = 0;
  while (from < records) {
    const to = Math.min(records, from + size);
    if ((await send(from, to)) === 'taken') {
      // A single record that is taken was not it: some other fault made the parts this small.
      if (to - from === 1) size = Math.max(1, Math.ceil((records - to) / 2));
      from = to;
      hungUp = 0;
    } else if (to - from > 1) {
      size = Math.ceil((to - from) / 2);
    } else {
      hungUp++;
      if (hungUp === TRIES) return from;
      await pause();
    }
  }
  return undefined;
}
