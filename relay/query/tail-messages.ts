/** What was committed since the last look, for one query. */
export interface TailGroup {
  readonly key: number;
  /** The JSON of a list: `{"seq":…,"record":{…}}` each; `{"seq":…,"bytes":…}` for one that is too long to be shown as it passes. */
  readonly records: string;
  readonly shown: number;
  /** Records that are meant and were more than are shown at once. */
  readonly missed: number;
}

export interface TailStep {
  readonly groups: readonly TailGroup[];
  /** Records that nobody looked at: they came faster than they can be looked at. */
  readonly skipped: number;
  /** True where there is more that could not be looked at in the time of the step. */
  readonly isBehind: boolean;
}
