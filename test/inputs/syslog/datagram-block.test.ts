import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  BLOCK_BYTES_MIN,
  BlockFiller,
  DATAGRAM_BYTES_MAX,
  forEachDatagram,
} from '../../../relay/inputs/syslog/datagram-block.ts';

function read(block: BlockFiller): { text: string; sender: string }[] {
  const bytes = Buffer.from(block.shared);
  const found: { text: string; sender: string }[] = [];
  forEachDatagram(new DataView(block.shared), block.bytes, (start, length, sender) =>
    found.push({ text: bytes.toString('latin1', start, start + length), sender: block.senders[sender]! }),
  );
  return found;
}

const datagram = fc.record({
  text: fc.string({ maxLength: 40 }),
  sender: fc.constantFrom('10.0.0.1', '::1', 'fe80::2'),
});

test('what is put into a block comes out of it, in order, with its sender, also after it was used before', () => {
  fc.assert(
    fc.property(fc.array(datagram), fc.array(datagram), (before, datagrams) => {
      const block = new BlockFiller(BLOCK_BYTES_MIN);
      for (const { text, sender } of before) block.add(Buffer.from(text, 'latin1'), sender);
      block.clear();
      for (const { text, sender } of datagrams) expect(block.add(Buffer.from(text, 'latin1'), sender)).toBe(true);

      const sent = datagrams.map(({ text, sender }) => ({
        text: Buffer.from(text, 'latin1').toString('latin1'),
        sender,
      }));
      expect(read(block)).toEqual(sent);
      expect(block.datagrams).toBe(datagrams.length);
    }),
  );
});

test('the smallest block takes the largest datagram, and nothing after it', () => {
  const block = new BlockFiller(BLOCK_BYTES_MIN);

  expect(block.add(Buffer.alloc(DATAGRAM_BYTES_MAX, 'a'), '10.0.0.1')).toBe(true);
  expect(block.add(Buffer.from('b'), '10.0.0.2')).toBe(false);
  expect(read(block)).toHaveLength(1);
  expect(block.senders).toEqual(['10.0.0.1']);
});
