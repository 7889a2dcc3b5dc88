import type { TlsOptions } from 'node:tls';
import { RelayError } from '../errors.ts';
import { type ListenAddress, parseListenUrl } from '../io/listen-url.ts';
import { loadTlsServer } from '../io/tls-files.ts';
import { receiveHttp } from './catch/http.ts';
import { Intake, type Receiver } from './catch/intake.ts';
import { receiveLines, receiveLumberjack } from './catch/stream.ts';
import { receiveUdp } from './catch/udp.ts';
import { type CommandContext, defineCommand, jsonOption, wholeNumber } from './command.ts';
import { printable } from './terminal.ts';

const schemes = ['udp', 'tcp', 'tls', 'http', 'https', 'lumberjack', 'lumberjacks'];
const tlsSchemes = ['tls', 'https', 'lumberjacks'];

/** How often `--count` prints. */
const REPORT_INTERVAL_MS = 1_000;

export const catchCommand = defineCommand({
  name: 'catch',
  summary: 'Receives what a relay sends and prints it: an endpoint to try things with.',
  operands: 'URL...',
  notes: [
    'Listens until it is stopped: udp:// takes syslog datagrams; tcp:// and tls:// take messages ended by LF or with their length ' +
      'before them; http:// and https:// take JSON and lines; lumberjack:// and lumberjacks:// are Logstash’s beats input.',
    'What arrives is printed with its control characters shown, so that it cannot act on the terminal; --raw prints it as it is.',
  ],
  examples: [
    'catch tcp://127.0.0.1:9999 lumberjack://127.0.0.1:5044',
    'catch http://127.0.0.1:9543 --fail-every 3 --count',
    'catch lumberjack://127.0.0.1:5044 --pause-ms 2000',
  ],
  options: {
    'fail-every': {
      type: 'string',
      value: 'N',
      description: 'Turns away every Nth delivery: 503, a connection reset, a lost datagram.',
    },
    'pause-ms': { type: 'string', value: 'N', description: 'Waits so long before each delivery is answered.' },
    count: { type: 'boolean', description: 'Prints how many records arrive each second, not the records.' },
    raw: { type: 'boolean', description: 'Prints records as they are, each on a line, with nothing before them.' },
    'cert-file': { type: 'string', value: 'FILE', description: 'Certificate for tls://, https:// and lumberjacks://.' },
    'key-file': { type: 'string', value: 'FILE', description: 'Its private key.' },
    ...jsonOption,
  },
  async run({ options, operands }, context) {
    const addresses = operands.map(parseUrl);
    if (addresses.length === 0) throw usage('needs at least one URL, such as tcp://127.0.0.1:9999');
    if (addresses.filter(({ scheme }) => scheme === 'udp').length > 1) throw usage('takes one udp:// URL at most');
    const mode =
      options.count === true ? 'count' : options.raw === true ? 'raw' : options.json === true ? 'json' : 'text';
    const intake = new Intake({
      clock: context.clock,
      failEvery: wholeNumber('fail-every', options['fail-every'], { fallback: 0, least: 1, most: 1_000_000 }),
      pauseMs: wholeNumber('pause-ms', options['pause-ms'], { fallback: 0, least: 0, most: 3_600_000 }),
      signal: context.signal,
      onRecord: printer(mode, context),
      drained: () => context.stdout.drained(),
    });
    const tls = addresses.some(({ scheme }) => tlsSchemes.includes(scheme))
      ? serverTls(options['cert-file'], options['key-file'])
      : undefined;

    const receivers: Receiver[] = [];
    try {
      for (const listen of addresses) {
        const receiver = await open(listen, tlsSchemes.includes(listen.scheme) ? tls : undefined, intake, context);
        receivers.push(receiver);
        context.stderr.write(`listening on ${listen.scheme}://${receiver.address}\n`);
      }
      const reports = mode === 'count' ? reportRates(intake, context) : undefined;
      await stopped(context.signal);
      reports?.cancel();
    } finally {
      await Promise.all(receivers.map((receiver) => receiver.close()));
    }
    const { records, refused } = intake;
    context.stderr.write(
      `${records} record${records === 1 ? '' : 's'}${refused === 0 ? '' : `, deliveries turned away: ${refused}`}\n`,
    );
    return 0;
  },
});

function parseUrl(text: string): ListenAddress {
  const address = parseListenUrl(text, schemes);
  if (typeof address === 'string') throw usage(address);
  return address;
}

function serverTls(certFile: string | undefined, keyFile: string | undefined): TlsOptions {
  if (certFile === undefined || keyFile === undefined)
    throw usage(`needs --cert-file and --key-file for ${tlsSchemes.map((scheme) => `${scheme}://`).join(', ')}`);
  return loadTlsServer({ cert_file: certFile, key_file: keyFile, client_auth: 'none', min_version: 'TLSv1.2' });
}

function open(
  listen: ListenAddress,
  tls: TlsOptions | undefined,
  intake: Intake,
  { clock }: CommandContext,
): Promise<Receiver> {
  switch (listen.scheme) {
    case 'udp':
      return receiveUdp(listen, intake);
    case 'http':
    case 'https':
      return receiveHttp(listen, tls, intake);
    case 'lumberjack':
    case 'lumberjacks':
      return receiveLumberjack({ listen, tls, clock }, intake);
    default:
      return receiveLines({ listen, tls, clock }, intake);
  }
}

type Mode = 'count' | 'raw' | 'json' | 'text';

function printer(
  mode: Mode,
  { stdout, clock }: CommandContext,
): (record: { via: string; from: string; text: string }) => void {
  switch (mode) {
    case 'count':
      return () => {};
    case 'raw':
      return ({ text }) => void stdout.write(`${text}\n`);
    case 'json':
      return (record) =>
        void stdout.write(`${JSON.stringify({ at: new Date(clock.nowMs()).toISOString(), ...record })}\n`);
    case 'text':
      return ({ via, from, text }) => void stdout.write(`${via} ${from} ${printable(text)}\n`);
  }
}

function reportRates(intake: Intake, { clock, stdout }: CommandContext): { cancel(): void } {
  let before = { atMs: clock.monotonicMs(), records: 0, bytes: 0 };
  return clock.every(REPORT_INTERVAL_MS, () => {
    const now = { atMs: clock.monotonicMs(), records: intake.records, bytes: intake.bytes };
    const seconds = (now.atMs - before.atMs) / 1_000;
    const recordsPerS = Math.round((now.records - before.records) / seconds);
    const megabytesPerS = ((now.bytes - before.bytes) / seconds / 1_000_000).toFixed(2);
    stdout.write(`${recordsPerS} records/s, ${megabytesPerS} MB/s, ${now.records} records in all\n`);
    before = now;
  });
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}

function usage(message: string): RelayError {
  return new RelayError('USAGE', `catch ${message}; see "spillway catch --help"`);
}
