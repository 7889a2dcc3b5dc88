import { RelayError } from '../errors.ts';
import { QueryMistake } from '../query/mistake.ts';
import { printable } from './terminal.ts';

/** Runs what understands a query of the command line; a mistake in it is shown where it is. Throws `USAGE`. */
export function understood<T>(query: string, understand: () => T): T {
  try {
    return understand();
  } catch (error) {
    if (!(error instanceof QueryMistake)) throw error;
    const before = printable(query.slice(0, error.at));
    const place =
      query.length > SHOWN_MAX
        ? ''
        : `\n  ${before}${printable(query.slice(error.at))}\n  ${' '.repeat(before.length)}^`;
    throw new RelayError('USAGE', `${error.message}${place}`, { cause: error });
  }
}

/** A longer query does not fit a line of a terminal. */
const SHOWN_MAX = 200;
