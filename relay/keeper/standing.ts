/** What is known of one kept file at one moment. */
export interface Observation {
  /** 1: the runner has deleted it, and the keeper's name is the last. */
  readonly names: number;
  readonly bytes: number;
  /** How long it has not been written, in milliseconds. */
  readonly quietMs: number;
  /** How far Fluent Bit has read it; undefined where it does not know the file. */
  readonly position: number | undefined;
  /** What follows the position was handed over in a file of its own, up to here. */
  readonly handedOverTo: number;
}

export interface Patience {
  /** A file that was deleted must have been quiet for so long before its last name goes, in milliseconds. */
  readonly settleMs: number;
  /** A file that the runner has not deleted, and has not written for so long, is taken to be finished, in milliseconds. */
  readonly idleMs: number;
  /** What is not followed by a line end is handed over after so long; undefined: only from files that are finished. */
  readonly unendedMs: number | undefined;
}

/**
 * - `reading`: Fluent Bit still has something to read.
 * - `read`: it has everything, but the file may grow.
 * - `finished`: everything was read and no more will come. The last name may go.
 * - `idle`: the same, but the runner left the file where it is.
 * - `rest`: only what follows the position is left, nobody has written for long, and where no line end is in it, Fluent Bit will never send it.
 */
export type Standing = 'reading' | 'read' | 'finished' | 'idle' | 'rest';

/** Decides what becomes of a kept file. */
export function standingOf(file: Observation, patience: Patience): Standing {
  const deleted = file.names <= 1;
  // Whoever deletes a file has closed it: nothing more can come. A short wait is for what was on its way.
  const over = deleted ? file.quietMs >= patience.settleMs : file.quietMs >= patience.idleMs;
  const position = Math.max(file.position ?? 0, file.handedOverTo);
  // An empty file that was deleted holds nothing that could be lost.
  const known = file.position !== undefined || (deleted && file.bytes === 0);
  if (known && position >= file.bytes) return over ? (deleted ? 'finished' : 'idle') : 'read';
  const longQuiet = over || (patience.unendedMs !== undefined && file.quietMs >= patience.unendedMs);
  return known && longQuiet ? 'rest' : 'reading';
}
