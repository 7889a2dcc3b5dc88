import { randomBytes } from 'node:crypto';

/** Chance, as an argument, so that a test can fix it. */
export interface Random {
  /** At least 0, less than 1. */
  fraction(): number;
  bytes(count: number): Uint8Array;
}

export const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes: (count) => randomBytes(count),
};
