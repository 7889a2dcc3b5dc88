import { join, resolve } from 'node:path';
import { keepAlive } from '../io/keep-alive.ts';
import { describeDrain, drain } from '../keeper/drain.ts';
import { Keeper } from '../keeper/keeper.ts';
import { RelayLog } from '../telemetry/logger.ts';
import { RelayError } from '../errors.ts';
import { defineCommand, wholeNumber } from './command.ts';
import { fluentBitOption, parseFluentBit } from './drain.ts';

/** Of a page that the runner has not deleted: how long it must have been quiet, at the end, for its last line to be taken as it is. */
const UNENDED_MS = 5_000;

export const keepCommand = defineCommand({
  name: 'keep',
  summary: 'Runs beside a GitHub Actions runner and keeps its log pages until Fluent Bit has read them.',
  notes: [
    'Gives each page in _diag/pages and each Worker log in _diag a second name (a hard link) the moment it appears. A page that the ' +
      'runner deletes a second later is still there for Fluent Bit, which tails the kept folder. When Fluent Bit has read it, the ' +
      'second name goes. The runner’s own files are never touched.',
    'The kept folder must be on the same mount as _diag, and the keeper must run as the same user as the runner.',
  ],
  examples: [
    'keep --diag /home/runner/_diag',
    'keep --diag /spillway/diag --kept /spillway/kept --positions /spillway/fluent-bit --drain-ms 25000',
  ],
  options: {
    diag: { type: 'string', value: 'FOLDER', description: 'The runner’s _diag. It need not exist yet.' },
    kept: { type: 'string', value: 'FOLDER', description: 'Where the second names are. Without it "kept" in _diag.' },
    positions: {
      type: 'string',
      value: 'FOLDER',
      description: 'Where Fluent Bit’s tail inputs have their db files. Without it nothing is ever removed.',
    },
    owner: {
      type: 'string',
      value: 'UID',
      description: 'Whose files are kept. Without it those of the owner of _diag/pages.',
    },
    'drain-ms': {
      type: 'string',
      value: 'N',
      description:
        'When it is stopped: waits so long at most until Fluent Bit has delivered everything. 0: does not wait.',
    },
    ...fluentBitOption,
    'scan-ms': {
      type: 'string',
      value: 'N',
      description: 'How often the folders are looked through, besides inotify. 1000.',
    },
    'files-max': { type: 'string', value: 'N', description: 'So many files are kept at once at most. 10000.' },
    'bytes-max': {
      type: 'string',
      value: 'N',
      description: 'So many bytes of disk may they have. 4294967296 (4 GiB).',
    },
    'file-bytes-max': { type: 'string', value: 'N', description: 'And one file so many. 268435456 (256 MiB).' },
    'settle-ms': { type: 'string', value: 'N', description: 'How long a deleted page stays after it was read. 2000.' },
    'idle-ms': {
      type: 'string',
      value: 'N',
      description:
        'A file the runner did not delete is taken for finished when it was not written so long. 86400000 (a day).',
    },
  },
  async run({ options }, { clock, signal, stdout, workingFolder }) {
    if (options.diag === undefined)
      throw new RelayError('USAGE', 'keep needs --diag FOLDER; see "spillway keep --help"');
    const number = (name: keyof typeof options, fallback: number, least: number, most: number): number =>
      wholeNumber(name, options[name], { fallback, least, most });
    const drainMs = number('drain-ms', 0, 0, 3_600_000);
    const fluentBit = parseFluentBit(options['fluent-bit']);
    const diagFolder = resolve(workingFolder, options.diag);
    const keptFolder = resolve(workingFolder, options.kept ?? join(diagFolder, 'kept'));
    await using relayLog = new RelayLog({
      clock,
      level: 'info',
      name: 'keeper',
      destination: { write: (line) => void stdout.write(line) },
    });
    const log = relayLog.root;
    const held = keepAlive();
    try {
      using keeper = new Keeper(
        {
          diagFolder,
          keptFolder,
          positionsFolder: options.positions === undefined ? undefined : resolve(workingFolder, options.positions),
          ownerId: options.owner === undefined ? undefined : number('owner', 0, 0, 2 ** 32 - 2),
          filesMax: number('files-max', 10_000, 1, 1_000_000),
          bytesMax: number('bytes-max', 4 * 2 ** 30, 2 ** 20, 2 ** 50),
          fileBytesMax: number('file-bytes-max', 256 * 2 ** 20, 2 ** 16, 2 ** 40),
          scanMs: number('scan-ms', 1_000, 10, 60_000),
          settleMs: number('settle-ms', 2_000, 0, 3_600_000),
          idleMs: number('idle-ms', 86_400_000, 60_000, 2 ** 40),
        },
        { clock, log },
      );
      await keeper.run(signal, () => log.info('ready', { diag: diagFolder, kept: keptFolder }));
      if (drainMs === 0) return 0;
      const drained = await drain({
        clock,
        timeoutMs: drainMs,
        fluentBit,
        quietMs: 0,
        look: () => keeper.pass(UNENDED_MS),
      });
      if (drained.delivered) log.info(describeDrain(drained));
      else log.error(describeDrain(drained));
      return drained.delivered ? 0 : 1;
    } finally {
      held.cancel();
    }
  },
});
