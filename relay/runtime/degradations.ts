import { endpointsDown, journalTroubles, silentSources } from './alert-conditions.ts';
import type { Relay } from './relay.ts';

/**
 * Why a relay is not as it should be, though it works, in the words of its alerts; empty where it is. Asked at any moment, and also of
 * what nobody wants to be alerted of.
 */
export function degradationsOf(relay: Relay): string[] {
  const { journal_full: full, journal_damaged: damaged } = journalTroubles(relay);
  const conditions = [...full, ...damaged, ...endpointsDown(relay), ...silentSources(relay)];
  const suspended = relay.filters.counts.filter((rule) => rule.suspended);
  return [
    ...conditions.map(({ message }) => message),
    ...suspended.map(
      ({ rule }) => `the redact rule ${rule} hit too many records and masks nothing until the next reload`,
    ),
  ];
}
