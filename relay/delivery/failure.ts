import { RelayError } from '../errors.ts';
import type { Piece } from './piece.ts';

/** The record that was refused; undefined where that is not known. */
export function culpritOf(piece: Piece, { code, recordIndex = -1 }: RelayError): number | undefined {
  if (piece.records === 1) return 0;
  return code === 'OUTPUT_REFUSED_BATCH' || recordIndex < 0 || recordIndex >= piece.records ? undefined : recordIndex;
}

/** What an output threw, as an error that says what comes next. */
export function asRelayError(error: unknown): RelayError {
  return error instanceof RelayError
    ? error
    : new RelayError('OUTPUT_UNREACHABLE', 'the delivery failed unexpectedly', { cause: error });
}
