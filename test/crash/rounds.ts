import { existsSync, readFileSync } from 'node:fs';
import { Archive } from '../../relay/journal/archive.ts';
import { freePorts, RelayProcess } from './relay-process.ts';
import { ForwardSender, HttpSender, type Sender } from './senders.ts';

export interface CrashResult {
  readonly rounds: number;
  readonly acknowledged: number;
  readonly stored: number;
  /** Acknowledged and not in the journal. Must be none. */
  readonly missing: readonly string[];
  readonly repeatedIds: number;
  readonly chainProblems: readonly string[];
  /** Acknowledged and, after the last round, not at the endpoint. Must be none. */
  readonly undelivered: number;
}

const VERIFY_EVERY_ROUNDS = 100;
/** A round kills after so many acknowledgements, by chance. */
const ACKS_MAX = 24;

/**
 * Kills the relay right after an acknowledgement, again and again, on one folder. After each round all that was acknowledged in it must be
 * in the journal; at the end all of it must be there still, with ids that are unique and a chain that is whole, and at the endpoint.
 */
export async function crashRounds(
  folder: string,
  rounds: number,
  onRound: (round: number) => void,
): Promise<CrashResult> {
  const [http = 0, forward = 0, admin = 0] = await freePorts(3);
  const relay = new RelayProcess(folder, {
    data_dir: './data',
    inputs: {
      http: { type: 'http', listen: `http://127.0.0.1:${http}` },
      forward: { type: 'forward', listen: `tcp://127.0.0.1:${forward}` },
    },
    endpoints: { files: { type: 'file', path: './delivered.ndjson', sync: 'interval' } },
    journal: { min_free_bytes: 0 },
    admin: { listen: `127.0.0.1:${admin}` },
  });
  const acknowledged = new Set<string>();
  const ids = new Set<string>();
  const missing: string[] = [];
  const chainProblems: string[] = [];
  let stored = 0;
  let checkedSeq = 1;
  for (let round = 1; round <= rounds; round++) {
    await relay.start();
    const fresh = await sendUntilKilled(
      relay,
      [new HttpSender(http), new HttpSender(http), new ForwardSender(forward)],
      round,
    );
    for (const text of fresh) acknowledged.add(text);
    using archive = new Archive(relay.dataFolder);
    const found = new Set<string>();
    const endSeq = archive.nextSeq();
    for (const { firstSeq, lines } of archive.batches(checkedSeq, endSeq, (problem) => chainProblems.push(problem))) {
      for (const [i, { id, message }] of [...recordsIn(lines)].entries()) {
        // Small batches may have been merged with ones that were looked at in an earlier round.
        if (firstSeq + i < checkedSeq) continue;
        found.add(message);
        ids.add(id);
        stored++;
      }
    }
    checkedSeq = endSeq;
    for (const text of fresh) if (!found.has(text)) missing.push(text);
    if (round % VERIFY_EVERY_ROUNDS === 0 || round === rounds)
      chainProblems.push(...archive.verify(() => {}).misfits.map(({ seq, problem }) => `${seq}: ${problem}`));
    onRound(round);
  }
  const undelivered = await deliverAll(relay, folder, acknowledged);
  return {
    rounds,
    acknowledged: acknowledged.size,
    stored,
    missing,
    repeatedIds: stored - ids.size,
    chainProblems,
    undelivered,
  };
}

async function sendUntilKilled(relay: RelayProcess, senders: readonly Sender[], round: number): Promise<string[]> {
  const acknowledged: string[] = [];
  const acksBeforeKill = 1 + Math.floor(Math.random() * ACKS_MAX);
  let acks = 0;
  let n = 0;
  const lanes = senders.map(async (sender, lane) => {
    while (acks < acksBeforeKill) {
      // One record a request, and many, by turns.
      const texts = Array.from({ length: n % 3 === 0 ? 40 : 1 }, () => `${round}-${lane}-${n++}`);
      try {
        await sender.send(texts);
      } catch {
        return;
      }
      acknowledged.push(...texts);
      acks++;
      if (acks >= acksBeforeKill) await relay.kill();
    }
  });
  await Promise.all(lanes);
  await relay.kill();
  for (const sender of senders) sender.close();
  return acknowledged;
}

/** Runs the relay once more, undisturbed. Returns how many acknowledged records the endpoint has not got after that. */
async function deliverAll(relay: RelayProcess, folder: string, acknowledged: ReadonlySet<string>): Promise<number> {
  await relay.start();
  const untilMs = Date.now() + 60_000;
  for (let waiting = 1; waiting > 0 && Date.now() < untilMs;) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    using archive = new Archive(relay.dataFolder);
    waiting = archive.cursors().reduce((sum, cursor) => sum + cursor.backlogRecords, 0);
  }
  await relay.stop();
  const file = `${folder}/delivered.ndjson`;
  const delivered = new Set(existsSync(file) ? recordsIn(readFileSync(file)).map(({ message }) => message) : []);
  return [...acknowledged].filter((text) => !delivered.has(text)).length;
}

function recordsIn(lines: Buffer): { id: string; message: string }[] {
  return lines
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => {
      const record = JSON.parse(line) as { event: { id: string }; message: string };
      return { id: record.event.id, message: record.message };
    });
}
