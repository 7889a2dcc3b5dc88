import { defineConfig } from 'vitest/config';

/** What takes its time: killing, foreign programs, a browser, simulated weeks. `npm run check` leaves it out, `npm test` does not. */
const slow = ['test/{crash,peers,sim}/**/*.test.ts', 'test/console/pages/**/*.test.ts'];

/** A busy machine may take its time; what is right comes in the end. */
const common = {
  testTimeout: 20_000,
  hookTimeout: 20_000,
  pool: 'forks',
  expect: { poll: { timeout: 10_000 } },
} as const;

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...common, name: 'unit', include: ['test/**/*.test.ts'], exclude: slow } },
      { test: { ...common, name: 'slow', include: slow, testTimeout: 300_000, hookTimeout: 120_000 } },
    ],
  },
});
