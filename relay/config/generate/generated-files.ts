import { z } from 'zod';
import type { Registry } from '../registry.ts';
import { configSchema } from '../schema.ts';
import { filterPage, inputPage, outputPage } from './component-page.ts';
import { errorsPage } from './errors-page.ts';
import { exampleConfig } from './example.ts';

/** Every file that is generated from the program, by its path in the repository. */
export function generatedFiles(registry: Registry): ReadonlyMap<string, string> {
  return new Map([
    ['config.example.yaml', exampleConfig(registry)],
    ['docs/config.schema.json', `${JSON.stringify(jsonSchema(registry), null, 2)}\n`],
    ['docs/errors.md', errorsPage()],
    ['docs/components/filter-redact.md', filterPage(registry.filters.redact)],
    ...registry.inputs.map((input) => [`docs/components/input-${input.type}.md`, inputPage(input)] as const),
    ...registry.outputs.map((output) => [`docs/components/output-${output.type}.md`, outputPage(output)] as const),
  ]);
}

/** For editors, which complete and check a config as it is written. */
function jsonSchema(registry: Registry): object {
  const schema = z.toJSONSchema(configSchema(registry), {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // A wording for our own messages.
      delete jsonSchema['expects'];
    },
  });
  return { title: 'Config of the Spillway log relay', ...schema };
}
