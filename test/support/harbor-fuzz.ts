import { readFileSync } from 'node:fs';
import type { ParsedRecord } from './input-harness.ts';
import { rawLineOf } from './raw-line.ts';
import { LineRecorder } from './record-lines.ts';
import { SyslogStream } from './syslog-stream.ts';

export interface FuzzOutcome {
  readonly lines: number;
  /** Records of `harbor.audit` among what came of them. */
  readonly harbor: number;
  readonly joined: number;
  readonly flagged: number;
}

const NOW_MS = Date.parse('2026-11-22T02:41:37Z');

/** What a line may get that means something to a parser. */
const WORDS = [
  '" resourceType="artifact" time="2026-11-22 02:41:36 +0000 UTC"]: action:pull, resource:a/b:1',
  '" time="2026-11-22 02:41:36.5 +0000 UTC m=+0.1"]: action:',
  '"]: action:',
  ', resource:',
  ', operation_description:',
  '][operator="',
  '<6>2026-01-01T00:00:00Z h audit[1]: ',
  '<6>1 2026-01-01T00:00:00Z h audit 1 - - ',
  '<6>Nov 22 02:41:36 h audit[1]: ',
  '2026-11-22T02:41:36Z [INFO] [/pkg/auditext/manager.go:86][operator="x',
  '\n',
  '\n\n',
  '\r\n',
  '\0',
  '"',
  '%',
  '\u2028',
  '\uFEFF',
  '100 <6>',
].map((word) => Buffer.from(word));

/** Mutates lines of Harbor's and records them. Throws what a recorder throws, and where bytes of a line cannot be had back. */
export function fuzzHarbor({
  lines,
  seed,
  onProgress,
}: {
  lines: number;
  seed: number;
  onProgress?: (done: number) => void;
}): FuzzOutcome {
  const chance = chanceOf(seed);
  const originals = readOriginals();
  const recorder = new LineRecorder({ nowMs: NOW_MS });
  const tally = { lines: 0, harbor: 0, joined: 0, flagged: 0 };
  const count = (record: ParsedRecord): void => {
    const flags: readonly string[] = record['spillway'].flags ?? [];
    if (record['event'].dataset === 'harbor.audit') tally.harbor++;
    if (flags.includes('joined')) tally.joined++;
    if (flags.length > 0) tally.flagged++;
  };
  while (tally.lines < lines) {
    const line = mutate(originals, chance);
    tally.lines++;
    const record = recorder.record(line);
    if (!rawLineOf(record).equals(line))
      throw new Error(`seed ${seed}: bytes lost of ${JSON.stringify(line.toString('latin1'))}`);
    count(record);
    if (tally.lines % 4 === 0) {
      const sent = Buffer.concat([line, Buffer.from('\n'), mutate(originals, chance), Buffer.from('\n')]);
      // What a mutation made into an octet count cuts text at any place; the framer has tests of its own.
      if (!/(?:^|[\n\0])\d+ </.test(sent.toString('latin1')))
        for (const each of checkStream(sent, chance, seed)) count(each);
    }
    if (tally.lines % 10_000 === 0) onProgress?.(tally.lines);
  }
  return tally;
}

/** On a stream, delimiters belong to the framing; all else must be there, in order. */
function checkStream(sent: Buffer, chance: Chance, seed: number): ParsedRecord[] {
  const stream = new SyslogStream({ nowMs: NOW_MS });
  const cut = chance(sent.length);
  const records = [...stream.receive(sent.subarray(0, cut), sent.subarray(cut)), ...stream.end()];
  const got = Buffer.concat(records.map(rawLineOf));
  const [gotText, sentText] = [withoutFraming(got), withoutFraming(sent)];
  // A count that cannot be meant ends the stream there, and is counted as refused.
  const kept = stream.fault === undefined ? gotText.equals(sentText) : sentText.indexOf(gotText) === 0;
  if (!kept) throw new Error(`seed ${seed}: bytes lost of the stream ${JSON.stringify(sent.toString('latin1'))}`);
  return records;
}

/** Without line ends and NULs. */
function withoutFraming(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll(/[\r\n\0]/g, ''), 'latin1');
}

function readOriginals(): Buffer[] {
  const headers = [
    '<6>Nov 22 02:41:36 814da02eb5a8 audit[1]: ',
    '<6>1 2026-11-22T02:41:36+00:00 814da02eb5a8 audit 1 - - ',
  ];
  return readFileSync('test/vectors/syslog/harbor.jsonl', 'utf8')
    .trim()
    .split('\n')
    .flatMap((sample) => {
      const line = (JSON.parse(sample) as { bytes: string }).bytes.slice(0, -1);
      const text = line.slice(line.indexOf(']: 2026') + 3);
      return [line, line, ...headers.map((header) => header + text)];
    })
    .map((line) => Buffer.from(line));
}

type Chance = (below: number) => number;

/** One to four changes. */
function mutate(originals: readonly Buffer[], chance: Chance): Buffer {
  let line = originals[chance(originals.length)]!;
  for (let changes = 1 + chance(4); changes > 0; changes--) {
    const at = chance(line.length + 1);
    const until = Math.min(line.length, at + (chance(4) === 0 ? chance(200) : chance(3)));
    const other = originals[chance(originals.length)]!;
    const inserted = [
      Buffer.alloc(0),
      Buffer.from([chance(256)]),
      WORDS[chance(WORDS.length)]!,
      line.subarray(at, until),
      other.subarray(chance(other.length), chance(other.length)),
    ][chance(5)]!;
    const removes = chance(2) === 0;
    line = Buffer.concat([line.subarray(0, at), inserted, line.subarray(removes ? until : at)]);
  }
  return line;
}

/** Numbers from 0 to below what is asked for, the same for the same seed (mulberry32). */
function chanceOf(seed: number): Chance {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}
