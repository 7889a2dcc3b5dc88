import { request } from 'node:http';
import { join } from 'node:path';
import { AdminServer, type AdminOptions } from '../../relay/admin/server.ts';
import { TokenFile, type Role } from '../../relay/admin/tokens.ts';
import { systemClock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import { readingsOf } from '../../relay/runtime/readings.ts';
import { History } from '../../relay/telemetry/history.ts';
import { RelayHarness } from './relay-harness.ts';

export interface Asking {
  readonly method?: string;
  readonly path: string;
  readonly token?: string | undefined;
  readonly headers?: Record<string, string>;
  readonly body?: string | undefined;
  readonly bySocket?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A relay with its API, and a token of each role. */
export class AdminHarness implements AsyncDisposable {
  readonly relay: RelayHarness;
  readonly tokenFile: TokenFile;
  readonly history: History;
  readonly tokens: ReadonlyMap<Role, string>;
  readonly server: AdminServer;
  port = 0;

  private constructor(relay: RelayHarness, overrides: Partial<AdminOptions>) {
    this.relay = relay;
    const dataFolder = join(relay.folder, 'data');
    const world = { clock: systemClock, random: systemRandom };
    this.tokenFile = new TokenFile(join(dataFolder, 'tokens.json'), world);
    this.tokens = new Map(
      (['viewer', 'operator', 'auditor', 'admin'] as const).map((role) => [role, this.tokenFile.add(role, role).token]),
    );
    this.history = new History({
      read: () => readingsOf(relay.relay),
      clock: systemClock,
      path: join(dataFolder, 'charts.json'),
      log: relay.log,
    });
    this.server = new AdminServer({
      listen: '127.0.0.1:0',
      tls: undefined,
      hosts: ['relay.corp'],
      dataFolder,
      version: '0.0.0',
      relay: relay.relay,
      tokens: this.tokenFile,
      metrics: relay.metrics,
      history: this.history,
      log: relay.log,
      warnings: () => [{ atMs: 0, level: 'warn', message: 'something is odd', fields: { endpoint: 'e' } }],
      ...world,
      reload: async () => ({ changes: [] }),
      ...overrides,
    });
  }

  static async start(config: object, overrides: Partial<AdminOptions> = {}): Promise<AdminHarness> {
    return AdminHarness.over(await RelayHarness.start(config), overrides);
  }

  static async over(relay: RelayHarness, overrides: Partial<AdminOptions> = {}): Promise<AdminHarness> {
    const harness = new AdminHarness(relay, overrides);
    harness.port = Number(/:(\d+)$/.exec(await harness.server.start())?.[1]);
    return harness;
  }

  ask({ method = 'GET', path, token, headers = {}, body, bySocket = false }: Asking): Promise<Answer> {
    const socketPath = join(this.relay.folder, 'data', 'control.sock');
    const target = bySocket ? { socketPath } : { host: '127.0.0.1', port: this.port };
    return new Promise((resolve, reject) => {
      const asked = request({
        ...target,
        method,
        path,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
      });
      asked.on('error', reject).on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }));
      });
      asked.end(body);
    });
  }

  /** Ends the API; the relay works on. */
  async stop(): Promise<void> {
    this.history.stop();
    await this.server.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.relay[Symbol.asyncDispose]();
  }
}
