import { accessSync, constants, statfsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/**
 * What takes its time: killing, foreign programs, a browser, simulated weeks, whole relays that wait for what happens, models, every way
 * for a disk to fail. `npm run check` leaves it out, `npm test` does not.
 */
const slow = [
  'test/{crash,peers,sim}/**/*.test.ts',
  'test/console/pages/**/*.test.ts',
  'test/fluent-bit/plugin.test.ts',
  'test/inputs/http-hostile.test.ts',
  'test/journal/{faults,model,sqlite}.test.ts',
  'test/runtime/{alerts,relay,reload,replays,runs,runs-quota}.test.ts',
  'test/outputs/logstash/delivery.test.ts',
  'test/admin/harbor/purge.test.ts',
  'test/keeper/drain.test.ts',
];

/**
 * Where tests put their folders: in memory where there is room, since hundreds of small journals that are synced would mostly test the
 * disk. What kills and restarts stays on the disk.
 */
const MEMORY = '/dev/shm';
const ROOM_BYTES_MIN = 2 * 1_024 ** 3;

function roomInMemory(): boolean {
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= ROOM_BYTES_MIN;
  } catch {
    return false;
  }
}

const inMemory = roomInMemory() ? { env: { TMPDIR: MEMORY } } : {};

/** A busy machine may take its time; what is right comes in the end. */
const common = {
  testTimeout: 20_000,
  hookTimeout: 20_000,
  pool: 'forks',
  expect: { poll: { timeout: 10_000 } },
} as const;

/**
 * Files take turns in the same few processes, and what one has loaded the next one has too: a fifth of the processor time went into
 * loading the same modules again. So no test may leave anything behind in a module, or in the process.
 */
const shared = { isolate: false } as const;

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...common, ...inMemory, ...shared, name: 'unit', include: ['test/**/*.test.ts'], exclude: slow } },
      { test: { ...common, name: 'slow', include: slow, testTimeout: 300_000, hookTimeout: 120_000 } },
    ],
  },
});
