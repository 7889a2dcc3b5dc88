import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { CONTROL_SOCKET } from '../admin/control-socket.ts';
import { RelayError } from '../errors.ts';
import { request } from '../io/http.ts';

const TIMEOUT_MS = 30_000;

/**
 * Asks the relay that runs on a data folder through its control socket. Undefined where none runs. Throws what the relay answered, as an
 * error. Node's own client does: the other one takes longer to load than the relay to answer.
 */
export async function askRelay(
  dataFolder: string,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<unknown> {
  const socketPath = join(dataFolder, CONTROL_SOCKET);
  if (!existsSync(socketPath)) return undefined;
  try {
    const { statusCode, answer } = await exchange(socketPath, method, path, body);
    if (statusCode < 400) return answer;
    const message = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'message') : undefined;
    throw new RelayError(
      'ADMIN_UNREACHABLE',
      typeof message === 'string' ? message : `the relay answered ${statusCode}`,
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
        : `the relay on ${dataFolder} did not answer`,
      { cause: error },
    );
  }
}

interface Exchanged {
  readonly statusCode: number;
  readonly answer: unknown;
}

function exchange(socketPath: string, method: string, path: string, body: unknown): Promise<Exchanged> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const options = { socketPath, host: 'localhost', method, path, headers, timeout: TIMEOUT_MS, agent: false };
    const asked = request(options, (response) => {
      json(response).then((answer) => resolve({ statusCode: response.statusCode ?? 0, answer }), reject);
    });
    asked.on('timeout', () => asked.destroy(new Error(`nothing came for ${TIMEOUT_MS / 1_000} s`)));
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
