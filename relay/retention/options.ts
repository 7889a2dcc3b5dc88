import { z } from 'zod';
import type { RecordMatch } from '../journal/retention-store.ts';
import { cronProblem, timeZoneProblem } from './cron.ts';

const patterns = z
  .union([z.string().min(1).max(1_000), z.array(z.string().min(1).max(1_000)).min(1).max(200)])
  .meta({ expects: 'a text, or a list of texts, in which "*" stands for anything' });

/** Which records a rule is about. Given fields must all match. */
const ruleMatch = z
  .strictObject({
    dataset: patterns.optional().describe('`event.dataset`, such as `harbor.audit` or `github.*`.'),
    operation: patterns.optional().describe('`harbor.operation`, such as `pull_artifact`, or else `event.action`.'),
    repository: patterns.optional().describe('`github.repository` or `harbor.repository`.'),
    source: patterns.optional().describe('The address that sent it, or the name of its host.'),
    project: patterns.optional().describe('`harbor.project`.'),
  })
  .default({})
  .describe(
    'Which records are meant. All fields must match, in which `*` stands for anything. Empty means every record.',
  )
  .meta({ examples: [{ dataset: 'harbor.audit', operation: ['pull_*'] }] });

/** 27 years. Longer is surely a mistake; 0 is there for "for ever". */
export const KEEP_HOURS_MAX = 240_000;

export const ruleOptions = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, 'a name has letters, digits, "_", "-" and ".", 63 at most')
    .describe('What the history and certificates call it.'),
  match: ruleMatch,
  keep_hours: z
    .int()
    .min(0)
    .max(KEEP_HOURS_MAX)
    .describe('For how long records are kept after they were received. 0 keeps them for ever.'),
  undelivered: z
    .enum(['keep', 'purge'])
    .default('keep')
    .describe(
      'What becomes of records that an endpoint has not got yet: `purge` takes them, counted for each endpoint.',
    ),
});

export type RuleOptions = z.output<typeof ruleOptions>;

/** A rule's conditions, each as a list. */
export function recordMatch(match: RuleOptions['match']): RecordMatch {
  const list = (patterns: string | readonly string[] | undefined): readonly string[] | undefined =>
    typeof patterns === 'string' ? [patterns] : patterns;
  return Object.fromEntries(Object.entries(match).map(([field, patterns]) => [field, list(patterns)]));
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const windowOptions = z.strictObject({
  start: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day is written like "22:00"')
    .describe('When it opens, in `time_zone`.'),
  length_minutes: z.int().min(5).max(10_080).describe('For how long it is open.'),
  days: z
    .array(z.enum(DAYS))
    .min(1)
    .max(7)
    .default([...DAYS])
    .describe('On which days it opens.'),
});

export type WindowOptions = z.output<typeof windowOptions>;

const historyOptions = z
  .strictObject({
    keep_hours: z
      .int()
      .min(1)
      .max(KEEP_HOURS_MAX)
      .default(8_760)
      .describe('For how long purges and their logs stay in it.'),
    runs_max: z.int().min(10).max(100_000).default(1_000).describe('How many purges it holds at most.'),
  })
  .prefault({})
  .describe('The list of purges that ended. Certificates stay for ever.');

export const retentionOptions = z
  .strictObject({
    schedule: z
      .string()
      .superRefine((text, context) => {
        const problem = cronProblem(text);
        if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
      })
      .optional()
      .describe(
        'When a purge begins by itself: cron with six fields (second, minute, hour, day, month, weekday). Left out: never.',
      )
      .meta({ examples: ['0 30 2 * * *'] }),
    time_zone: z
      .string()
      .superRefine((zone, context) => {
        const problem = timeZoneProblem(zone);
        if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
      })
      .default('UTC')
      .describe('The time zone of `schedule` and `windows`.')
      .meta({ examples: ['Europe/Berlin'] }),
    windows: z
      .array(windowOptions)
      .max(50)
      .default([])
      .describe(
        'When purges may work. One under way pauses when a window closes and goes on in the next. Empty: at any time.',
      ),
    rules: z
      .array(ruleOptions)
      .max(200)
      .default([])
      .describe('What goes when. The first rule that matches a record decides about it; what none matches stays.')
      .meta({
        examples: [[{ name: 'pulls', match: { dataset: 'harbor.audit', operation: 'pull_*' }, keep_hours: 720 }]],
      }),
    keep_hours_min: z
      .int()
      .min(1)
      .max(KEEP_HOURS_MAX)
      .default(1)
      .describe('No rule, and no request by the API, may purge what is younger than this.'),
    clock_jump_hours_max: z
      .int()
      .min(1)
      .max(8_760)
      .default(72)
      .describe(
        'Where the clock is further ahead than this of where it was, no purge begins until a person says that it is right: a clock set ' +
          'forward would make everything look old.',
      ),
    when_full: z
      .enum(['keep', 'reclaim'])
      .default('keep')
      .describe(
        'What a journal at its limit does with delivered records whose keep time is not over, where `journal.when_full` is `block`: `keep` ' +
          'makes senders wait instead; `reclaim` takes them. What a hold is on stays in any case.',
      ),
    load_percent: z.int().min(5).max(100).default(33).describe('How much of one processor core a purge may use.'),
    anchor_interval_ms: z
      .int()
      .min(0)
      .max(86_400_000)
      .default(3_600_000)
      .describe(
        'How often the value of the hash chain goes to the endpoints, as a record of the dataset `spillway.anchor`, so that tampering shows ' +
          'from outside. Also when the relay stops. 0: never.',
      ),
    history: historyOptions,
  })
  .prefault({})
  .superRefine(({ rules, keep_hours_min }, context) => {
    for (const [i, { name, keep_hours }] of rules.entries()) {
      if (rules.findIndex((other) => other.name === name) !== i)
        context.addIssue({
          code: 'custom',
          path: ['rules', i, 'name'],
          message: `there is a rule ${name} already — write another name`,
        });
      if (keep_hours > 0 && keep_hours < keep_hours_min)
        context.addIssue({
          code: 'custom',
          path: ['rules', i, 'keep_hours'],
          message: `${keep_hours} hours are less than keep_hours_min, which is ${keep_hours_min} — write more, or a lower keep_hours_min`,
        });
    }
  })
  .describe('What is purged from the journal, and when. Without rules nothing is.');

export type RetentionOptions = z.output<typeof retentionOptions>;
