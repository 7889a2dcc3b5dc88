import { createHash, timingSafeEqual } from 'node:crypto';
import {
  closeSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { RelayError } from '../errors.ts';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';

/**
 * `viewer` may look; `operator` may also pause, replay and make dry runs; `auditor` may look, also at the
 * audit, and place holds; `admin` may do everything.
 */
export const roles = ['viewer', 'operator', 'auditor', 'admin'] as const;

export type Role = (typeof roles)[number];

/** Of the whole token (256 random bits) or password (100 random bits). */
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const entrySchema = z.strictObject({
  /** Stands in the token too, so that a token is looked up, not searched for. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  name: z.string(),
  role: z.enum(roles),
  /** A password is for people at the console's sign-in: short enough to type. It is random too, and so needs no slow hash. */
  kind: z.enum(['token', 'password']).default('token'),
  created_at: z.string(),
  sha256,
  rotated_at: z.string().optional(),
  /** The secret before it was rotated, while it is still taken. */
  former: z.strictObject({ sha256, until: z.iso.datetime() }).optional(),
});

const fileSchema = z.strictObject({ tokens: z.array(entrySchema).max(10_000) });

export type TokenEntry = z.output<typeof entrySchema>;

/** Whom a secret lets in. Its `sha256` is of the secret that was shown, which may be the former one. */
export interface Holder extends Pick<TokenEntry, 'id' | 'name' | 'role' | 'sha256'> {}

/** A secret that was just made: it is returned once and nowhere else, ever. */
export interface MadeToken {
  readonly entry: TokenEntry;
  readonly token: string;
}

/** A former secret is taken for so long at most: 30 days. */
export const OVERLAP_MS_MAX = 30 * 86_400_000;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$/;

/**
 * The tokens of a relay, in one small file that only its owner may read. The file is replaced in one step, so whoever reads it sees the
 * old list or the new; a relay that runs takes notice of a change with the next token it is shown.
 */
export class TokenFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #random: Random;
  #entries: readonly TokenEntry[] = [];
  /** Tells one state of the file from another. */
  #stamp: string | undefined;

  constructor(path: string, { clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#path = path;
    this.#clock = clock;
    this.#random = random;
  }

  /** Who may come in, without what they show. Throws `CONFIG_UNREADABLE` where the file cannot be read or was damaged. */
  list(): readonly TokenEntry[] {
    this.#refresh();
    return this.#entries;
  }

  /** Makes a token or a password. Throws `USAGE` for a name that is taken or malformed. */
  add(name: string, role: Role, kind: TokenEntry['kind'] = 'token'): MadeToken {
    if (!namePattern.test(name))
      throw new RelayError('USAGE', 'a token’s name has letters, digits, "_", ".", "@" and "-", 63 at most');
    const id = Buffer.from(this.#random.bytes(8)).toString('hex');
    const token = this.#secret(id, kind);
    const entry: TokenEntry = { id, name, role, kind, created_at: this.#now(), sha256: digest(token).toString('hex') };
    this.#update((entries) => {
      if (entries.some((other) => other.name === name))
        throw new RelayError('USAGE', `there is a token ${JSON.stringify(name)} already; remove it first`);
      return [...entries, entry];
    });
    return { entry, token };
  }

  /**
   * Gives a token or password a new secret. The one before is taken for `overlapMs` more, which is `OVERLAP_MS_MAX` at most; one from
   * before that no longer. Undefined where there is none of that name.
   */
  rotate(name: string, overlapMs: number): MadeToken | undefined {
    let made: MadeToken | undefined;
    this.#update((entries) =>
      entries.map((old) => {
        if (old.name !== name) return old;
        const token = this.#secret(old.id, old.kind);
        const { former: _, ...kept } = old;
        const untilMs = this.#clock.nowMs() + Math.min(overlapMs, OVERLAP_MS_MAX);
        const former = { sha256: old.sha256, until: new Date(untilMs).toISOString() };
        const entry = { ...kept, sha256: digest(token).toString('hex'), rotated_at: this.#now() };
        made = { token, entry: overlapMs > 0 ? { ...entry, former } : entry };
        return made.entry;
      }),
    );
    return made;
  }

  /** Takes a token away by its name. False where there is none. */
  remove(name: string): boolean {
    let found = false;
    this.#update((entries) => {
      const rest = entries.filter((entry) => entry.name !== name);
      found = rest.length < entries.length;
      return rest;
    });
    return found;
  }

  /** Whose token this is; undefined for one that is not known, however it is malformed. Takes no longer the nearer it comes. */
  authenticate(token: string): Holder | undefined {
    const [, id] = /^spw_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/.exec(token) ?? [];
    return id === undefined ? undefined : this.holder(id, digest(token).toString('hex'));
  }

  /** Whom a secret lets in, by the id of the entry and the secret's hash. Undefined once it is not taken any more. */
  holder(id: string, shown: string): Holder | undefined {
    this.#refresh();
    const entry = this.#entries.find((candidate) => candidate.id === id);
    return entry === undefined || !this.#isTaken(entry, shown) ? undefined : { ...holderOf(entry), sha256: shown };
  }

  /** Who signs in with a name and a password, or with a token alone; undefined where they do not match. */
  signIn(name: string, secret: string): Holder | undefined {
    if (secret.startsWith('spw_')) return this.authenticate(secret);
    this.#refresh();
    const entry = this.#entries.find((candidate) => candidate.name === name);
    const shown = digest(normalPassword(secret)).toString('hex');
    // A name that is not known costs the same look.
    const right = this.#isTaken(entry ?? NOBODY, shown);
    return right && entry?.kind === 'password' ? { ...holderOf(entry), sha256: shown } : undefined;
  }

  #isTaken({ sha256: right, former }: Pick<TokenEntry, 'sha256' | 'former'>, shown: string): boolean {
    const isRight = isSameHash(right, shown);
    const isFormer = isSameHash(former?.sha256 ?? NOBODY.sha256, shown);
    return isRight || (isFormer && former !== undefined && this.#clock.nowMs() < Date.parse(former.until));
  }

  #secret(id: string, kind: TokenEntry['kind']): string {
    return kind === 'token'
      ? `spw_${id}_${Buffer.from(this.#random.bytes(32)).toString('base64url')}`
      : passwordOf(this.#random.bytes(PASSWORD_CHARS));
  }

  #now(): string {
    return new Date(this.#clock.nowMs()).toISOString();
  }

  #refresh(): void {
    const stamp = stampOf(this.#path);
    if (stamp === this.#stamp) return;
    this.#entries = stamp === 'none' ? [] : read(this.#path);
    this.#stamp = stamp;
  }

  /** The new file is made under one fixed name that must not exist yet: so two who change the list at once do not lose a change. */
  #update(change: (entries: readonly TokenEntry[]) => readonly TokenEntry[]): void {
    const next = `${this.#path}.new`;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const file = openNew(next);
    try {
      try {
        this.#refresh();
        const text = `${JSON.stringify({ tokens: change(this.#entries) }, null, 2)}\n`;
        giveToOwnerOf(dirname(this.#path), file);
        writeSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(next, this.#path);
    } catch (error) {
      rmSync(next, { force: true });
      throw error;
    }
    syncFolder(dirname(this.#path));
  }
}

/** No letters that are taken for others (Crockford's base 32): each stands for five bits. */
const PASSWORD_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const PASSWORD_CHARS = 20;

function passwordOf(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => PASSWORD_ALPHABET[byte & 31]).join('');
  return text.replaceAll(/(.{5})(?=.)/g, '$1-');
}

/** As it was made, however it is typed: in capitals, without its hyphens, with blanks. */
function normalPassword(typed: string): string {
  const text = typed.toLowerCase().replaceAll(/[\s-]/g, '').replaceAll('o', '0').replaceAll(/[il]/g, '1');
  return text.replaceAll(/(.{5})(?=.)/g, '$1-');
}

const NOBODY: Pick<TokenEntry, 'sha256'> = { sha256: '0'.repeat(64) };

function holderOf({ id, name, role, sha256: right }: TokenEntry): Holder {
  return { id, name, role, sha256: right };
}

function isSameHash(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one, 'hex'), Buffer.from(other, 'hex'));
}

function openNew(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (cause) {
    const taken = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    const message = taken
      ? `the tokens are being changed by another command; if there is none, delete ${path}`
      : `cannot write ${path}`;
    throw new RelayError('CONFIG_UNREADABLE', message, taken ? {} : { cause });
  }
}

/** `token add` may be run by root for a relay that is not root: the relay must be able to read the file. */
function giveToOwnerOf(folder: string, file: number): void {
  const { uid, gid } = statSync(folder);
  try {
    fchownSync(file, uid, gid);
  } catch {
    // Only root may give a file away; whoever else runs this owns it, and is the relay or will be told by it.
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function stampOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stats === undefined ? 'none' : `${stats.ino} ${stats.mtimeNs} ${stats.size}`;
}

function read(path: string): readonly TokenEntry[] {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).tokens;
  } catch (cause) {
    throw new RelayError('CONFIG_UNREADABLE', `cannot read the tokens in ${path}`, { cause });
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
