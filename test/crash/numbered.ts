import { seededChance } from '../bench/load/chance.ts';
import { buildBlock } from '../bench/load/lines.ts';

const MARK = Buffer.from('outage s');
const SOURCE_DIGITS = 2;
const NUMBER_DIGITS = 9;
/** As varied as real ones, so that no compressor is flattered. */
const TEXTS = buildBlock(seededChance(7))
  .bytes.toString('latin1')
  .trimEnd()
  .split('\n')
  .map((line) => line.slice(line.indexOf('"] ') + 3));

/** A message that says which source it is from and which of its records it is: about 170 characters. */
export function numbered(source: number, number: number): string {
  const s = String(source).padStart(SOURCE_DIGITS, '0');
  return `outage s${s} n${String(number).padStart(NUMBER_DIGITS, '0')} ${TEXTS[(number * 7 + source) % TEXTS.length]}`;
}

/** What `numbered` said, wherever in the bytes it stands. */
export function numberedIn(bytes: Buffer): { readonly source: number; readonly number: number } | undefined {
  const at = bytes.indexOf(MARK);
  if (at < 0) return undefined;
  const sourceAt = at + MARK.length;
  const numberAt = sourceAt + SOURCE_DIGITS + 2;
  const source = digits(bytes, sourceAt, SOURCE_DIGITS);
  const number = digits(bytes, numberAt, NUMBER_DIGITS);
  return source < 0 || number < 0 ? undefined : { source, number };
}

function digits(bytes: Buffer, start: number, count: number): number {
  let value = 0;
  for (let at = start; at < start + count; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
