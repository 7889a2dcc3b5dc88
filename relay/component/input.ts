import type { z } from 'zod';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Dataset, Flag, Recorder } from '../record/recorder.ts';
import type { RunnerDatasets } from '../record/runner-file.ts';
import type { Log } from '../telemetry/logger.ts';

/** Why records were lost before they reached the journal. A closed set: it labels a metric. */
export type DropReason = 'backlog_full' | 'too_long' | 'undecodable' | 'kernel_buffer_full' | 'aborted';

/** Why a sender's request or connection was turned away. A closed set: it labels a metric. */
export type RefusalReason =
  | 'unauthorized'
  | 'too_large'
  | 'malformed'
  | 'unsupported'
  | 'busy'
  | 'too_many_connections'
  | 'timeout'
  | 'tls'
  | 'frame_invalid';

/** What is known of the Harbors that an input hears. */
export interface HarborCounters {
  records: number;
  /** When the last record came, by the wall clock; 0 before the first. */
  lastMs: number;
  /** True from when silence was warned of until the next record. */
  silent: boolean;
}

/** What an input counts. Plain numbers, so that counting costs nothing; telemetry reads them when it is asked. */
export interface InputCounters {
  records: number;
  bytes: number;
  connections: number;
  connectionsTotal: number;
  repeats: number;
  readonly harbor: HarborCounters;
  dropped(count: number, reason: DropReason): void;
  flagged(flag: Flag): void;
  refused(reason: RefusalReason): void;
}

/** What becomes of a request: how many records it held, and whether it had been accepted before. */
export interface Accepted {
  readonly records: number;
  readonly repeat: boolean;
}

export interface InputContext {
  /** The operator's name for this input. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: InputCounters;
  readonly recorder: Recorder;

  dataset(name: string): Dataset;
  /** Where lines of a GitHub runner's files go; undefined where jobs are not assembled. */
  readonly runner?: RunnerDatasets | undefined;

  /**
   * For senders that wait for an answer. Runs `write` at once, in one piece, and resolves when all it recorded is durable.
   * With a `key`, what was accepted under that key before (within the window, restarts included) is not written again, and a
   * repeat of one that is still under way shares its outcome. `write` returns how many records it wrote and does not throw: what
   * cannot be decoded is found before. Rejects with a `retry` error, and nothing recorded, while the journal takes no more.
   */
  accept(write: () => number, key?: string): Promise<Accepted>;

  /**
   * For senders that get no answer (plain TCP, UDP): records are written through `recorder` as they come, and while this is
   * true the input stops reading, or counts what it must drop.
   */
  readonly congested: boolean;
  /** Resolves when `congested` is false. */
  relieved(): Promise<void>;
  /** Says that a piece has been recorded, so that it is committed without waiting for more. */
  flush(): void;
}

export interface Input {
  /** Resolves with the address it is bound to, `host:port`, once the input is receiving. */
  start(): Promise<string>;
  /** Stops receiving, then waits for everything already received to be recorded. May be called twice. */
  stop(): Promise<void>;
}

export interface InputDefinition<Options extends z.ZodObject = z.ZodObject> {
  readonly type: string;
  readonly stability: 'stable' | 'beta' | 'experimental';
  readonly summary: string;
  /** Paragraphs for the generated page: what a user must know beside the options. */
  readonly notes: readonly string[];
  readonly options: Options;
  create(options: z.output<Options>, context: InputContext): Input;
}

/** Keeps the options' type tied to `create`; the registry, the docs and the JSON Schema all read the result. */
export function defineInput<Options extends z.ZodObject>(
  definition: InputDefinition<Options>,
): InputDefinition<Options> {
  return definition;
}
