import {
  type BigIntStats,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type OpenFolder, systemCode } from './folder.ts';
import { type LinkOutcome, linkVerified } from './link.ts';
import { kindOf } from './names.ts';

/** Files that could get the name of another one that is still kept: more than so many of one name are refused. */
const SAME_NAME_MAX = 9;

/** One file in the kept folder. */
export interface KeptFile {
  /** Below the kept folder: `NAME`, `again/1/NAME` or `unended/NAME`. */
  readonly path: string;
  /** As the runner gave it. */
  readonly name: string;
  readonly inode: bigint;
  /** What follows Fluent Bit's position was handed over, up to here. */
  handedOverTo: number;
  /** As it was when it was looked at last. */
  names: number;
  bytes: number;
  diskBytes: number;
}

/**
 * The folder with the second names. It holds
 *
 * - `NAME`: what Fluent Bit tails;
 * - `again/N/NAME`: files of a name that is taken, since the runner's folder was made again, or somebody plays tricks;
 * - `unended/NAME`: last lines without an end, see unended.ts;
 * - `.incoming/`: what is being looked at; `.retired/`: what goes in a minute. Nobody tails these.
 *
 * It is the only place where the keeper writes, and the disk is its only memory: after a crash it goes on from what is there.
 */
export class KeptFolder {
  readonly path: string;
  /** The user as whom this process makes files. */
  readonly ownUserId: number;
  readonly #files = new Map<string, KeptFile>();
  #incoming = 0;

  /** Makes the folder, or takes over what is in it. */
  constructor(path: string) {
    this.path = path;
    this.makeFolders();
    for (const leftover of readdirSync(join(path, '.incoming'))) unlinkSync(join(path, '.incoming', leftover));
    const probe = join(path, '.incoming', 'owner');
    writeFileSync(probe, '');
    this.ownUserId = statSync(probe).uid;
    unlinkSync(probe);
    const again = readdirSync(join(path, 'again')).map((name) => join('again', name));
    for (const folder of ['.', 'unended', ...again])
      for (const name of readdirSync(join(path, folder)))
        if (kindOf(name) !== undefined) this.#takeOver(join(folder, name), name);
  }

  /** Makes what is missing: somebody may have removed it. */
  makeFolders(): void {
    for (const folder of ['.', '.incoming', '.retired', 'unended', 'again'])
      mkdirSync(join(this.path, folder), { recursive: true, mode: 0o700 });
  }

  /** As they are now: whoever goes through them may remove some. */
  get files(): readonly KeptFile[] {
    return [...this.#files.values()];
  }

  get count(): number {
    return this.#files.size;
  }

  /** Of all files, on the disk. A file that the runner has not deleted is counted too, though it costs nothing yet. */
  get diskBytes(): number {
    let sum = 0;
    for (const { diskBytes } of this.#files.values()) sum += diskBytes;
    return sum;
  }

  /** Of all files, as they were looked at last. */
  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#files.values()) sum += bytes;
    return sum;
  }

  /** The file that is tailed by this name. */
  named(name: string): KeptFile | undefined {
    return this.#files.get(name);
  }

  /** This very file is kept, by its own name or another one. */
  holds(name: string, inode: bigint): boolean {
    return this.#paths(name).some((path) => this.#files.get(path)?.inode === inode);
  }

  /** Gives a file of the runner's a second name here. Throws only where the kept folder itself cannot be written. */
  keep(
    from: OpenFolder,
    name: string,
    check: { readonly ownerId: number | undefined; readonly fileBytesMax: number },
  ): LinkOutcome {
    const path = this.#freePath(name);
    if (path === undefined) return { result: 'refused', reason: 'limit' };
    const outcome = linkVerified({
      from,
      name,
      incoming: this.incomingPath(),
      target: join(this.path, path),
      ...check,
    });
    if (outcome.result === 'kept') this.#add(path, name, outcome.stats);
    return outcome;
  }

  /** A name that is free, in the folder that nobody tails. */
  incomingPath(): string {
    return join(this.path, '.incoming', String(this.#incoming++));
  }

  /** Looks at a file. Undefined where it is gone, or another one is in its place; then it is forgotten. */
  look(file: KeptFile): BigIntStats | undefined {
    try {
      const stats = lstatSync(join(this.path, file.path), { bigint: true });
      if (stats.ino === file.inode) {
        file.names = Number(stats.nlink);
        file.bytes = Number(stats.size);
        file.diskBytes = Number(stats.blocks) * 512;
        return stats;
      }
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
    this.#files.delete(file.path);
    return undefined;
  }

  /** Takes up what was handed over by a name in `unended/`. */
  addUnended(name: string): void {
    this.#takeOver(join('unended', name), name);
  }

  /** The last name of a file that the runner has deleted. */
  remove(file: KeptFile): void {
    unlinkSync(join(this.path, file.path));
    this.#files.delete(file.path);
  }

  /**
   * For a file that has other names. Fluent Bit looks for a file that it reads by the name that it has now, and would stumble over one
   * that is gone: so the name is moved to where it takes it for rotated, and closes it; `clearRetired` removes it later.
   */
  retire(file: KeptFile): void {
    renameSync(join(this.path, file.path), join(this.path, '.retired', `${this.#incoming++}-${file.name}`));
    this.#files.delete(file.path);
  }

  clearRetired(): void {
    for (const name of readdirSync(join(this.path, '.retired'))) unlinkSync(join(this.path, '.retired', name));
  }

  #freePath(name: string): string | undefined {
    const path = this.#paths(name).find((candidate) => !this.#files.has(candidate));
    if (path !== undefined) mkdirSync(join(this.path, dirname(path)), { recursive: true, mode: 0o700 });
    return path;
  }

  /** Where files of this name may be. */
  #paths(name: string): string[] {
    return [name, ...Array.from({ length: SAME_NAME_MAX }, (_, n) => `again/${n + 1}/${name}`)];
  }

  #takeOver(path: string, name: string): void {
    const stats = lstatSync(join(this.path, path), { bigint: true });
    // Nothing of the kind is made here; whatever it is, nobody shall tail it.
    if (stats.isFile()) this.#add(path, name, stats);
    else rmSync(join(this.path, path), { force: true });
  }

  #add(path: string, name: string, { ino, nlink, size, blocks }: BigIntStats): void {
    this.#files.set(path, {
      path,
      name,
      inode: ino,
      handedOverTo: 0,
      names: Number(nlink),
      bytes: Number(size),
      diskBytes: Number(blocks) * 512,
    });
  }
}
