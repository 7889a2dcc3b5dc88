import type { Acceptor } from '../accept/acceptor.ts';
import { describeError } from '../errors.ts';
import type { Log } from '../telemetry/logger.ts';

/** One thing that somebody did, or tried to do. */
export interface AuditEntry {
  /** A verb and a noun, such as `pause-endpoint`. */
  readonly action: string;
  readonly succeeded: boolean;
  /** One sentence for a person. */
  readonly message: string;
  /** Who did it. */
  readonly name: string;
  readonly address: string | undefined;
  /** What was acted on: names and numbers, no secrets. */
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * The relay's own records: they are kept and go to the endpoints like any other. Nothing but `tell` throws: what a record
 * tells of has happened all the same.
 */
export class OwnRecords {
  readonly #acceptor: Acceptor;
  readonly #log: Log;

  constructor(acceptor: Acceptor, log: Log) {
    this.#acceptor = acceptor;
    this.#log = log;
  }

  /** `event` has what comes beside the event's id and dataset, `fields` all other members of the record. */
  write(dataset: string, message: string, event: object, fields: object): void {
    try {
      this.#acceptor.note({ name: dataset, stored: true }, message, { ...fields, event: { ...event } });
    } catch (error) {
      this.#log.error('a record of the relay itself could not be written', { dataset, reason: describeError(error) });
    }
  }

  /** Writes a record whose `spillway` holds these fields. Resolves with its place once it is durable; rejects where it cannot be. */
  async tell(dataset: string, message: string, spillway: Readonly<Record<string, unknown>>): Promise<number> {
    const seq = this.#acceptor.note({ name: dataset, stored: true }, message, { spillway });
    await this.#acceptor.durable(seq + 1);
    return seq;
  }

  /** What somebody did to the relay. */
  audit({ action, succeeded, message, name, address, details }: AuditEntry): void {
    const outcome = succeeded ? 'success' : 'failure';
    const event = { action, outcome, kind: 'event', category: ['configuration'] };
    const source = address === undefined ? {} : { source: { ip: address } };
    this.write('spillway.audit', message, event, { user: { name }, ...source, spillway: { audit: details } });
    this.#log.info('somebody acted on the relay', { action, outcome, by: name });
  }

  /** Records that some endpoint will never get, and where they were. */
  gap(records: number, firstSeq: number): void {
    const message = `${records} records that endpoints had not got yet were dropped: the journal was at its limit`;
    this.write('spillway.gap', message, {}, { spillway: { gap: { records, first_seq: firstSeq, reason: 'quota' } } });
  }
}
