import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { Archive } from '../journal/archive.ts';
import { RelayError } from '../errors.ts';
import { type CommandContext, configOption, defineCommand } from './command.ts';
import { dataFolder } from './data-folder.ts';
import { Progress } from './progress.ts';
import { firstPlace, selectionOf, selectionOptions, selectRecords } from './selection.ts';

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'Prints records from the journal as NDJSON, exactly as they are stored.',
  notes: [
    'Reads the journal directly, whether the relay runs or not. What cannot be read is told of on standard error, the rest is exported, ' +
      'and the command ends with 1.',
  ],
  examples: [
    'export --from 2h > last-two-hours.ndjson',
    'export --match event.dataset=harbor.audit --output audit.ndjson',
  ],
  options: {
    ...configOption,
    ...selectionOptions,
    output: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      description: 'Writes there instead; the file must not exist yet.',
    },
  },
  async run({ options }, context) {
    const folder = await dataFolder(options.config, context);
    const selection = selectionOf(options, context.clock.nowMs());
    using archive = new Archive(folder);
    using sink = openSink(options.output, context);
    let records = 0;
    let damaged = 0;
    const onDamage = (problem: string): void => {
      damaged++;
      context.stderr.write(`cannot be read: ${problem}\n`);
    };
    const range = { fromSeq: firstPlace(archive, selection, archive.firstSeq()), endSeq: archive.nextSeq() };
    const progress = new Progress(context, 'records', range.endSeq - range.fromSeq);
    // Records that scroll by on the same terminal are progress enough.
    const showsRecords = options.output === undefined && context.stdout.isTerminal;
    for (const found of selectRecords(archive, selection, range, onDamage)) {
      if (context.signal.aborted) break;
      records += found.records;
      if (found.records > 0) await sink.write(found.lines);
      if (!showsRecords) progress.at(found.lastSeq + 1 - range.fromSeq, `${records} exported`);
    }
    progress.end();
    if (options.output !== undefined) context.stderr.write(`${records} records exported to ${options.output}\n`);
    return damaged > 0 || context.signal.aborted ? 1 : 0;
  },
});

interface Sink extends Disposable {
  write(lines: Buffer): Promise<void>;
}

function openSink(file: string | undefined, { stdout, workingFolder }: CommandContext): Sink {
  if (file === undefined) {
    return {
      async write(lines) {
        if (!stdout.write(lines)) await stdout.drained();
      },
      [Symbol.dispose]() {},
    };
  }
  const handle = openNew(resolve(workingFolder, file));
  return {
    async write(lines) {
      for (let at = 0; at < lines.length;) at += writeSync(handle, lines, at);
    },
    [Symbol.dispose]() {
      fsyncSync(handle);
      closeSync(handle);
    },
  };
}

/** Throws `USAGE` where the file cannot be made. */
function openNew(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (cause) {
    throw new RelayError('USAGE', `cannot make ${file}`, { cause });
  }
}
