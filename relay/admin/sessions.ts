import { createHash } from 'node:crypto';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Holder, Role, TokenFile } from './tokens.ts';

/** The name of the cookie that holds a session's id. */
export const SESSION_COOKIE = 'spillway_session';

/** A session ends so long after its last request, */
const IDLE_MS = 60 * 60_000;
/** and so long after it began. */
const AGE_MS = 12 * 60 * 60_000;
/** Sessions at once; beyond, the one not used for longest ends. */
const SESSIONS_MAX = 1_000;

export interface Session {
  readonly name: string;
  readonly role: Role;
}

interface Kept {
  readonly entryId: string;
  /** Of the secret that began it. */
  readonly sha256: string;
  readonly startedMs: number;
  seenMs: number;
}

/**
 * Who is signed in at the console. Kept in memory: after a restart people sign in again. What a session may do is looked up with each
 * request, so that it ends with the secret that began it: when that is removed, or no longer taken after it was rotated.
 */
export class Sessions {
  readonly #tokens: TokenFile;
  readonly #clock: Clock;
  readonly #random: Random;
  /** By the hash of their id, the one not used for longest first: whoever reads our memory by mistake learns no id. */
  readonly #kept = new Map<string, Kept>();

  constructor({ tokens, clock, random }: { tokens: TokenFile; clock: Clock; random: Random }) {
    this.#tokens = tokens;
    this.#clock = clock;
    this.#random = random;
  }

  /** Begins a session and returns its id, for the cookie. */
  begin(holder: Holder): string {
    const id = Buffer.from(this.#random.bytes(32)).toString('base64url');
    const nowMs = this.#clock.monotonicMs();
    const { id: entryId, sha256 } = holder;
    this.#kept.set(digest(id), { entryId, sha256, startedMs: nowMs, seenMs: nowMs });
    if (this.#kept.size > SESSIONS_MAX) this.#kept.delete(this.#kept.keys().next().value!);
    return id;
  }

  find(id: string): Session | undefined {
    const key = digest(id);
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#kept.delete(key);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - kept.seenMs > IDLE_MS || nowMs - kept.startedMs > AGE_MS) return undefined;
    const holder = this.#tokens.holder(kept.entryId, kept.sha256);
    if (holder === undefined) return undefined;
    kept.seenMs = nowMs;
    this.#kept.set(key, kept);
    return { name: holder.name, role: holder.role };
  }

  end(id: string): void {
    this.#kept.delete(digest(id));
  }
}

function digest(id: string): string {
  return createHash('sha256').update(id).digest('base64');
}
