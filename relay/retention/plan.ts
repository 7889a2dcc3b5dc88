import { RelayError } from '../errors.ts';
import type { KeepPolicy, PlannedRule } from '../journal/retention-store.ts';
import { recordMatch, type RetentionOptions, type RuleOptions } from './options.ts';

const HOUR_MS = 3_600_000;

export interface PlanRequest {
  /** Only this one of the configured rules. */
  readonly rule?: string | undefined;
  /** These instead of the configured ones. */
  readonly rules?: readonly RuleOptions[] | undefined;
}

/**
 * The rules of one purge, with their times. Rules of its own do not undo what the config keeps for ever. Throws `PURGE_REFUSED` for a rule
 * that is not there, or that would keep for less than the least time.
 */
export function planRules(options: RetentionOptions, request: PlanRequest, nowMs: number): PlannedRule[] {
  const { rules, keep_hours_min } = options;
  const planned = (rule: RuleOptions): PlannedRule => ({
    name: rule.name,
    match: recordMatch(rule.match),
    beforeMs: rule.keep_hours === 0 ? undefined : nowMs - rule.keep_hours * HOUR_MS,
    undelivered: rule.undelivered,
  });
  if (request.rules !== undefined) {
    for (const { name, keep_hours } of request.rules)
      if (keep_hours > 0 && keep_hours < keep_hours_min)
        throw new RelayError(
          'PURGE_REFUSED',
          `rule ${name} would keep records for ${keep_hours} hours; the least is ${keep_hours_min} (retention.keep_hours_min)`,
        );
    return [...rules.filter(({ keep_hours }) => keep_hours === 0), ...request.rules].map(planned);
  }
  if (request.rule === undefined) return rules.map(planned);
  const at = rules.findIndex(({ name }) => name === request.rule);
  if (at < 0)
    throw new RelayError(
      'PURGE_REFUSED',
      `there is no rule ${request.rule}; the config has: ${rules.map(({ name }) => name).join(', ') || 'none'}`,
    );
  // Those before it still decide first about what they match; they take nothing this time.
  const before = rules.slice(0, at).map((rule) => ({ ...planned(rule), beforeMs: undefined }));
  return [...before, planned(rules[at]!)];
}

/** What the journal must not take back though it is full. */
export function keepPolicy({ rules, when_full }: RetentionOptions): KeepPolicy {
  if (when_full === 'reclaim') return { rules: [] };
  return {
    rules: rules.map(({ match, keep_hours }) => ({
      datasets: recordMatch(match).dataset ?? ['*'],
      keepMs: keep_hours === 0 ? undefined : keep_hours * HOUR_MS,
    })),
  };
}
