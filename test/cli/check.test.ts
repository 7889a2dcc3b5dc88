import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkCommand } from '../../relay/cli/check.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { oneInput } from '../support/config.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const toFile = 'endpoints: { files: { type: file, path: out.ndjson } }\n';

async function check(folder: string, text: string, ...words: string[]) {
  writeFileSync(join(folder, 'config.yaml'), text);
  const cli = new CliHarness(folder);
  const exitCode = await cli.run([checkCommand], 'check', ...words);
  return { exitCode, stdout: cli.stdout, stderr: cli.stderr, cli };
}

test('a good config is said to be good', async () => {
  using folder = temporaryFolder();

  const { exitCode, stdout } = await check(folder.path, oneInput + toFile);

  expect(exitCode).toBe(0);
  expect(stdout).toContain('config.yaml is valid: 1 input, 1 endpoint');
  expect(stdout).toContain(`data_dir: ${folder.path}/data will be made`);
  expect(stdout).toMatch(/^skipped .*--connect/m);
});

test('a file of secrets to mask that cannot be read is a problem', async () => {
  using folder = temporaryFolder();
  const redact = 'redact: [{ literals: [{ name: x, value_file: ./missing }] }]\n';

  const { exitCode, stdout } = await check(folder.path, oneInput + toFile + redact);

  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^problem +redact\[0\]\.literals\[0\]\.value_file: .*missing cannot be read/m);
});

test('a broken config is told problem by problem, as compilers do', async () => {
  using folder = temporaryFolder();

  const { exitCode, stdout } = await check(folder.path, `${oneInput}nam: x\nadmin: { listen: 1 }\n`);

  expect(exitCode).toBe(1);
  expect(stdout.split('\n')).toEqual([
    'config.yaml:2:1: nam: there is no such option here — did you mean "name"?',
    expect.stringMatching(/^config\.yaml:3:18: admin\.listen: 1 will not do/),
    '',
  ]);
});

test('--json gives the same with line and column', async () => {
  using folder = temporaryFolder();

  const { exitCode, stdout } = await check(folder.path, `${oneInput}nam: x\n`, '--json');

  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toEqual({
    ok: false,
    findings: [
      {
        check: 'config',
        outcome: 'problem',
        file: 'config.yaml',
        line: 2,
        column: 1,
        path: ['nam'],
        message: 'there is no such option here — did you mean "name"?',
      },
    ],
  });
});

test('without --config it takes config.yaml, then config.example.yaml; without either it says so', async () => {
  using folder = temporaryFolder();
  const cli = new CliHarness(folder.path);

  expect(await cli.run([checkCommand], 'check')).toBe(2);
  expect(cli.stderr).toContain('there is no config.yaml and no config.example.yaml');

  writeFileSync(join(folder.path, 'config.example.yaml'), oneInput);
  expect(await cli.run([checkCommand], 'check')).toBe(0);
  expect(cli.stdout).toContain('config.example.yaml is valid');

  writeFileSync(join(folder.path, 'config.yaml'), oneInput);
  expect(await cli.run([checkCommand], 'check')).toBe(0);
  expect(cli.stdout).toContain('config.yaml is valid');

  expect(await cli.run([checkCommand], 'check', '--config', 'other.yaml')).toBe(2);
  expect(cli.stderr).toMatch(/^spillway: cannot read the config other\.yaml: /);
});

test('a file that is named and cannot be read is a problem, one that everyone may read is a warning', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'open'), 'secret', { mode: 0o644 });
  chmodSync(join(folder.path, 'open'), 0o644);
  mkdirSync(join(folder.path, 'folder'));
  const input = (name: string, port: number): string =>
    `  i${port}: { type: http, listen: 'http://127.0.0.1:${port}', token_file: ${name} }\n`;

  const { exitCode, stdout } = await check(
    folder.path,
    `inputs:\n${input('none', 1)}${input('open', 2)}${input('folder', 3)}`,
  );

  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^problem .*inputs\.i1\.token_file: .*none cannot be read \(ENOENT/m);
  expect(stdout).toMatch(/^warning .*inputs\.i2\.token_file: everyone on this machine may read/m);
  expect(stdout).toMatch(/^problem .*inputs\.i3\.token_file: .*folder is no file/m);
});

test('a data folder that cannot be is a problem', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'taken'), '');

  const { exitCode, stdout } = await check(folder.path, `${oneInput}data_dir: taken/below\n`);

  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^problem .*data_dir: .*taken is no folder/m);
});

test('what is allowed but gives something away is a warning', async () => {
  using folder = temporaryFolder();

  const { exitCode, stdout } = await check(
    folder.path,
    `${oneInput}journal: { sync: normal, when_full: drop_oldest }
admin: { listen: '0.0.0.0:8686' }
endpoints: { s: { type: logstash, url: 'tcp://a:1', tls: { verify: false } } }
`,
  );

  expect(exitCode).toBe(0);
  for (const word of ['journal.sync', 'journal.when_full', 'admin.listen', 'endpoints.s.tls.verify'])
    expect(stdout).toContain(word);
});

test('an endpoint that is an input of this relay is a problem', async () => {
  using folder = temporaryFolder();
  const to = (url: string): string => `${oneInput}endpoints: { s: { type: logstash, url: '${url}' } }\n`;

  const round = await check(folder.path, to('tcp://localhost:5514'));
  const elsewhere = await check(folder.path, to('tcp://logs.corp:5514'));

  expect(round.exitCode).toBe(1);
  expect(round.stdout).toMatch(/^problem .*endpoints\.s sends to inputs\.edge/m);
  expect(elsewhere.exitCode).toBe(0);
});

test('--connect asks every address at once, and one that never answers does not hold up the rest', async () => {
  using folder = temporaryFolder();

  const { exitCode, stdout } = await check(
    folder.path,
    `${oneInput}endpoints:
  s: { type: logstash, url: ['tcp://user:pw@good:9', 'tcp://bad:1', 'tcp://silent:2'] }
  f: { type: file, path: out.ndjson }
`,
    '--connect',
    '--timeout-ms',
    '50',
  );

  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^ok .*endpoints\.s at tcp:\/\/good:9: answered in \d+ ms/m);
  expect(stdout).toMatch(/^problem .*endpoints\.s at tcp:\/\/bad:1: no answer from tcp:\/\/bad:1/m);
  expect(stdout).toMatch(/^problem .*endpoints\.s at tcp:\/\/silent:2: no answer within 50 ms/m);
  expect(stdout).toMatch(/^ok .*endpoints\.f: answered/m);
});
