import { z } from 'zod';

const field = z
  .string()
  .regex(/^[A-Za-z0-9_@][A-Za-z0-9_@.-]{0,199}$/, 'a field is written as its path, such as "event.dataset"');

const pattern = z.string().max(1_000);

const patterns = z
  .union([pattern, z.array(pattern).min(1).max(1_000)])
  .meta({ expects: 'a text, or a list of texts, in which "*" stands for anything' });

const conditions = z.record(field, patterns);

/**
 * Which records an endpoint takes: every field must match one of its patterns, and none of `not` may. `not` is the name of
 * no field, so it can stand among them.
 */
export const matchOption = z
  .object({
    not: conditions.optional().describe('Records for which any of these fields matches are not sent.'),
  })
  .catchall(patterns)
  .superRefine((match, context) => {
    for (const name of Object.keys(match)) {
      const checked = field.safeParse(name);
      if (!checked.success)
        context.addIssue({ code: 'custom', path: [name], message: checked.error.issues[0]!.message });
    }
  })
  .default({})
  .describe(
    'Which records are sent: for each field, a text or a list of texts in which `*` stands for anything. All fields must ' +
      'match, and none under `not`. Empty sends everything.',
  )
  .meta({ examples: [{ 'event.dataset': ['harbor.audit', 'github.*'], not: { 'log.level': 'debug' } }] });

export type Match = z.output<typeof matchOption>;
