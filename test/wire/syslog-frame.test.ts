import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SyslogFramer, type StreamFault } from '../../relay/wire/syslog-frame.ts';

interface Framed {
  text: string;
  part?: number;
  totalBytes?: number;
  cut?: true;
}

interface Outcome {
  frames: Framed[];
  fault: StreamFault | undefined;
}

function frame(chunks: readonly Buffer[], messageBytesMax = 64): Outcome {
  const frames: Framed[] = [];
  let fault: StreamFault | undefined;
  const framer = new SyslogFramer({
    messageBytesMax,
    onFrame: ({ bytes }, start, end) => {
      frames.push({
        text: Buffer.from(bytes.subarray(start, end)).toString('latin1'),
        ...(framer.part > 0 ? { part: framer.part } : {}),
        ...(framer.totalBytes > 0 ? { totalBytes: framer.totalBytes } : {}),
        ...(framer.cut ? { cut: true } : {}),
      });
    },
  });
  for (const chunk of chunks) {
    // A copy with other bytes around it: what lies outside a chunk must not matter.
    const around = Buffer.alloc(chunk.length + 8, '\n');
    chunk.copy(around, 4);
    fault = framer.push(around.subarray(4, 4 + chunk.length));
    around.fill('#');
    if (fault !== undefined) break;
  }
  framer.end();
  return { frames, fault };
}

const texts = (stream: string, messageBytesMax?: number): string[] =>
  frame([Buffer.from(stream, 'latin1')], messageBytesMax).frames.map(({ text }) => text);

