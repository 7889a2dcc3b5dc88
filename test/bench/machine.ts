import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** What a figure depends on beside the program. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_mb: number;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string;
}

export function machine(): Machine {
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout ?? '';
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory_mb: Math.round(totalmem() / 1e6),
    kernel: release(),
    node: process.version,
    commit: commit.trim(),
  };
}
