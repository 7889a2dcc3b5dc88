import type { Socket } from 'node:net';
import type { Clock } from '../../io/clock.ts';
import { connect } from '../../io/connect.ts';
import { RelayError } from '../../errors.ts';
import type { TlsClientFiles } from '../../io/tls-files.ts';

/** Where one output sends, and how it gets there. */
export interface Target {
  /** As the operator wrote it, for messages. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly tls: TlsClientFiles | undefined;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
}

/** Throws what `connect` throws. */
export function openSocket(target: Target, signal?: AbortSignal): Promise<Socket> {
  const { host, port, tls, clock, connectTimeoutMs } = target;
  return connect({ host, port, tls, clock, timeoutMs: connectTimeoutMs, signal });
}

/** What a caller is told whose own signal, or `close`, ended the connection. */
export function givenUp(target: Target): RelayError {
  return new RelayError('OUTPUT_CONNECTION_LOST', `gave up sending to ${target.url}`);
}
