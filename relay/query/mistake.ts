import { RelayError } from '../errors.ts';

/** What is wrong with a query, and where. `QUERY_INVALID` to everybody but those who show the place. */
export class QueryMistake extends RelayError {
  /** The character it is at, counted from 0. */
  readonly at: number;

  constructor(at: number, what: string) {
    super('QUERY_INVALID', `in the query at character ${at + 1}: ${what}`);
    this.at = at;
  }
}