describe('framing is found for each message', () => {
  test.each([
    ['LF', '<13>a\n<13>b\n', ['<13>a', '<13>b']],
    ['CR LF, the CR dropped', '<13>a\r\n<13>b\r\n', ['<13>a', '<13>b']],
    ['NUL', '<13>a\0<13>b\0', ['<13>a', '<13>b']],
    ['octet counts', '5 <13>a5 <13>b', ['<13>a', '<13>b']],
    ['octet counts with stray LFs between', '5 <13>a\n5 <13>b\r\n\n5 <13>c', ['<13>a', '<13>b', '<13>c']],
    ['octet counts that count the LF', '6 <13>a\n6 <13>b\n', ['<13>a', '<13>b']],
    ['all of them on one connection', '5 <13>a<13>b\n<13>c\x005 <13>d', ['<13>a', '<13>b', '<13>c', '<13>d']],
    ['empty lines passed over', '\n\n\r\n\0<13>a\n\n', ['<13>a']],
    ['a LF inside a counted message', '9 <13>a\nb\nc5 <13>b', ['<13>a\nb\nc', '<13>b']],
    ['digits that are text', '2026 is a year\n404 not found\n', ['2026 is a year', '404 not found']],
    ['a time in digits before a name in angle brackets', '1732251610123 <info> up\n', ['1732251610123 <info> up']],
    ['a signed number before a priority', '-1 <13>a\n+5 <13>b\n1e3 <13>c\n', ['-1 <13>a', '+5 <13>b', '1e3 <13>c']],
    ['a count without a space', '5<13>a\n', ['5<13>a']],
    ['an HTTP request', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', ['GET / HTTP/1.1', 'Host: x']],
  ])('%s', (_name, stream, expected) => {
    expect(texts(stream)).toEqual(expected);
  });
});

describe('an octet count that lies', () => {
  test('a line in a counted message that looks like a message stays inside it', () => {
    const forged = '<13>login of x\n<34>1 - - su - - - root logged in';

    expect(texts(`${forged.length} ${forged}5 <13>b`)).toEqual([forged, '<13>b']);
    expect(texts(`${forged.length} ${forged}`)).toEqual([forged]);
  });

  test('a count that is too large does not swallow the lines that follow', () => {
    expect(texts('40 <13>one\n<13>two\n<13>three and some more text\n<13>four\n')).toEqual([
      '40 <13>one',
      '<13>two',
      '<13>three and some more text',
      '<13>four',
    ]);
  });

  test('a count that is too large at the end of the stream does not merge the lines before it', () => {
    expect(frame([Buffer.from('60 <13>one\n<13>two\n<13>thr')]).frames).toEqual([
      { text: '60 <13>one' },
      { text: '<13>two' },
      { text: '<13>thr', cut: true },
    ]);
  });

  test('a count that is too small leaves a rest, which ends where the next count begins', () => {
    expect(texts('6 <13>one5 <13>b8 <13>four')).toEqual(['<13>on', 'e', '<13>b', '<13>four']);
    expect(texts('6 <13>on1 two5 <13>b')).toEqual(['<13>on', '1 two', '<13>b']);
  });
});

describe('counts that cannot be meant close the connection', () => {
  test.each([
    ['0000012 <13>a'],
    ['12345678901 <13>a'],
    ['4294967296 <13>a'],
    ['9007199254740993 <13>a'],
    ['9'.repeat(100_000)],
    ['0'.repeat(1 << 20)],
  ])('%.40s', (stream) => {
    const { frames, fault } = frame([Buffer.from(`<13>before\n${stream}\n<13>after\n`)]);

    expect(fault).toBe('frame_invalid');
    expect(frames).toEqual([{ text: '<13>before' }]);
  });

  test('a TLS handshake on a plain port is recognised, whatever its first read holds', () => {
    const hello = Buffer.from('16030100f8010000f40303', 'hex');

    expect(frame([hello])).toEqual({ frames: [], fault: 'tls' });
    expect(frame([hello.subarray(0, 1), hello.subarray(1)])).toEqual({ frames: [], fault: 'tls' });
    expect(frame([Buffer.from('<13>a\n'), hello]).fault).toBeUndefined();
  });
});

describe('messages longer than allowed', () => {
  test('come out in parts, all of them kept, with the length of the whole', () => {
    expect(frame([Buffer.from('<13>0123456789ab\n<13>x\n')], 8).frames).toEqual([
      { text: '<13>0123', part: 1 },
      { text: '456789ab', part: 2, totalBytes: 16 },
      { text: '<13>x' },
    ]);
    expect(frame([Buffer.from('17 <13>0123456789abc5 <13>x')], 8).frames).toEqual([
      { text: '<13>0123', part: 1, totalBytes: 17 },
      { text: '456789ab', part: 2, totalBytes: 17 },
      { text: 'c', part: 3, totalBytes: 17 },
      { text: '<13>x' },
    ]);
  });

  test('are whole when only their line end is beyond the limit', () => {
    expect(frame([Buffer.from('<13>0123\r\n<13>01234\r\n')], 8).frames).toEqual([
      { text: '<13>0123' },
      { text: '<13>0123', part: 1 },
      { text: '4', part: 2, totalBytes: 9 },
    ]);
  });

  test('are not torn inside a character', () => {
    const { frames } = frame([Buffer.from('<13>éééé\n')], 7);

    expect(frames.map(({ text }) => Buffer.from(text, 'latin1').toString())).toEqual(['<13>é', 'ééé']);
  });

  test('a count of a gigabyte takes no more memory than its parts', () => {
    const framer = new SyslogFramer({ messageBytesMax: 1_000, onFrame: () => {} });
    const chunk = Buffer.alloc(65_536, 'x');

    expect(framer.push(Buffer.from('1073741824 <13>'))).toBeUndefined();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 1_000; i++) framer.push(chunk);

    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20);
    expect(framer.pending).toBe(true);
  });
});

test('a NUL in the text of a sender that ends its lines in LF ends no message', () => {
  expect(texts('<13>a\n<13>b\0c\n<13>d\0<13>e\n')).toEqual(['<13>a', '<13>b\0c', '<13>d', '<13>e']);
  expect(texts('<13>a\n<13>b\0')).toEqual(['<13>a', '<13>b']);
});

