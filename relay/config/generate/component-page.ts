import type { FilterDefinition } from '../../component/filter.ts';
import type { InputDefinition } from '../../component/input.ts';
import type { OutputDefinition } from '../../component/output.ts';
import { optionSchema } from '../explain-schema.ts';
import { deliveryOptions } from '../schema.ts';
import { markdownTable, optionRows } from './option-table.ts';

const stabilities = {
  stable: 'Stable: its options will not change their meaning.',
  beta: 'Beta: complete and tested; options may still change between minor versions.',
  experimental: 'Experimental: may change or go at any time.',
};

/** `docs/components/input-….md`. */
export function inputPage({ type, ...definition }: InputDefinition): string {
  const { listen } = optionSchema(definition.options).properties ?? {};
  const example = [`inputs:`, `  ${type}:`, `    type: ${type}`];
  if (typeof listen?.examples?.[0] === 'string') example.push(`    listen: ${listen.examples[0]}`);
  return page(`Input \`${type}\``, definition, example);
}

/** `docs/components/output-….md`. */
export function outputPage({ type, ...definition }: OutputDefinition): string {
  const { properties = {}, required = [] } = optionSchema(definition.options);
  const example = [`endpoints:`, `  my-${type}:`, `    type: ${type}`];
  for (const key of required) {
    const [value] = properties[key]?.examples ?? [];
    if (typeof value === 'string') example.push(`    ${key}: ${value}`);
  }
  return (
    page(`Output \`${type}\``, definition, example) +
    `\n## Options of every endpoint\n\n${markdownTable(optionRows(optionSchema(deliveryOptions)))}`
  );
}

/** `docs/components/filter-….md`. Its options are a list of groups. */
export function filterPage({ type, ...definition }: FilterDefinition): string {
  const options = optionSchema(definition.options).items ?? {};
  return page(`Filter \`${type}\``, definition, [`${type}:`, `  - {}`], options);
}

function page(
  title: string,
  { stability, summary, notes, options }: Omit<FilterDefinition, 'type' | 'create'>,
  example: readonly string[],
  schema = optionSchema(options),
): string {
  return [
    `<!-- Generated from the program by "npm run docs". Change it there. -->\n`,
    `# ${title}\n`,
    `${summary}\n`,
    `${stabilities[stability]}\n`,
    ...notes.map((note) => `${note}\n`),
    `\`\`\`yaml\n${example.join('\n')}\n\`\`\`\n`,
    `## Options\n`,
    markdownTable(optionRows(schema)),
  ].join('\n');
}
