import type { Config } from '../../config/config.ts';
import type { CommandContext } from '../command.ts';

/** `problem` makes the command end with 1; `skipped` says why something was not looked at. */
export type Outcome = 'ok' | 'warning' | 'problem' | 'skipped';

export interface Finding {
  readonly outcome: Outcome;
  readonly message: string;
}

export interface CheckSubject {
  readonly config: Config;
  readonly context: CommandContext;
  /** Whether endpoints may be connected to. */
  readonly connect: boolean;
  /** Whether a keeper shall run on this machine. */
  readonly keeper: boolean;
  /** How long to wait for each. */
  readonly timeoutMs: number;
}

/** One thing that `spillway check` looks at before a start. It changes nothing and does not need the relay to stand still. */
export interface Check {
  readonly name: string;
  run(subject: CheckSubject): Promise<readonly Finding[]>;
}
