import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TokenFile } from '../../relay/admin/tokens.ts';
import { tokenCommand } from '../../relay/cli/token.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { oneInput } from '../support/config.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function cliIn(folder: string): CliHarness {
  writeFileSync(join(folder, 'config.yaml'), `${oneInput}data_dir: var\n`);
  return new CliHarness(folder);
}

test('a token is printed alone on standard output, and works', async () => {
  using folder = temporaryFolder();
  const cli = cliIn(folder.path);

  expect(await cli.run([tokenCommand], 'token', 'add', 'runners', '--role', 'viewer')).toBe(0);

  expect(cli.stdout).toMatch(/^spw_\S+\n$/);
  expect(cli.stderr).toContain('shown this once');
  const file = new TokenFile(join(folder.path, 'var', 'tokens.json'), cli.context);
  expect(file.authenticate(cli.stdout.trim())).toMatchObject({ name: 'runners', role: 'viewer' });
});

test('the list shows names and roles, never a token or a hash', async () => {
  using folder = temporaryFolder();
  const cli = cliIn(folder.path);
  await cli.run([tokenCommand], 'token', 'add', 'runners', '--role', 'viewer', '--json');
  const { token } = JSON.parse(cli.stdout) as { token: string };

  expect(await cli.run([tokenCommand], 'token', 'list')).toBe(0);
  expect(cli.stdout).toMatch(
    /^NAME +ROLE +KIND +CREATED +ID\nrunners {2}viewer {2}token {2}\d{4}-.*Z {2}[0-9a-f]{16}\n$/,
  );
  expect(cli.stdout).not.toContain(token.slice(21));

  expect(await cli.run([tokenCommand], 'token', 'list', '--json')).toBe(0);
  expect(Object.keys((JSON.parse(cli.stdout) as object[])[0]!)).toEqual(['id', 'name', 'role', 'kind', 'created_at']);
});

test('a token can be removed, once', async () => {
  using folder = temporaryFolder();
  const cli = cliIn(folder.path);
  await cli.run([tokenCommand], 'token', 'add', 'runners', '--role', 'viewer');

  expect(await cli.run([tokenCommand], 'token', 'remove', 'runners')).toBe(0);
  expect(await cli.run([tokenCommand], 'token', 'remove', 'runners')).toBe(1);
  expect(await cli.run([tokenCommand], 'token', 'list')).toBe(0);
  expect(cli.stderr).toBe('There is no token.\n');
});

test('a token is rotated: the new one is printed alone, and the one before is good as long as it was said', async () => {
  using folder = temporaryFolder();
  const cli = cliIn(folder.path);
  await cli.run([tokenCommand], 'token', 'add', 'runners', '--role', 'viewer');
  const before = cli.stdout.trim();
  const file = new TokenFile(join(folder.path, 'var', 'tokens.json'), cli.context);

  expect(await cli.run([tokenCommand], 'token', 'rotate', 'runners', '--overlap', '2h')).toBe(0);
  const after = cli.stdout.trim();
  expect(cli.stdout).toMatch(/^spw_\S+\n$/);
  expect(cli.stderr).toMatch(/shown this once\. The one before is taken until \d{4}-.*Z\.\n$/);
  expect([before, after].map((token) => file.authenticate(token)?.name)).toEqual(['runners', 'runners']);

  expect(await cli.run([tokenCommand], 'token', 'rotate', 'runners', '--overlap', '0s', '--json')).toBe(0);
  const { token, former_until } = JSON.parse(cli.stdout) as { token: string; former_until: null };
  expect(former_until).toBeNull();
  expect([before, after, token].map((one) => file.authenticate(one)?.name)).toEqual([undefined, undefined, 'runners']);

  expect(await cli.run([tokenCommand], 'token', 'rotate', 'nobody')).toBe(1);
});

test.each([
  [['rotate']],
  [['rotate', 'x', '--overlap', 'soon']],
  [['rotate', 'x', '--overlap', '31d']],
  [['list', '--overlap', '1h']],
  [[]],
  [['ad', 'x']],
  [['add']],
  [['add', 'x']],
  [['add', 'x', '--role', 'root']],
  [['add', 'a b', '--role', 'viewer']],
  [['list', 'x']],
  [['remove']],
  [['remove', 'x', 'y']],
])('token %s is a wrong command line', async (words) => {
  using folder = temporaryFolder();
  const cli = cliIn(folder.path);

  expect(await cli.run([tokenCommand], 'token', ...words)).toBe(2);
  expect(cli.stdout).toBe('');
});
