import { createServer } from 'node:net';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';
import { RelayHarness } from '../support/relay-harness.ts';

const tcp = { type: 'syslog', listen: 'tcp://127.0.0.1:0' };
const memory = { type: 'memory' };

test('inputs and endpoints come, change and go while others keep their connections', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp, b: tcp }, endpoints: { e: memory } });
  const { relay } = running;
  const port = running.port('a');
  const kept = connect(port, '127.0.0.1');
  await once(kept, 'connect');
  kept.write('<13>before\n');
  await expect.poll(() => running.memory.at('e').messages).toEqual(['before']);

  const { changes, failures } = await running.reload({
    inputs: { a: tcp, b: { ...tcp, dataset: 'other' }, c: tcp },
    endpoints: { e: memory, f: memory },
  });

  expect(failures).toEqual([]);
  expect(changes.map(({ part, name, change }) => `${part} ${name} ${change}`)).toEqual([
    'input b changed',
    'input c added',
    'endpoint f added',
  ]);
  kept.write('<13>after\n');
  await running.send('b', 'by b');
  await running.send('c', 'by c');
  for (const name of ['e', 'f'])
    await expect.poll(() => running.memory.at(name).messages.sort()).toEqual(['after', 'before', 'by b', 'by c']);
  expect(running.port('a')).toBe(port);
  expect(relay.inputs.get('a')?.counters.records, 'goes on counting').toBe(2);

  await running.reload({ inputs: { a: tcp }, endpoints: { e: memory, f: memory } });
  expect([...relay.inputs.keys()]).toEqual(['a']);
  kept.end();
});

test('two inputs may swap their ports', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp, b: tcp }, endpoints: {} });
  const at = (port: number) => ({ type: 'syslog', listen: `tcp://127.0.0.1:${port}` });
  const [a, b] = [running.port('a'), running.port('b')];

  expect((await running.reload({ inputs: { a: at(a), b: at(b) }, endpoints: {} })).failures).toEqual([]);
  expect((await running.reload({ inputs: { a: at(b), b: at(a) }, endpoints: {} })).failures).toEqual([]);

  expect([running.port('a'), running.port('b')]).toEqual([b, a]);
});

test('an input whose new port is taken goes on as it was, the rest of the change is made', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port: taken } = other.address() as AddressInfo;
  await using running = await RelayHarness.start({ inputs: { a: tcp }, endpoints: { e: memory } });
  const moved = { type: 'syslog', listen: `tcp://127.0.0.1:${taken}` };
  const noCertificate = { cert_file: './missing.pem', key_file: './missing.key' };
  const unreadable = { type: 'syslog', listen: 'tls://127.0.0.1:0', tls: noCertificate };
  const wanted = { inputs: { a: moved, b: unreadable, c: tcp }, endpoints: { e: memory } };

  const { failures } = await running.reload(wanted);

  expect(failures.map(({ name, restored }) => ({ name, restored }))).toEqual([
    { name: 'a', restored: true },
    { name: 'b', restored: false },
  ]);
  expect(failures[0]?.error).toMatchObject({ code: 'INPUT_LISTEN_FAILED' });
  expect([...running.relay.inputs.keys()].sort()).toEqual(['a', 'c']);
  await running.send('a', 'still here');
  await expect.poll(() => running.memory.at('e').messages).toEqual(['still here']);

  // Once the port is free the same config is taken over whole: what failed was not forgotten.
  other.close();
  await once(other, 'close');
  const second = await running.reload({ ...wanted, inputs: { a: moved, c: tcp } });
  expect(second.failures).toEqual([]);
  expect(running.port('a')).toBe(taken);
});

test('an endpoint that is owed records is not forgotten; nothing of such a config is taken over', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp }, endpoints: { e: memory, f: memory } });
  running.memory.at('e').behaviour = 'fail';
  await running.send('a', 'one', 'two');
  await expect.poll(() => running.memory.at('f').messages).toEqual(['one', 'two']);

  await expect(running.reload({ inputs: { b: tcp }, endpoints: { f: memory } })).rejects.toMatchObject({
    code: 'ENDPOINT_HAS_BACKLOG',
    message: expect.stringContaining('e (2 records)') as string,
  });

  expect([...running.relay.inputs.keys()]).toEqual(['a']);
  running.memory.at('e').behaviour = 'take';
  await expect.poll(() => running.memory.at('e').messages, { timeout: 10_000 }).toEqual(['one', 'two']);
  await expect.poll(async () => (await running.relay.journal.cursors())[0]?.backlogRecords).toBe(0);
  expect((await running.reload({ inputs: { b: tcp }, endpoints: { f: memory } })).failures).toEqual([]);
  expect((await running.relay.journal.cursors()).map(({ endpoint }) => endpoint)).toEqual(['f']);
});

