import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { systemClock } from '../../relay/io/clock.ts';
import { Keeper, type KeeperOptions } from '../../relay/keeper/keeper.ts';
import { type KeeperStatus, readStatus } from '../../relay/keeper/status.ts';
import type { Log, LogFields } from '../../relay/telemetry/logger.ts';
import { TailDatabase } from './tail-database.ts';
import { temporaryFolder } from './temporary-folder.ts';

const timeline = '11111111-2222-3333-4444-555555555555';

/** The name of the nth page. */
export function pageName(n: number): string {
  return `${timeline}_${String(n).padStart(8, '0')}-0000-0000-0000-000000000000_1.log`;
}

/** Waits until `check` passes, for as long as a machine with other things to do may take. */
export function eventually(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 10_000, interval: 5 });
}

/** A runner's folders, a keeper, and a position database in Fluent Bit's place. */
export class KeeperHarness implements AsyncDisposable {
  readonly root: string;
  readonly diag: string;
  readonly pages: string;
  readonly kept: string;
  readonly tail: TailDatabase;
  readonly messages: { readonly level: string; readonly message: string; readonly fields: LogFields }[] = [];
  readonly #folder = temporaryFolder();
  readonly #options: Partial<KeeperOptions>;
  #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #keeper: Keeper | undefined;

  constructor(options: Partial<KeeperOptions> = {}) {
    this.root = this.#folder.path;
    this.diag = join(this.root, 'diag');
    this.pages = join(this.diag, 'pages');
    this.kept = join(this.root, 'kept');
    this.#options = options;
    this.tail = new TailDatabase(this.root);
    mkdirSync(this.pages, { recursive: true });
  }

  static async start(options: Partial<KeeperOptions> = {}): Promise<KeeperHarness> {
    const harness = new KeeperHarness(options);
    await harness.run();
    return harness;
  }

  /** Resolves when the keeper is ready; rejects where it cannot be. */
  async run(): Promise<void> {
    this.#stopping = new AbortController();
    const keeper = this.make();
    this.#keeper = keeper;
    await new Promise<void>((resolve, reject) => {
      this.#running = keeper.run(this.#stopping.signal, resolve);
      this.#running.catch(reject);
    });
  }

  /** A keeper that does not run. */
  make(): Keeper {
    return new Keeper(
      {
        diagFolder: this.diag,
        keptFolder: this.kept,
        positionsFolder: this.root,
        ownerId: undefined,
        filesMax: 1_000,
        bytesMax: 2 ** 30,
        fileBytesMax: 2 ** 20,
        scanMs: 20,
        settleMs: 0,
        idleMs: 3_600_000,
        ...this.#options,
      },
      { clock: systemClock, log: this.#log({}) },
    );
  }

  get keeper(): Keeper {
    if (this.#keeper === undefined) throw new Error('no keeper was started');
    return this.#keeper;
  }

  get status(): KeeperStatus {
    const status = readStatus(this.kept);
    if (status === undefined) throw new Error('the keeper has written no status');
    return status;
  }

  page(n: number): string {
    return join(this.pages, pageName(n));
  }

  keptPage(n: number): string {
    return join(this.kept, pageName(n));
  }

  write(n: number, text = `line of page ${n}\n`): void {
    writeFileSync(this.page(n), text);
  }

  delete(n: number): void {
    unlinkSync(this.page(n));
  }

  keptText(n: number): string | undefined {
    return existsSync(this.keptPage(n)) ? readFileSync(this.keptPage(n), 'utf8') : undefined;
  }

  keptNames(below = '.'): string[] {
    const folder = join(this.kept, below);
    return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.log')) : [];
  }

  /** Resolves when the keeper has looked through everything once more. */
  async scanned(): Promise<void> {
    const afterMs = Date.now();
    await eventually(() => {
      if (this.status.scanned_ms <= afterMs) throw new Error('it has not looked yet');
    });
  }

  /** What was logged, with one of its fields. */
  logged(level: string, part: string): boolean {
    return this.messages.some((entry) => entry.level === level && entry.message.includes(part));
  }

  /** As SIGTERM does; the keeper can be started again. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    // What went wrong was told by `run`.
    await this.#running?.catch(() => undefined);
    this.#keeper?.[Symbol.dispose]();
    this.#keeper = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#keeper !== undefined) await this.stop();
    this.tail[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }

  #log(bindings: LogFields): Log {
    const at =
      (level: string) =>
      (message: string, fields: LogFields = {}): void =>
        void this.messages.push({ level, message, fields: { ...bindings, ...fields } });
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => this.#log({ ...bindings, ...fields }),
    };
  }
}
