import { resolve } from 'node:path';
import { RelayError } from '../errors.ts';
import { sleep } from '../io/clock.ts';
import { keepAlive } from '../io/keep-alive.ts';
import { describeDrain, drain } from '../keeper/drain.ts';
import { type Measure, measure } from '../keeper/measure.ts';
import { readStatus } from '../keeper/status.ts';
import { type CommandContext, defineCommand, jsonOption, wholeNumber } from './command.ts';
import { Progress } from './progress.ts';

/** For what asks Fluent Bit whether it has sent everything. */
export const fluentBitOption = {
  'fluent-bit': {
    type: 'string',
    value: 'URL',
    description: 'Fluent Bit’s own HTTP server (http_server: on). Without it http://127.0.0.1:2020.',
  },
} as const;

/** The keeper writes its status each second; older than this, it does not run. */
const KEEPER_GONE_MS = 15_000;

export const drainCommand = defineCommand({
  name: 'drain',
  summary: 'Waits until Fluent Bit has delivered everything that is kept: for the end of a runner’s pod.',
  notes: [
    'Ends with 0 when every kept file was read to its end and Fluent Bit has sent what it read; with 1 when the time is up, and says ' +
      'how much is left. Changes nothing.',
    'A last line without a line end is not waited for: it may still be written. The keeper hands it over when it is stopped with ' +
      '--drain-ms, or when the page is finished.',
  ],
  examples: ['drain --kept /spillway/kept --positions /spillway'],
  options: {
    kept: { type: 'string', value: 'FOLDER', description: 'The keeper’s kept folder.' },
    positions: { type: 'string', value: 'FOLDER', description: 'Where Fluent Bit’s tail inputs have their db files.' },
    ...fluentBitOption,
    'timeout-ms': { type: 'string', value: 'N', description: 'How long to wait at most. 25000.' },
    'quiet-ms': {
      type: 'string',
      value: 'N',
      description: 'Nothing may have come for so long: for where the runner may still be at work. 0.',
    },
    ...jsonOption,
  },
  async run({ options }, context) {
    const { clock, stdout, workingFolder } = context;
    if (options.kept === undefined || options.positions === undefined)
      throw new RelayError('USAGE', 'drain needs --kept FOLDER and --positions FOLDER; see "spillway drain --help"');
    const kept = resolve(workingFolder, options.kept);
    const positions = resolve(workingFolder, options.positions);
    const timeoutMs = wholeNumber('timeout-ms', options['timeout-ms'], { fallback: 25_000, least: 0, most: 3_600_000 });
    const fluentBit = parseFluentBit(options['fluent-bit']);
    const held = keepAlive();
    try {
      const keeper = await keeperLooked(kept, Math.min(timeoutMs, 3_000), context);
      let last: Measure | undefined;
      const progress = new Progress(context, undefined, timeoutMs);
      const startedMs = clock.monotonicMs();
      const drained = await drain({
        clock,
        timeoutMs,
        fluentBit,
        quietMs: wholeNumber('quiet-ms', options['quiet-ms'], { fallback: 0, least: 0, most: 3_600_000 }),
        look: async () => {
          last = measure(kept, positions);
          // When it is done nobody knows; how much of the time is gone is known.
          progress.at(clock.monotonicMs() - startedMs, leftInWords(last));
          return last;
        },
      });
      progress.end();
      const refused = Object.values(readStatus(kept)?.refused ?? {}).reduce((sum, count) => sum + count, 0);
      const unended = last?.unended ?? { files: 0, bytes: 0 };
      if (options.json === true) {
        stdout.write(`${JSON.stringify({ ...drained, unended, refused, keeper, positions_problem: last?.failure })}\n`);
      } else {
        stdout.write(`${describeDrain(drained)}\n`);
        if (unended.files > 0)
          stdout.write(
            `last lines without a line end, which go when the keeper is stopped: ${unended.files}, ${unended.bytes} bytes\n`,
          );
        if (refused > 0) stdout.write(`files that the keeper refused to keep: ${refused}; its log says why\n`);
        if (keeper !== 'running') stdout.write(`the keeper is ${keeper}: what it had not kept before is not counted\n`);
        if (last?.failure !== undefined) stdout.write(`positions: ${last.failure}\n`);
      }
      return drained.delivered ? 0 : 1;
    } finally {
      held.cancel();
    }
  },
});

function leftInWords({ left: { files, bytes } }: Measure): string {
  return bytes === 0
    ? 'all is read; waiting until it is sent'
    : `${bytes} bytes in ${files} file${files === 1 ? '' : 's'} are not read yet`;
}

/** Throws `USAGE`. */
export function parseFluentBit(text = 'http://127.0.0.1:2020'): URL {
  const url = URL.parse(text);
  if (url?.protocol === 'http:') return url;
  throw new RelayError('USAGE', `--fluent-bit takes a URL such as http://127.0.0.1:2020, not ${JSON.stringify(text)}`);
}

/** Waits until the keeper has looked through the runner's folders once more: what was written last must be kept before it is counted. */
async function keeperLooked(
  kept: string,
  patienceMs: number,
  { clock }: CommandContext,
): Promise<'running' | 'not running'> {
  const startedMs = clock.nowMs();
  for (const untilMs = clock.monotonicMs() + patienceMs; clock.monotonicMs() < untilMs;) {
    const status = readStatus(kept);
    if (status === undefined || startedMs - status.written_ms > KEEPER_GONE_MS) return 'not running';
    if (status.scanned_ms >= startedMs) return 'running';
    await sleep(clock, 100);
  }
  return 'not running';
}
