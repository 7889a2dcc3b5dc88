import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';
import { findProgress, hexAddress, tcpProgress } from '../../relay/io/tcp-progress.ts';

test.each([
  ['127.0.0.1', 2024, '0100007F:07E8'],
  ['10.1.2.3', 443, '0302010A:01BB'],
  ['::1', 80, '00000000000000000000000001000000:0050'],
  ['2001:db8::8:1', 5044, 'B80D0120000000000000000001000800:13B4'],
  ['::ffff:10.0.0.1', 5044, '0000000000000000FFFF00000100000A:13B4'],
])('%s port %i is %s to the kernel', (address, port, expected) => {
  expect(hexAddress(address, port)).toBe(expected);
});

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:B21F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 69777 1 00000000c1f60cac 100 0 0 10 0
   1: 0100007F:B21F 0100007F:07E8 01 00000A10:00000000 01:0000013F 00000005     0        0 69778 1 00000000c1f60cac 100 0 0 10 0
   2: 0100007F:B21F 0100007F:07E9 01 00400000:00000000 04:0000013F 00000007     0        0 69779 1 00000000c1f60cac 100 0 0 10 0
`;

test('unconfirmed bytes and retransmissions are read from the line of the connection', () => {
  expect(findProgress(table, '0100007F:B21F 0100007F:07E8')).toEqual({ unconfirmedBytes: 2_576, retransmissions: 5 });
});

test('a peer that is alive and full is not one that is gone', () => {
  expect(findProgress(table, '0100007F:B21F 0100007F:07E9')).toMatchObject({ retransmissions: 0 });
});

test('a connection that is not there has no progress', () => {
  expect(findProgress(table, '0100007F:B21F 0100007F:0001')).toBeUndefined();
  expect(findProgress('', '0100007F:B21F 0100007F:07E8')).toBeUndefined();
  expect(findProgress(' a:b c:d ', 'a:b c:d')).toBeUndefined();
});

test.runIf(process.platform === 'linux').each(['127.0.0.1', '::1'])(
  'the connection of a real socket to %s is found',
  async (host) => {
    const server = createServer({ pauseOnConnect: true }).listen(0, host);
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, host).on('error', () => {});
    await once(socket, 'connect');

    expect(await tcpProgress(socket)).toEqual({ unconfirmedBytes: 0, retransmissions: 0 });
    // What the peer does not read fills its buffers, then ours.
    socket.write(Buffer.alloc(24 << 20));
    await vi.waitFor(async () => expect((await tcpProgress(socket))?.unconfirmedBytes).toBeGreaterThan(0));
    expect((await tcpProgress(socket))?.retransmissions).toBe(0);

    socket.destroy();
    expect(await tcpProgress(socket)).toBeUndefined();
    server.close();
  },
);
