import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isStored } from '../../relay/config/config.ts';
import { exampleConfig } from '../../relay/config/generate/example.ts';
import { loadConfig, requireConfig } from '../../relay/config/load.ts';
import { configOf, oneInput, problemsOf } from '../support/config.ts';
import { fakeFileOutput, fakeRegistry, fakeSyslogInput } from '../support/fake-components.ts';

test('every default is filled in', () => {
  const config = configOf(oneInput);

  expect(config).toMatchObject({
    name: 'spillway',
    data_dir: '/etc/spillway/data',
    store: true,
    admin: { listen: '127.0.0.1:8686' },
    log: { level: 'info' },
    journal: {
      max_bytes: 20 * 1024 ** 3,
      min_free_bytes: 1024 ** 3,
      when_full: 'block',
      sync: 'full',
      max_commit_delay_ms: 2,
      max_batch_bytes: 512 * 1024,
      max_in_flight_bytes: 16 * 1024 ** 2,
      compression_level: 1,
      receipts_window_ms: 3_600_000,
    },
  });
  expect(config.endpoints).toEqual([]);
});

test('an input comes with its definition and the options that it takes', () => {
  const [edge] = configOf(oneInput).inputs;

  expect(edge).toEqual({
    name: 'edge',
    definition: fakeSyslogInput,
    options: { listen: 'tcp://0.0.0.0:5514', dataset: 'syslog', line_bytes_max: 65_536, keep_original: false },
  });
});

test('an endpoint’s own options and those of delivery are kept apart', () => {
  const [files] = configOf(
    `${oneInput}endpoints: { files: { type: file, path: out.ndjson, paused: true, match: { event.dataset: a.* } } }`,
  ).endpoints;

  expect(files).toEqual({
    name: 'files',
    definition: fakeFileOutput,
    options: { path: '/etc/spillway/out.ndjson' },
    delivery: {
      match: { 'event.dataset': 'a.*' },
      paused: true,
      start_at: 'first',
      backoff_min_ms: 250,
      backoff_max_ms: 30_000,
      down_after_ms: 10_000,
      reminder_interval_ms: 1_800_000,
      drain: 'interleave',
      drain_records_per_s_max: 0,
      resend_records: 1_000,
      dead_letters_max: 100_000,
    },
  });
});

test('paths count from the folder of the config, wherever the relay was started', () => {
  const config = configOf(`
data_dir: ../var
inputs:
  edge: { type: syslog, listen: 'tls://0.0.0.0:6514', tls: { cert_file: tls/cert.pem, key_file: /run/key.pem } }
endpoints:
  files: { type: file, path: ./a.ndjson, match: { log.file_path: ./b } }
`);

  expect(config.data_dir).toBe('/etc/var');
  expect(config.inputs[0]?.options).toMatchObject({
    tls: { cert_file: '/etc/spillway/tls/cert.pem', key_file: '/run/key.pem' },
  });
  expect(config.endpoints[0]?.options).toEqual({ path: '/etc/spillway/a.ndjson' });
  expect(config.endpoints[0]?.delivery.match).toEqual({ 'log.file_path': './b' });
});

test('JSON is YAML too, tabs and all', () => {
  const text = '{\n\t"inputs": {\n\t\t"edge": { "type": "syslog", "listen": "tcp://0.0.0.0:5514" }\n\t}\n}\n';

  expect(configOf(text).inputs).toHaveLength(1);
});

test.each(['', '\n', '# nothing\n', '---\n', 'null', '{}'])('a config of %j has no input', (text) => {
  expect(problemsOf(text)).toEqual([
    'config.yaml:1:1: inputs: there is no input, so nothing would ever arrive — write at least one below "inputs"',
  ]);
});

test('a config that is no mapping is told so', () => {
  expect(problemsOf('just a text')).toEqual([
    'config.yaml:1:1: "just a text" will not do — write its settings below it',
  ]);
});

test('sharing by anchors works, and a problem is shown where the shared text stands', () => {
  const text = `
inputs:
  one: { type: syslog, listen: 'tcp://0.0.0.0:1001', tls: &tls { cert_file: c.pem, key_file: k.pem } }
  two: { type: syslog, listen: 'tcp://0.0.0.0:1002', tls: *tls }
`;

  expect(configOf(text).inputs[1]?.options).toMatchObject({ tls: { cert_file: '/etc/spillway/c.pem' } });
  expect(problemsOf(text.replace('key_file', 'kee_file'))).toEqual([
    'config.yaml:3:84: inputs.one.tls.kee_file: there is no such option here — did you mean "key_file"?',
    'config.yaml:3:84: inputs.two.tls.kee_file: there is no such option here — did you mean "key_file"?',
  ]);
});

