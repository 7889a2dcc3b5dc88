import type { Socket } from 'node:net';
import { defineInput, type Input, type InputContext } from '../../component/input.ts';
import { RelayError } from '../../errors.ts';
import { parseListenUrl } from '../../io/listen-url.ts';
import { StreamServer, type Peer } from '../../io/stream-server.ts';
import { loadTlsServer, readSecretFile } from '../../io/tls-files.ts';
import { SenderRecordWriter } from '../../record/sender-record.ts';
import { Handshake, type Credentials } from './handshake.ts';
import { options, type ForwardOptions } from './options.ts';
import { MessageRecorder } from './record.ts';
import type { SessionContext } from './session-context.ts';
import { ForwardSession } from './session.ts';
import { Unpacker } from './unpack.ts';

export const forward = defineInput({
  type: 'forward',
  stability: 'stable',
  summary: 'Receives the Fluentd Forward protocol (version 1) from Fluent Bit, fluentd and their clients.',
  notes: [
    'A sender that asks for an ack (`require_ack_response` in Fluent Bit and fluentd) gets it once its chunk is on disk, and a chunk that it sends again ' +
      'is stored once. Without acks a sender does not learn what was lost with a connection: switch them on.',
    'Fluent Bit waits for a missing ack for ever unless `net.io_timeout` is set; set it, and `retry_limit no_limits`.',
    'All modes are taken (Message, Forward, PackedForward, compressed with gzip or zstd). Metrics and traces are refused.',
  ],
  options,
  create: (given, context) => new ForwardInput(given, context),
});

class ForwardInput implements Input {
  readonly #options: ForwardOptions;
  readonly #context: InputContext;
  readonly #shared: SessionContext;
  readonly #sessions = new Set<ForwardSession>();
  #server: StreamServer | undefined;

  constructor(given: ForwardOptions, context: InputContext) {
    this.#options = given;
    this.#context = context;
    const writer = new SenderRecordWriter({
      recorder: context.recorder,
      input: context.name,
      dataset: context.dataset(given.dataset),
      datasetOf: (name) => context.dataset(name),
      runner: context.runner,
      flagged: (flag) => context.counters.flagged(flag),
      keepOriginal: given.keep_original,
      recordBytesMax: given.record_bytes_max,
    });
    this.#shared = {
      context,
      recorder: new MessageRecorder(writer),
      unpacker: new Unpacker(given.decompressed_bytes_max),
      messageBytesMax: given.message_bytes_max,
      messageTimeoutMs: given.message_timeout_ms,
      handshakeTimeoutMs: given.handshake_timeout_ms,
    };
  }

  async start(): Promise<string> {
    const given = this.#options;
    const listen = parseListenUrl(given.listen, ['tcp', 'tls']);
    if (typeof listen === 'string') throw new RelayError('CONFIG_INVALID', listen);
    const credentials = loadCredentials(given);
    this.#server = new StreamServer({
      listen,
      tls: given.tls === undefined ? undefined : loadTlsServer(given.tls),
      clock: this.#context.clock,
      connectionsMax: given.connections_max,
      connectionsPerAddressMax: given.connections_per_address_max,
      handshakeTimeoutMs: given.handshake_timeout_ms,
      idleTimeoutMs: given.idle_timeout_ms,
      onConnection: (socket, peer) => this.#open(socket, peer, credentials),
      onRefused: (reason) => this.#context.counters.refused(reason),
    });
    return this.#server.start();
  }

  async stop(): Promise<void> {
    this.#server?.refuseNew();
    await Promise.all([...this.#sessions].map((session) => session.finish()));
    await this.#server?.stop();
  }

  #open(socket: Socket, { address }: Peer, credentials: Credentials | undefined): void {
    const { counters, random } = this.#context;
    const handshake = credentials && new Handshake(credentials, random);
    const session = new ForwardSession(socket, address, this.#shared, handshake);
    this.#sessions.add(session);
    counters.connections++;
    counters.connectionsTotal++;
    socket.once('close', () => {
      counters.connections--;
      // What it brought may still be on its way to the journal, and `stop` waits for that.
      void session.finish().then(() => this.#sessions.delete(session));
    });
  }
}

/** Undefined where no shared key is asked for. Throws `CONFIG_UNREADABLE`, or `CONFIG_INVALID` for an empty secret. */
function loadCredentials(given: ForwardOptions): Credentials | undefined {
  const sharedKey = secretOf(given.shared_key, given.shared_key_file);
  if (sharedKey === undefined) return undefined;
  const users = given.users.map(
    ({ name, password, password_file }) => [name, secretOf(password, password_file)!] as const,
  );
  return { serverName: given.server_name, sharedKey, users: new Map(users) };
}

function secretOf(text: string | undefined, file: string | undefined): string | undefined {
  if (file === undefined) return text;
  const secret = readSecretFile(file);
  if (secret === '')
    throw new RelayError('CONFIG_INVALID', `${file} is empty: it should hold a secret on its first line`);
  return secret;
}
