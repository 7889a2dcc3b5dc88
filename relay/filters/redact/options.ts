import { z } from 'zod';
import { unfit } from './literal-forms.ts';
import { SHAPE_NAMES } from './rules.ts';

const literalOption = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, 'a name has letters, digits, "_" and "-", 63 at most')
      .describe('What the counts call it.'),
    value: z
      .string()
      .max(4_096)
      .superRefine((text, context) => {
        const reason = unfit(text);
        if (reason !== undefined) context.addIssue({ code: 'custom', message: `this cannot be masked: ${reason}` });
      })
      .optional()
      .describe('The text to mask.')
      .meta({ secret: true }),
    value_file: z
      .string()
      .min(1)
      .optional()
      .describe(
        'File that holds it; of several lines each one is masked. Lines that are too short to be masked are left out.',
      ),
  })
  .refine((literal) => (literal.value === undefined) !== (literal.value_file === undefined), {
    message: 'a literal has either value or value_file — write one of them',
    path: ['name'],
  });

const groupOption = z.strictObject({
  shapes: z
    .array(z.enum(SHAPE_NAMES))
    .max(SHAPE_NAMES.length)
    .default([...SHAPE_NAMES])
    .describe('Kinds of secrets that are known by how they look.'),
  literals: z
    .array(literalOption)
    .max(1_000)
    .default([])
    .describe('Texts to mask: as they are, escaped for JSON, XML and URLs, and in base64 wherever they stand in it.'),
  datasets: z
    .array(
      z.string().regex(/^[a-z0-9_.*-]{1,100}$/, 'a dataset such as "github.runner", in which "*" stands for anything'),
    )
    .min(1)
    .max(100)
    .default(['*'])
    .describe('The datasets that this counts for. `github.runner` takes in the files it is made from.')
    .meta({ examples: [['github.*', 'harbor.audit']] }),
  replacement: z
    .enum(['stars', 'rule'])
    .default('stars')
    .describe(
      'What stands in place of a secret: `***`, or `[redacted:RULE]` where that is not longer than the secret.',
    ),
  hit_rate_max: z
    .number()
    .min(0.001)
    .max(1)
    .default(0.5)
    .describe(
      'The share of records above which a rule is taken to mask what is no secret. Counted over at least 1000.',
    ),
  when_exceeded: z
    .enum(['warn', 'suspend'])
    .default('warn')
    .describe('What happens then: a warning in the log, or also that the rule masks nothing until the next reload.'),
});

export type RedactOptions = z.output<typeof groupOption>;

export const redactOptions = z
  .array(groupOption)
  .max(20)
  .default([])
  .describe(
    'Secrets to mask before anything is stored: a list of groups, each with `shapes`, `literals` and the `datasets` it counts for. ' +
      'Empty masks nothing; `[{}]` masks all shapes everywhere.',
  )
  .meta({ examples: [[{}]] });