test('what the end of the stream cuts off is handed over and says so', () => {
  expect(frame([Buffer.from('<13>a\n<13>b')]).frames).toEqual([{ text: '<13>a' }, { text: '<13>b', cut: true }]);
  expect(frame([Buffer.from('20 <13>a')]).frames).toEqual([{ text: '<13>a', totalBytes: 20, cut: true }]);
  expect(frame([Buffer.from('12')]).frames).toEqual([{ text: '12', cut: true }]);
});

const priority = fc.constantFrom('<13>', '<34>1 ', '<>', '<999>', '', '7 ', 'x');
const piece = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '<', '>', '1', ' ', '\n', '\r', '\0', '7', 'é'), maxLength: 30 }),
  fc
    .tuple(priority, fc.string({ unit: fc.constantFrom('a', '\n', ' ', '<', '2'), maxLength: 24 }))
    .map(([p, t]) => `${p}${t}\n`),
  fc
    .tuple(priority, fc.string({ unit: fc.constantFrom('a', '\n', ' ', '<', '1', '>'), maxLength: 24 }))
    .map(([p, t]) => `${(p + t).length} ${p}${t}`),
  fc
    .tuple(fc.nat(40), fc.string({ unit: fc.constantFrom('a', '\n', '<1>'), maxLength: 24 }))
    .map(([n, t]) => `${n} <13>${t}`),
);
const stream = fc.array(piece, { maxLength: 8 }).map((pieces) => Buffer.from(pieces.join('')));

// Goal: reads may end anywhere. Method: streams of right and wrong framings, cut once at every place and into single bytes, give
// the frames of the uncut stream.
test('any split of the reads gives the same frames', () => {
  fc.assert(
    fc.property(stream, fc.constantFrom(8, 17, 64), (bytes, messageBytesMax) => {
      const whole = frame([bytes], messageBytesMax);
      for (let cut = 1; cut < bytes.length; cut++)
        expect(frame([bytes.subarray(0, cut), bytes.subarray(cut)], messageBytesMax)).toEqual(whole);
      expect(
        frame(
          Array.from(bytes, (byte) => Buffer.from([byte])),
          messageBytesMax,
        ),
      ).toEqual(whole);
    }),
    {
      numRuns: 400,
      // A NUL behind the place where the rest of a wrong count ends must not be waited for.
      examples: [[Buffer.from('1 <13>\n1 <13>0 <13>\0'), 8]],
    },
  );
});

// Goal: nothing is lost and nothing is made up. Method: the frames put together again are the stream without its framing: each is
// found in the stream after the one before it, and between them lie only delimiters and counts.
test('what lies between the frames is framing and nothing else', () => {
  fc.assert(
    fc.property(stream, (bytes) => {
      const { frames, fault } = frame([bytes]);
      if (fault !== undefined) return;
      let rest = bytes.toString('latin1');
      for (const { text } of frames) {
        const framing = /^(?:[\r\n\0]|[1-9]\d{0,9} (?=<))*/.exec(rest)![0];
        let at = rest.indexOf(text);
        expect(at).toBeLessThanOrEqual(framing.length);
        at = Math.max(at, 0);
        rest = rest.slice(at + text.length);
      }
      expect(rest).toMatch(/^(?:[\r\n\0]|[1-9]\d{0,9} (?=<))*$/);
    }),
    { numRuns: 2_000 },
  );
});

test('a megabyte in single bytes takes linear time', () => {
  let frames = 0;
  const framer = new SyslogFramer({ messageBytesMax: 1 << 20, onFrame: () => frames++ });
  const byte = Buffer.from('x');
  const startedMs = performance.now();
  for (let i = 0; i < 1 << 20; i++) framer.push(byte);
  framer.push(Buffer.from('\n'));

  expect(frames).toBe(1);
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});
