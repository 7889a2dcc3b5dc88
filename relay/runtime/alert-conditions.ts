import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Condition } from '../alerts/board.ts';
import type { AlertKind, AlertOptions } from '../alerts/options.ts';
import type { Config } from '../config/config.ts';
import type { JournalRoom } from '../journal/journal.ts';
import type { Job } from '../runs/job.ts';
import type { Relay } from './relay.ts';

const DAY_MS = 86_400_000;

/** What one look at an input found: kept from one look to the next. */
export interface InputSight {
  readonly records: number;
  readonly lost: number;
  /** When its records last grew, by the monotonic clock; undefined where it has had none. */
  readonly heardMs: number | undefined;
}

/** What is wrong with the endpoints at this moment. */
export function endpointConditions(relay: Relay): Readonly<Record<'endpoint_down' | 'dead_letters', Condition[]>> {
  const down: Condition[] = [];
  const letters: Condition[] = [];
  for (const [name, { dispatcher }] of relay.endpoints) {
    const { state, lastFailure } = dispatcher.health;
    if (state.name === 'down') {
      const why = lastFailure === undefined ? '' : `: ${lastFailure.message}`;
      down.push({ subject: name, severity: 'critical', message: `endpoint ${name} is down${why}` });
    }
    const refused = relay.events.counters(name).refused;
    if (refused > 0) {
      const message = `endpoint ${name} has refused ${refused} records for good since the relay started; look at its dead letters`;
      letters.push({ subject: name, severity: 'warning', message });
    }
  }
  return { endpoint_down: down, dead_letters: letters };
}

/** What is wrong with the journal. */
export function journalConditions(
  relay: Relay,
  { fileBytes, freeBytes }: JournalRoom,
  { quota_percent: limitPercent }: AlertOptions,
): Readonly<Record<'quota_near' | 'journal_full' | 'journal_damaged', Condition[]>> {
  const { max_bytes: maxBytes } = relay.config.journal;
  const disk = fileBytes + freeBytes;
  const room = maxBytes === 0 ? disk : Math.min(maxBytes, disk);
  const percent = room === 0 ? 0 : Math.floor((fileBytes * 100) / room);
  const { journalFull, damagedRecords, salvages } = relay.events;
  const near = `the journal has taken ${percent} % of its room; at its limit senders must wait or records go, as \`journal.when_full\` says`;
  const damaged = `the journal was damaged: ${damagedRecords} records were set aside; see \`spillway doctor\``;
  return {
    quota_near: percent >= limitPercent ? [{ subject: '', severity: 'warning', message: near }] : [],
    journal_full: journalFull === '' ? [] : [{ subject: '', severity: 'critical', message: journalFull }],
    journal_damaged:
      damagedRecords > 0 || salvages > 0 ? [{ subject: '', severity: 'critical', message: damaged }] : [],
  };
}

/** What inputs lost since the last look, and which have been silent for too long. Changes `sights` to what is seen now. */
export function inputConditions(
  relay: Relay,
  sights: Map<string, InputSight>,
  { input_silence_ms: silenceMs }: AlertOptions,
): Readonly<Record<'udp_loss' | 'input_silent' | 'source_silent', Condition[]>> {
  const nowMs = relay.clock.monotonicMs();
  const loss: Condition[] = [];
  const silent: Condition[] = [];
  const sources: Condition[] = [];
  for (const [name, { counters }] of relay.inputs) {
    if (counters.harbor.silent) {
      const since = new Date(counters.harbor.lastMs).toISOString();
      const message = `Harbor has sent nothing to input ${name} since ${since}; its audit lines may be getting lost`;
      sources.push({ subject: name, severity: 'warning', message });
    }
    const before = sights.get(name);
    const lost = counters.drops.get('kernel_buffer_full') ?? 0;
    const grew = counters.records > (before?.records ?? 0);
    const heardMs = grew ? nowMs : before?.heardMs;
    sights.set(name, { records: counters.records, lost, heardMs });
    const more = lost - (before?.lost ?? 0);
    if (more > 0) {
      const message = `input ${name} lost ${more} datagrams: the system's receive buffer was full; see \`receive_buffer_bytes\``;
      loss.push({ subject: name, severity: 'critical', message });
    }
    if (silenceMs > 0 && heardMs !== undefined && nowMs - heardMs > silenceMs) {
      const minutes = Math.floor((nowMs - heardMs) / 60_000);
      silent.push({
        subject: name,
        severity: 'warning',
        message: `input ${name} has received nothing for ${minutes} minutes`,
      });
    }
  }
  for (const name of sights.keys()) if (!relay.inputs.has(name)) sights.delete(name);
  return { udp_loss: loss, input_silent: silent, source_silent: sources };
}

/** A job whose log is not whole: told once, until somebody has seen it. */
export function incompleteRun({
  message,
  timeline,
  verdict,
}: Pick<Job, 'message' | 'timeline' | 'verdict'>): Condition {
  const { repository, run_id: runId } = message?.github ?? {};
  const parts = [repository, runId === undefined ? undefined : `run ${runId}`, message?.jobName];
  const whose = parts.filter((part) => part !== undefined).join(', ');
  const subject = whose === '' ? `the job of timeline ${timeline}` : whose;
  return { subject, severity: 'warning', message: `the log of ${subject} is not all there: ${verdict}` };
}

/** Certificates named in the config that end soon, or have. */
export function certificateConditions(config: Config, nowMs: number, days: number): Condition[] {
  if (days === 0) return [];
  const conditions: Condition[] = [];
  for (const { option, file } of certificateFiles(config)) {
    const endsMs = endOf(file);
    if (endsMs === undefined || endsMs - nowMs > days * DAY_MS) continue;
    const day = new Date(endsMs).toISOString().slice(0, 10);
    const severity = endsMs - nowMs < 7 * DAY_MS ? 'critical' : 'warning';
    conditions.push({
      subject: option,
      severity,
      message: `the certificate of ${option} ends on ${day}; renew ${file}`,
    });
  }
  return conditions;
}

function* certificateFiles(config: Config): Generator<{ option: string; file: string }> {
  const parts: (readonly [string, unknown])[] = [
    ...config.inputs.map(({ name, options }) => [`inputs.${name}`, options['tls']] as const),
    ...config.endpoints.map(({ name, options }) => [`endpoints.${name}`, options['tls']] as const),
    ['admin', config.admin.tls],
  ];
  for (const [option, tls] of parts) {
    if (typeof tls !== 'object' || tls === null || !('cert_file' in tls)) continue;
    if (typeof tls.cert_file === 'string') yield { option, file: tls.cert_file };
  }
}

/** When the first certificate of a file ends; undefined for one that cannot be read: that is told where it is used. */
function endOf(file: string): number | undefined {
  try {
    const endsMs = Date.parse(new X509Certificate(readFileSync(file)).validTo);
    return Number.isNaN(endsMs) ? undefined : endsMs;
  } catch {
    return undefined;
  }
}

/** Kinds whose beginning and end the log has told already, in words of its own. */
export const TOLD_BY_LOG: readonly AlertKind[] = [
  'endpoint_down',
  'journal_full',
  'journal_damaged',
  'source_silent',
  'run_incomplete',
  'purge_failed',
];
