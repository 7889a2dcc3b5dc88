import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test, vi } from 'vitest';
import { LogstashTcpStandIn } from './logstash-tcp-stand-in.ts';

test('lines are read, however they are split', async () => {
  await using logstash = await LogstashTcpStandIn.start();
  const socket = connect(logstash.port, '127.0.0.1').setNoDelay(true);

  for (const byte of Buffer.from('{"a":"é"}\n{"b":2}\n')) socket.write(Buffer.from([byte]));

  await vi.waitFor(() => expect(logstash.lines).toEqual(['{"a":"é"}', '{"b":2}']));
  socket.destroy();
});

test('without reading it accepts, and takes what the kernels have room for', async () => {
  await using logstash = await LogstashTcpStandIn.start({ reading: false });
  const socket = connect(logstash.port, '127.0.0.1');
  await once(socket, 'connect');
  const line = Buffer.from(`{"a":"${'x'.repeat(1_000)}"}\n`);

  await new Promise((resolve) => socket.write(line, resolve));
  expect(logstash.bytesRead).toBe(0);
  logstash.startReading();

  await vi.waitFor(() => expect(logstash.lines).toHaveLength(1));
  socket.destroy();
});
