import { request } from 'node:http';
import { join } from 'node:path';
import { CONTROL_SOCKET } from '../../../relay/admin/control-socket.ts';
import type { RelayStatus } from '../../../relay/runtime/status.ts';

/** What `spillway status` shows, or undefined where no relay answers. */
export function relayStatus(dataFolder: string): Promise<RelayStatus | undefined> {
  return new Promise((answer) => {
    const asked = request({ socketPath: join(dataFolder, CONTROL_SOCKET), path: '/api/v1/status' }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', () => answer(undefined));
      response.on('end', () => answer(JSON.parse(Buffer.concat(pieces).toString()) as RelayStatus));
    });
    asked.on('error', () => answer(undefined));
    asked.end();
  });
}
