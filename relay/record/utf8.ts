/**
 * The length of the UTF-8 sequence that starts at `start` with a byte of 0x80 or more; negative where it is not valid:
 * then its absolute value is the length of the maximal part to replace (Unicode 16, table 3-7 and §3.9).
 */
export function utf8SequenceLength(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start]!;
  if (first < 0xc2 || first > 0xf4) return -1;
  const second = start + 1 < end ? bytes[start + 1]! : 0;
  if (first < 0xe0) return (second & 0xc0) === 0x80 ? 2 : -1;
  let low = 0x80;
  let high = 0xbf;
  if (first === 0xe0) low = 0xa0;
  else if (first === 0xed) high = 0x9f;
  else if (first === 0xf0) low = 0x90;
  else if (first === 0xf4) high = 0x8f;
  if (second < low || second > high) return -1;
  const third = start + 2 < end ? bytes[start + 2]! : 0;
  if ((third & 0xc0) !== 0x80) return -2;
  if (first < 0xf0) return 3;
  const fourth = start + 3 < end ? bytes[start + 3]! : 0;
  return (fourth & 0xc0) === 0x80 ? 4 : -3;
}
