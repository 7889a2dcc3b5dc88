import { alertKinds } from '../alerts/options.ts';
import type { RuleCount } from '../component/filter.ts';
import type { Cursor, JournalStats } from '../journal/journal.ts';
import type { Metrics, Sample } from '../telemetry/metrics.ts';
import { cursorsOf } from './backlog.ts';
import type { InputHost } from './input-host.ts';
import type { Relay } from './relay.ts';
import { registerRunsMetrics } from './runs.ts';

/** One reading of the journal serves all metrics of a scrape, and scrapes that follow closely. */
const READING_VALID_MS = 1_000;

/** Ties every metric to the number it shows. */
export function registerMetrics(metrics: Metrics, relay: Relay): void {
  inputMetrics(metrics, relay);
  endpointMetrics(metrics, relay);
  journalMetrics(metrics, relay);
  retentionMetrics(metrics, relay);
  metrics.gauge('spillway_alerts', 'Alerts at present, by kind.', ['kind'], () =>
    alertKinds.map((kind): Sample => ({
      labels: { kind },
      value: (relay.alerts?.active ?? []).filter((alert) => alert.kind === kind).length,
    })),
  );
  redactMetrics(metrics, relay);
  if (relay.runs !== undefined) registerRunsMetrics(metrics, relay.runs);
}

function inputMetrics(metrics: Metrics, relay: Relay): void {
  const each = (read: (input: InputHost) => number) => () =>
    [...relay.inputs.values()].map((input): Sample => ({ labels: { input: input.name }, value: read(input) }));
  const eachOf = (label: string, read: (input: InputHost) => ReadonlyMap<string, number>) => () =>
    [...relay.inputs.values()].flatMap((input) =>
      [...read(input)].map(([reason, value]): Sample => ({ labels: { input: input.name, [label]: reason }, value })),
    );
  metrics.counter(
    'spillway_input_records_total',
    'Records written to the journal by an input.',
    ['input'],
    each((i) => i.counters.records),
  );
  metrics.counter(
    'spillway_input_bytes_total',
    'Bytes received by an input.',
    ['input'],
    each((i) => i.counters.bytes),
  );
  metrics.counter(
    'spillway_input_repeats_total',
    'Requests that had been accepted before and were not stored again.',
    ['input'],
    each((i) => i.counters.repeats),
  );
  metrics.gauge(
    'spillway_input_connections',
    'Open connections.',
    ['input'],
    each((i) => i.counters.connections),
  );
  metrics.counter(
    'spillway_input_dropped_records_total',
    'Records lost before the journal, by reason.',
    ['input', 'reason'],
    eachOf('reason', (i) => i.counters.drops),
  );
  metrics.counter(
    'spillway_input_flagged_records_total',
    'Records kept although something about them is odd, by what it is.',
    ['input', 'flag'],
    eachOf('flag', (i) => i.counters.flags),
  );
  metrics.counter(
    'spillway_input_refused_total',
    'Requests and connections turned away, by reason.',
    ['input', 'reason'],
    eachOf('reason', (i) => i.counters.refusals),
  );
  const ofHarbor = (read: (input: InputHost) => number) => () =>
    [...relay.inputs.values()]
      .filter(({ counters }) => counters.harbor.records > 0)
      .map((input): Sample => ({ labels: { input: input.name }, value: read(input) }));
  metrics.counter(
    'spillway_input_harbor_records_total',
    'Records of Harbor’s audit log.',
    ['input'],
    ofHarbor((i) => i.counters.harbor.records),
  );
  metrics.gauge(
    'spillway_input_harbor_last_record_age_seconds',
    'Time since Harbor’s last record.',
    ['input'],
    ofHarbor((i) => Math.max(0, (relay.clock.nowMs() - i.counters.harbor.lastMs) / 1_000)),
  );
  metrics.gauge(
    'spillway_input_harbor_silent',
    '1 while a Harbor that used to speak says nothing.',
    ['input'],
    ofHarbor((i) => (i.counters.harbor.silent ? 1 : 0)),
  );
}

function endpointMetrics(metrics: Metrics, relay: Relay): void {
  const counted = (read: (c: ReturnType<Relay['events']['counters']>) => number) => () =>
    [...relay.endpoints.keys()].map((endpoint): Sample => ({
      labels: { endpoint },
      value: read(relay.events.counters(endpoint)),
    }));
  metrics.counter(
    'spillway_endpoint_delivered_records_total',
    'Records that an endpoint has taken.',
    ['endpoint'],
    counted((c) => c.delivered),
  );
  metrics.counter(
    'spillway_endpoint_delivered_bytes_total',
    'Bytes of records that an endpoint has taken, uncompressed.',
    ['endpoint'],
    counted((c) => c.deliveredBytes),
  );
  metrics.counter(
    'spillway_endpoint_filtered_records_total',
    'Records not meant for an endpoint, by its match.',
    ['endpoint'],
    counted((c) => c.filtered),
  );
  metrics.counter(
    'spillway_endpoint_retries_total',
    'Deliveries that failed and were tried again.',
    ['endpoint'],
    counted((c) => c.retries),
  );
  metrics.counter(
    'spillway_endpoint_dead_letters_total',
    'Records that an endpoint refused for good.',
    ['endpoint'],
    counted((c) => c.refused),
  );
  metrics.counter(
    'spillway_endpoint_sent_again_records_total',
    'Records sent again because a connection without acknowledgements was lost.',
    ['endpoint'],
    counted((c) => c.sentAgain),
  );
  metrics.gauge('spillway_endpoint_state', '1 for the state that an endpoint is in.', ['endpoint', 'state'], () =>
    [...relay.endpoints.values()].flatMap(({ name, dispatcher }) =>
      ['up', 'degraded', 'down', 'recovering'].map((state): Sample => ({
        labels: { endpoint: name, state },
        value: dispatcher.health.state.name === state ? 1 : 0,
      })),
    ),
  );
  const cursors = cached(relay, () => cursorsOf(relay));
  const perCursor = (read: (cursor: Cursor) => number) => async () =>
    (await cursors()).map((cursor): Sample => ({ labels: { endpoint: cursor.endpoint }, value: read(cursor) }));
  metrics.gauge(
    'spillway_endpoint_backlog_records',
    'Records that wait for an endpoint.',
    ['endpoint'],
    perCursor((c) => c.backlogRecords),
  );
  metrics.gauge(
    'spillway_endpoint_backlog_bytes',
    'Bytes of the batches that wait for an endpoint, uncompressed.',
    ['endpoint'],
    perCursor((c) => c.backlogBytes),
  );
  metrics.gauge(
    'spillway_endpoint_oldest_record_age_seconds',
    'Age of the oldest record that waits for an endpoint.',
    ['endpoint'],
    perCursor((c) =>
      c.oldestReceivedMs === undefined ? 0 : Math.max(0, (relay.clock.nowMs() - c.oldestReceivedMs) / 1_000),
    ),
  );
}

