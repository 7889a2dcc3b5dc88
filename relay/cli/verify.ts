import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { RelayError } from '../errors.ts';
import { Archive, type Anchor, type Verification } from '../journal/archive.ts';
import { type CommandContext, configOption, defineCommand, jsonOption } from './command.ts';
import { dataFolder } from './data-folder.ts';
import { count } from './figures.ts';
import { Progress } from './progress.ts';

export const verifyCommand = defineCommand({
  name: 'verify',
  summary: 'Proves that nothing that is kept was altered, and that only purges took what is gone.',
  notes: [
    'Reads every batch: its content against its hash, the hash chain from end to end, each purge’s certificate against what it left. Names ' +
      'the first place where something does not fit, and ends with 1.',
    'Whoever can write the whole journal can also make a whole new chain. So the relay sends the chain’s value to its endpoints each hour, ' +
      'as records of the dataset spillway.anchor; given such records, as an endpoint has them, verify finds also an older copy put in place, a ' +
      'cut end, and a chain made anew.',
    'Changes nothing, and may run beside the relay.',
  ],
  examples: ['verify', 'verify --anchor anchors-from-the-siem.ndjson'],
  options: {
    ...configOption,
    anchor: {
      type: 'string',
      multiple: true,
      value: 'FILE',
      description: 'Records of spillway.anchor as an endpoint has them, one JSON object a line.',
    },
    ...jsonOption,
  },
  async run({ options }, context) {
    const folder = await dataFolder(options.config, context);
    const anchors = (options.anchor ?? []).flatMap((file) => anchorsIn(file, context));
    using archive = new Archive(folder);
    const progress = new Progress(context, 'records', archive.nextSeq() - archive.firstSeq());
    const found = archive.verify((records) => progress.at(records, 'verifying'), anchors);
    progress.end();
    if (options.json === true) context.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    else show(found, anchors.length, context);
    return found.misfits.length === 0 ? 0 : 1;
  },
});

/** Throws `USAGE` for a file without anchors. */
function anchorsIn(file: string, { workingFolder }: CommandContext): Anchor[] {
  let text: string;
  try {
    text = readFileSync(resolve(workingFolder, file), 'utf8');
  } catch (cause) {
    throw new RelayError('USAGE', `cannot read ${file}`, { cause });
  }
  const anchors = text.split('\n').flatMap((line, i) => anchorIn(line, `${file}, line ${i + 1}`) ?? []);
  if (anchors.length === 0) throw new RelayError('USAGE', `${file} holds no record of spillway.anchor`);
  return anchors;
}

/** The anchor in a record as it was sent, or wrapped in what an endpoint put around it. */
function anchorIn(line: string, where: string): Anchor | undefined {
  // What is wrapped may be JSON within JSON; the three values are told apart by their names.
  const plain = line.replaceAll('\\"', '"');
  const at = plain.indexOf('"anchor":{');
  if (at < 0) {
    // Of a record that went by syslog only the message may be left.
    const [, place, value] = /the chain before record (\d{1,15}) is ([0-9a-f]{64})/.exec(plain) ?? [];
    return value === undefined ? undefined : { seq: Number(place), head: value, certificate: '', where };
  }
  const own = plain.slice(at, plain.indexOf('}', at));
  const seq = Number(/"seq":(\d{1,15})\b/.exec(own)?.[1]);
  const head = /"head":"([0-9a-f]{64})"/.exec(own)?.[1];
  const certificate = /"certificate":"((?:[0-9a-f]{64})?)"/.exec(own)?.[1] ?? '';
  return head === undefined || Number.isNaN(seq) ? undefined : { seq, head, certificate, where };
}

function show(found: Verification, anchors: number, { stdout }: CommandContext): void {
  const gone = Object.entries(found.goneBy).filter(([, records]) => records > 0);
  stdout.write(`${count(found.records)} records in ${count(found.batches)} batches were read\n`);
  for (const [reason, records] of gone) stdout.write(`${count(records)} records are gone: ${GONE[reason] ?? reason}\n`);
  stdout.write(`${count(found.certificates)} certificates of purges\n`);
  if (anchors > 0) {
    const { fitting, unknown } = found.anchors;
    const rest = unknown === 0 ? '' : `, ${count(unknown)} are about places that were purged since and tell nothing`;
    stdout.write(`${count(fitting)} of ${count(anchors)} anchors fit${rest}\n`);
  }
  const [first] = found.misfits;
  if (first === undefined) {
    stdout.write(
      `everything fits; the chain ends in ${found.head === '' ? 'a place that could not be read' : found.head}\n`,
    );
    return;
  }
  stdout.write(`DOES NOT FIT, first at record ${count(first.seq)}: ${first.problem}\n`);
  for (const { seq, problem } of found.misfits.slice(1)) stdout.write(`  also at ${count(seq)}: ${problem}\n`);
}

const GONE: Readonly<Record<string, string>> = {
  purge: 'purged, as certificates say',
  quota: 'the journal was at its limit',
  transient: 'not to be stored, and delivered',
  damaged: 'they could not be read and were set aside',
};
