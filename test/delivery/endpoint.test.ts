import { expect, test } from 'vitest';
import { RelayError } from '../../relay/errors.ts';
import { DeliveryHarness } from '../support/delivery-harness.ts';
import { settled } from '../support/fake-clock.ts';
import { numbered } from '../support/fake-journal.ts';
import { FakeOutput } from '../support/fake-output.ts';

const twoAddresses = () => [new FakeOutput(), new FakeOutput()] as const;

test('where the first address fails the next one is tried at once, and the first again once it answers', async () => {
  const outputs = twoAddresses();
  await using relay = await DeliveryHarness.start({ outputs });
  outputs[0].answer = () => 'down';
  relay.journal.add(numbered(1, 3));
  await settled();
  await relay.clock.advance(0);
  expect(outputs[1].taken).toEqual(numbered(1, 3));
  expect(relay.delays).toEqual([0]);
  expect(relay.endpoint.address).toBe('fake://1');
  expect(outputs[0].closes).toBe(1);

  await relay.clock.advance(180_000);
  expect(relay.endpoint.address).toBe('fake://1');
  outputs[0].answer = () => 'take';
  await relay.clock.advance(60_000);
  expect(relay.endpoint.address).toBe('fake://0');
  expect(outputs[1].closes).toBe(1);
  relay.journal.add(['r4']);
  await settled();
  expect(outputs[0].taken).toEqual(['r4']);
});

test('when no address answers each round of them ends in a wait that grows', async () => {
  const outputs = twoAddresses();
  await using relay = await DeliveryHarness.start({ outputs });
  for (const output of outputs) output.answer = () => 'down';
  relay.journal.add(['r1']);
  await relay.clock.advance(600_000);

  expect(relay.delays.slice(0, 4).map(Math.round)).toEqual([0, 500, 0, 1_999]);
  expect(outputs[0].attempts).toBeLessThan(40);
  expect(Math.abs(outputs[0].attempts - outputs[1].attempts)).toBeLessThanOrEqual(1);
});

test('an address that serves again before it was asked is not closed by the one who asked', async () => {
  const outputs = twoAddresses();
  await using relay = await DeliveryHarness.start({ outputs });
  outputs[0].answer = () => 'down';
  relay.journal.add(['r1']);
  await settled();
  await relay.clock.advance(0);
  expect(relay.endpoint.address).toBe('fake://1');

  // The question to the first address is open while a failure of the second leads back to it.
  const { promise, resolve } = Promise.withResolvers<void>();
  outputs[0].probe = () => promise;
  outputs[0].answer = () => 'take';
  await relay.clock.advance(60_000);
  outputs[1].answer = () => 'down';
  relay.journal.add(['r2']);
  await relay.clock.advance(5_000);
  expect(relay.endpoint.address).toBe('fake://0');
  const { closes } = outputs[0];
  resolve();
  await settled();

  expect(outputs[0].closes).toBe(closes);
  expect(outputs[0].taken).toEqual(['r2']);
});

test('an output that cannot be closed harms nobody', async () => {
  const outputs = twoAddresses();
  await using relay = await DeliveryHarness.start({ outputs });
  outputs[0].answer = () => 'down';
  outputs[0].close = () => Promise.reject(new Error('cannot close'));
  relay.journal.add(['r1']);
  await relay.clock.advance(1_000);

  expect(outputs[1].taken).toEqual(['r1']);
  await expect(relay.endpoint.stop(0)).resolves.toBeUndefined();
  expect(outputs[1].closes).toBe(1);
});

test('an endpoint without records is asked whether it is there, and is told of when it is not', async () => {
  await using relay = await DeliveryHarness.start();
  expect(relay.output.probes).toBe(1);
  relay.output.answer = () => 'down';
  await relay.clock.advance(60_000);
  expect(relay.changes).toEqual(['up>degraded']);
  await relay.clock.advance(60_000);
  expect(relay.changes).toEqual(['up>degraded', 'degraded>down']);
  relay.output.answer = () => 'take';
  await relay.clock.advance(60_000);

  expect(relay.changes).toEqual(['up>degraded', 'degraded>down', 'down>up']);
});

