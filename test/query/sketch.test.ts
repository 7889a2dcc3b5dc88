import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainRuns } from '../../relay/query/fold.ts';
import { mayHold, Sketcher, sketchQuestion } from '../../relay/query/sketch.ts';
import { someText } from '../support/query-oracle.ts';
import { recordLine } from '../support/search-bench.ts';

const sketcher = new Sketcher();
const sketchOf = (...messages: string[]) =>
  sketcher.sketch(Buffer.from(messages.map((message, i) => `${recordLine(i, { fields: { message } })}\n`).join('')));

test('a sketch never says no to what is there', () => {
  fc.assert(
    fc.property(fc.array(someText, { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat(), (messages, from, length) => {
      const sketch = sketchOf(...messages);
      for (const message of messages) {
        const start = from % (message.length + 1);
        for (const run of plainRuns(message.slice(start, start + 1 + (length % 8))))
          expect(mayHold(sketch, sketchQuestion(run)), run).toBe(true);
        const [whole] = plainRuns(message);
        if (whole?.length === message.length) expect(mayHold(sketch, sketchQuestion(`"${whole}"`))).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test('a sketch says no to most of what is not there', () => {
  const words = ['connection refused by peer', 'layer pushed', 'step completed', 'npm install resolved'];
  const sketch = sketchOf(...Array.from({ length: 500 }, (_, i) => `${words[i % 4]} ${(i * 7_919).toString(36)}`));
  const asked = Array.from(
    { length: 500 },
    (_, i) => `${'bcdfgklqvwxz'[i % 12]}${'qjxzvk'[i % 6]}${(i * 104_729).toString(36)}zq`,
  );

  const no = asked.filter((text) => !mayHold(sketch, sketchQuestion(text)));

  expect(no.length).toBeGreaterThan(490);
  expect(sketch.length, 'it stays small').toBeLessThanOrEqual(8_192);
});

test('a whole value is told from the same letters elsewhere', () => {
  const sketch = sketchOf('mary-jane-watson', 'janet', 'marjane');

  expect(mayHold(sketch, sketchQuestion('jane'))).toBe(true);
  expect(mayHold(sketch, sketchQuestion('"jane"'))).toBe(false);
  expect(mayHold(sketch, sketchQuestion('"janet"'))).toBe(true);
});

test('texts too short to say anything about may be anywhere', () => {
  expect(mayHold(sketchOf('x'), sketchQuestion('zz'))).toBe(true);
  expect(mayHold(sketchOf('x'), sketchQuestion(''))).toBe(true);
});
