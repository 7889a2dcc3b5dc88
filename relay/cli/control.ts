import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CONTROL_SOCKET } from '../admin/control-socket.ts';
import type { Config } from '../config/config.ts';
import { RelayError } from '../errors.ts';
import { undici } from '../io/undici.ts';

const TIMEOUT_MS = 30_000;

/** Asks the running relay through its control socket. Undefined where none runs. Throws what the relay answered, as an error. */
export async function askRelay(config: Config, method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
  const socketPath = join(config.data_dir, CONTROL_SOCKET);
  if (!existsSync(socketPath)) return undefined;
  const { Agent, request } = undici();
  const agent = new Agent({ connect: { socketPath } });
  try {
    const response = await request(`http://localhost${path}`, {
      dispatcher: agent,
      method,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const answer: unknown = await response.body.json();
    if (response.statusCode < 400) return answer;
    const message = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'message') : undefined;
    throw new RelayError(
      'ADMIN_UNREACHABLE',
      typeof message === 'string' ? message : `the relay answered ${response.statusCode}`,
    );
  } catch (error) {
    // The socket of a relay that was killed stays behind; nobody listens on it.
    if (error instanceof Error && 'code' in error && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT'))
      return undefined;
    if (error instanceof RelayError) throw error;
    const denied = error instanceof Error && 'code' in error && error.code === 'EACCES';
    throw new RelayError(
      'ADMIN_UNREACHABLE',
      denied
        ? `only the user that the relay runs as may use ${socketPath}`
        : `the relay on ${config.data_dir} did not answer`,
      { cause: error },
    );
  } finally {
    await agent.close();
  }
}
