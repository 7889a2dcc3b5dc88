import { createServer, connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RelayHarness } from '../support/relay-harness.ts';

const tcp = { type: 'syslog', listen: 'tcp://127.0.0.1:0' };
const memory = { type: 'memory' };

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const outcome = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return outcome;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('where one input cannot start, the error names its port and nothing is left open', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const taken = (other.address() as AddressInfo).port;
  const free = await freePort();
  const at = (port: number) => ({ type: 'syslog', listen: `tcp://127.0.0.1:${port}` });

  const starting = RelayHarness.start({ inputs: { a: at(taken), b: at(free) }, endpoints: { e: memory } });

  await expect(starting).rejects.toMatchObject({
    code: 'INPUT_LISTEN_FAILED',
    message: expect.stringContaining(String(taken)) as string,
  });
  expect(await isOpen(free)).toBe(false);
  other.close();
});

test('a certificate that cannot be read is named', async () => {
  const tls = { cert_file: './missing.pem', key_file: './missing.key' };
  const input = { type: 'syslog', listen: 'tls://127.0.0.1:0', tls };

  await expect(RelayHarness.start({ inputs: { a: input }, endpoints: { e: memory } })).rejects.toThrow(
    /missing\.(pem|key)/,
  );
});

test('the files in the data folder are for the relay’s user alone', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp }, endpoints: { e: memory } });
  await running.send('a', 'one');
  await expect.poll(() => running.memory.at('e').messages).toEqual(['one']);
  await running.relay.journal.stats();

  const data = join(running.folder, 'data');
  expect(statSync(data).mode & 0o777).toBe(0o700);
  const open = readdirSync(data).filter((file) => (statSync(join(data, file)).mode & 0o077) !== 0);
  expect(open).toEqual([]);
});

test('it ends in time under a flood, with an endpoint that never answers, and loses nothing that it kept', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp }, endpoints: { e: memory, f: memory } });
  running.memory.at('e').behaviour = 'hang';
  const socket = connect(running.port('a'), '127.0.0.1').on('error', () => {});
  const flood = Buffer.from('<13>1 - host app - - - of many\n'.repeat(2_000));
  const pump = (): void => {
    while (!socket.destroyed && socket.write(flood));
  };
  socket.on('connect', pump).on('drain', pump);
  await expect.poll(() => running.memory.at('f').lines.length).toBeGreaterThan(2_000);

  const startedMs = performance.now();
  await running.relay.stop(1_500);
  expect(performance.now() - startedMs).toBeLessThan(6_000);
  socket.destroy();

  running.memory.at('e').behaviour = 'take';
  const kept = running.relay.journal.nextSeq - 1;
  await running.start({ inputs: { a: tcp }, endpoints: { e: memory, f: memory } });
  await expect.poll(() => running.memory.at('e').lines.length, { timeout: 15_000 }).toBeGreaterThanOrEqual(kept);
});

test('an endpoint that the config forgot while the relay stood still is warned of, and its records are kept', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp }, endpoints: { e: memory, f: memory } });
  running.memory.at('e').behaviour = 'fail';
  await running.send('a', 'one');
  await expect.poll(() => running.memory.at('f').messages).toEqual(['one']);
  await running.relay.stop(1_000);

  await running.start({ inputs: { a: tcp }, endpoints: {} });

  expect(running.logged.filter(({ level }) => level === 'error').at(-1)).toMatchObject({
    message: 'an endpoint that the config does not name is still owed records',
    fields: { endpoint: 'e', backlog_records: 1 },
  });
  expect((await running.relay.journal.cursors()).map(({ endpoint }) => endpoint)).toEqual(['e']);
});
