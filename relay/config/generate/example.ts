import { isRecord, optionSchema, type OptionSchema } from '../explain-schema.ts';
import type { Registry } from '../registry.ts';
import { configSchema } from '../schema.ts';
import { wrap } from '../wrap.ts';
import { inYaml } from './option-table.ts';

/** A component as the example shows it. */
export interface ExampleComponent {
  readonly name: string;
  readonly type: string;
  /** What is written out; all else has its default. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Present where the component is commented out: why, in a sentence. */
  readonly off?: string;
}

const tlsFiles = { cert_file: './tls/relay.pem', key_file: './tls/relay.key' };

const inputs: readonly ExampleComponent[] = [
  { name: 'syslog_udp', type: 'syslog', options: { listen: 'udp://0.0.0.0:5514' } },
  { name: 'syslog_tcp', type: 'syslog', options: { listen: 'tcp://0.0.0.0:5514' } },
  {
    name: 'syslog_tls',
    type: 'syslog',
    options: { listen: 'tls://0.0.0.0:6514', tls: tlsFiles },
    off: 'Needs a certificate.',
  },
  { name: 'relp', type: 'relp', options: { listen: 'relp://0.0.0.0:2514' } },
  { name: 'http', type: 'http', options: { listen: 'http://0.0.0.0:9880' } },
  { name: 'forward', type: 'forward', options: { listen: 'tcp://0.0.0.0:24224' } },
];

const endpoints: readonly ExampleComponent[] = [
  { name: 'files', type: 'file', options: { path: './data/forwarded.ndjson' } },
  {
    name: 'siem',
    type: 'logstash',
    options: { url: 'lumberjacks://logstash.example:5044', tls: { ca_file: './tls/ca.pem' } },
    off: 'Logstash with its beats input: every window of records is acknowledged.',
  },
  {
    name: 'loginsight',
    type: 'loginsight',
    options: { url: 'https://loginsight.example:9543' },
    off: 'Log Insight (VMware Aria Operations for Logs).',
  },
  {
    name: 'syslog_server',
    type: 'syslog',
    options: { url: 'tls://syslog.example:6514' },
    off: 'A syslog server. Its protocol knows no acknowledgement: after a reconnect the last records are sent again.',
  },
];

/** The inputs of the example, out of those that there are. A type that the list above does not have is shown by its own examples. */
export function exampleInputs(registry: Registry): ExampleComponent[] {
  return complete(inputs, registry.inputs, 'Another input.');
}

export function exampleEndpoints(registry: Registry): ExampleComponent[] {
  return complete(endpoints, registry.outputs, 'Another endpoint.');
}

type Definitions = Registry['inputs'] | Registry['outputs'];

function complete(listed: readonly ExampleComponent[], definitions: Definitions, off: string): ExampleComponent[] {
  const known = listed.filter(({ type }) => definitions.some((definition) => definition.type === type));
  const others = definitions.filter(({ type }) => !listed.some((component) => component.type === type));
  return [
    ...known,
    ...others.map(({ type, summary, options }): ExampleComponent => {
      const { properties = {}, required = [] } = optionSchema(options);
      const written = required.map((key) => [key, properties[key]?.examples?.[0] ?? '']);
      return { name: type, type, options: Object.fromEntries(written), off: summary === '' ? off : summary };
    }),
  ];
}

/** `config.example.yaml`: starts as it is, and shows every option with its description and default. */
export function exampleConfig(registry: Registry): string {
  const schema = optionSchema(configSchema(registry));
  const blocks = Object.entries(schema.properties ?? {}).map(([key, option]) => {
    if (key === 'inputs') return section(key, option, exampleInputs(registry));
    if (key === 'endpoints') return section(key, option, exampleEndpoints(registry));
    return `${setting(key, option, '')}\n`;
  });
  return `# yaml-language-server: $schema=./docs/config.schema.json
# Generated from the program by "npm run docs".
#
# A complete config. It starts as it is: all inputs are open, on ports that need no rights, and everything that arrives
# is kept in ./data and written to ./data/forwarded.ndjson. Copy it to config.yaml and change the copy.
#
# An option that is commented out shows its default. "\${NAME}" and "\${NAME:-default}" stand for an environment
# variable; relative paths count from the folder of this file. "npx spillway check" tells every mistake with its line.

${blocks.join('\n')}`;
}

