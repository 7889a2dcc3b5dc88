import type { RuleCount } from '../component/filter.ts';
import type { HarborCounters } from '../component/input.ts';
import type { Cursor, JournalStats } from '../journal/journal.ts';
import { cursorsOf } from './backlog.ts';
import type { Relay } from './relay.ts';

/** What `spillway status` and the console show. Times are ISO 8601 in UTC. */
export interface RelayStatus {
  readonly name: string;
  readonly started: string;
  readonly ready: boolean;
  readonly degradations: readonly string[];
  readonly inputs: readonly InputStatus[];
  readonly endpoints: readonly EndpointStatus[];
  /** What `redact` has masked since the start, by rule. Says nothing of what it looks for. */
  readonly redact: readonly RuleCount[];
  readonly journal: JournalStats & { readonly max_bytes: number; readonly records_in_flight: number };
}

export interface InputStatus {
  readonly name: string;
  readonly type: string;
  readonly address: string;
  readonly records: number;
  readonly bytes: number;
  readonly connections: number;
  readonly repeats: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly flagged: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  /** Left out where no Harbor has spoken. */
  readonly harbor?: { readonly records: number; readonly last_record: string; readonly silent: boolean };
}

export interface EndpointStatus extends Partial<Cursor> {
  readonly name: string;
  readonly type: string;
  readonly address: string | undefined;
  readonly state: string;
  readonly since: string;
  readonly paused: boolean;
  readonly last_failure: { readonly code: string; readonly message: string } | undefined;
}

export async function readStatus(relay: Relay): Promise<RelayStatus> {
  const [stats, cursors] = await Promise.all([relay.journal.stats(), cursorsOf(relay)]);
  return {
    name: relay.config.name,
    started: new Date(relay.startedMs).toISOString(),
    ready: relay.ready,
    degradations: relay.degradations,
    inputs: [...relay.inputs.values()].map(({ name, type, address, counters }) => ({
      name,
      type,
      address,
      records: counters.records,
      bytes: counters.bytes,
      connections: counters.connections,
      repeats: counters.repeats,
      dropped: Object.fromEntries(counters.drops),
      flagged: Object.fromEntries(counters.flags),
      refused: Object.fromEntries(counters.refusals),
      ...harborStatus(counters.harbor),
    })),
    endpoints: [...relay.endpoints.values()].map((endpoint) => {
      const { state, lastFailure } = endpoint.dispatcher.health;
      return {
        ...cursors.find((cursor) => cursor.endpoint === endpoint.name),
        name: endpoint.name,
        type: endpoint.type,
        address: endpoint.address,
        state: state.name,
        since: new Date(state.sinceMs).toISOString(),
        paused: endpoint.dispatcher.paused,
        last_failure: lastFailure === undefined ? undefined : { code: lastFailure.code, message: lastFailure.message },
      };
    }),
    redact: relay.filters.counts,
    journal: {
      ...stats,
      max_bytes: relay.config.journal.max_bytes,
      records_in_flight: relay.acceptor.recordsInFlight,
    },
  };
}

function harborStatus({ records, lastMs, silent }: HarborCounters): Pick<InputStatus, 'harbor'> {
  return records === 0 ? {} : { harbor: { records, last_record: new Date(lastMs).toISOString(), silent } };
}
