import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endsInRest, handOver } from '../../relay/keeper/unended.ts';
import { eventually, KeeperHarness, pageName } from '../support/keeper-harness.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** What an input of Fluent Bit with `skip_empty_lines` makes of a file: its lines, each with the offset of its begin. */
function linesOf(bytes: Buffer): { readonly offset: number; readonly line: string }[] {
  const lines = [];
  for (let at = 0, end = bytes.indexOf(10); end >= 0; at = end + 1, end = bytes.indexOf(10, at))
    if (end > at) lines.push({ offset: at, line: bytes.toString('latin1', at, end) });
  return lines;
}

// Goal: whatever stands in a page, its last line comes out once, whole, at its own offset, and nothing else does.
test('a last line without an end is handed over with the offset that it has in its page', () => {
  using folder = temporaryFolder();
  const [page, incoming, target] = ['page', 'incoming', 'target'].map((name) => join(folder.path, name));
  const byte = fc.integer({ min: 0, max: 255 });
  const line = fc.array(
    byte.filter((value) => value !== 10),
    { maxLength: 200 },
  );

  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 20 }),
      line.filter(({ length }) => length > 0),
      (whole, rest) => {
        const ended = Buffer.from(whole.flatMap((bytes) => [...bytes, 10]));
        writeFileSync(page!, Buffer.concat([ended, Buffer.from(rest)]));

        const to = handOver(page!, ended.length, { incoming: incoming!, target: target! });

        expect(to).toBe(ended.length + rest.length);
        expect(linesOf(readFileSync(target!))).toEqual([
          { offset: ended.length, line: Buffer.from(rest).toString('latin1') },
        ]);
      },
    ),
    { numRuns: 100 },
  );
});

test('nothing is handed over where a line end follows, or nothing at all', () => {
  using folder = temporaryFolder();
  const page = join(folder.path, 'page');
  const names = { incoming: join(folder.path, 'incoming'), target: join(folder.path, 'target') };
  writeFileSync(page, 'one\ntwo\nthr');

  expect(handOver(page, 4, names)).toBeUndefined();
  expect(handOver(page, 11, names)).toBeUndefined();
  expect(handOver(page, 100, names)).toBeUndefined();
  expect(existsSync(names.target)).toBe(false);
  expect([0, 4, 8, 11].map((position) => endsInRest(page, position))).toEqual([false, false, true, false]);
});

test('the rest of a deleted page goes to Fluent Bit in a file of its own, and both go when it was read', async () => {
  await using runner = await KeeperHarness.start();
  runner.write(1, 'whole\ncut in the mid');
  await eventually(() => expect(runner.keptNames()).toHaveLength(1));

  runner.delete(1);
  runner.tail.read(runner.keptPage(1), 6);

  const unended = join(runner.kept, 'unended', pageName(1));
  await eventually(() => expect(existsSync(unended)).toBe(true));
  expect(linesOf(readFileSync(unended))).toEqual([{ offset: 6, line: 'cut in the mid' }]);
  await eventually(() => expect(runner.status.left.files).toBe(1));
  runner.tail.read(unended);
  await eventually(() => expect(runner.status).toMatchObject({ files: 0, removed: 2, handed_over: 1 }));
  expect(existsSync(unended)).toBe(false);
});

test('the rest of a page that is still there is handed over at the end only, when it is quiet', async () => {
  await using runner = await KeeperHarness.start();
  runner.write(1, 'whole\nperhaps to be contin');
  await eventually(() => expect(runner.keptNames()).toHaveLength(1));
  runner.tail.read(runner.keptPage(1), 6);
  await runner.scanned();
  expect(runner.keptNames('unended')).toEqual([]);

  await runner.keeper.pass(3_600_000);
  expect(runner.keptNames('unended')).toEqual([]);
  await eventually(async () => {
    await runner.keeper.pass(50);
    expect(runner.keptNames('unended')).toEqual([pageName(1)]);
  });

  expect(readFileSync(runner.page(1), 'utf8')).toBe('whole\nperhaps to be contin');
});
