import type { z } from 'zod';
import type {
  Accepted,
  DropReason,
  Input,
  InputContext,
  InputDefinition,
  RefusalReason,
} from '../../relay/component/input.ts';
import { RelayError } from '../../relay/errors.ts';
import { systemClock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import { BatchBuilder } from '../../relay/record/batch-builder.ts';
import { eventIdPrefix } from '../../relay/record/event-id.ts';
import type { Dataset, Flag } from '../../relay/record/recorder.ts';
import { SlabPool } from '../../relay/record/slab.ts';
import { silentLog } from '../../relay/telemetry/logger.ts';

/** A record as a test looks at it: its line, parsed. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests reach into JSON of many shapes
export type ParsedRecord = Record<string, any>;

/**
 * Runs one input on a real socket, with the relay's real batch builder behind it and an array where the journal would be.
 * `hold` makes the "journal" take its time; `refuse` makes it take nothing.
 */
export class InputHarness implements AsyncDisposable {
  /** The lines that were committed. */
  readonly lines: string[] = [];
  readonly droppedByReason: Partial<Record<DropReason, number>> = {};
  readonly flags: Partial<Record<Flag, number>> = {};
  readonly refusals: Partial<Record<RefusalReason, number>> = {};
  address = '';
  readonly input: Input;
  readonly context: InputContext;
  /** What the receive time will be; undefined follows the real clock. */
  nowMs: number | undefined;

  readonly #builder: BatchBuilder;
  readonly #sealed: string[] = [];
  readonly #accepted = new Map<string, Promise<Accepted>>();
  #held = false;
  #refusing = false;
  #release: (() => void) | undefined;
  #released: Promise<void> = Promise.resolve();

  private constructor(create: (context: InputContext) => Input, name: string) {
    this.#builder = new BatchBuilder({
      pool: new SlabPool({ slabBytes: 1 << 20, idleMax: 4 }),
      idPrefix: eventIdPrefix('testnd', 1),
      firstSeq: 1,
      bytesMax: 512 * 1024,
      nowMs: () => this.nowMs ?? Date.now(),
      onSealed: (batch) => {
        this.#sealed.push(...batch.slab.bytes.toString('utf8', 0, batch.bytes).split('\n').slice(0, -1));
        batch.slab.release();
      },
    });
    const isHeld = (): boolean => this.#held;
    this.context = {
      name,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      counters: {
        records: 0,
        bytes: 0,
        connections: 0,
        connectionsTotal: 0,
        repeats: 0,
        harbor: { records: 0, lastMs: 0, silent: false },
        dropped: (count, reason) => (this.droppedByReason[reason] = (this.droppedByReason[reason] ?? 0) + count),
        flagged: (flag) => (this.flags[flag] = (this.flags[flag] ?? 0) + 1),
        refused: (reason) => (this.refusals[reason] = (this.refusals[reason] ?? 0) + 1),
      },
      recorder: this.#builder,
      dataset: (dataset): Dataset => ({ name: dataset, stored: true }),
      accept: (write, key) => this.#accept(write, key),
      get congested() {
        return isHeld();
      },
      relieved: () => this.#released,
      flush: () => {
        if (!this.#held) this.#commit();
      },
    };
    this.input = create(this.context);
  }

  /** Starts an input with options as an operator would write them; defaults are filled in by its schema. */
  static async start<Options extends z.ZodObject>(
    definition: InputDefinition<Options>,
    options: Record<string, unknown>,
    name = 'test',
  ): Promise<InputHarness> {
    const parsed = definition.options.parse(options);
    const harness = new InputHarness((context) => definition.create(parsed, context), name);
    harness.address = await harness.input.start();
    return harness;
  }

  get port(): number {
    return Number(this.address.slice(this.address.lastIndexOf(':') + 1));
  }

  /** What was committed, parsed. Throws where a line is not valid JSON. */
  get records(): ParsedRecord[] {
    return this.lines.map((line) => JSON.parse(line) as ParsedRecord);
  }

  /** From now on nothing is committed: acknowledged inputs wait, the others see `congested`. */
  hold(): void {
    this.#held = true;
    this.#released = new Promise((resolve) => (this.#release = resolve));
  }

  release(): void {
    this.#held = false;
    this.#commit();
    this.#release?.();
  }

  /** From now on `accept` rejects as it does while the disk is full. */
  refuse(refusing = true): void {
    this.#refusing = refusing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#held) this.release();
    await this.input.stop();
    this.#commit();
  }

  #commit(): void {
    this.#builder.seal();
    this.lines.push(...this.#sealed.splice(0));
  }

  async #accept(write: () => number, key: string | undefined): Promise<Accepted> {
    if (this.#refusing) throw new RelayError('JOURNAL_FULL', 'the journal is full');
    const before = key === undefined ? undefined : this.#accepted.get(key);
    if (before !== undefined) {
      this.context.counters.repeats++;
      return { ...(await before), repeat: true };
    }
    this.#builder.touch();
    const records = write();
    const outcome = this.#released.then(() => {
      this.#commit();
      return { records, repeat: false };
    });
    if (key !== undefined) this.#accepted.set(key, outcome);
    return outcome;
  }
}
