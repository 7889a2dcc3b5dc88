/** Which time of a record counts: when it happened, as its sender says, or when the relay received it. */
export type TimeOf = 'event' | 'received';

export interface TimeRange {
  readonly of: TimeOf;
  /** In milliseconds since 1970. */
  readonly sinceMs: number;
  /** The first that is not meant any more. */
  readonly untilMs: number;
}

/** Which records are searched. */
export interface SearchScope {
  /** See docs/search.md; empty: all records. */
  readonly query: string;
  readonly range?: TimeRange | undefined;
  /** Only batches that hold records of one of these streams are looked at (`run:…`, `job:…`, `host:…`). */
  readonly streams?: readonly string[] | undefined;
  /** Only records at this place of the journal or behind it. */
  readonly fromSeq?: number | undefined;
}

export interface SearchRequest extends SearchScope {
  /** In order of receipt. */
  readonly order: 'newest' | 'oldest';
  /** Goes on after this place, in the search's order. */
  readonly cursor?: number | undefined;
  /** The search ends after so many records. */
  readonly recordsMax: number;
}

/** How far a search has come. */
export interface SearchProgress {
  /** From 0 to 1, by places in the journal. */
  readonly part: number;
  readonly found: number;
  readonly batchesRead: number;
  /** Batches that did not have to be read: what is known of them says that they hold nothing that is meant. */
  readonly batchesSkipped: number;
  /** Batches that could not be read, so nobody knows what they hold. */
  readonly batchesUnreadable: number;
  readonly recordsRead: number;
  /** Uncompressed. */
  readonly bytesRead: number;
}

/** A record that was found. */
export interface FoundRecord {
  /** Its place in the journal, and the cursor that goes on after it. */
  readonly seq: number;
  /** Its line as it is stored: one JSON object. */
  readonly line: string;
  /** In milliseconds since 1970, of the kind that was asked for. */
  readonly timeMs: number;
}

/** Why a search ended: all was looked at; it found as many as were wanted; its time was up; somebody ended it. */
export type SearchEnding = 'complete' | 'records' | 'time' | 'cancelled';

/** What a search has to say, piece by piece. */
export interface SearchStep {
  readonly found: readonly FoundRecord[];
  readonly progress: SearchProgress;
  readonly ending: SearchEnding | undefined;
  /** Where to go on from here; undefined once there is nothing left. */
  readonly cursor: number | undefined;
}

/** A count instead of the records themselves. */
export interface CountRequest extends SearchScope {
  /** Only records before this place of the journal. */
  readonly cursor?: number | undefined;
  /** About so many columns; their width is rounded to one that people can read. */
  readonly buckets: number;
  /** Fields whose most frequent values are counted too. */
  readonly facets: readonly string[];
}

export interface FacetValue {
  readonly value: string;
  readonly count: number;
}

/** What was counted so far. */
export interface CountStep {
  readonly progress: SearchProgress;
  readonly ending: SearchEnding | undefined;
  /** Where the first column begins, in milliseconds since 1970. */
  readonly firstMs: number;
  /** How wide a column is, in milliseconds. */
  readonly bucketMs: number;
  readonly counts: readonly number[];
  readonly counted: number;
  readonly facets: Readonly<Record<string, readonly FacetValue[]>>;
}
