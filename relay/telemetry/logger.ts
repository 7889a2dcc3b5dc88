import { pino, type DestinationStream } from 'pino';
import type { Clock, Timer } from '../io/clock.ts';

/** The relay's own log: static lower-case messages, data as fields; never a record's content, never a secret. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  /** Something is wrong and nothing is lost. */
  warn(message: string, fields?: LogFields): void;
  /** Something is lost, or a person is needed. */
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined | readonly string[]>>;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** A line of the log, as the console shows it. */
export interface LogLine {
  readonly atMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** For tests and tools that want no log. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};

/** The same message of the same part may come so often within a window; what is beyond is counted and told at its end. */
const REPEATS_MAX = 5;
const WINDOW_MS = 60_000;
/** Distinct messages watched; beyond, the oldest window is closed early. */
const WATCHED_MAX = 1_000;
/** A value longer than this is cut: what a peer says may be of any length. */
const VALUE_CHARS_MAX = 1_000;
/** Of a list so many values are shown. */
const VALUES_MAX = 20;

/** Warnings and errors kept for the console and the support bundle. */
const RECENT_MAX = 200;

interface Watched {
  readonly level: LogLevel;
  readonly message: string;
  readonly bindings: LogFields;
  readonly startedMs: number;
  count: number;
}

/** One log for the process; its children share what is watched. */
export class RelayLog implements AsyncDisposable {
  readonly root: Log;
  readonly #pino: pino.Logger;
  readonly #clock: Clock;
  readonly #watched = new Map<string, Watched>();
  readonly #recent: LogLine[] = [];
  readonly #timer: Timer;

  constructor(options: { clock: Clock; level: LogLevel; name: string; destination?: DestinationStream }) {
    this.#clock = options.clock;
    this.#pino = pino(
      {
        level: options.level,
        base: { relay: options.name },
        timestamp: () => `,"time":"${new Date(options.clock.nowMs()).toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
      },
      options.destination ?? pino.destination({ fd: 1, sync: true }),
    );
    this.root = this.#bound({});
    this.#timer = options.clock.every(WINDOW_MS, () => this.#closeWindows());
  }

  /** The latest warnings and errors, the newest last. */
  get recent(): readonly LogLine[] {
    return this.#recent;
  }

  set level(level: LogLevel) {
    this.#pino.level = level;
  }

  /** Tells what was held back, and ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer.cancel();
    for (const key of this.#watched.keys()) this.#close(key);
    await new Promise<void>((resolve) => this.#pino.flush(() => resolve()));
  }

  #bound(bindings: LogFields): Log {
    const at =
      (level: LogLevel) =>
      (message: string, fields: LogFields = {}): void =>
        this.#write(level, message, bindings, fields);
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => this.#bound({ ...bindings, ...fields }),
    };
  }

  #write(level: LogLevel, message: string, bindings: LogFields, fields: LogFields): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    const key = `${level} ${message} ${JSON.stringify(bindings)}`;
    let watched = this.#watched.get(key);
    if (watched !== undefined && this.#clock.monotonicMs() - watched.startedMs >= WINDOW_MS) {
      this.#close(key);
      watched = undefined;
    }
    if (watched === undefined) {
      if (this.#watched.size >= WATCHED_MAX) this.#close(this.#watched.keys().next().value!);
      watched = { level, message, bindings, startedMs: this.#clock.monotonicMs(), count: 0 };
      this.#watched.set(key, watched);
    }
    watched.count++;
    if (watched.count > REPEATS_MAX) return;
    const shown = cut({ ...bindings, ...fields });
    this.#pino[level](shown, message);
    if (level !== 'warn' && level !== 'error') return;
    this.#recent.push({ atMs: this.#clock.nowMs(), level, message, fields: shown });
    if (this.#recent.length > RECENT_MAX) this.#recent.shift();
  }

  #closeWindows(): void {
    const before = this.#clock.monotonicMs() - WINDOW_MS;
    for (const [key, watched] of this.#watched) if (watched.startedMs <= before) this.#close(key);
  }

  #close(key: string): void {
    const watched = this.#watched.get(key);
    this.#watched.delete(key);
    const held = (watched?.count ?? 0) - REPEATS_MAX;
    if (watched === undefined || held <= 0) return;
    this.#pino[watched.level]({ ...watched.bindings, times: held }, `${watched.message} (repeated)`);
  }
}

function cut(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (typeof value === 'string') return [name, cutText(value)];
      return [name, typeof value === 'object' ? value.slice(0, VALUES_MAX).map(cutText) : value];
    }),
  );
}

function cutText(text: string): string {
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}…` : text;
}
