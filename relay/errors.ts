/**
 * What the caller must do about a failure. The code says what went wrong; this says what happens next.
 *
 * - `retry`: the records stay where they are and are offered again after a back-off.
 * - `reject`: offering the same records again cannot help; they go to the dead letters, or the request is refused.
 * - `stop`: the component cannot run at all until an operator acts.
 */
export type Disposition = 'retry' | 'reject' | 'stop';

const catalogue = {
  NODE_TOO_OLD: 'stop',
  CONFIG_INVALID: 'stop',
  CONFIG_UNREADABLE: 'stop',
  USAGE: 'stop',

  INPUT_LISTEN_FAILED: 'stop',
  INPUT_UNDECODABLE: 'reject',
  INPUT_TOO_LARGE: 'reject',
  INPUT_UNAUTHORIZED: 'retry',

  JOURNAL_FULL: 'retry',
  JOURNAL_WRITE_FAILED: 'retry',
  JOURNAL_UNREADABLE: 'retry',
  JOURNAL_UNUSABLE: 'stop',
  JOURNAL_TOO_NEW: 'stop',
  JOURNAL_LOCKED: 'stop',
  JOURNAL_CLOSED: 'stop',
  JOURNAL_DAMAGED: 'reject',

  OUTPUT_UNREACHABLE: 'retry',
  OUTPUT_TIMEOUT: 'retry',
  OUTPUT_CONNECTION_LOST: 'retry',
  OUTPUT_THROTTLED: 'retry',
  OUTPUT_UNAUTHORIZED: 'retry',
  OUTPUT_TLS_FAILED: 'retry',
  OUTPUT_REFUSED_BATCH: 'reject',
  OUTPUT_REFUSED_RECORD: 'reject',
  OUTPUT_PROTOCOL: 'retry',

  QUERY_INVALID: 'stop',
  SEARCH_BUSY: 'retry',
  PURGE_RUNNING: 'stop',
  PURGE_UNKNOWN: 'stop',
  PURGE_REFUSED: 'stop',
  PURGE_UNCONFIRMED: 'stop',
  HOLD_UNKNOWN: 'stop',

  ADMIN_UNREACHABLE: 'retry',
  RELOAD_INCOMPLETE: 'stop',
  ENDPOINT_HAS_BACKLOG: 'stop',
  ENDPOINT_UNKNOWN: 'stop',
  REPLAY_BUSY: 'stop',

  KEEP_IMPOSSIBLE: 'stop',
} as const satisfies Readonly<Record<string, Disposition>>;

export type ErrorCode = keyof typeof catalogue;

export interface RelayErrorOptions extends ErrorOptions {
  /** How long the peer asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number;
  /** For `OUTPUT_REFUSED_RECORD`: records of the batch before this place were taken, the one at it was refused. */
  readonly recordIndex?: number;
}

/** The one error type thrown on purpose; anything else that surfaces is a programmer's error. */
export class RelayError extends Error {
  override readonly name = 'RelayError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly recordIndex: number | undefined;

  constructor(code: ErrorCode, message: string, options: RelayErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.recordIndex = options.recordIndex;
  }

  get disposition(): Disposition {
    return catalogue[this.code];
  }
}

/** Every code with its disposition, for the documentation. */
export function errorCatalogue(): ReadonlyArray<readonly [ErrorCode, Disposition]> {
  return Object.entries(catalogue) as ReadonlyArray<readonly [ErrorCode, Disposition]>;
}

/** The message of anything that was thrown, with the messages of its causes, for a log line or a terminal. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  for (let e: unknown = error; e !== undefined && e !== null && !seen.has(e);) {
    seen.add(e);
    if (!(e instanceof Error)) {
      parts.push(typeof e === 'string' ? e : 'something that is no error was thrown');
      break;
    }
    const code = 'code' in e && typeof e.code === 'string' && !(e instanceof RelayError) ? e.code : undefined;
    const text = e.message === '' ? (code ?? e.name) : e.message;
    parts.push(code !== undefined && !text.includes(code) ? `${code}: ${text}` : text);
    e = e.cause;
  }
  return parts.join(': ');
}
