// A process of its own that opens live tails: `node watchers.ts PORT TOKEN HOW_MANY HOW_MANY_READ_NOTHING DIFFERENT_QUERIES`.
import { WebSocket } from 'ws';

const [port, token, count, frozen, different] = process.argv.slice(2);
let opened = 0;
let records = 0;
let missed = 0;
for (let i = 0; i < Number(count); i++) {
  const query = Number(different) > 0 ? `message:*${i % Number(different)}*` : '';
  const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v1/tail?q=${encodeURIComponent(query)}`, {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
  });
  socket.on('open', () => {
    opened++;
    if (opened === Number(count)) process.send?.('open');
    // As a browser whose tab hangs.
    if (i < Number(frozen)) (socket as unknown as { _socket: { pause(): void } })._socket.pause();
  });
  socket.on('message', (data: Buffer) => {
    const text = data.toString('latin1', 0, 80);
    missed += Number(/"missed":(\d+)/.exec(text)?.[1] ?? 0) + Number(/"skipped":(\d+)/.exec(text)?.[1] ?? 0);
    records++;
  });
  socket.on('error', (error) => process.send?.(`error ${error.message}`));
}
process.on('message', () => process.send?.({ frames: records, missed }));
process.on('disconnect', () => process.exit(0));
