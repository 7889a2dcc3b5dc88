import { expectation, isSecret, type OptionSchema } from '../explain-schema.ts';

/** One line of a table of options. */
export interface OptionRow {
  /** With the options that hold it: `tls.cert_file`. */
  readonly name: string;
  readonly takes: string;
  /** As an operator would write it; undefined where there is none. */
  readonly fallback: string | undefined;
  readonly required: boolean;
  readonly secret: boolean;
  /** The option beside it that takes the same from a file. */
  readonly secretFile: string | undefined;
  readonly description: string;
  readonly example: string | undefined;
}

/** The options of a component, those within others after the one that holds them. */
export function optionRows(schema: OptionSchema, prefix = ''): OptionRow[] {
  const siblings = Object.keys(schema.properties ?? {});
  return Object.entries(schema.properties ?? {}).flatMap(([key, option]): OptionRow[] => {
    const [example] = option.examples ?? [];
    const row = {
      name: `${prefix}${key}`,
      takes: expectation(option),
      fallback: option.default === undefined ? undefined : inYaml(option.default),
      required: schema.required?.includes(key) === true,
      secret: isSecret(key, option),
      secretFile: siblings.includes(`${key}_file`) ? `${key}_file` : undefined,
      description: option.description ?? '',
      example: example === undefined ? undefined : inYaml(example),
    };
    const within = option.items ?? option;
    const suffix = option.items === undefined ? '.' : '[].';
    return [row, ...optionRows(within, `${row.name}${suffix}`)];
  });
}

/** A Markdown table. */
export function markdownTable(rows: readonly OptionRow[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return [
    line(['Option', 'Takes', 'Default', 'What it does']),
    line(['---', '---', '---', '---']),
    ...rows.map(({ name, takes, fallback, required, secret, secretFile, description, example }) => {
      const about = [
        description,
        ...(secret
          ? [`**Secret**: use ${secretFile === undefined ? '' : `\`${secretFile}\` or `}\`\${VARIABLE}\`.`]
          : []),
        ...(example === undefined || example === fallback ? [] : [`Example: \`${example}\`.`]),
      ].join(' ');
      return line([
        `\`${name}\``,
        takes,
        required ? '**required**' : fallback === undefined ? '' : `\`${fallback}\``,
        about,
      ]);
    }),
  ].join('');
}

/** A value on one line of YAML. */
export function inYaml(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  // What could be read as something else than this text gets quotes.
  const isPlain = /^[A-Za-z0-9./][A-Za-z0-9./:_@-]*$/.test(value) && !value.endsWith(':');
  const isOther = /^(true|false|null|yes|no|on|off)$/i.test(value) || !Number.isNaN(Number(value));
  return isPlain && !isOther ? value : `'${value.replaceAll("'", "''")}'`;
}
