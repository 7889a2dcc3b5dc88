import { CHAIN_START } from './chain.ts';
import type { Sqlite } from './database.ts';

/** The journal's end: what stands there last, be it a batch or the mark of what went. */
export function readHead(database: Sqlite): { readonly nextSeq: number; readonly link: Buffer } {
  const last = database
    .prepare(
      `SELECT first_seq + records AS next, chain_hash AS link FROM (SELECT * FROM batch ORDER BY first_seq DESC LIMIT 1)
       UNION ALL
       SELECT first_seq + records AS next, chain_after AS link FROM (SELECT * FROM gap ORDER BY first_seq DESC LIMIT 1)
       ORDER BY next DESC LIMIT 1`,
    )
    .get() as { next: number; link: Buffer } | undefined;
  if (last === undefined) return { nextSeq: 1, link: CHAIN_START };
  // A damaged row may hold anything; an empty link is one that nobody knows.
  return { nextSeq: last.next, link: Buffer.isBuffer(last.link) ? last.link : Buffer.alloc(0) };
}
