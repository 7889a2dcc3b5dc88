import fc from 'fast-check';
import { expect, test } from 'vitest';
import { base32, eventIdPrefix, nodeName, writeSequence } from '../../relay/record/event-id.ts';

const SEQUENCE_END = 32 ** 9;

function eventId(node: string, bootSeconds: number, sequence: number): string {
  const bytes = Buffer.from(eventIdPrefix(node, bootSeconds) + '.'.repeat(9));
  writeSequence(bytes, 15, sequence);
  return bytes.toString();
}

test('ids sort as text in the order of boots and places, and none is made twice', () => {
  const place = fc.tuple(fc.integer({ min: 0, max: 32 ** 7 - 1 }), fc.integer({ min: 0, max: SEQUENCE_END - 1 }));
  fc.assert(
    fc.property(place, place, ([bootA, sequenceA], [bootB, sequenceB]) => {
      const a = eventId('k3f9x2', bootA, sequenceA);
      const b = eventId('k3f9x2', bootB, sequenceB);
      const order = Math.sign(bootA - bootB) || Math.sign(sequenceA - sequenceB);
      expect(a < b ? -1 : a > b ? 1 : 0).toBe(order);
    }),
  );
});

test('a node’s name is six digits, whatever its random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (random) => {
      expect(nodeName(random)).toMatch(/^[0-9a-hjkmnp-tv-z]{6}$/);
    }),
  );
  expect(nodeName(Uint8Array.of(255, 255, 255, 255))).toBe(base32(2 ** 30 - 1, 6));
});
