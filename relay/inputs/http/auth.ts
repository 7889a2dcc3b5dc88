import { createHash, timingSafeEqual } from 'node:crypto';
import { RelayError } from '../../errors.ts';
import { readSecretFile } from '../../io/tls-files.ts';
import type { HttpOptions } from './options.ts';

interface Secret {
  readonly name: string;
  readonly digest: Buffer;
}

/**
 * Checks `Authorization` headers (RFC 7617 Basic, RFC 6750 Bearer). Digests of the same length are compared, all of them, in constant
 * time: how long an answer takes says nothing about how much of a guess was right, or which name exists.
 */
export class Authenticator {
  readonly #users: readonly Secret[];
  readonly #tokens: readonly Secret[];
  readonly #isOpen: boolean;

  /** Reads the secrets. Throws `CONFIG_UNREADABLE`, or `CONFIG_INVALID` for a file without a secret. */
  constructor(auth: HttpOptions['auth']) {
    this.#isOpen = auth === undefined;
    this.#users = (auth?.users ?? []).map(({ name, password_file }) => ({
      name: `user ${name}`,
      digest: digestOf(`${name}:${secretIn(password_file)}`),
    }));
    this.#tokens = (auth?.tokens ?? []).map(({ name, token_file }) => ({
      name: `token ${name}`,
      digest: digestOf(secretIn(token_file)),
    }));
  }

  /** Who sends this; empty where everybody may, undefined for a stranger. */
  identify(header: string | undefined): string | undefined {
    if (this.#isOpen) return '';
    const [, scheme = '', credentials = ''] = /^(Basic|Bearer) +([^ ]+) *$/i.exec(header ?? '') ?? [];
    const isBasic = scheme.toLowerCase() === 'basic';
    const given = digestOf(isBasic ? Buffer.from(credentials, 'base64') : credentials);
    return isBasic ? nameFor(given, this.#users) : nameFor(given, this.#tokens);
  }
}

function nameFor(given: Buffer, secrets: readonly Secret[]): string | undefined {
  let found: string | undefined;
  for (const { name, digest } of secrets) if (timingSafeEqual(given, digest)) found = name;
  return found;
}

function secretIn(file: string): string {
  const secret = readSecretFile(file);
  if (secret === '') throw new RelayError('CONFIG_INVALID', `the first line of ${file} is empty: it must be a secret`);
  return secret;
}

function digestOf(secret: string | Buffer): Buffer {
  return createHash('sha256').update(secret).digest();
}
