import { open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RelayError } from '../../errors.ts';
import { syncFolder } from '../../io/sync-folder.ts';
import { readSecret } from './credentials.ts';

/** A secret that changes at each use, in a file that always holds the latest one, whenever the power goes. */
export class SecretFile {
  readonly #file: string;
  /** What the server gave and the disk has not taken yet. */
  #unsaved: string | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * The secret to use now. Before it is used up, makes sure that the next one can be written. Throws `OUTPUT_UNAUTHORIZED` where
   * it cannot.
   */
  async prepare(): Promise<string> {
    if (this.#unsaved !== undefined) await this.#write(this.#unsaved);
    const secret = readSecret(this.#file);
    await this.#try();
    return secret;
  }

  /** Resolves once `secret` is on disk. What could not be written is kept, and written by the next `prepare`. */
  async replace(secret: string): Promise<void> {
    this.#unsaved = secret;
    await this.#write(secret);
  }

  get #next(): string {
    return `${this.#file}.next`;
  }

  async #try(): Promise<void> {
    try {
      await writeDurably(this.#next, '');
      await unlink(this.#next);
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  async #write(secret: string): Promise<void> {
    try {
      await writeDurably(this.#next, `${secret}\n`);
      await rename(this.#next, this.#file);
      await syncFolder(dirname(this.#file));
      this.#unsaved = undefined;
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  #failure(cause: unknown): RelayError {
    return new RelayError('OUTPUT_UNAUTHORIZED', `cannot write the agent’s next secret to ${this.#file}`, { cause });
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
