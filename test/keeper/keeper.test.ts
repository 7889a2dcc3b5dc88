import {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, KeeperHarness, pageName } from '../support/keeper-harness.ts';

test('a page is kept when the runner deletes it at once after writing it', async () => {
  await using runner = await KeeperHarness.start({ scanMs: 60_000 });

  runner.write(1, 'hello\n');
  await eventually(() => expect(runner.keptText(1)).toBe('hello\n'));
  runner.delete(1);

  expect(runner.keptText(1)).toBe('hello\n');
});

test('what is written after the page was kept is in the kept file: it is the same file', async () => {
  await using runner = await KeeperHarness.start();
  runner.write(1, '');
  await eventually(() => expect(runner.keptText(1)).toBe(''));

  appendFileSync(runner.page(1), 'more\n');

  expect(runner.keptText(1)).toBe('more\n');
  expect(statSync(runner.keptPage(1)).ino).toBe(statSync(runner.page(1)).ino);
});

test('Worker logs are kept, and other files of the runner are not', async () => {
  await using runner = await KeeperHarness.start();

  writeFileSync(join(runner.diag, 'Worker_20261122-080910-utc.log'), 'job\n');
  writeFileSync(join(runner.diag, 'Runner_20261122-080910-utc.log'), 'listener\n');
  writeFileSync(join(runner.diag, pageName(1)), 'a page in the wrong folder\n');
  writeFileSync(join(runner.pages, 'notes.log'), 'no page\n');

  await eventually(() => expect(runner.keptNames()).toEqual(['Worker_20261122-080910-utc.log']));
  await runner.scanned();
  expect(runner.keptNames()).toEqual(['Worker_20261122-080910-utc.log']);
});

test('pages that were there before the keeper are kept, but for those that nobody has written for long', async () => {
  await using runner = new KeeperHarness();
  runner.write(1);
  runner.write(2);
  const longAgo = new Date(Date.now() - 7_200_000);
  utimesSync(runner.page(2), longAgo, longAgo);

  await runner.run();

  expect(runner.keptNames()).toEqual([pageName(1)]);
});

test('the runner’s folders may come later, go, and come again', async () => {
  await using runner = new KeeperHarness();
  rmSync(runner.diag, { recursive: true });
  await runner.run();

  mkdirSync(runner.pages, { recursive: true });
  runner.write(1);
  await eventually(() => expect(runner.keptNames()).toContain(pageName(1)));
  rmSync(runner.pages, { recursive: true });
  mkdirSync(runner.pages);
  runner.write(2);
  await eventually(() => expect(runner.keptNames()).toContain(pageName(2)));
  rmSync(runner.diag, { recursive: true });
  mkdirSync(runner.pages, { recursive: true });
  runner.write(3);

  await eventually(() => expect(runner.keptNames()).toEqual([pageName(1), pageName(2), pageName(3)]));
});

test('a kept file goes when the runner has deleted it and Fluent Bit has read it, not before', async () => {
  await using runner = await KeeperHarness.start();
  for (const n of [1, 2, 3]) runner.write(n);
  await eventually(() => expect(runner.keptNames()).toHaveLength(3));

  runner.delete(1);
  runner.delete(2);
  runner.tail.read(runner.keptPage(1));
  runner.tail.read(runner.keptPage(2), 3);
  runner.tail.read(runner.keptPage(3));

  await eventually(() => expect(runner.keptNames()).toEqual([pageName(2), pageName(3)]));
  await eventually(() => expect(runner.status).toMatchObject({ kept: 3, removed: 1, files: 2 }));
  expect(runner.status.left).toEqual({ files: 1, bytes: statSync(runner.keptPage(2)).size - 3 });
});

test('the position of another file with the same inode does not count', async () => {
  await using runner = await KeeperHarness.start();
  runner.write(1);
  await eventually(() => expect(runner.keptNames()).toHaveLength(1));

  runner.tail.row(runner.keptPage(7), lstatSync(runner.keptPage(1), { bigint: true }).ino, 1_000);
  runner.delete(1);
  await runner.scanned();

  expect(runner.keptNames()).toEqual([pageName(1)]);
});

test('without positions nothing is removed, and it is said', async () => {
  await using runner = new KeeperHarness();
  writeFileSync(
    join(runner.root, 'broken.db'),
    'this is no database, and longer than the header of one would be'.repeat(9),
  );
  await runner.run();
  runner.write(1);
  await eventually(() => expect(runner.keptNames()).toHaveLength(1));

  runner.delete(1);

  await eventually(() =>
    expect(runner.messages).toContainEqual(
      expect.objectContaining({ level: 'warn', message: expect.stringContaining('positions cannot be read') }),
    ),
  );
  expect(runner.keptNames()).toHaveLength(1);
});

test('a keeper that was stopped goes on with what is in the kept folder', async () => {
  await using runner = await KeeperHarness.start();
  runner.write(1);
  runner.write(2);
  await eventually(() => expect(runner.keptNames()).toHaveLength(2));
  await runner.stop();
  writeFileSync(join(runner.kept, '.incoming', '7'), 'left over from a kill');
  runner.delete(1);
  runner.tail.read(runner.keptPage(1));

  await runner.run();

  await eventually(() => expect(runner.keptNames()).toEqual([pageName(2)]));
  expect(existsSync(join(runner.kept, '.incoming', '7'))).toBe(false);
  expect(runner.status).toMatchObject({ kept: 0, removed: 1 });
});

