import { z } from 'zod';
import { sizeOption } from './size.ts';

const waitOption = (fallback: number) => z.int().min(0).max(86_400_000).default(fallback);

/** How lines of GitHub's runners become jobs. */
export const runsOptions = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe(
        'Lines of runners’ files (pages and Worker logs, known by the files’ names) are put together to jobs. `false` passes them on ' +
          'as they come.',
      ),
    attribution_wait_ms: waitOption(2_000).describe(
      'How long a line waits for its copy in a step’s page. Then its step is told by its time, or waited for as long as `order_wait_ms` ' +
        'where that is not sure.',
    ),
    identity_wait_ms: waitOption(30_000).describe(
      'How long the lines of a job wait for the Worker log that says whose it is. Then they go out as `unmapped`. Where the relay gets ' +
        'Worker logs of other jobs, four times as long: this one is likely to be on its way.',
    ),
    order_wait_ms: waitOption(30_000).describe(
      'How long lines wait for others that belong before them. Then those are given up for missing, until they come.',
    ),
    silence_warning_ms: z
      .int()
      .min(1_000)
      .max(604_800_000)
      .default(900_000)
      .describe('A job that has sent nothing for so long is warned of.'),
    unfinished_warning_ms: z
      .int()
      .min(1_000)
      .max(2_592_000_000)
      .default(21_600_000)
      .describe('A job that has not ended and has sent nothing for so long is taken for dead, and warned of.'),
    held_bytes_max: sizeOption({ bytesMin: 1024 ** 2, bytesMax: 1024 ** 3, fallback: '64MiB' }).describe(
      'The most memory for lines that wait. At this limit the job that holds most lets its lines go without waiting.',
    ),
    jobs_max: z
      .int()
      .min(1)
      .max(100_000)
      .default(1_000)
      .describe('The most jobs at work at once. Beyond it the one silent longest is taken for dead.'),
    page_bytes: sizeOption({ bytesMin: 1024, bytesMax: 1024 ** 3, fallback: '8MiB' }).describe(
      'The size at which runners begin a new page. A page that ends before it, and has a next one, is not all there.',
    ),
    gone_jobs_keep_hours: z
      .int()
      .min(1)
      .max(876_000)
      .default(720)
      .describe(
        'How long a job is still listed, with its steps and what took its lines, once none of them is in the journal. Files of a runner ' +
          'that are sent again after that make a new job.',
      ),
    forward_worker_log: z
      .boolean()
      .default(false)
      .describe('Whether endpoints get the lines of Worker logs too, as `github.runner.worker`.'),
  })
  .prefault({})
  .describe('GitHub Actions jobs: see docs/runs.md.');

export type RunsOptions = z.output<typeof runsOptions>;
