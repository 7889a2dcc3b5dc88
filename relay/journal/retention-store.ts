/**
 * The part of the journal's contract that purges: runs of a purge in small steps, their history and certificates, and holds. It knows
 * what goes and what must stay; when that happens, and by whose word, is decided by whoever calls it.
 */

/** Which records are meant: every field that is given must match one of its patterns, in which `*` stands for anything. */
export interface RecordMatch {
  readonly dataset?: readonly string[] | undefined;
  /** `harbor.operation`, or else `event.action`. */
  readonly operation?: readonly string[] | undefined;
  /** `github.repository` or `harbor.repository`. */
  readonly repository?: readonly string[] | undefined;
  /** The address that sent it, or the name of its host. */
  readonly source?: readonly string[] | undefined;
  /** `harbor.project`. */
  readonly project?: readonly string[] | undefined;
}

/** One rule of a purge. The first that matches a record decides about it. */
export interface PlannedRule {
  readonly name: string;
  readonly match: RecordMatch;
  /** What was received before then goes; undefined: matched records stay for ever. */
  readonly beforeMs: number | undefined;
  /** Whether records go that an endpoint has not got yet. */
  readonly undelivered: 'keep' | 'purge';
}

export interface PurgePlan {
  readonly rules: readonly PlannedRule[];
  /** The place up to which it looks. */
  readonly untilSeq: number;
}

export type PurgeState = 'running' | 'waiting' | 'done' | 'stopped' | 'failed';

export interface PurgeStart {
  readonly dryRun: boolean;
  /** What set it off: `manual`, `schedule`, or the API's own word. */
  readonly cause: string;
  readonly who: string;
  readonly rules: readonly PlannedRule[];
  /** What was asked for, kept as it is for whoever shows it. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** What a purge took, or would take. */
export interface PurgeTally {
  /** Records looked at. */
  readonly looked: number;
  readonly records: number;
  /** Uncompressed. */
  readonly lineBytes: number;
  /** As they were stored: what comes back. */
  readonly storedBytes: number;
  readonly batchesRemoved: number;
  readonly batchesRewritten: number;
  /** Records that a rule would have taken and a hold kept. */
  readonly held: number;
  /** Records that a rule would have taken, and that stayed because an endpoint has not got them yet. */
  readonly undelivered: number;
  readonly rules: Readonly<Record<string, number>>;
  readonly datasets: Readonly<Record<string, number>>;
  readonly operations: Readonly<Record<string, number>>;
  /** By endpoint: records taken that it had not got yet. */
  readonly owed: Readonly<Record<string, number>>;
  /** The first place that something was taken from, and the place after the last; 0 where nothing was. */
  readonly firstSeq: number;
  readonly endSeq: number;
}

/** A purge, under way or in the history. */
export interface PurgeRun {
  readonly id: number;
  readonly state: PurgeState;
  readonly dryRun: boolean;
  readonly cause: string;
  readonly who: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly plan: PurgePlan;
  /** Up to where it has come. */
  readonly position: number;
  readonly startedMs: number;
  readonly updatedMs: number;
  readonly endedMs: number | undefined;
  readonly tally: PurgeTally;
  readonly error: string | undefined;
}

/** How much one step may do. */
export interface StepBudget {
  /** Batches changed. */
  readonly batchesMax: number;
  /** Time spent looking, in milliseconds. */
  readonly lookMs: number;
}

export interface StepOutcome {
  readonly run: PurgeRun;
  /** Nothing is left to look at. */
  readonly done: boolean;
  /** For how long nothing else could be written, in milliseconds. */
  readonly heldMs: number;
  /** What the step cost altogether, in milliseconds. */
  readonly tookMs: number;
  readonly changed: number;
}

/** What a hold keeps: every condition that is given must hold. A time range is about when records were received or say that they are from. */
export interface HoldScope {
  readonly dataset?: string | undefined;
  readonly repository?: string | undefined;
  readonly run?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

export interface Hold {
  readonly id: number;
  readonly scope: HoldScope;
  readonly who: string;
  readonly why: string;
  readonly createdMs: number;
  readonly liftedMs: number | undefined;
  readonly liftedBy: string | undefined;
  readonly liftedWhy: string | undefined;
}

/** What must stay although the journal is at its limit and every endpoint has it. */
export interface KeepPolicy {
  readonly rules: readonly { readonly datasets: readonly string[]; readonly keepMs: number | undefined }[];
}

export interface Certificate {
  readonly runId: number;
  /** JSON text: the very bytes that were hashed. */
  readonly body: string;
  /** SHA-256 of the body, in hexadecimal digits. */
  readonly hash: string;
  /** Its place in the stream; undefined while it has none. */
  readonly toldSeq: number | undefined;
}

/** What an endpoint is told of the hash chain. */
export interface ChainAnchor {
  /** The place that the next record gets. */
  readonly seq: number;
  /** The chain's value before that place, in hexadecimal digits; empty where nobody knows it. */
  readonly head: string;
  /** The hash of the last certificate; empty where there is none. */
  readonly certificate: string;
}

export interface RetentionStore {
  /** Begins a run. Throws `PURGE_RUNNING` while there is one that has not ended. */
  begin(start: PurgeStart): Promise<PurgeRun>;
  /** Does a piece of a run: looks on from where it stands and, unless it is a dry run, takes what its plan says. Durable as a whole or not at all. */
  step(run: PurgeRun, budget: StepBudget): Promise<StepOutcome>;
  /** Gives some free pages back to the disk. */
  giveBack(pagesMax: number): Promise<{ readonly pagesLeft: number; readonly heldMs: number }>;
  /** Marks a run as waiting for its window, or as running again. */
  setWaiting(id: number, waiting: boolean): Promise<PurgeRun>;
  /** Ends a run. One that took something gets its certificate in the same moment. */
  end(id: number, state: 'done' | 'stopped' | 'failed', error?: string): Promise<PurgeRun>;
  /** Frees what only a run under way needs. */
  rest(): Promise<void>;

  /** Newest first; those with an id below `beforeId`, if it is given. */
  runs(limit: number, beforeId?: number): Promise<PurgeRun[]>;
  run(id: number): Promise<PurgeRun | undefined>;
  /** Adds lines to a run's log. */
  note(id: number, lines: readonly string[]): Promise<void>;
  log(id: number): Promise<{ readonly atMs: number; readonly text: string }[]>;
  /** Forgets runs that ended before then, and all but the newest so many. Certificates stay. Returns how many went. */
  forget(endedBeforeMs: number, runsMax: number): Promise<number>;

  /** Certificates that are not in the stream yet. */
  untold(): Promise<Certificate[]>;
  told(runId: number, seq: number): Promise<void>;
  anchor(): Promise<ChainAnchor>;

  holds(lifted?: boolean): Promise<Hold[]>;
  addHold(hold: { readonly scope: HoldScope; readonly who: string; readonly why: string }): Promise<Hold>;
  /** Throws `HOLD_UNKNOWN` where there is none, or it was lifted. */
  liftHold(id: number, lift: { readonly who: string; readonly why: string }): Promise<Hold>;
  protect(policy: KeepPolicy): Promise<void>;

  setting(name: string): Promise<string | undefined>;
  /** Undefined removes it. */
  putSetting(name: string, value: string | undefined): Promise<void>;
}
