import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { RelayError } from '../errors.ts';

/** Far above any config written by a person; keeps a wrong file name from filling the memory. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

export interface ConfigFile {
  /** As the operator wrote it. */
  readonly file: string;
  /** A relative path of the file counts from here. */
  readonly workingFolder: string;
}

/** The text of a config file. Throws `CONFIG_UNREADABLE` where there is nothing to read. */
export function readConfigText({ file, workingFolder }: ConfigFile): { readonly path: string; readonly text: string } {
  const path = resolve(workingFolder, file);
  try {
    const { size } = statSync(path);
    if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes, more than any config`);
    return { path, text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)) };
  } catch (cause) {
    throw new RelayError('CONFIG_UNREADABLE', `cannot read the config ${file}`, { cause });
  }
}