/** A section of named components. Each option is described where its type stands first. */
function section(key: string, option: OptionSchema, components: readonly ExampleComponent[]): string {
  const branches = isRecord(option.additionalProperties)
    ? ((option.additionalProperties as OptionSchema).oneOf ?? [])
    : [];
  const described = new Set<string>();
  const blocks = components.map((component) => {
    const branch = branches.find(({ properties }) => properties?.['type']?.const === component.type);
    const isFirst = component.off === undefined && !described.has(component.type);
    described.add(component.type);
    return block(component, branch, isFirst);
  });
  const body = blocks.length === 0 ? ' {}' : `\n${blocks.join('\n\n')}`;
  return `${comment(option.description, '')}${key}:${body}\n`;
}

function block(
  { name, type, options, off }: ExampleComponent,
  branch: OptionSchema | undefined,
  describe: boolean,
): string {
  const keys = Object.keys(branch?.properties ?? {}).filter((key) => key !== 'type' && (describe || key in options));
  const text = [
    `  ${name}:`,
    `    type: ${type}`,
    ...keys.map((key) => componentOption(key, branch?.properties?.[key] ?? {}, '    ', options[key], describe)),
  ].join('\n');
  if (off === undefined) return text;
  const kind = branch?.properties?.['start_at'] === undefined ? 'input' : 'output';
  const pointer = `Its options: docs/components/${kind}-${type}.md`;
  return comment(`${off} ${pointer}`, '  ') + text.replaceAll(/^ {2}/gm, '  # ');
}

/** A setting outside the components, written out with its default; commented out where it has none. */
function setting(key: string, option: OptionSchema, indent: string): string {
  const inner = Object.entries(option.properties ?? {});
  if (inner.length === 0 && option.default === undefined)
    return `${comment(option.description, indent)}${indent}# ${key}: ${inYaml(illustration(key, option))}`;
  const value = inner.length === 0 ? ` ${inYaml(option.default)}` : '';
  const body = inner.map(([name, child]) => {
    // What has no default is not there unless somebody writes it.
    const text =
      child.default === undefined
        ? componentOption(name, child, `${indent}  `, undefined, true)
        : setting(name, child, `${indent}  `);
    return `\n${text}`;
  });
  return `${comment(option.description, indent)}${indent}${key}:${value}${body.join('')}`;
}

/** An option of a component, commented out where it is not `given` and so its default holds. */
function componentOption(key: string, option: OptionSchema, indent: string, given: unknown, describe: boolean): string {
  const head = describe ? comment(option.description, indent) : '';
  const inner = Object.entries(option.properties ?? {});
  if (inner.length > 0 && option.examples === undefined) {
    const values = isRecord(given) ? given : {};
    const shown = inner.filter(([name]) => describe || name in values);
    const body = shown.map(([name, child]) => componentOption(name, child, `${indent}  `, values[name], false));
    const text = [`${indent}${key}:`, ...body].join('\n');
    return head + (given === undefined ? commentOut(text, indent) : text);
  }
  if (given !== undefined) return `${head}${indent}${key}: ${inYaml(given)}`;
  return `${head}${indent}# ${key}: ${inYaml(illustration(key, option))}`;
}

/** A value for an option that is commented out: its default, or where it has none, what one might write. */
function illustration(key: string, option: OptionSchema): unknown {
  const [example] = option.examples ?? [];
  if (isRecord(option.default) && Object.keys(option.default).length === 0 && example !== undefined) return example;
  return (
    option.default ??
    example ??
    option.enum?.[0] ??
    (key.endsWith('_file') ? `./${key.slice(0, -'_file'.length)}` : '…')
  );
}

function commentOut(text: string, indent: string): string {
  return text
    .split('\n')
    .map((line) => `${indent}# ${line.slice(indent.length).replace(/^( *)# /, '$1')}`)
    .join('\n');
}

function comment(text: string | undefined, indent: string): string {
  return text === undefined || text === '' ? '' : `${wrap(text, 118, `${indent}# `)}\n`;
}
