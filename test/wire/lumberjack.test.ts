import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AckReader, encodeAck, encodeWindow } from '../../relay/wire/lumberjack.ts';

describe('windows', () => {
  test('a window of two records, byte for byte', () => {
    const window = encodeWindow(Buffer.from('{"a":1}\n{"b":"é"}\n'), 2);

    const expected = Buffer.concat([
      Buffer.from('2W\0\0\0\x02', 'latin1'),
      Buffer.from('2J\0\0\0\x01\0\0\0\x07{"a":1}', 'latin1'),
      Buffer.from('2J\0\0\0\x02\0\0\0\x0a', 'latin1'),
      Buffer.from('{"b":"é"}'),
    ]);
    expect(window).toEqual(expected);
  });

  test('an empty window is its header alone', () => {
    expect(encodeWindow(Buffer.alloc(0), 0)).toEqual(Buffer.from('2W\0\0\0\0', 'latin1'));
  });

  test.each([
    ['{}\n', 2],
    ['{}\n{}\n', 1],
    ['{}\n{}', 2],
  ])('%j does not pass for %i records', (lines, records) => {
    expect(() => encodeWindow(Buffer.from(lines), records)).toThrow('as many whole lines');
  });
});

describe('acks', () => {
  test('are read however they are split', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff_ffff)), fc.array(fc.nat(20)), (seqs, cuts) => {
        const bytes = Buffer.concat(seqs.map(encodeAck));
        const reader = new AckReader();
        const read: number[] = [];
        let at = 0;

        for (const cut of [...cuts, bytes.length]) {
          reader.push(bytes.subarray(at, at + cut), (seq) => read.push(seq));
          at += cut;
        }

        expect(read).toEqual(seqs);
      }),
    );
  });

  test.each(['HTTP/1.1 400 Bad Request', '1A\0\0\0\x01', '2W\0\0\0\x01'])('%j is no ack', (text) => {
    const read: number[] = [];

    expect(() => new AckReader().push(Buffer.from(text, 'latin1'), (seq) => read.push(seq))).toThrow(
      expect.objectContaining({ code: 'OUTPUT_PROTOCOL' }),
    );
    expect(read).toEqual([]);
  });
});
