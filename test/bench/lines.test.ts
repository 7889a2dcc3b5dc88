import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { seededChance } from './load/chance.ts';
import { sentAtIn, sequenceIn } from './load/judge.ts';
import { BLOCK_LINES, buildBlock, setBlockNumber, stampLine, type Block } from './load/lines.ts';

const RFC5424 =
  /^<\d{1,3}>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [a-z0-9.-]+ [a-z-]+ \d+ [A-Z-]+ \[load@32473 seq="\d{12}" at="\d{16}"\] \S.*$/;

function linesOf({ bytes }: Block): string[] {
  return bytes.toString('latin1').split('\n').slice(0, -1);
}

test('every line is RFC 5424 with one element of structured data, about 285 bytes long', () => {
  const lines = linesOf(buildBlock(seededChance(1)));

  expect(lines).toHaveLength(BLOCK_LINES);
  for (const line of lines) expect(line).toMatch(RFC5424);
  const mean = lines.reduce((sum, line) => sum + line.length + 1, 0) / lines.length;
  expect(mean).toBeGreaterThan(275);
  expect(mean).toBeLessThan(295);
});

test('the lines come from 20 hosts and 5 programs', () => {
  const words = linesOf(buildBlock(seededChance(2))).map((line) => line.split(' '));

  expect(new Set(words.map(([, , host]) => host)).size).toBe(20);
  expect(new Set(words.map(([, , , app]) => app)).size).toBe(5);
});

test('a block does not compress better than real logs do', () => {
  const { bytes } = buildBlock(seededChance(3));

  expect(bytes.length / gzipSync(bytes).length).toBeLessThan(5);
});

test('a block number counts every line of the block, and can go up and down', () => {
  const block = buildBlock(seededChance(4));

  for (const number of [0, 7, 123_456_789, 99, 100, 999_999_999, 1]) {
    setBlockNumber(block, number);
    for (const n of [0, 1, 500, BLOCK_LINES - 1]) {
      expect(sequenceIn(block.bytes, block.starts[n]!, block.starts[n + 1]!)).toBe(number * BLOCK_LINES + n);
    }
  }
  for (const line of linesOf(block)) expect(line).toMatch(RFC5424);
});

test('a stamp goes into its own line and no other', () => {
  const block = buildBlock(seededChance(5));

  stampLine(block, 3, 1_234_567);

  const stamps = [2, 3, 4].map((n) => sentAtIn(block.bytes, block.starts[n]!, block.starts[n + 1]!));
  expect(stamps).toEqual([0, 1_234_567, 0]);
});
