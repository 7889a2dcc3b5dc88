import type { Source } from './line-writer.ts';

/** Bytes of text, a whole message or a piece of one. */
export interface Text {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** How many pieces of at most `bytesMax` bytes a text makes. */
export function countPieces(text: Text, bytesMax: number): number {
  let pieces = 1;
  for (let { end } = pieceOf(text, text.start, bytesMax); end < text.end; pieces++)
    end = pieceOf(text, end, bytesMax).end;
  return pieces;
}

/** The piece of a text that begins at `at`, cut where a character ends. */
export function pieceOf({ source, end }: Text, at: number, bytesMax: number): Text {
  let cut = Math.min(at + bytesMax, end);
  if (cut < end) {
    for (let back = 0; back < 3 && (source.bytes[cut]! & 0xc0) === 0x80; back++) cut--;
    // Four continuation bytes in a row are no UTF-8 anyway.
    if ((source.bytes[cut]! & 0xc0) === 0x80 || cut === at) cut = at + bytesMax;
  }
  return { source, start: at, end: cut };
}
