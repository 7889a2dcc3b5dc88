import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { LumberjackSink } from './lumberjack-sink.ts';
import { numbered, numberedIn } from './numbered.ts';
import { freePorts, RelayProcess } from './relay-process.ts';

const OWN_RECORD = Buffer.from('"dataset":"spillway.');

export interface BlackHoleOptions {
  readonly folder: string;
  /** Whether there is, beside the endpoint that is watched, one that accepts and never answers. */
  readonly blackHole: boolean;
  readonly recordsPerS: number;
  readonly seconds: number;
  /** At first, not measured. */
  readonly warmUpSeconds: number;
}

export interface BlackHoleResult {
  readonly sent: number;
  /** The numbers that the healthy endpoint got, as they came. */
  readonly arrived: readonly number[];
  /** From the write of a record to its arrival. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** What the endpoint that never answers is owed at the end. */
  readonly owedToHole: number;
}

const ARRIVAL_WAIT_MS = 30_000;

/** Sends records at a steady rate over TCP and watches one endpoint while another, perhaps, hangs. */
export async function besideBlackHole(options: BlackHoleOptions): Promise<BlackHoleResult> {
  const { folder, blackHole, recordsPerS, seconds, warmUpSeconds } = options;
  const [syslog = 0, admin = 0, healthyPort = 0, holePort = 0] = await freePorts(4);
  const lumberjack = { type: 'logstash', ack_timeout_ms: 2_000 };
  const relay = new RelayProcess(folder, {
    data_dir: './data',
    inputs: { syslog: { type: 'syslog', listen: `tcp://127.0.0.1:${syslog}` } },
    endpoints: {
      healthy: { ...lumberjack, url: `lumberjack://127.0.0.1:${healthyPort}` },
      ...(blackHole ? { hole: { ...lumberjack, url: `lumberjack://127.0.0.1:${holePort}` } } : {}),
    },
    journal: { min_free_bytes: 0 },
    admin: { listen: `127.0.0.1:${admin}` },
  });
  const sent = recordsPerS * (warmUpSeconds + seconds);
  const sentAtMs = new Float64Array(sent);
  const latenciesMs: number[] = [];
  const arrived: number[] = [];
  const onRecord = (json: Buffer): void => {
    // That the hole is down is a record, too, of the relay's own.
    if (json.includes(OWN_RECORD)) return;
    const number = numberedIn(json)?.number ?? -1;
    arrived.push(number);
    if (number >= recordsPerS * warmUpSeconds) latenciesMs.push(performance.now() - sentAtMs[number]!);
  };
  await using sinks = new AsyncDisposableStack();
  sinks.use(await LumberjackSink.start(healthyPort, onRecord));
  sinks.use(await LumberjackSink.start(holePort));
  await relay.start();
  await sendSteadily(syslog, recordsPerS, sentAtMs);
  for (const endMs = performance.now() + ARRIVAL_WAIT_MS; arrived.length < sent && performance.now() < endMs;)
    await sleep(20);
  const owedToHole = blackHole ? relay.backlog('hole') : 0;
  await relay.kill();
  latenciesMs.sort((a, b) => a - b);
  const quantile = (part: number): number => latenciesMs[Math.floor(part * latenciesMs.length)] ?? Number.NaN;
  return { sent, arrived, p50Ms: quantile(0.5), p99Ms: quantile(0.99), owedToHole };
}

/** Sends each record when it is due, and notes when that was. */
async function sendSteadily(port: number, recordsPerS: number, sentAtMs: Float64Array): Promise<void> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  socket.on('error', () => {});
  await once(socket, 'connect');
  const startedMs = performance.now();
  for (let number = 0; number < sentAtMs.length;) {
    const nowMs = performance.now();
    const due = Math.min(sentAtMs.length, Math.floor(((nowMs - startedMs) / 1_000) * recordsPerS));
    let text = '';
    for (; number < due; number++) {
      sentAtMs[number] = nowMs;
      text += `<134>1 2026-03-01T12:00:00.000Z node outage 77 - - ${numbered(0, number)}\n`;
    }
    if (text !== '') socket.write(text);
    await sleep(1);
  }
  socket.end();
}
