import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { dataFolderOf, SECTIONS } from '../../relay/config/data-folder.ts';
import { loadConfig } from '../../relay/config/load.ts';
import { configSchema } from '../../relay/config/schema.ts';
import { oneInput } from '../support/config.ts';
import { fakeRegistry } from '../support/fake-components.ts';

const folder = mkdtempSync(join(tmpdir(), 'spillway-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const environment = { FOLDER: '/var/lib/relay', EMPTY: '' };

/** The folder as it is read at once, and as the whole config has it; each undefined where it cannot say. */
function bothWays(text: string): { readonly quick: string | undefined; readonly whole: string | undefined } {
  writeFileSync(join(folder, 'config.yaml'), text);
  const source = { file: 'config.yaml', workingFolder: folder, environment };
  const { config } = loadConfig({ ...source, registry: fakeRegistry });
  return { quick: dataFolderOf(source), whole: config?.data_dir };
}

test.each([
  ['data_dir: /data', '/data'],
  ['data_dir: ../store # beside it', join(folder, '../store')],
  ['', join(folder, 'data')],
  ['"data_dir": "${FOLDER}/journal"', '/var/lib/relay/journal'],
  ['data_dir: ${NONE:-/else}', '/else'],
  ['name: &it relay\ndata_dir: *it', join(folder, 'relay')],
])('the folder of a config with %j is the one that the whole config has', (lines, expected) => {
  expect(bothWays(`${lines}\n${oneInput}`)).toEqual({ quick: expected, whole: expected });
});

test('what is wrong elsewhere in a config does not keep a command from its journal', () => {
  const text = `data_dir: /data\nlog: { level: loud }\nendpoints: { a: { type: file, path: '\${NONE}' } }\n`;

  expect(bothWays(text)).toEqual({ quick: '/data', whole: undefined });
});

test.each([
  'data_dri: /data',
  'data_dir: 7',
  'data_dir: ""',
  'data_dir: ${NONE}',
  'data_dir: /a\ndata_dir: /b',
  'data_dir: [/a]',
  'data_dir: "/a',
  '- data_dir',
  'a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nname: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]',
])('where it is not clear which folder is meant (%j), nothing is guessed', (text) => {
  expect(bothWays(`${text}\n`)).toEqual({ quick: undefined, whole: undefined });
});

test('an empty file, and one that is not there, are for the whole config to explain', () => {
  expect(bothWays('').quick).toBeUndefined();
  expect(() => dataFolderOf({ file: 'none.yaml', workingFolder: folder, environment })).toThrow(
    expect.objectContaining({ code: 'CONFIG_UNREADABLE' }),
  );
});

test('the names at the outermost level are those of the schema', () => {
  expect(SECTIONS.toSorted()).toEqual(Object.keys(configSchema(fakeRegistry).shape).sort());
});
