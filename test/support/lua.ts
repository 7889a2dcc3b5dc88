import { spawnSync } from 'node:child_process';
import { findOrUnpack } from './foreign-programs.ts';

/** A record for the plugin, and how it is odd. */
export interface EdgeRecord {
  readonly file: string;
  readonly log: Buffer;
  readonly mode?: 'error' | 'taken' | 'odd';
}

export interface EdgeAnswer {
  /** What the filter told Fluent Bit: 0 as it came, 2 changed; undefined: it failed, and Fluent Bit passes the record on as it came. */
  readonly code: number | undefined;
  readonly log: Buffer;
  readonly fields: Readonly<Record<string, string>>;
}

const luajit = findOrUnpack('luajit', 'luajit');

/** Runs `fluent-bit/plugin/spillway.lua` under LuaJIT, which is what Fluent Bit has inside. Throws where there is none to be had. */
export function runEdge(
  records: readonly EdgeRecord[],
  environment: Readonly<Record<string, string>> = {},
): EdgeAnswer[] {
  if (typeof luajit === 'string') throw new Error(luajit);
  const input = records
    .map(
      ({ file, log, mode }) =>
        `${Buffer.from(file).toString('hex')}\t${log.toString('hex')}${mode === undefined ? '' : `\t${mode}`}\n`,
    )
    .join('');
  const ran = spawnSync(luajit.file, ['test/fluent-bit/driver.lua', 'fluent-bit/plugin/spillway.lua'], {
    input,
    env: { ...luajit.env, ...environment },
    encoding: 'latin1',
    maxBuffer: 2 ** 28,
  });
  if (ran.status !== 0) throw new Error(`luajit ended with ${ran.status}: ${ran.stderr}`);
  return ran.stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      if (line === 'failed') return { code: undefined, log: Buffer.alloc(0), fields: {} };
      const [code, log = '', fields = ''] = line.split('\t');
      const pairs = fields.split(',').map((field) => field.split(/=(.*)/s, 2) as [string, string]);
      return { code: Number(code), log: Buffer.from(log, 'hex'), fields: Object.fromEntries(pairs) };
    });
}
