import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { exampleEndpoints, exampleInputs } from '../../../relay/config/generate/example.ts';
import { generatedFiles } from '../../../relay/config/generate/generated-files.ts';
import { inYaml } from '../../../relay/config/generate/option-table.ts';
import { readConfig } from '../../../relay/config/load.ts';
import { registry } from '../../../relay/config/registry.ts';
import { configOf } from '../../support/config.ts';
import { fakeRegistry } from '../../support/fake-components.ts';

const files = generatedFiles(registry);
const ofFakes = generatedFiles(fakeRegistry);

test.each([...files.keys()])('%s is what the program says now; else run "npm run docs"', (path) => {
  expect(readFileSync(path, 'utf8')).toBe(files.get(path));
});

test('there is no page of a component that is gone', () => {
  expect(globSync('docs/components/*.md').filter((page) => !files.has(page))).toEqual([]);
});

test('the example of the real components is valid, what it shows commented out too', () => {
  const listed = (components: readonly { name: string; type: string; options: object }[]) =>
    Object.fromEntries(components.map(({ name, type, options }) => [name, { type, ...options }]));
  const all = { inputs: listed(exampleInputs(registry)), endpoints: listed(exampleEndpoints(registry)) };

  for (const text of [files.get('config.example.yaml')!, JSON.stringify(all)]) {
    const source = { file: 'config.yaml', folder: '/etc/spillway', text, environment: {}, registry };
    expect(readConfig(source).problems).toEqual([]);
  }
});

test('a component’s page has its summary, its notes and every option', () => {
  const page = ofFakes.get('docs/components/input-http.md')!;

  expect(page).toContain('# Input `http`\n\nTakes requests.\n');
  expect(page).toContain('| `listen` | a text | **required** | Address to listen on');
  expect(page).toContain('| `token` | a text |  | What senders must show. **Secret**');
  expect(page).not.toContain('| `token_file` | a text |  | File that holds it. **Secret**');
  expect(ofFakes.get('docs/components/output-file.md')).toContain('| `backoff_min_ms` | a whole number');
});

test('the example is valid and opens the ports that are promised', () => {
  const { inputs, endpoints, data_dir } = configOf(ofFakes.get('config.example.yaml')!);

  expect(inputs.map(({ options }) => options['listen'])).toEqual([
    'udp://0.0.0.0:5514',
    'tcp://0.0.0.0:5514',
    'http://0.0.0.0:9880',
  ]);
  expect(endpoints.map(({ name, options }) => ({ name, options }))).toEqual([
    { name: 'files', options: { path: '/etc/spillway/data/forwarded.ndjson' } },
  ]);
  expect(data_dir).toBe('/etc/spillway/data');
});

test('what the example shows commented out would be valid too', () => {
  const all = {
    inputs: Object.fromEntries(
      exampleInputs(fakeRegistry).map(({ name, type, options }) => [name, { type, ...options }]),
    ),
    endpoints: Object.fromEntries(
      exampleEndpoints(fakeRegistry).map(({ name, type, options }) => [name, { type, ...options }]),
    ),
  };

  expect(configOf(JSON.stringify(all)).inputs).toHaveLength(4);
});

test('every option of the example is there once, described, and has the default that it says', () => {
  const text = ofFakes.get('config.example.yaml')!;
  const uncommented = text.replaceAll(/^( +)# ([a-z_]+: \S.*)$/gm, '$1$2').replaceAll(/^( +)# {3}(\S)/gm, '$1  $2');

  expect(text).toMatch(/# Longer lines are split\.\n {4}# line_bytes_max: 65536\n/);
  expect(text.match(/line_bytes_max/g)).toHaveLength(1);
  expect(() => parse(text)).not.toThrow();
  expect(uncommented).toMatch(/^ {4}line_bytes_max: 65536$/m);
});

test('the JSON Schema refuses unknown keys and knows every component', () => {
  const schema = JSON.parse(ofFakes.get('docs/config.schema.json')!);

  expect(schema).toMatchObject({ additionalProperties: false });
  const types = schema.properties.inputs.additionalProperties.oneOf.map(
    (branch: { properties: { type: { const: string } } }) => branch.properties.type.const,
  );
  expect(types).toEqual(['syslog', 'http']);
  expect(ofFakes.get('docs/config.schema.json')).not.toContain('"expects"');
});

test.each([
  { value: 'plain', yaml: 'plain' },
  { value: '20GiB', yaml: '20GiB' },
  { value: '127.0.0.1:8686', yaml: '127.0.0.1:8686' },
  { value: '20', yaml: "'20'" },
  { value: 'no', yaml: "'no'" },
  { value: '', yaml: "''" },
  { value: 'it’s: a', yaml: "'it’s: a'" },
  { value: "it's", yaml: "'it''s'" },
  { value: 7, yaml: '7' },
  { value: { a: ['b'] }, yaml: '{"a":["b"]}' },
])('$value is written $yaml and reads back the same', ({ value, yaml }) => {
  expect(inYaml(value)).toBe(yaml);
  expect(parse(yaml)).toEqual(value);
});
