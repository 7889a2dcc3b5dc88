import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { drainCommand } from '../../relay/cli/drain.ts';
import { keepCommand } from '../../relay/cli/keep.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { FluentBitStandIn } from '../support/fluent-bit-stand-in.ts';
import { eventually, KeeperHarness, pageName } from '../support/keeper-harness.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const commands = [keepCommand, drainCommand];

test('keep says what it needs', async () => {
  using folder = temporaryFolder();
  const cli = new CliHarness(folder.path);

  expect(await cli.run(commands, 'keep')).toBe(2);
  expect(cli.stderr).toContain('keep needs --diag FOLDER');
  expect(await cli.run(commands, 'keep', '--diag', 'x', '--files-max', 'many')).toBe(2);
  expect(await cli.run(commands, 'keep', '--diag', 'x', '--fluent-bit', 'https://x')).toBe(2);
  expect(await cli.run(commands, 'drain', '--kept', 'x')).toBe(2);
});

test('keep keeps until it is stopped', async () => {
  await using runner = new KeeperHarness();
  const cli = new CliHarness(runner.root);

  const ended = cli.run(commands, 'keep', '--diag', 'diag', '--kept', 'kept', '--scan-ms', '20');
  await eventually(() => expect(runner.status.kept).toBe(0));
  runner.write(1);
  await eventually(() => expect(runner.keptNames()).toEqual([pageName(1)]));
  cli.stop();

  expect(await ended).toBe(0);
  expect(runner.status).toMatchObject({ kept: 1, left: { files: 1 } });
});

test('keep that is stopped with --drain-ms waits for Fluent Bit, and tells where it waited in vain', async () => {
  await using runner = new KeeperHarness();
  await using fluentBit = await FluentBitStandIn.start();
  const cli = new CliHarness(runner.root);
  const words = [
    '--diag',
    'diag',
    '--kept',
    'kept',
    '--positions',
    '.',
    '--scan-ms',
    '20',
    '--fluent-bit',
    fluentBit.url.href,
  ];
  runner.write(1);

  const ended = cli.run(commands, 'keep', ...words, '--drain-ms', '300');
  await eventually(() => expect(runner.keptNames()).toEqual([pageName(1)]));
  cli.stop();

  expect(await ended).toBe(1);
  expect(cli.stdout).toMatch(/"level":"error".*NOT DELIVERED after \d\.\d s: 15 bytes in 1 file/);
});

test('drain ends with 0 when everything was delivered', async () => {
  await using runner = await KeeperHarness.start();
  await using fluentBit = await FluentBitStandIn.start();
  const cli = new CliHarness(runner.root);
  runner.write(1, 'a line\n');
  await eventually(() => expect(runner.keptNames()).toHaveLength(1));
  runner.tail.read(runner.keptPage(1));

  expect(
    await cli.run(commands, 'drain', '--kept', 'kept', '--positions', '.', '--fluent-bit', fluentBit.url.href),
  ).toBe(0);
  expect(cli.stdout).toMatch(/^everything that was kept is delivered, after \d\.\d s\n$/);
});

test('drain ends with 1 when the time is up, and says what is left', async () => {
  await using runner = await KeeperHarness.start();
  await using fluentBit = await FluentBitStandIn.start();
  const cli = new CliHarness(runner.root);
  const words = [
    'drain',
    '--kept',
    'kept',
    '--positions',
    '.',
    '--fluent-bit',
    fluentBit.url.href,
    '--timeout-ms',
    '200',
  ];
  runner.write(1, 'read\nnot read\n');
  runner.write(2, 'read\nunfinished');
  await eventually(() => expect(runner.keptNames()).toHaveLength(2));
  for (const n of [1, 2]) runner.tail.read(runner.keptPage(n), 5);

  expect(await cli.run(commands, ...words)).toBe(1);
  expect(cli.stdout).toContain('9 bytes in 1 file were not read by Fluent Bit');
  expect(cli.stdout).toContain('last lines without a line end, which go when the keeper is stopped: 1, 10 bytes');
  expect(await cli.run(commands, ...words, '--json')).toBe(1);
  expect(JSON.parse(cli.stdout)).toMatchObject({
    delivered: false,
    left: { files: 1, bytes: 9 },
    unended: { files: 1, bytes: 10 },
    refused: 0,
    keeper: 'running',
  });
});

test('drain sees that no keeper runs', async () => {
  using folder = temporaryFolder();
  await using fluentBit = await FluentBitStandIn.start();
  const cli = new CliHarness(folder.path);
  mkdirSync(join(folder.path, 'kept'));
  writeFileSync(
    join(folder.path, 'kept', 'status.json'),
    '{"scanned_ms":1,"written_ms":1,"left":{},"refused":{"limit":2}}',
  );

  await cli.run(
    commands,
    'drain',
    '--kept',
    'kept',
    '--positions',
    '.',
    '--fluent-bit',
    fluentBit.url.href,
    '--timeout-ms',
    '50',
  );

  expect(cli.stdout).toContain('the keeper is not running');
  expect(cli.stdout).toContain('files that the keeper refused to keep: 2');
});

test('drain on a folder that is not there says so', async () => {
  using folder = temporaryFolder();
  const cli = new CliHarness(folder.path);
  rmSync(join(folder.path, 'kept'), { force: true });

  expect(await cli.run(commands, 'drain', '--kept', 'kept', '--positions', '.')).toBe(1);
  expect(cli.stderr).toContain('cannot be read: has the keeper run?');
});

test('drain shows on a terminal what it waits for, and wipes that away', async () => {
  await using runner = await KeeperHarness.start();
  await using fluentBit = await FluentBitStandIn.start();
  const cli = new CliHarness(runner.root);
  runner.write(1, 'read\nnot read\n');
  await eventually(() => expect(runner.keptNames()).toHaveLength(1));
  runner.tail.read(runner.keptPage(1), 5);
  cli.beSlow();

  const words = ['--kept', 'kept', '--positions', '.', '--fluent-bit', fluentBit.url.href, '--timeout-ms', '9000'];
  expect(await cli.run(commands, 'drain', ...words)).toBe(1);
  expect(cli.stderr.replaceAll('\u001b[K', '⌫')).toMatch(
    /\r[█░]{24} +\d+ % {2}9 bytes in 1 file are not read yet⌫\r⌫$/,
  );
});
