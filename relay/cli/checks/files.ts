import { accessSync, constants, statSync } from 'node:fs';
import { isRecord } from '../../config/explain-schema.ts';
import { formatPath } from '../../config/problem.ts';
import { describeError } from '../../errors.ts';
import type { Check, Finding } from './check.ts';

/** Every `…_file` that the config names is there and can be read; those that hold secrets are not open to everyone. */
export const files: Check = {
  name: 'files',
  run: async ({ config }) =>
    [
      ...config.inputs.map(({ name, options }) => ({ path: ['inputs', name], options })),
      ...config.endpoints.map(({ name, options }) => ({ path: ['endpoints', name], options })),
      { path: ['redact'], options: config.redact.options },
    ].flatMap(({ path, options }) => [...namedFiles(path, options)].map(lookAt)),
};

interface NamedFile {
  readonly option: string;
  readonly key: string;
  readonly file: string;
}

function* namedFiles(path: readonly PropertyKey[], value: unknown): Iterable<NamedFile> {
  if (Array.isArray(value)) for (const [index, inner] of value.entries()) yield* namedFiles([...path, index], inner);
  if (!isRecord(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === 'string' && key.endsWith('_file'))
      yield { option: formatPath([...path, key]), key, file: inner };
    else yield* namedFiles([...path, key], inner);
  }
}

function lookAt({ option, key, file }: NamedFile): Finding {
  try {
    accessSync(file, constants.R_OK);
    const stats = statSync(file);
    if (!stats.isFile()) return { outcome: 'problem', message: `${option}: ${file} is no file` };
    const isSecret = !/^(cert|ca|client_ca|crl)_file$/.test(key);
    if (isSecret && (stats.mode & 0o007) !== 0)
      return { outcome: 'warning', message: `${option}: everyone on this machine may read ${file} — chmod o-rwx it` };
    return { outcome: 'ok', message: `${option}: ${file} can be read` };
  } catch (error) {
    return { outcome: 'problem', message: `${option}: ${file} cannot be read (${describeError(error)})` };
  }
}
