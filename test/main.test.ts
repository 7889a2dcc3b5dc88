import { execFile } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { delimiter, join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from './support/temporary-folder.ts';

interface Ended {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, ...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(program, words, (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, signal: child.signalCode, stdout, stderr }),
    );
  });
}

/** A module that makes the Node that loads it say that it is another version. */
const pretending = (version: string): string =>
  `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"${version}"}})`;

test.each(['12.22.12', '20.20.2', '22.18.0'])('on Node %s it says what it needs, and ends with 2', async (version) => {
  const ended = await run(process.execPath, '--import', pretending(version), 'relay/main.ts', 'check');

  expect(ended).toMatchObject({ exitCode: 2, signal: null, stdout: '' });
  expect(ended.stderr).toBe(
    `spillway needs Node.js 22.19 or newer, and this is ${version}. In a checkout "npx spillway" and "npm start" bring their own.\n`,
  );
});

test.each(['22.19.0', '24.0.0', '100.1.0'])('Node %s is new enough', async (version) => {
  const ended = await run(process.execPath, '--import', pretending(version), 'relay/main.ts', '--version');

  expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
  expect(ended.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('whatever Node is first on this machine gets a plain answer', async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'cli'));
  writeFileSync(join(folder.path, 'package.json'), '{"type":"module"}');
  const source = stripTypeScriptTypes(readFileSync('relay/main.ts', 'utf8')).replace('commands.ts', 'commands.js');
  writeFileSync(join(folder.path, 'main.js'), source);
  writeFileSync(join(folder.path, 'cli', 'commands.js'), 'export const runCommandLine = async () => 0;');
  const programs = [process.execPath, ...systemNodes()];

  for (const program of programs) {
    const { stdout: version } = await run(program, '--version');
    const ended = await run(program, join(folder.path, 'main.js'));

    const [major = 0, minor = 0] = version.slice(1).split('.').map(Number);
    const isEnough = major > 22 || (major === 22 && minor >= 19);
    expect(ended, version).toMatchObject({ exitCode: isEnough ? 0 : 2, signal: null });
    expect(ended.stderr.split('\n'), version).toHaveLength(isEnough ? 1 : 2);
  }
});

function systemNodes(): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return folders
    .map((folder) => join(folder, 'node'))
    .filter((program) => {
      try {
        accessSync(program, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

test('who reads only the first lines ends it without a word', async () => {
  const { exitCode, stdout, stderr } = await run('sh', '-c', `'${process.execPath}' relay/main.ts --help | head -n 1`);

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toContain('spillway');
});
