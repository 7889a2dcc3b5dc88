/** `npm run fuzz:harbor -- --lines N --seed N`: mutates lines of Harbor's audit log and looks for bytes that are lost. */
import { parseArgs } from 'node:util';
import { fuzzHarbor } from './harbor-fuzz.ts';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
  },
});
const startedMs = Date.now();
const outcome = fuzzHarbor({
  lines: Number(values.lines),
  seed: Number(values.seed),
  onProgress: (done) => {
    if (done % 100_000 === 0) console.log(`${done} lines, ${Math.round((Date.now() - startedMs) / 1_000)} s`);
  },
});
console.log({ ...outcome, seed: Number(values.seed) });
