import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFolder } from '../../relay/keeper/folder.ts';
import { linkVerified } from '../../relay/keeper/link.ts';
import { eventually, KeeperHarness, pageName } from '../support/keeper-harness.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// A job runs beside the keeper, as the runner's user, and may do in the runner's folders whatever it likes.

test.each([
  { what: 'a symbolic link', make: (path: string, secret: string) => symlinkSync(secret, path) },
  { what: 'a symbolic link to nothing', make: (path: string) => symlinkSync('/nowhere/at/all', path) },
  { what: 'a FIFO', make: (path: string) => execFileSync('mkfifo', [path]) },
  { what: 'a folder', make: (path: string) => mkdirSync(path) },
])('$what by the name of a page is refused, and stays where it is', async ({ make }) => {
  await using runner = await KeeperHarness.start();
  const secret = join(runner.root, 'secret');
  writeFileSync(secret, 'of somebody else\n');

  make(runner.page(1), secret);

  await eventually(() => expect(runner.status.refused).toEqual({ not_a_file: 1 }));
  await runner.scanned();
  expect(runner.status).toMatchObject({ kept: 0, files: 0, refused: { not_a_file: 1 } });
  expect(runner.keptNames()).toEqual([]);
  expect(readdirSync(join(runner.kept, '.incoming'))).toEqual([]);
  expect(readdirSync(runner.pages)).toEqual([pageName(1)]);
});

test('a socket by the name of a page is refused', async () => {
  await using runner = await KeeperHarness.start();
  // The path of a socket may not be long.
  const short = mkdtempSync(join(tmpdir(), 'k-'));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(short, 's'), resolve));

  renameSync(join(short, 's'), runner.page(1));

  await eventually(() => expect(runner.status.refused).toEqual({ not_a_file: 1 }));
  server.close();
  rmSync(short, { recursive: true });
});

test('a real page in the place of a refused one is kept', async () => {
  await using runner = await KeeperHarness.start();
  symlinkSync('/etc/passwd', runner.page(1));
  await eventually(() => expect(runner.status.refused).toEqual({ not_a_file: 1 }));

  rmSync(runner.page(1));
  runner.write(1, 'a real one\n');

  await eventually(() => expect(runner.keptText(1)).toBe('a real one\n'));
});

test('a file of another user is refused', async () => {
  await using runner = await KeeperHarness.start({ ownerId: 4_000_000 });

  runner.write(1);

  await eventually(() => expect(runner.status.refused).toEqual({ wrong_owner: 1 }));
  expect(runner.keptNames()).toEqual([]);
});

test('a symbolic link in the place of the pages’ folder is not followed', async () => {
  await using runner = await KeeperHarness.start();
  const elsewhere = join(runner.root, 'elsewhere');
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, pageName(1)), 'not of this runner\n');

  rmSync(runner.pages, { recursive: true });
  symlinkSync(elsewhere, runner.pages);

  await eventually(() => expect(runner.logged('error', 'cannot be opened or watched')).toBe(true));
  await runner.scanned();
  expect(runner.keptNames()).toEqual([]);
  rmSync(runner.pages);
  mkdirSync(runner.pages);
  runner.write(2);
  await eventually(() => expect(runner.keptNames()).toEqual([pageName(2)]));
});

test('a folder that is exchanged between the look and the link changes nothing: the link is made in the folder that was opened', () => {
  using folder = temporaryFolder();
  for (const name of ['pages', 'victim', 'kept']) mkdirSync(join(folder.path, name));
  writeFileSync(join(folder.path, 'pages', pageName(1)), 'mine\n');
  writeFileSync(join(folder.path, 'victim', pageName(1)), 'secret\n');
  using pages = openFolder(join(folder.path, 'pages'));

  renameSync(join(folder.path, 'pages'), join(folder.path, 'away'));
  symlinkSync(join(folder.path, 'victim'), join(folder.path, 'pages'));
  const outcome = linkVerified({
    from: pages,
    name: pageName(1),
    incoming: join(folder.path, 'kept', 'incoming'),
    target: join(folder.path, 'kept', pageName(1)),
    ownerId: undefined,
    fileBytesMax: 1_000,
  });

  expect(outcome.result).toBe('kept');
  expect(readFileSync(join(folder.path, 'kept', pageName(1)), 'utf8')).toBe('mine\n');
});

test('a name that is taken in the kept folder is not taken over', () => {
  using folder = temporaryFolder();
  for (const name of ['pages', 'kept']) mkdirSync(join(folder.path, name));
  writeFileSync(join(folder.path, 'pages', pageName(1)), 'new\n');
  writeFileSync(join(folder.path, 'kept', pageName(1)), 'old\n');
  using pages = openFolder(join(folder.path, 'pages'));

  const outcome = linkVerified({
    from: pages,
    name: pageName(1),
    incoming: join(folder.path, 'kept', 'incoming'),
    target: join(folder.path, 'kept', pageName(1)),
    ownerId: undefined,
    fileBytesMax: 1_000,
  });

  expect(outcome).toEqual({ result: 'refused', reason: 'failed', code: 'EEXIST' });
  expect(readFileSync(join(folder.path, 'kept', pageName(1)), 'utf8')).toBe('old\n');
  expect(readdirSync(join(folder.path, 'kept'))).toEqual([pageName(1)]);
});

test('names that the runner would not give are left alone', async () => {
  await using runner = await KeeperHarness.start();
  const names = [
    'a\nb.log',
    `${pageName(1)}\n`,
    `x${pageName(1)}`,
    '-rf',
    '%s%n.log',
    `${pageName(1)}.log`,
    '\u202e.log',
  ];

  for (const name of names) writeFileSync(join(runner.pages, name), 'x\n');
  runner.write(2);

  await eventually(() => expect(runner.keptNames()).toEqual([pageName(2)]));
  await runner.scanned();
  expect(runner.status).toMatchObject({ kept: 1, refused: {} });
});

test('thousands of tiny files take no more than the limit, and the keeper goes on', async () => {
  await using runner = new KeeperHarness({ filesMax: 50 });
  for (let n = 0; n < 3_000; n++) writeFileSync(runner.page(n), '');

  await runner.run();

  await eventually(() => expect(runner.status).toMatchObject({ files: 50, refused: { limit: 2_950 } }));
  expect(runner.keptNames()).toHaveLength(50);
  expect(readdirSync(runner.pages)).toHaveLength(3_000);
});

test('nothing of a name or of a file is in the log', async () => {
  await using runner = await KeeperHarness.start({ filesMax: 1 });
  for (const n of [1, 2, 3]) symlinkSync('/etc/passwd', runner.page(n));
  runner.write(4, 'secret text\n');
  runner.write(5, 'secret text\n');
  await eventually(() => expect(runner.status.refused).toEqual({ not_a_file: 3, limit: 1 }));

  const log = JSON.stringify(runner.messages);

  expect(log).not.toContain(pageName(1).slice(0, 8));
  expect(log).not.toContain('secret');
});