test('a changed endpoint gets its backlog, each record once', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp }, endpoints: { e: memory } });
  running.memory.at('e').behaviour = 'fail';
  await running.send('a', 'one', 'two');
  await expect.poll(() => running.relay.journal.nextSeq).toBe(3);

  running.memory.at('e').behaviour = 'take';
  await running.reload({ inputs: { a: tcp }, endpoints: { e: { ...memory, tag: 'new', backoff_min_ms: 10 } } });
  await running.send('a', 'three');

  await expect.poll(() => running.memory.at('e').messages).toEqual(['one', 'two', 'three']);
});

test('retire: drain delivers what was there and no more, then lets go of the journal', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp }, endpoints: { e: memory, f: memory } });
  running.memory.at('e').behaviour = 'fail';
  await running.send('a', 'one', 'two');
  await expect.poll(() => running.relay.journal.nextSeq).toBe(3);
  const draining = { inputs: { a: tcp }, endpoints: { e: { ...memory, retire: 'drain' }, f: memory } };
  await running.reload(draining);
  await running.send('a', 'too late');
  await expect.poll(() => running.memory.at('f').messages).toEqual(['one', 'two', 'too late']);

  running.memory.at('e').behaviour = 'take';

  await expect.poll(() => running.relay.endpoints.has('e'), { timeout: 10_000 }).toBe(false);
  expect(running.memory.at('e').messages).toEqual(['one', 'two']);
  expect((await running.relay.journal.cursors()).map(({ endpoint }) => endpoint)).toEqual(['f']);
  expect(running.loggedAt('info')).toContain(
    'endpoint is retired and was given all that it was owed; the config need not name it',
  );
  // Neither its lines nor their going bring it back.
  await running.reload({ ...draining, inputs: { a: { ...tcp, dataset: 'x' } } });
  await running.reload({ inputs: { a: tcp }, endpoints: { f: memory } });
  expect([...running.relay.endpoints.keys()]).toEqual(['f']);
});

test('retire: discard gives up the backlog and says how much', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp }, endpoints: { e: memory } });
  running.memory.at('e').behaviour = 'fail';
  await running.send('a', 'one', 'two');
  await expect.poll(() => running.relay.journal.nextSeq).toBe(3);

  await running.reload({ inputs: { a: tcp }, endpoints: { e: { ...memory, retire: 'discard' } } });

  expect(await running.relay.journal.cursors()).toEqual([]);
  expect(running.logged.find(({ level }) => level === 'warn')).toMatchObject({
    message: 'endpoint is retired; what it was owed is given up',
    fields: { endpoint: 'e', backlog_records: 2 },
  });
});

test('dead letters are not lost with their endpoint', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp }, endpoints: { e: memory } });
  running.memory.at('e').behaviour = 'refuse';
  await running.send('a', 'good', 'refuse me');
  await vi.waitFor(async () =>
    expect((await running.relay.journal.cursors())[0]).toMatchObject({ backlogRecords: 0, deadLettered: 1 }),
  );

  await expect(running.reload({ inputs: { a: tcp }, endpoints: {} })).rejects.toMatchObject({
    message: expect.stringContaining('e (1 dead letters)') as string,
  });
  await running.reload({ inputs: { a: tcp }, endpoints: { e: { ...memory, retire: 'drain' } } });
  await expect
    .poll(() => running.loggedAt('error'), { timeout: 5_000 })
    .toContain('an endpoint that retires has dead letters; resend or discard them');
  const letters = await running.relay.journal.deadLetters('e', 10);
  await running.relay.journal.discardDeadLetters(
    'e',
    letters.map(({ id }) => id),
    'discarded',
  );
  await expect.poll(() => running.relay.endpoints.has('e'), { timeout: 5_000 }).toBe(false);
});

test('settings that count from the next start do not half count before', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp }, endpoints: { e: memory } });

  const { changes } = await running.reload({
    inputs: { a: tcp },
    endpoints: { e: memory },
    data_dir: './elsewhere',
    admin: { listen: '127.0.0.1:1' },
  });

  expect(changes.map(({ name, takesEffect }) => `${name} ${takesEffect}`)).toEqual([
    'data_dir restart',
    'admin.listen restart',
  ]);
  await running.send('a', 'kept');
  await expect.poll(() => running.relay.journal.nextSeq).toBe(2);
  expect((await running.relay.journal.stats()).records).toBe(1);
});

test('a change of `store` counts at once, for inputs that work on too', async () => {
  await using running = await RelayHarness.start({ inputs: { a: tcp }, endpoints: { e: memory } });
  await running.send('a', 'kept');
  await expect.poll(() => running.memory.at('e').messages).toEqual(['kept']);

  await running.reload({ inputs: { a: tcp }, endpoints: { e: memory }, store: false });
  await running.send('a', 'gone');

  await expect.poll(() => running.memory.at('e').messages).toEqual(['kept', 'gone']);
  await expect.poll(async () => (await running.relay.journal.stats()).records).toBe(1);
});