test('aliases that unfold without end are refused', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (let n = 0; n < 9; n++) {
    const [from, to] = ['abcdefghij'[n], 'abcdefghij'[n + 1]];
    bomb.push(`${to}: &${to} [${Array.from({ length: 9 }, () => `*${from}`).join(', ')}]`);
  }

  expect(problemsOf(bomb.join('\n'))[0]).toContain('its aliases unfold without end');
});

test('a key that reaches for the prototype changes nothing', () => {
  problemsOf('__proto__: { polluted: 1 }\nconstructor: { prototype: { polluted: 1 } }\n');

  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
});

// Whatever key of the example is misspelt, the problem names it, where it stands. Names that the operator chooses are no keys.
test('every misspelt key of the example is found at its place', () => {
  const lines = exampleConfig(fakeRegistry).split('\n');
  const keys = [...lines.entries()].filter(([, line]) => /^(?:[a-z_]+| {2}(?!\w+:$)[a-z_]+| {4}[a-z_]+):/.test(line));
  expect(keys.length).toBeGreaterThan(25);

  for (const [index, line] of keys) {
    const misspelt = lines.with(index, line.replace(':', 'x:')).join('\n');
    const [, indent = '', key = ''] = /^( *)([a-z_]+):/.exec(line)!;
    const at = `config.yaml:${index + 1}:${indent.length + 1}: `;
    const hints = problemsOf(misspelt).filter(
      (problem) => problem.includes('did you mean') || problem.includes('is missing'),
    );

    if (key === 'type') expect(hints.join('\n'), line).toContain('.type: is missing — write');
    else
      expect(
        hints.find((problem) => problem.startsWith(at)),
        line,
      ).toContain(`did you mean "${key}"?`);
  }
});

test('no text makes the loader throw', () => {
  const pieces =
    'inputs edge type syslog null : { } [ ] " \' &a *a ${ X} $ | > - ? !t % @ # --- ~ 1e999 << __proto__'.split(' ');
  const piece = fc.constantFrom(...pieces, ' ', '\n', '  ', '\t', '\u0000', '\ud800');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join('')),
        fc.string(),
      ),
      (text) => {
        for (const problem of problemsOf(text)) expect(problem).toMatch(/^config\.yaml:[1-9]\d*:[1-9]\d*: ./);
      },
    ),
    { numRuns: 500 },
  );
});

test('a file that cannot be read is an error of its own', () => {
  const source = { file: 'none.yaml', workingFolder: tmpdir(), environment: {}, registry: fakeRegistry };

  expect(() => loadConfig(source)).toThrow(expect.objectContaining({ code: 'CONFIG_UNREADABLE' }));
});

test('a file is read from the working folder, and its paths count from its own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-config-'));
  try {
    writeFileSync(join(folder, 'a.yaml'), oneInput);
    const source = { file: 'a.yaml', workingFolder: folder, environment: {}, registry: fakeRegistry };

    expect(requireConfig(source)).toMatchObject({ file: join(folder, 'a.yaml'), data_dir: join(folder, 'data') });

    writeFileSync(join(folder, 'a.yaml'), `${oneInput}nam: x\ndata: y\n`);
    expect(() => requireConfig(source)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^a\.yaml:2:1: nam: .*\na\.yaml:3:1: data: /),
      }),
    );

    writeFileSync(join(folder, 'a.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xff]));
    expect(() => loadConfig(source)).toThrow(expect.objectContaining({ code: 'CONFIG_UNREADABLE' }));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  { store: true, dataset: 'a', stored: true },
  { store: false, dataset: 'a', stored: false },
  { store: { a: false }, dataset: 'a', stored: false },
  { store: { a: false }, dataset: 'b', stored: true },
  { store: { a: true }, dataset: 'a', stored: true },
  { store: {}, dataset: 'constructor', stored: true },
])('with store $store, $dataset is stored: $stored', ({ store, dataset, stored }) => {
  expect(isStored(store as boolean, dataset)).toBe(stored);
});
