import type { PlannedRule, PurgeRun, PurgeTally } from '../journal/retention-store.ts';
import { recordMatch, type RuleOptions } from './options.ts';

/** What purges say about themselves, for people. */

export function number(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

export function time(ms: number): string {
  return new Date(ms).toISOString();
}

export function span(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 72 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

function bytes(value: number): string {
  if (Math.abs(value) < 1_024) return `${value} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let amount = value / 1_024;
  let unit = 0;
  for (; Math.abs(amount) >= 1_024 && unit < units.length - 1; unit++) amount /= 1_024;
  return `${amount.toFixed(1)} ${units[unit]}`;
}

/** What a rule is about: `dataset harbor.audit, operation pull_*`. */
function matchInWords(match: PlannedRule['match']): string {
  const parts = Object.entries(match).flatMap(([field, patterns]: [string, readonly string[] | undefined]) =>
    patterns === undefined ? [] : [`${field} ${patterns.join(' or ')}`],
  );
  return parts.length === 0 ? 'every record' : parts.join(', ');
}

export function ruleInWords(rule: PlannedRule): string {
  const what = `rule ${rule.name}: ${matchInWords(rule.match)}`;
  if (rule.beforeMs === undefined) return `${what} stays`;
  const undelivered = rule.undelivered === 'purge' ? ', also what endpoints have not got yet' : '';
  return `${what}, received before ${time(rule.beforeMs)}${undelivered}, goes`;
}

export function keepInWords({ name, match, keep_hours, undelivered }: RuleOptions): string {
  const kept =
    keep_hours === 0 ? 'for ever' : keep_hours % 24 === 0 ? plural(keep_hours / 24, 'day') : plural(keep_hours, 'hour');
  const also = undelivered === 'purge' && keep_hours > 0 ? '; then also what endpoints have not got yet' : '';
  return `${name}: ${matchInWords(recordMatch(match))} is kept ${kept}${also}`;
}

function counts(named: Readonly<Record<string, number>>): string {
  return Object.entries(named)
    .map(([name, count]) => `${name === '' ? '(none)' : name} ${number(count)}`)
    .join(', ');
}

/** What a purge took, in lines for its log. Harbor's own words come first, since its tests and its users look for them. */
export function resultInWords(run: PurgeRun): string[] {
  const { tally } = run;
  const dry = run.dryRun ? '[DRYRUN]' : '';
  return [
    `${dry}Purged ${tally.records} rows of audit logs`,
    `${dry}${number(tally.looked)} records were looked at; ${number(tally.records)} ${run.dryRun ? 'would go' : 'went'}, ${bytes(tally.lineBytes)} of text, ${bytes(tally.storedBytes)} as stored`,
    ...(tally.records === 0
      ? []
      : [
          `${dry}by rule: ${counts(tally.rules)}`,
          `${dry}by dataset: ${counts(tally.datasets)}`,
          ...(Object.keys(tally.operations).length === 0 ? [] : [`${dry}by operation: ${counts(tally.operations)}`]),
          `${dry}${number(tally.batchesRemoved)} batches whole, ${number(tally.batchesRewritten)} rewritten`,
        ]),
    ...stayed(tally).map((line) => dry + line),
  ];
}

function stayed({ held, undelivered, owed }: PurgeTally): string[] {
  return [
    ...(held > 0 ? [`${number(held)} records stay because a hold is on them`] : []),
    ...(undelivered > 0 ? [`${number(undelivered)} records stay because an endpoint has not got them yet`] : []),
    ...Object.entries(owed).map(([endpoint, count]) => `${number(count)} of them endpoint ${endpoint} had not got`),
  ];
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