test('a second file of the same name is kept beside the first', async () => {
  await using runner = await KeeperHarness.start();
  runner.write(1, 'first\n');
  await eventually(() => expect(runner.keptText(1)).toBe('first\n'));

  runner.delete(1);
  runner.write(1, 'second\n');

  await eventually(() => expect(runner.keptNames('again/1')).toEqual([pageName(1)]));
  expect(runner.keptText(1)).toBe('first\n');
  expect(readFileSync(join(runner.kept, 'again/1', pageName(1)), 'utf8')).toBe('second\n');
  await eventually(() => expect(runner.status.kept).toBe(2));
});

test('a file that the runner left where it is loses its second name when it was read and is idle', async () => {
  await using runner = await KeeperHarness.start({ idleMs: 300, scanMs: 50 });
  runner.write(1, 'failed to upload\n');
  await eventually(() => expect(runner.keptNames()).toHaveLength(1));
  runner.tail.read(runner.keptPage(1));

  await eventually(() => expect(runner.keptNames()).toEqual([]));

  expect(readFileSync(runner.page(1), 'utf8')).toBe('failed to upload\n');
  expect(runner.keptNames('.retired')).toHaveLength(1);
  await runner.scanned();
  expect(runner.status).toMatchObject({ kept: 1, removed: 1, files: 0 });
});

test('at the limit of files no more are kept; it is said loudly, and they are kept when there is room', async () => {
  await using runner = await KeeperHarness.start({ filesMax: 2 });
  for (const n of [1, 2, 3]) runner.write(n);

  await eventually(() => expect(runner.status.refused).toEqual({ limit: 1 }));
  expect(runner.keptNames()).toHaveLength(2);
  expect(runner.messages).toContainEqual(
    expect.objectContaining({ level: 'error', message: expect.stringContaining('LOGS MAY BE LOST') }),
  );
  runner.delete(1);
  runner.tail.read(runner.keptPage(1));

  await eventually(() => expect(runner.keptNames()).toEqual([pageName(2), pageName(3)]));
  await eventually(() => expect(runner.status.refused).toEqual({}));
});

test('at the limit of bytes no more are kept', async () => {
  await using runner = await KeeperHarness.start({ bytesMax: 4_096 });
  runner.write(1, 'x'.repeat(10_000));
  await eventually(() => expect(runner.status.left.bytes).toBe(10_000));

  runner.write(2);

  await eventually(() => expect(runner.status.refused).toEqual({ limit: 1 }));
  expect(runner.keptNames()).toEqual([pageName(1)]);
});

test('a file that grows beyond all bounds is let go, though it takes no disk', async () => {
  await using runner = await KeeperHarness.start({ fileBytesMax: 100_000 });
  runner.write(1);
  await eventually(() => expect(runner.keptNames()).toHaveLength(1));

  truncateSync(runner.page(1), 2 ** 40);

  await eventually(() => expect(runner.keptNames()).toEqual([]));
  await eventually(() => expect(runner.status.refused).toEqual({ too_large: 1 }));
  await runner.scanned();
  expect(runner.keptNames()).toEqual([]);
  expect(statSync(runner.page(1)).size).toBe(2 ** 40);
});

test('what somebody else takes from the kept folder is counted', async () => {
  await using runner = await KeeperHarness.start();
  runner.write(1);
  await eventually(() => expect(runner.keptNames()).toHaveLength(1));
  runner.delete(1);

  rmSync(runner.keptPage(1));

  await eventually(() => expect(runner.status).toMatchObject({ vanished: 1, files: 0 }));
});

test('a kept folder that somebody removes is made again, and the next page is kept', async () => {
  await using runner = await KeeperHarness.start({ scanMs: 60_000 });
  runner.write(1);
  await eventually(() => expect(runner.keptNames()).toHaveLength(1));

  rmSync(runner.kept, { recursive: true });
  runner.write(2, 'after\n');

  await eventually(() => expect(runner.keptText(2)).toBe('after\n'));
});

test('a page that the keeper has is not linked again by its other names', async () => {
  await using runner = await KeeperHarness.start();
  runner.write(1);
  await eventually(() => expect(runner.keptNames()).toHaveLength(1));

  renameSync(runner.page(1), `${runner.page(1)}.moved`);
  linkSync(`${runner.page(1)}.moved`, runner.page(1));
  await runner.scanned();

  expect(runner.keptNames('again/1')).toEqual([]);
  expect(runner.status.kept).toBe(1);
});

test('a hundred pages, each deleted as soon as it is kept, are all kept', async () => {
  await using runner = await KeeperHarness.start();
  const numbers = Array.from({ length: 100 }, (_, n) => n);

  for (const n of numbers) {
    runner.write(n);
    await eventually(() => expect(existsSync(runner.keptPage(n))).toBe(true));
    runner.delete(n);
  }

  expect(runner.keptNames()).toHaveLength(numbers.length);
});
