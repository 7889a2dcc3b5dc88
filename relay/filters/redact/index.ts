import { readFileSync, statSync } from 'node:fs';
import { defineFilter, type FilterContext } from '../../component/filter.ts';
import { RelayError } from '../../errors.ts';
import { formsOf, unfit } from './literal-forms.ts';
import { literal } from './matcher.ts';
import { redactOptions, type RedactOptions } from './options.ts';
import { Redactor } from './redactor.ts';
import { Rule } from './rule.ts';
import { matchersOf } from './rules.ts';
import { type RuleMatcher, Scanner } from './scanner.ts';

const FILE_BYTES_MAX = 1_048_576;
const LITERALS_MAX = 2_000;

export const redact = defineFilter({
  type: 'redact',
  stability: 'beta',
  summary: 'Masks secrets before anything is stored, whatever input they came by.',
  notes: [
    'It is a second pass: a runner masks the secrets it knows. What is masked here is in no journal, no endpoint, no dead letter and no ' +
      'search. It cannot be undone.',
  ],
  options: redactOptions,
  create(groups, context) {
    if (groups.length === 0) return undefined;
    const rules: Rule[] = [];
    const matchers: RuleMatcher[] = [];
    let hasNonAscii = false;
    const add = (name: string, label: string, group: RedactOptions): number =>
      rules.push(new Rule(name, label, group, countOf(name, context))) - 1;
    for (const group of groups) {
      for (const shape of new Set(group.shapes)) {
        const rule = add(shape, shape, group);
        matchers.push(...matchersOf(shape).map((matcher) => ({ rule, matcher })));
      }
      for (const option of group.literals) {
        const rule = add(`literal:${option.name}`, option.name, group);
        for (const secret of secretsOf(option, context)) {
          hasNonAscii ||= /[^\0-\x7f]/.test(secret);
          for (const form of formsOf(secret)) matchers.push({ rule, ...literal(form) });
        }
      }
    }
    return new Redactor(rules, new Scanner(matchers, hasNonAscii), context);
  },
});

function countOf(name: string, { counts }: FilterContext) {
  const count = counts.get(name) ?? { rule: name, places: 0, records: 0, suspended: false };
  // What suspended it was the config before this one.
  count.suspended = false;
  counts.set(name, count);
  return count;
}

type LiteralOption = RedactOptions['literals'][number];

function secretsOf({ name, value, value_file: file }: LiteralOption, context: FilterContext): string[] {
  if (value !== undefined) return [value];
  const lines = [...new Set(readLines(file!))].filter((line) => line !== '' && !line.startsWith('-----'));
  const secrets = lines.filter((line) => unfit(line) === undefined);
  if (secrets.length < lines.length)
    context.log.warn('lines that cannot be masked on their own were left out of a redact literal', {
      literal: name,
      lines: lines.length - secrets.length,
    });
  if (secrets.length > LITERALS_MAX)
    throw new RelayError(
      'CONFIG_INVALID',
      `the file of the redact literal ${name} has more than ${LITERALS_MAX} lines`,
    );
  return secrets;
}

function readLines(file: string): string[] {
  try {
    const { size } = statSync(file);
    if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes; ${FILE_BYTES_MAX} is the most`);
    return readFileSync(file, 'utf8').split(/\r?\n/);
  } catch (cause) {
    throw new RelayError('CONFIG_UNREADABLE', `cannot read the redact literals in ${file}`, { cause });
  }
}
