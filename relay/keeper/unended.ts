import { closeSync, constants, fstatSync, openSync, readSync, renameSync, writeSync } from 'node:fs';

const SLICE_BYTES = 65_536;
const LINE_END = 0x0a;
/** A page has 8 MiB, and one line more. What is larger is no page, and is not written a second time. */
const HAND_OVER_BYTES_MAX = 32 * 2 ** 20;

/**
 * Fluent Bit never sends a last line that has no line end, as a job leaves it that was killed. So it is handed over in a file of its
 * own, which Fluent Bit reads by an input with `skip_empty_lines`: as many line ends as there are bytes before the line, then the
 * line, then a line end. The line is thus sent once, with the offset that it has in its page.
 *
 * Returns how many bytes of `file` are handed over with it, or undefined where a line end comes after `position`: then there is
 * something to read for Fluent Bit itself. Nothing is written to `file`.
 */
export function handOver(
  file: string,
  position: number,
  { incoming, target }: { readonly incoming: string; readonly target: string },
): number | undefined {
  const source = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = fstatSync(source);
    if (size <= position || size > HAND_OVER_BYTES_MAX || hasLineEnd(source, position, size)) return undefined;
    writeHandOver(source, position, size, incoming);
    renameSync(incoming, target);
    return size;
  } finally {
    closeSync(source);
  }
}

/** Something follows `position`, and no line end is in it. Throws what the system says. */
export function endsInRest(file: string, position: number): boolean {
  const source = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = fstatSync(source);
    return size > position && !hasLineEnd(source, position, size);
  } finally {
    closeSync(source);
  }
}

function hasLineEnd(source: number, from: number, to: number): boolean {
  for (const slice of slices(source, from, to)) if (slice.includes(LINE_END)) return true;
  return false;
}

function writeHandOver(source: number, position: number, size: number, incoming: string): void {
  const target = openSync(incoming, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const ends = Buffer.alloc(SLICE_BYTES, LINE_END);
    for (let written = 0; written < position; written += SLICE_BYTES)
      writeWhole(target, ends.subarray(0, Math.min(SLICE_BYTES, position - written)));
    for (const slice of slices(source, position, size)) writeWhole(target, slice);
    writeWhole(target, ends.subarray(0, 1));
  } finally {
    closeSync(target);
  }
}

function* slices(file: number, from: number, to: number): Generator<Buffer> {
  const buffer = Buffer.allocUnsafe(SLICE_BYTES);
  for (let at = from; at < to;) {
    const bytes = readSync(file, buffer, 0, Math.min(SLICE_BYTES, to - at), at);
    if (bytes === 0) return;
    yield buffer.subarray(0, bytes);
    at += bytes;
  }
}

function writeWhole(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}
