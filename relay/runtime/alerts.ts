import { AlertBoard, type Alert, type AlertPhase } from '../alerts/board.ts';
import { AlertChannel, type AlertMessage } from '../alerts/channel.ts';
import type { AlertOptions } from '../alerts/options.ts';
import { webhookSender } from '../alerts/webhook.ts';
import type { Timer } from '../io/clock.ts';
import { registry } from '../config/registry.ts';
import type { Log } from '../telemetry/logger.ts';
import {
  certificateConditions,
  endpointConditions,
  incompleteRun,
  type InputSight,
  inputConditions,
  journalConditions,
  TOLD_BY_LOG,
} from './alert-conditions.ts';
import type { Relay, RelayWorld } from './relay.ts';

const LOOK_INTERVAL_MS = 5_000;
const CERTIFICATES_INTERVAL_MS = 3_600_000;

/** Watches the relay, and tells people what they must know, wherever they look. */
export class Alerts {
  readonly board: AlertBoard;
  readonly #relay: Relay;
  readonly #world: RelayWorld;
  readonly #log: Log;
  readonly #sights = new Map<string, InputSight>();
  #options: AlertOptions;
  #channels: AlertChannel[];
  readonly #timers: Timer[];

  constructor(relay: Relay, world: RelayWorld, options: AlertOptions) {
    this.#relay = relay;
    this.#world = world;
    this.#log = world.log;
    this.#options = options;
    const { clock } = world;
    this.board = new AlertBoard({
      clock,
      reminderIntervalMs: options.reminder_interval_ms,
      off: options.off,
      tell: (alert, phase) => this.#tell(alert, phase),
    });
    this.#channels = this.#openChannels();
    this.#timers = [
      clock.every(LOOK_INTERVAL_MS, () => void this.look()),
      clock.every(CERTIFICATES_INTERVAL_MS, () => this.#lookAtCertificates()),
    ];
    this.#lookAtCertificates();
    if (relay.runs !== undefined)
      relay.runs.onIncomplete = (job) => this.board.happened('run_incomplete', incompleteRun(job));
    relay.retention.onFailed = ({ id, error = 'for no known reason' }) => {
      const message = `purge ${id} failed: ${error}; see \`spillway purge log ${id}\``;
      this.board.happened('purge_failed', { subject: String(id), severity: 'critical', message });
    };
  }

  /** Looks at everything once. Never rejects. */
  async look(): Promise<void> {
    const relay = this.#relay;
    const found = { ...endpointConditions(relay), ...inputConditions(relay, this.#sights, this.#options) };
    this.board.hold('endpoint_down', found.endpoint_down);
    this.board.hold('dead_letters', found.dead_letters);
    this.board.hold('udp_loss', found.udp_loss);
    this.board.hold('input_silent', found.input_silent);
    this.board.hold('source_silent', found.source_silent);
    try {
      const journal = journalConditions(relay, await relay.journal.room(), this.#options);
      this.board.hold('quota_near', journal.quota_near);
      this.board.hold('journal_full', journal.journal_full);
      this.board.hold('journal_damaged', journal.journal_damaged);
    } catch {
      // A journal that cannot be asked is told of by the relay itself.
    }
  }

  configure(options: AlertOptions): void {
    this.#options = options;
    this.board.configure({ off: options.off, reminderIntervalMs: options.reminder_interval_ms });
    for (const channel of this.#channels) channel.stop();
    this.#channels = this.#openChannels();
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    for (const channel of this.#channels) channel.stop();
    this.board.stop();
  }

  #lookAtCertificates(): void {
    const { config, clock } = this.#relay;
    const days = this.#options.certificate_days;
    this.board.hold('certificate_ending', certificateConditions(config, clock.nowMs(), days));
  }

  #tell(alert: Alert, phase: AlertPhase): void {
    const { kind, subject, severity, message, sinceMs } = alert;
    const since = new Date(sinceMs).toISOString();
    if (!TOLD_BY_LOG.includes(kind)) {
      const fields = { alert: kind, subject, since };
      if (phase === 'ended') this.#log.info('an alert has ended', fields);
      else this.#log.warn(phase === 'began' ? 'an alert began' : 'an alert goes on', { ...fields, reason: message });
    }
    this.#relay.ownRecords.write(
      'spillway.alert',
      phase === 'ended' ? `ended: ${message}` : message,
      { kind: 'alert', action: `alert-${phase.replace('_', '-')}` },
      { log: { level: severity === 'critical' ? 'error' : 'warning' }, spillway: { alert: { kind, subject, since } } },
    );
    const told = { alert, phase, atMs: this.#world.clock.nowMs() };
    for (const channel of this.#channels) channel.push(told);
  }

  #openChannels(): AlertChannel[] {
    const { clock, log } = this.#world;
    const { webhook, syslog_url: syslogUrl } = this.#options;
    const relay = this.#relay.config.name;
    const channels: AlertChannel[] = [];
    if (webhook !== undefined)
      channels.push(new AlertChannel({ name: 'webhook', clock, log, send: webhookSender(webhook, { clock, relay }) }));
    if (syslogUrl !== undefined)
      channels.push(new AlertChannel({ name: 'syslog', clock, log, send: this.#syslogSender(syslogUrl) }));
    return channels;
  }

  /** The syslog output sends records; so an alert becomes one. */
  #syslogSender(url: string): (message: AlertMessage, signal: AbortSignal) => Promise<void> {
    const { clock, random, log } = this.#world;
    const { relayId } = this.#relay.journal.identity;
    const context = { name: 'alerts', clock, random, log, relayId, connectionLost: () => {} };
    const syslog = registry.outputs.find(({ type }) => type === 'syslog')!;
    const output = syslog.create(syslog.options.parse({ url }), context, url);
    return async ({ alert, phase, atMs }, signal) => {
      const at = new Date(atMs).toISOString();
      const text = `${alert.kind} ${phase.replace('_', ' ')}: ${alert.message}`;
      const record = {
        event: { id: `alert-${atMs}`, created: at, dataset: 'spillway.alert' },
        '@timestamp': at,
        message: text,
        host: { name: this.#relay.config.name },
        log: { syslog: { appname: 'spillway', severity: { code: severityCode(alert, phase) }, facility: { code: 1 } } },
      };
      await output.deliver({ firstSeq: 0, records: 1, lines: Buffer.from(`${JSON.stringify(record)}\n`) }, signal);
    };
  }
}

/** RFC 5424 §6.2.1: critical, warning, or notice for what has ended. */
function severityCode({ severity }: Alert, phase: AlertPhase): number {
  if (phase === 'ended') return 5;
  return severity === 'critical' ? 2 : 4;
}
