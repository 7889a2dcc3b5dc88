import { RelayError, type ErrorCode } from '../errors.ts';

/** `connect`: name lookup, TCP, TLS handshake. `use`: after that. */
export type NetworkPhase = 'connect' | 'use';

const TIMEOUTS: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'ERR_SOCKET_CONNECTION_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
/** OpenSSL's verification results, as Node names them, where they begin with nothing in common. */
const CERTIFICATE =
  /^(CERT|CRL|UNABLE_TO|ERROR_IN_C|DEPTH_ZERO|SELF_SIGNED|INVALID_(CA|PURPOSE)|PATH_LENGTH|HOSTNAME_)/;

/**
 * Turns whatever `node:net`, `node:tls`, `node:dns` or undici failed with into the catalogue's `OUTPUT_TLS_FAILED`, `OUTPUT_TIMEOUT`,
 * `OUTPUT_UNREACHABLE` or `OUTPUT_CONNECTION_LOST`, with the original as its cause. A `RelayError` comes back as it is.
 */
export function networkError(error: unknown, address: string, phase: NetworkPhase): RelayError {
  if (error instanceof RelayError) return error;
  const { code, cause } = primary(error);
  // What undici wraps in an error of its own says more than the wrapper.
  if (error instanceof Error && error.cause instanceof RelayError) return error.cause;
  const result = codeFor(code, phase);
  return new RelayError(result, `${TEXT[result]} ${address}`, { cause });
}

const TEXT = {
  OUTPUT_TLS_FAILED: 'TLS failed with',
  OUTPUT_TIMEOUT: 'no answer in time from',
  OUTPUT_UNREACHABLE: 'cannot connect to',
  OUTPUT_CONNECTION_LOST: 'lost the connection to',
} as const satisfies Partial<Record<ErrorCode, string>>;

function codeFor(code: string, phase: NetworkPhase): keyof typeof TEXT {
  // Node names OpenSSL's errors ERR_SSL_…, and its own (a name that does not match) ERR_TLS_….
  if (/^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$)/.test(code) || CERTIFICATE.test(code)) return 'OUTPUT_TLS_FAILED';
  if (TIMEOUTS.has(code)) return 'OUTPUT_TIMEOUT';
  if (phase === 'use') return 'OUTPUT_CONNECTION_LOST';
  return code === 'ABORT_ERR' ? 'OUTPUT_CONNECTION_LOST' : 'OUTPUT_UNREACHABLE';
}

/** With several addresses for one name Node throws an `AggregateError` without a message; the first failure stands for it. */
function primary(error: unknown): { code: string; cause: unknown } {
  const cause: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  if (code === '' && cause instanceof Error && cause.name === 'AbortError') return { code: 'ABORT_ERR', cause };
  return { code, cause };
}
