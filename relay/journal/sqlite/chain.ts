import { createHash } from 'node:crypto';

/**
 * The hash chain over batches. Each batch's link is SHA-256 over the link before it, the batch's place, its number of records and the
 * hash of its content; so no batch can be changed, taken out, put in or moved without every later link changing too.
 */
export const CHAIN_START = Buffer.alloc(32);

export function contentHash(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest();
}

export function nextLink(previous: Uint8Array, batch: { firstSeq: number; records: number; hash: Uint8Array }): Buffer {
  const place = Buffer.alloc(12);
  place.writeBigUInt64BE(BigInt(batch.firstSeq), 0);
  place.writeUInt32BE(batch.records, 8);
  return createHash('sha256').update(previous).update(place).update(batch.hash).digest();
}

/** One of the small batches that were merged into a large one. */
export interface Member {
  readonly records: number;
  readonly bytes: number;
}

/** Eight bytes a member: records and bytes, big-endian. */
export function encodeMembers(members: readonly Member[]): Buffer {
  const out = Buffer.alloc(members.length * 8);
  members.forEach(({ records, bytes }, i) => {
    out.writeUInt32BE(records, i * 8);
    out.writeUInt32BE(bytes, i * 8 + 4);
  });
  return out;
}

export function decodeMembers(encoded: Uint8Array): Member[] {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, i) => ({
    records: bytes.readUInt32BE(i * 8),
    bytes: bytes.readUInt32BE(i * 8 + 4),
  }));
}

/**
 * The link after a merged batch: the links of its members, one after the other, each told to `onLink` with the place that it stands before.
 * Throws where they do not fit the lines.
 */
export function linkThroughMembers(
  previous: Uint8Array,
  batch: { firstSeq: number; records: number; lines: Uint8Array; members: readonly Member[] },
  onLink: (seq: number, link: Buffer) => void = () => {},
): Buffer {
  let link: Buffer = Buffer.from(previous);
  let seq = batch.firstSeq;
  let at = 0;
  for (const member of batch.members) {
    const hash = contentHash(batch.lines.subarray(at, at + member.bytes));
    link = nextLink(link, { firstSeq: seq, records: member.records, hash });
    seq += member.records;
    at += member.bytes;
    onLink(seq, link);
  }
  if (seq !== batch.firstSeq + batch.records || at !== batch.lines.length)
    throw new Error('the members of a merged batch do not add up to it');
  return link;
}
