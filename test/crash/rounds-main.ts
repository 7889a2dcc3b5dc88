/** `npm run test:crash -- --rounds N`: kills the relay after an acknowledgement, N times, and looks for what is missing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crashRounds } from './rounds.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '1000' }, keep: { type: 'boolean' } } });
const folder = mkdtempSync(join(tmpdir(), 'spillway-crash-'));
const startedMs = Date.now();
const result = await crashRounds(folder, Number(values.rounds), (round) => {
  if (round % 50 === 0) console.log(`${round} rounds, ${((Date.now() - startedMs) / round).toFixed(0)} ms each`);
});
console.log({ ...result, missing: result.missing.slice(0, 20), seconds: Math.round((Date.now() - startedMs) / 1_000) });
const good =
  result.missing.length + result.repeatedIds + result.chainProblems.length + result.undelivered === 0 &&
  result.acknowledged > 0;
if (good && values.keep !== true) rmSync(folder, { recursive: true });
else console.log(`kept in ${folder}`);
process.exitCode = good ? 0 : 1;
