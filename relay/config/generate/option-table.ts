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
  readonly description: string;
  readonly example: string | undefined;
}

/** The options of a component, those within others after the one that holds them. */
export function optionRows(schema: OptionSchema, prefix = ''): OptionRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, option]): OptionRow[] => {
    const [example] = option.examples ?? [];
    const row = {
      name: `${prefix}${key}`,
      takes: expectation(option),
      fallback: option.default === undefined ? undefined : inYaml(option.default),
      required: schema.required?.includes(key) === true,
      secret: isSecret(key, option),
      description: option.description ?? '',
      example: example === undefined ? undefined : inYaml(example),
    };
    return [row, ...optionRows(option, `${row.name}.`)];
  });
}

/** A Markdown table. */
export function markdownTable(rows: readonly OptionRow[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return [
    line(['Option', 'Takes', 'Default', 'What it does']),
    line(['---', '---', '---', '---']),
    ...rows.map(({ name, takes, fallback, required, secret, description, example }) => {
      const about = [
        description,
        ...(secret ? ['**Secret**: write it as `${VARIABLE}`, or use the option that takes a file.'] : []),
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
