import type { CommandContext } from './command.ts';

const BAR_CELLS = 24;
const DRAW_INTERVAL_MS = 200;
/** Work shorter than this needs no bar. */
const SILENT_MS = 1_000;

/** A bar on standard error for work that takes longer than a second; nothing where that is no terminal. */
export class Progress {
  readonly #context: CommandContext;
  readonly #unit: string | undefined;
  readonly #total: number;
  readonly #startedMs: number;
  #drawnMs = 0;
  #drawn = false;

  /** `unit` is what is counted, where its rate says something. */
  constructor(context: CommandContext, unit: string | undefined, total: number) {
    this.#context = context;
    this.#unit = unit;
    this.#total = Math.max(1, total);
    this.#startedMs = context.clock.monotonicMs();
  }

  at(done: number, note = ''): void {
    const { clock, stderr } = this.#context;
    const nowMs = clock.monotonicMs();
    const tooSoon = nowMs - this.#startedMs < SILENT_MS || nowMs - this.#drawnMs < DRAW_INTERVAL_MS;
    if (!stderr.isTerminal || tooSoon) return;
    this.#drawnMs = nowMs;
    this.#drawn = true;
    const part = Math.min(1, done / this.#total);
    const cells = Math.round(part * BAR_CELLS);
    const bar = '█'.repeat(cells) + '░'.repeat(BAR_CELLS - cells);
    const rate = Math.round(done / ((nowMs - this.#startedMs) / 1_000));
    const speed = this.#unit === undefined ? '' : `${rate} ${this.#unit}/s  `;
    stderr.write(`\r${bar} ${String(Math.floor(part * 100)).padStart(3)} %  ${speed}${note}\u001b[K`);
  }

  end(): void {
    if (this.#drawn) this.#context.stderr.write('\r\u001b[K');
  }
}
