import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { JOURNAL_FILE } from './database.ts';

/** Format: https://www.sqlite.org/fileformat2.html#walformat */
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;
const PAGE_BYTES_MAX = 65_536;

/**
 * Looks whether a write-ahead log is damaged in its middle. SQLite takes a frame without its checksum for the end of the log, so what was
 * committed after it would be gone without a word. One torn transaction at the end is no damage: a power cut leaves that, and
 * nobody was told that it was kept. Commits beyond the first bad frame, and more frames after them, are. Returns what is wrong.
 */
export function damagedWal(directory: string): string | undefined {
  let file: number;
  try {
    file = openSync(join(directory, `${JOURNAL_FILE}-wal`), 'r');
  } catch {
    return undefined;
  }
  try {
    return examine(file);
  } finally {
    closeSync(file);
  }
}

function examine(file: number): string | undefined {
  const size = fstatSync(file).size;
  const header = Buffer.alloc(HEADER_BYTES);
  if (size < HEADER_BYTES || readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return undefined;
  const magic = header.readUInt32BE(0);
  const pageBytes = header.readUInt32BE(8);
  const known = (magic & ~1) >>> 0 === MAGIC && pageBytes >= 512 && pageBytes <= PAGE_BYTES_MAX;
  const bigEndian = (magic & 1) === 1;
  const sums: [number, number] = [0, 0];
  if (known) addChecksum(sums, header.subarray(0, 24), bigEndian);
  if (!known || sums[0] !== header.readUInt32BE(24) || sums[1] !== header.readUInt32BE(28))
    return size > HEADER_BYTES && header.some((byte) => byte !== 0)
      ? 'the header of the write-ahead log is damaged; nothing in it can be read'
      : undefined;

  const frame = Buffer.alloc(FRAME_HEADER_BYTES + pageBytes);
  const frames = Math.floor((size - HEADER_BYTES) / frame.length);
  let bad: number | undefined;
  let commitsBeyond = 0;
  for (let n = 0; n < frames; n++) {
    readSync(file, frame, 0, frame.length, HEADER_BYTES + n * frame.length);
    // Frames of an earlier round stand behind the end.
    const current = frame.compare(header, 16, 24, 8, 16) === 0;
    if (bad === undefined) {
      addChecksum(sums, frame.subarray(0, 8), bigEndian);
      addChecksum(sums, frame.subarray(FRAME_HEADER_BYTES), bigEndian);
      if (!current || sums[0] !== frame.readUInt32BE(16) || sums[1] !== frame.readUInt32BE(20)) bad = n;
    }
    if (bad === undefined || !current) continue;
    if (commitsBeyond > 0 && n > bad)
      return `the write-ahead log is damaged in frame ${bad + 1} of ${frames}; what was committed after it cannot be read`;
    if (frame.readUInt32BE(4) !== 0) commitsBeyond++;
  }
  return undefined;
}

function addChecksum(sums: [number, number], bytes: Buffer, bigEndian: boolean): void {
  let [a, b] = sums;
  for (let i = 0; i < bytes.length; i += 8) {
    const x = bigEndian ? bytes.readUInt32BE(i) : bytes.readUInt32LE(i);
    const y = bigEndian ? bytes.readUInt32BE(i + 4) : bytes.readUInt32LE(i + 4);
    a = (a + x + b) >>> 0;
    b = (b + y + a) >>> 0;
  }
  sums[0] = a;
  sums[1] = b;
}
