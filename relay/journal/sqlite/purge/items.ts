import { createHash } from 'node:crypto';

/** A row of `purge_item`: what one purge did to one batch. */
export interface PurgeItem {
  readonly first_seq: number;
  readonly run_id: number;
  readonly records: number;
  readonly taken: number;
  /** 1 where the batch's link was made from members, whose own hashes have gone with their lines. */
  readonly merged: number;
  readonly content_before: Buffer;
  /** Null where the batch went whole. */
  readonly content_after: Buffer | null;
  readonly link_before: Buffer;
  readonly link_after: Buffer;
}

/** The digest before a run's first item. */
export const DIGEST_START = Buffer.alloc(32);

/** The digest over a run's items, one after the other, so that it can be carried on after a crash. */
export function nextDigest(digest: Uint8Array, item: PurgeItem): Buffer {
  return createHash('sha256')
    .update(digest)
    .update(JSON.stringify([item.first_seq, item.run_id, item.records, item.taken, item.merged]))
    .update(item.content_before)
    .update(item.content_after ?? '')
    .update(item.link_before)
    .update(item.link_after)
    .digest();
}
