import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, vi } from 'vitest';
import { withHarborSettings } from '../../relay/config/harbor-settings.ts';
import { AdminHarness, type Answer } from './admin-harness.ts';
import { answers } from './harbor-answers.ts';
import type { ParsedRecord } from './input-harness.ts';
import { RelayHarness } from './relay-harness.ts';

const config = {
  inputs: { harbor: { type: 'syslog', listen: 'tcp://127.0.0.1:0', harbor: { skew_ms: 31_536_000_000 } } },
  endpoints: { e: { type: 'memory' } },
};
const DIGEST = `sha256:${'9f2d'.repeat(16)}`;

/** A line of Harbor's log, so many seconds after the first. Without a description as Harbor 2.12 writes it. */
export function line(
  number: number,
  operator: string,
  type: string,
  action: string,
  resource: string,
  description?: string,
): string {
  const at = new Date(Date.parse('2026-11-22T02:00:00Z') + number * 1_000).toISOString().slice(0, 19);
  const file = description === undefined ? 'audit' : 'auditext';
  const described = description === undefined ? '' : `, operation_description:${description}`;
  return (
    `<6>${at}Z 814da02eb5a8 audit[1]: ${at}Z [INFO] [/pkg/${file}/manager.go:8][operator="${operator}" resourceType="${type}" ` +
    `time="${at.replace('T', ' ')}.5 +0000 UTC m=+0.1"]: action:${action}, resource:${resource}${described}\n`
  );
}

/** Those of a busy robot. */
export const pulls = Array.from({ length: 25 }, (_, n) =>
  line(
    n,
    `robot$team-${n % 2}+ci`,
    'artifact',
    'pull',
    `team-${n % 2}/app:${n}`,
    `pull artifact: team-${n % 2}/app@${DIGEST}`,
  ),
);
const others = [
  line(30, 'admin', 'project', 'create', 'team-0', 'create project: team-0'),
  line(31, 'jane%20doe', 'user', 'login', 'jane%20doe', 'login'),
  line(32, '', 'artifact', 'create', 'team-0/app:x', `push artifact: team-0/app@${DIGEST}`),
  line(33, 'jane doe', 'tag', 'create', 'team-0/app:y', 'create tag: team-0/app:y'),
  line(40, 'CORP\\j.doe', 'artifact', 'pull', 'library/nginx:1.25'),
];

interface Call {
  readonly path: string;
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly body?: unknown;
  readonly as?: 'admin' | 'operator' | 'viewer' | 'nobody';
  readonly headers?: Record<string, string>;
}

/** With the body parsed, where it is JSON. */
export interface JsonAnswer extends Answer {
  readonly json: ParsedRecord[string];
}

/** A relay that some of Harbor's records came to, asked by Harbor's API. */
export class HarborApi implements AsyncDisposable {
  readonly admin: AdminHarness;

  private constructor(admin: AdminHarness) {
    this.admin = admin;
  }

  static async start(): Promise<HarborApi> {
    const relay = await RelayHarness.start(config);
    const reload = async () => relay.relay.reload(withHarborSettings(relay.config(config), relay.memory.registry));
    const harbor = new HarborApi(await AdminHarness.over(relay, { reload }));
    for (const each of [...pulls, ...others]) await harbor.log(each);
    await relay.send('harbor', 'Udp data');
    await vi.waitFor(() => expect(relay.memory.at('e').lines.length).toBe(pulls.length + others.length + 1));
    return harbor;
  }

  /** Sends a line as Harbor does: over a connection of its own. */
  async log(text: string): Promise<void> {
    const socket = connect(this.admin.relay.port('harbor'), '127.0.0.1');
    socket.end(text);
    await once(socket.resume(), 'close');
  }

  /** Asks as Harbor's clients do, with a user's name and a password, and checks the shape of what comes back. */
  async ask({ path, method = 'GET', body, as = 'admin', headers = {} }: Call): Promise<JsonAnswer> {
    const token = as === 'nobody' ? 'spw_wrong' : this.admin.tokens.get(as)!;
    const answer = await this.admin.ask({
      method,
      path: `/api/v2.0${path}`,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      headers: { authorization: `Basic ${Buffer.from(`admin:${token}`).toString('base64')}`, ...headers },
    });
    answers.check(method, path, answer);
    const isJson = String(answer.headers['content-type']).includes('json');
    return { ...answer, json: isJson ? JSON.parse(answer.body) : undefined };
  }

  /** Asks for a purge, or sets its schedule. */
  purge(body: unknown): Promise<JsonAnswer> {
    return this.ask({ path: '/system/purgeaudit/schedule', method: 'POST', body });
  }

  settings(body: object): Promise<JsonAnswer> {
    return this.ask({ path: '/configurations', method: 'PUT', body });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.admin[Symbol.asyncDispose]();
  }
}

/** The body of a request for a purge. */
export function purgeBody(type: string, parameters: object, cron = ''): object {
  return { schedule: { type, cron }, parameters };
}
