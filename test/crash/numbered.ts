const MARK = Buffer.from('outage s');
const SOURCE_DIGITS = 2;
const NUMBER_DIGITS = 9;
const WORDS =
  'GET /api/v2.0/projects/library/repositories pull accepted 200 in 34 ms for robot$ci from 10.3.7.41, blob committed, lease released';

/** A message that says which source it is from and which of its records it is: about 160 characters. */
export function numbered(source: number, number: number): string {
  const s = String(source).padStart(SOURCE_DIGITS, '0');
  const from = (number * 37) % WORDS.length;
  return `outage s${s} n${String(number).padStart(NUMBER_DIGITS, '0')} ${WORDS.slice(from)} ${WORDS.slice(0, from)}`;
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
