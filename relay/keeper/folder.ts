import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/**
 * A folder held open, so that what is done in it is done in this very folder, whatever becomes of its name: a job may put a
 * symbolic link in the folder's place at any moment.
 */
export class OpenFolder implements Disposable {
  readonly path: string;
  /** Device and inode. */
  readonly identity: string;
  readonly ownerId: number;
  /** Hard links need one and the same mount; one file system mounted twice is two. From `fdinfo`, see proc(5). */
  readonly mountId: string | undefined;
  readonly #fd: number;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
    const { dev, ino, uid } = fstatSync(fd, { bigint: true });
    this.identity = `${dev}:${ino}`;
    this.ownerId = Number(uid);
    this.mountId = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  }

  /** The folder itself, or a file in it. `name` must be one part of a path. */
  at(name = '.'): string {
    return `/proc/self/fd/${this.#fd}/${name}`;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** Opens a folder, never through a symbolic link at the end of `path`. Throws what the system says: `ENOENT`, `ENOTDIR`, `EACCES`. */
export function openFolder(path: string): OpenFolder {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    return new OpenFolder(path, fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The code of what a system call threw: `ENOENT`. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}