test('a probe that gets no answer is given up after ten seconds, and leaves no timer', async () => {
  await using relay = await DeliveryHarness.start();
  const timers = relay.clock.intervalsMs.length;
  relay.output.probe = (signal: AbortSignal) =>
    new Promise<void>((_, reject) =>
      signal.addEventListener('abort', () => reject(new RelayError('OUTPUT_TIMEOUT', 'given up'))),
    );
  const failed = relay.endpoint.probe().catch((error: unknown) => error);
  await relay.clock.advance(10_000);

  expect(await failed).toMatchObject({ code: 'OUTPUT_TIMEOUT' });
  expect(relay.clock.intervalsMs).toHaveLength(timers);
});

test('without acknowledgements the cursor stays behind what was sent last, and that is sent again after a lost connection', async () => {
  await using relay = await DeliveryHarness.start({
    acknowledged: false,
    resendRecords: 10,
    outputs: [new FakeOutput({ recordsMax: 5 })],
  });
  relay.journal.add(numbered(1, 25));
  await settled();
  expect(relay.output.taken).toEqual(numbered(1, 25));
  expect(relay.books).toMatchObject({ seq: 16, delivered: 15 });

  relay.connectionLost();
  await relay.clock.advance(1_000);
  expect(relay.told).toContain('again 10');
  expect(relay.output.taken.slice(25)).toEqual(numbered(16, 10));

  await relay.clock.advance(11_000);
  expect(relay.books).toMatchObject({ seq: 26, delivered: 25 });
  relay.connectionLost();
  await relay.clock.advance(60_000);
  expect(relay.output.taken).toHaveLength(35);
  expect(relay.journal.held).toBe(0);
});

test('a peer that takes everything and hangs up each time is not run over, and is called down', async () => {
  await using relay = await DeliveryHarness.start({ acknowledged: false });
  relay.output.before = async () => {
    setImmediate(() => relay.connectionLost());
  };
  relay.journal.add(['r1']);
  await relay.clock.advance(600_000);

  expect(relay.output.attempts).toBeLessThan(40);
  expect(relay.changes).toEqual(['up>degraded', 'degraded>down']);
  expect(relay.books).toMatchObject({ seq: 1, delivered: 0 });
  relay.output.before = async () => {};
  await relay.clock.advance(60_000);
  expect(relay.books).toMatchObject({ seq: 2, delivered: 1 });
  expect(relay.changes.at(-1)).toBe('down>up');
});

test('lines that are being sent when their connection is lost stay as they are until the sending has ended', async () => {
  await using relay = await DeliveryHarness.start({ acknowledged: false });
  const { promise, resolve } = Promise.withResolvers<void>();
  let lines: Buffer | undefined;
  relay.output.deliver = async (delivery) => {
    lines ??= delivery.lines;
    await promise;
  };
  relay.journal.add(['r1']);
  await settled();
  relay.connectionLost();
  await settled();
  expect(lines!.toString()).toContain('r1');
  resolve();
  await relay.clock.advance(11_000);

  expect(lines!.toString()).not.toContain('r1');
  expect(relay.books).toMatchObject({ seq: 2, delivered: 1 });
  expect(relay.journal.held).toBe(0);
});

test('failing over sends again what the first address had not confirmed', async () => {
  const outputs = twoAddresses();
  await using relay = await DeliveryHarness.start({ outputs, acknowledged: false });
  relay.journal.add(numbered(1, 4));
  await settled();
  outputs[0].answer = () => 'down';
  relay.journal.add(['r5']);
  await relay.clock.advance(100);

  expect(outputs[0].taken).toEqual(numbered(1, 4));
  expect(outputs[1].taken).toEqual(numbered(1, 5));
});

test('dead letters are sent again one by one; those refused again stay, a failure stops it', async () => {
  await using relay = await DeliveryHarness.start();
  const refused = new RelayError('OUTPUT_REFUSED_BATCH', 'no');
  relay.output.answer = () => refused;
  relay.journal.add(numbered(1, 4));
  await settled();
  expect(relay.books.letters).toHaveLength(4);

  relay.output.answer = (messages) => (messages.includes('r2') ? refused : messages.includes('r4') ? 'down' : 'take');
  const ids = relay.books.letters.map(({ id }) => id);
  expect(await relay.endpoint.resendDeadLetters(ids.slice(0, 3))).toBe(2);
  expect(relay.books.letters.map(({ seq }) => seq)).toEqual([2, 4]);
  await expect(relay.endpoint.resendDeadLetters(ids.slice(3))).rejects.toMatchObject({ code: 'OUTPUT_UNREACHABLE' });
  expect(relay.books.letters.map(({ seq }) => seq)).toEqual([2, 4]);
  expect(relay.output.taken).toEqual(['r1', 'r3']);
  relay.journal.expectBalanced('siem');
});