function retentionMetrics(metrics: Metrics, relay: Relay): void {
  const { retention } = relay;
  metrics.gauge('spillway_retention_purge_active', '1 while a purge is under way, also one that waits.', [], () => [
    { labels: {}, value: retention.active === undefined ? 0 : 1 },
  ]);
  metrics.counter('spillway_retention_purges_total', 'Purges that ended, dry runs not counted.', ['state'], () =>
    Object.entries(retention.counters.ended).map(([state, value]): Sample => ({ labels: { state }, value })),
  );
  metrics.counter('spillway_retention_purged_records_total', 'Records that purges took.', [], () => [
    { labels: {}, value: retention.counters.records },
  ]);
  metrics.gauge(
    'spillway_retention_step_seconds_max',
    'The longest that a step of the last purge kept others from writing.',
    [],
    () => [{ labels: {}, value: retention.counters.heldMsMax / 1_000 }],
  );
}

function journalMetrics(metrics: Metrics, relay: Relay): void {
  const stats = cached(relay, () => relay.journal.stats());
  const one = (read: (stats: JournalStats) => number) => async () => [{ labels: {}, value: read(await stats()) }];
  metrics.gauge(
    'spillway_journal_records',
    'Records in the journal.',
    [],
    one((s) => s.records),
  );
  metrics.gauge(
    'spillway_journal_batches',
    'Batches in the journal.',
    [],
    one((s) => s.batches),
  );
  metrics.gauge(
    'spillway_journal_record_bytes',
    'Bytes of the records in the journal, uncompressed.',
    [],
    one((s) => s.recordBytes),
  );
  metrics.gauge(
    'spillway_journal_file_bytes',
    'Bytes of the journal’s files.',
    [],
    one((s) => s.fileBytes),
  );
  metrics.gauge(
    'spillway_search_index_bytes',
    'Bytes of the index of searches, beside the journal’s files.',
    [],
    one((s) => s.searchIndexBytes),
  );
  metrics.gauge('spillway_journal_limit_bytes', 'What the journal may take at most; 0 is no limit.', [], () => [
    { labels: {}, value: relay.config.journal.max_bytes },
  ]);
  metrics.gauge(
    'spillway_journal_disk_free_bytes',
    'Free space on the journal’s disk.',
    [],
    one((s) => s.freeBytes),
  );
  metrics.gauge(
    'spillway_journal_damaged_records',
    'Records set aside because they could not be read.',
    [],
    one((s) => s.damagedRecords),
  );
  metrics.gauge(
    'spillway_journal_reclaimed_records',
    'Records removed to stay within the limit.',
    [],
    one((s) => s.reclaimedRecords),
  );
  metrics.gauge('spillway_journal_full', '1 while the journal takes no more.', [], () => [
    { labels: {}, value: relay.events.journalFull === '' ? 0 : 1 },
  ]);
  metrics.gauge('spillway_accept_records_in_flight', 'Records received and not durable yet.', [], () => [
    { labels: {}, value: relay.acceptor.recordsInFlight },
  ]);
}

function redactMetrics(metrics: Metrics, relay: Relay): void {
  const each = (read: (count: RuleCount) => number) => () =>
    relay.filters.counts.map((count): Sample => ({ labels: { rule: count.rule }, value: read(count) }));
  metrics.counter(
    'spillway_redact_masked_places_total',
    'Places in records that were masked, by rule.',
    ['rule'],
    each((c) => c.places),
  );
  metrics.counter(
    'spillway_redact_masked_records_total',
    'Records in which something was masked, by rule.',
    ['rule'],
    each((c) => c.records),
  );
  metrics.gauge(
    'spillway_redact_rule_suspended',
    '1 where a rule hit too many records and masks nothing.',
    ['rule'],
    each((c) => (c.suspended ? 1 : 0)),
  );
}

function cached<T>(relay: Relay, read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  let readMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = relay.clock.monotonicMs();
    if (reading === undefined || nowMs - readMs > READING_VALID_MS) {
      readMs = nowMs;
      reading = read();
      reading.catch(() => (reading = undefined));
    }
    return reading;
  };
}
