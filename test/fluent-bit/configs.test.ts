import { globSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { drainCommand } from '../../relay/cli/drain.ts';
import { keepCommand } from '../../relay/cli/keep.ts';

// The files that people copy. What they were tried with is a real Fluent Bit; what can be checked without one is checked here.

type Properties = Readonly<Record<string, unknown>>;

function load(file: string): Properties {
  return parse(readFileSync(`fluent-bit/${file}`, 'utf8'), { merge: true }) as Properties;
}

const readme = readFileSync('fluent-bit/README.md', 'utf8');
const inputs = load('inputs.yaml') as {
  service: Properties;
  pipeline: { inputs: Properties[]; filters: Properties[] };
};
const outputs = ['fluent-bit.yaml', 'fluent-bit-forward.yaml'].map((file) => {
  const config = load(file) as { includes: string[]; pipeline: { outputs: Properties[] } };
  return { file, includes: config.includes, output: config.pipeline.outputs[0]! };
});

test.each(inputs.pipeline.inputs)(
  'input $alias loses nothing: reads from the head, remembers where it is, on the disk',
  (input) => {
    expect(input).toMatchObject({
      name: 'tail',
      read_from_head: 'on',
      refresh_interval: 1,
      path_key: 'file',
      offset_key: 'offset',
      buffer_max_size: '8M',
      'db.compare_filename': 'on',
      'storage.type': 'filesystem',
    });
    expect(input).not.toHaveProperty('mem_buf_limit');
    expect(input).not.toHaveProperty('skip_long_lines');
    // Two inputs on one database would each delete the other's files from it. The keeper looks for them right there.
    expect(inputs.pipeline.inputs.filter(({ db }) => db === input['db'])).toHaveLength(1);
    expect(input['db']).toMatch(/^\$\{SPILLWAY_DIR\}\/[^/]+\.db$/);
  },
);

test('empty lines are left out only where the keeper put them', () => {
  expect(inputs.pipeline.inputs.filter((input) => 'skip_empty_lines' in input)).toEqual([
    expect.objectContaining({ path: '${SPILLWAY_DIR}/kept/unended/*.log' }),
  ]);
});

test('the drain can ask Fluent Bit, and what the relay refuses stays', () => {
  expect(inputs.service).toMatchObject({
    http_server: 'on',
    http_listen: '127.0.0.1',
    'storage.metrics': 'on',
    'storage.keep.rejected': 'on',
    'scheduler.cap': 5,
  });
});

test('the plugin is called in protected mode', () => {
  expect(inputs.pipeline.filters).toEqual([
    expect.objectContaining({ name: 'lua', call: 'spillway', protected_mode: 'on', script: 'plugin/spillway.lua' }),
  ]);
});

test.each(outputs)('$file never gives up', ({ includes, output }) => {
  expect(includes).toEqual(['inputs.yaml']);
  expect(output).toMatchObject({ match: 'runner.*', retry_limit: 'no_limits', workers: 1, 'tls.verify': 'on' });
  expect(output['name'] === 'http' ? output['http.response_timeout'] : output['net.io_timeout']).toBeDefined();
});

const variablesIn = (file: string): string[] => [
  ...new Set(
    [...readFileSync(`fluent-bit/${file}`, 'utf8').matchAll(/\$\{(SPILLWAY_\w+)\}/g)].map(([, name]) => name!),
  ),
];
const asked = [...new Set([...variablesIn('inputs.yaml'), ...variablesIn('fluent-bit.yaml')])];

test.each(['arc-values.yaml', 'kubernetes.yaml', 'systemd/runner.env'])(
  '%s sets every variable that the config asks for',
  (file) => {
    const text = readFileSync(`fluent-bit/${file}`, 'utf8');

    expect(asked.filter((name) => !text.includes(name))).toEqual([]);
    expect(asked.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  },
);

interface Container {
  readonly name: string;
  readonly args?: string[];
  readonly restartPolicy?: string;
  readonly securityContext?: Properties;
  readonly volumeMounts: { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly startupProbe?: Properties;
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: string[] } } };
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly initContainers?: Container[];
  readonly containers: Container[];
}

const arc = (load('arc-values.yaml') as { template: { spec: PodSpec } }).template.spec;
const plain = (load('kubernetes.yaml') as { spec: { template: { spec: PodSpec } } }).spec.template.spec;

test('with ARC the keeper starts after Fluent Bit, so that it ends before it, and the runner waits for it', () => {
  expect(arc.initContainers?.map(({ name, restartPolicy }) => `${name} ${restartPolicy}`)).toEqual([
    'fluent-bit Always',
    'keeper Always',
  ]);
  expect(arc.initContainers?.[1]?.startupProbe).toBeDefined();
  expect(arc.containers.map(({ name }) => name)).toEqual(['runner']);
});

test.each([
  { file: 'arc-values.yaml', pod: arc },
  { file: 'kubernetes.yaml', pod: plain },
])('in $file the keeper has the volume by one mount, the runner’s user, and time to drain', ({ pod }) => {
  const containers = [...(pod.initContainers ?? []), ...pod.containers];
  const keeper = containers.find(({ name }) => name === 'keeper')!;
  const runner = containers.find(({ name }) => name === 'runner')!;
  const { values } = parseArgs({ args: keeper.args!.slice(1), options: keepCommand.options });

  expect(keeper.volumeMounts).toEqual([{ name: 'spillway', mountPath: '/spillway' }]);
  expect(runner.volumeMounts).toContainEqual({ name: 'spillway', mountPath: '/home/runner/_diag', subPath: 'diag' });
  expect(keeper.securityContext?.['runAsUser']).toBe(1001);
  expect(values).toMatchObject({ diag: '/spillway/diag', kept: '/spillway/kept', positions: '/spillway' });
  expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThanOrEqual(Number(values['drain-ms']) + 35_000);
});

test('the preStop takes options that drain has', () => {
  const command = plain.containers.find(({ name }) => name === 'keeper')!.lifecycle!.preStop.exec.command;

  expect(command.slice(0, 3)).toEqual(['node', '/app/dist/main.js', 'drain']);
  expect(() => parseArgs({ args: command.slice(3), options: drainCommand.options })).not.toThrow();
});

test('with Compose and systemd the keeper gets options that it has', () => {
  const { services } = load('compose.yaml') as { services: { keeper: { command: string[]; depends_on: string[] } } };
  const unit = readFileSync('fluent-bit/systemd/spillway-keeper@.service', 'utf8');
  const [, words = ''] = /^ExecStart=.* keep (.*)$/m.exec(unit) ?? [];

  for (const args of [services.keeper.command.slice(1), words.split(' ')])
    expect(parseArgs({ args, options: keepCommand.options }).values).toMatchObject({ 'drain-ms': '25000' });
  expect(services.keeper.depends_on).toEqual(['fluent-bit']);
  expect(unit).toContain('After=spillway-fluent-bit@%i.service');
});

test('the how-to names every file of this folder', () => {
  const files = globSync('fluent-bit/**/*.{yaml,lua,env,service}').map((file) => file.replace('fluent-bit/', ''));

  expect(files.filter((file) => !readme.includes(file))).toEqual([]);
});
