import type { DeliveryEvents, StateDetail } from '../delivery/events.ts';
import type { EndpointState } from '../delivery/endpoint-state.ts';
import { describeError, type RelayError } from '../errors.ts';
import type { Clock } from '../io/clock.ts';
import type { JournalEvents } from '../journal/journal.ts';
import type { Log, LogFields } from '../telemetry/logger.ts';
import type { Observe } from '../telemetry/metrics.ts';

/** What one endpoint has done since this process started. */
export class EndpointCounters {
  delivered = 0;
  deliveredBytes = 0;
  filtered = 0;
  retries = 0;
  refused = 0;
  sentAgain = 0;
}

/** Each thing that happens has one function here: it logs and it counts, so the two cannot drift apart. */
export class RelayEvents implements JournalEvents, DeliveryEvents {
  readonly endpoints = new Map<string, EndpointCounters>();
  /** What is wrong with the journal at present; health tells of it. */
  journalFull = '';
  damagedRecords = 0;
  salvages = 0;
  journalFailure: string | undefined;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #observeAge: Observe;
  readonly #onReclaimed: (records: number, firstSeq: number) => void;
  readonly #onFailed: () => void;
  readonly #secondsToFull: () => Promise<number | undefined>;

  constructor(options: {
    log: Log;
    clock: Clock;
    observeAge: Observe;
    onReclaimed: (records: number, firstSeq: number) => void;
    onFailed: () => void;
    /** How long the journal has room at the present rate; asked when an endpoint goes down and with each reminder. */
    secondsToFull: () => Promise<number | undefined>;
  }) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#observeAge = options.observeAge;
    this.#onReclaimed = options.onReclaimed;
    this.#onFailed = options.onFailed;
    this.#secondsToFull = options.secondsToFull;
  }

  counters(endpoint: string): EndpointCounters {
    let counters = this.endpoints.get(endpoint);
    if (counters === undefined) {
      counters = new EndpointCounters();
      this.endpoints.set(endpoint, counters);
    }
    return counters;
  }

  delivered(endpoint: string, piece: { records: number; bytes: number; ageMs: number }): void {
    const counters = this.counters(endpoint);
    counters.delivered += piece.records;
    counters.deliveredBytes += piece.bytes;
    this.#observeAge({ endpoint }, piece.ageMs / 1_000);
  }

  filtered(endpoint: string, records: number): void {
    this.counters(endpoint).filtered += records;
  }

  retrying(endpoint: string, failure: RelayError, delayMs: number): void {
    this.counters(endpoint).retries++;
    this.#log.debug('delivery will be tried again', {
      endpoint,
      ...failureFields(failure),
      delay_ms: Math.round(delayMs),
    });
  }

  refused(endpoint: string, refused: { seq: number; code: string; reason: string }): void {
    this.counters(endpoint).refused++;
    this.#log.error('endpoint refused a record for good; it is among the dead letters', {
      endpoint,
      seq: refused.seq,
      code: refused.code,
      reason: refused.reason,
    });
  }

  stateChanged(endpoint: string, from: EndpointState, to: EndpointState, detail: StateDetail): void {
    const fields = { endpoint, from: from.name, to: to.name, ...this.#detailFields(detail) };
    if (to.name === 'down') {
      const failure = detail.failure === undefined ? {} : failureFields(detail.failure);
      this.#log.warn('endpoint is down; records for it are kept until it is back', { ...fields, ...failure });
      // From here on the journal's growth is measured.
      void this.#secondsToFull();
    } else if (from.name === 'down') {
      const downForMs = to.sinceMs - from.sinceMs;
      this.#log.warn('endpoint is back', { ...fields, down_for_s: Math.round(downForMs / 1_000) });
    } else {
      this.#log.info('endpoint changed its state', fields);
    }
  }

  reminder(endpoint: string, state: EndpointState, detail: StateDetail): void {
    const fields = {
      endpoint,
      since: new Date(state.sinceMs).toISOString(),
      ...this.#detailFields(detail),
      ...(detail.failure === undefined ? {} : failureFields(detail.failure)),
    };
    void this.#secondsToFull().then((seconds) =>
      this.#log.warn('endpoint is still down', {
        ...fields,
        ...(seconds === undefined ? {} : { journal_full_in_s: seconds }),
      }),
    );
  }

  deadLettersFull(endpoint: string, deadLetters: number): void {
    this.#log.error('endpoint has as many dead letters as it may have; delivery waits until they are dealt with', {
      endpoint,
      dead_letters: deadLetters,
    });
  }

  readFailed(endpoint: string, error: unknown): void {
    this.#log.error('the journal could not be read for an endpoint; it is tried again', {
      endpoint,
      reason: describeError(error),
    });
  }

  failedOver(endpoint: string, address: string): void {
    this.#log.info('endpoint is served at another address', { endpoint, address });
  }

  sentAgain(endpoint: string, records: number): void {
    this.counters(endpoint).sentAgain += records;
    this.#log.info('connection lost; what it had not confirmed is sent again', { endpoint, records });
  }

  salvaged(report: Parameters<JournalEvents['salvaged']>[0]): void {
    this.salvages++;
    this.damagedRecords += report.recordsLost;
    this.#log.error('the journal was damaged; its files were set aside and what could be read was taken over', {
      folder: report.folder,
      reason: report.reason,
      records_saved: report.recordsSaved,
      records_lost: report.recordsLost,
    });
  }

  damaged(range: { firstSeq: number; records: number; reason: string }): void {
    this.damagedRecords += range.records;
    this.#log.error('records in the journal cannot be read; they were set aside', {
      first_seq: range.firstSeq,
      records: range.records,
      reason: range.reason,
    });
  }

  reclaimed(range: { firstSeq: number; records: number; owedRecords: number }): void {
    if (range.owedRecords === 0) return;
    this.#log.error('the journal is at its limit; records that endpoints had not got yet were dropped', {
      first_seq: range.firstSeq,
      records: range.owedRecords,
    });
    this.#onReclaimed(range.owedRecords, range.firstSeq);
  }

  full(full: boolean, reason: string): void {
    this.journalFull = full ? reason : '';
    if (full) this.#log.error('the journal takes no more records; senders must wait', { reason });
    else this.#log.warn('the journal takes records again');
  }

  inconsistent(endpoint: string, detail: string): void {
    this.#log.error('an endpoint’s books do not add up; run spillway doctor', { endpoint, detail });
  }

  failed(error: unknown): void {
    this.journalFailure = describeError(error);
    this.#log.error('the journal’s thread has ended', { reason: this.journalFailure });
    this.#onFailed();
  }

  #detailFields(detail: StateDetail): LogFields {
    const oldest = detail.oldestReceivedMs;
    return {
      backlog_records: detail.backlogRecords,
      ...(oldest === undefined || detail.backlogRecords === 0
        ? {}
        : { oldest_record_age_s: Math.max(0, Math.round((this.#clock.nowMs() - oldest) / 1_000)) }),
    };
  }
}

function failureFields(failure: RelayError): LogFields {
  return { code: failure.code, reason: describeError(failure) };
}
