import { hash, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../io/random.ts';
import type { Source } from '../../record/line-writer.ts';
import { readPing, writeHelo, writePong, type Ping } from '../../wire/forward-handshake.ts';

export interface Credentials {
  readonly serverName: string;
  readonly sharedKey: string;
  /** Passwords by user name; where there are none, no user name is asked for. */
  readonly users: ReadonlyMap<string, string>;
}

/** The longest PING that is read: a host name, a user name, and two digests. */
export const PING_BYTES_MAX = 4_096;
/** 12 bytes are 16 characters of base64: text, since some clients take a nonce for text. */
const NONCE_BYTES = 12;

export interface Answer {
  readonly accepted: boolean;
  readonly pong: Buffer;
  /** For the relay's log; the client is not told which of its secrets was wrong. */
  readonly reason: string;
}

/** One connection's handshake. The nonce is new for each connection, so that a PING that was overheard opens no other. */
export class Handshake {
  readonly helo: Buffer;
  readonly #credentials: Credentials;
  readonly #nonce: string;
  readonly #authSalt: string;

  constructor(credentials: Credentials, random: Random) {
    this.#credentials = credentials;
    this.#nonce = Buffer.from(random.bytes(NONCE_BYTES)).toString('base64');
    this.#authSalt = credentials.users.size === 0 ? '' : Buffer.from(random.bytes(NONCE_BYTES)).toString('base64');
    this.helo = writeHelo(this.#nonce, this.#authSalt);
  }

  /** Judges the first message of a client. A refusal carries no digest: it would let a stranger try keys at leisure. */
  answer(source: Source, start: number): Answer {
    const ping = readPing(source, start);
    const reason = ping === undefined ? 'no PING' : this.#objection(ping);
    const { serverName, sharedKey } = this.#credentials;
    if (ping === undefined || reason !== '') {
      const pong = writePong({ accepted: false, reason: 'authentication failed', serverName, digest: '' });
      return { accepted: false, pong, reason };
    }
    const digest = sha512(ping.sharedKeySalt, serverName, this.#nonce, sharedKey);
    return { accepted: true, pong: writePong({ accepted: true, reason: '', serverName, digest }), reason };
  }

  #objection(ping: Ping): string {
    const { sharedKey, users } = this.#credentials;
    if (ping.sharedKeySalt.length === 0) return 'empty salt';
    const expected = sha512(ping.sharedKeySalt, ping.hostname, this.#nonce, sharedKey);
    const keyRight = equal(ping.sharedKeyDigest, expected);
    if (users.size === 0) return keyRight ? '' : 'wrong shared key';
    const password = users.get(Buffer.from(ping.username).toString('utf8'));
    // An unknown user costs as much time as a wrong password.
    const passwordRight = equal(ping.passwordDigest, sha512(this.#authSalt, ping.username, password ?? this.#nonce));
    if (!keyRight) return 'wrong shared key';
    if (password === undefined) return 'unknown user';
    return passwordRight ? '' : 'wrong password';
  }
}

function sha512(...parts: ReadonlyArray<string | Uint8Array>): string {
  return hash(
    'sha512',
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))),
    'hex',
  );
}

/** Compares all of it in a time that does not tell where it differs. */
function equal(given: Uint8Array, expected: string): boolean {
  return given.length === expected.length && timingSafeEqual(given, Buffer.from(expected));
}
