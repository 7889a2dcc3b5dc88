import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { BodyReader, PATIENCE_MS } from '../../../relay/inputs/http/body.ts';
import { systemClock, type Clock } from '../../../relay/io/clock.ts';

function reader(): { bodies: BodyReader; wait: (ms: number) => void } {
  let nowMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
  const bodies = new BodyReader({ clock, bytesMax: 100, heldBytesMax: 150 });
  return { bodies, wait: (ms) => (nowMs += ms) };
}

test('a body is read, and holds memory until it is released', async () => {
  const { bodies } = reader();
  const request = new PassThrough();
  const body = bodies.read(request);
  request.write('abc');
  request.end('def');

  expect(await body).toEqual(Buffer.from('abcdef'));
  expect(bodies.heldBytes).toBe(6);
  bodies.release(Buffer.from('abcdef'));
  expect(bodies.heldBytes).toBe(0);
});

test('what fails holds nothing', async () => {
  const { bodies } = reader();
  const large = new PassThrough();
  const aborted = new PassThrough();
  const results = Promise.all([bodies.read(large), bodies.read(aborted)]);
  large.write('x'.repeat(60));
  large.write('x'.repeat(60));
  aborted.write('abc');
  await expect.poll(() => bodies.heldBytes).toBe(3);
  aborted.destroy();

  expect(await results).toEqual(['too_large', 'aborted']);
  expect(bodies.heldBytes).toBe(0);
});

test('when memory is short a new body gives way, unless older ones have had their time', async () => {
  const { bodies, wait } = reader();
  const slow = new PassThrough();
  const slowBody = bodies.read(slow);
  slow.write('x'.repeat(90));
  await expect.poll(() => bodies.heldBytes).toBe(90);

  const early = new PassThrough();
  early.end('y'.repeat(90));
  expect(await bodies.read(early)).toBe('no_room');

  wait(PATIENCE_MS + 1);
  const late = new PassThrough();
  late.end('z'.repeat(90));
  expect(await bodies.read(late)).toEqual(Buffer.from('z'.repeat(90)));
  expect(await slowBody).toBe('no_room');
});
