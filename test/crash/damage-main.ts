/** `npm run test:damage`: flips a bit in, zeroes and cuts every page of a journal, and its write-ahead log, one at a time. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { damagedCopy, sample } from '../support/damage.ts';

let tried = 0;
let failed = 0;
for (const file of ['journal.db', 'journal.db-wal'] as const) {
  using original = sample({ leaveWal: file === 'journal.db-wal' });
  const pages = Math.floor(statSync(join(original.path, file)).size / (file === 'journal.db' ? 8_192 : 8_216));
  for (const how of ['flip', 'zero', 'cut'] as const) {
    // A log that is cut, or damaged in its last commits, is what a power cut leaves: SQLite goes back to what it is sure of.
    const last = file === 'journal.db' ? pages : how === 'cut' ? 0 : pages - 12;
    for (let page = 0; page < last; page++) {
      tried++;
      try {
        damagedCopy(original.path, { file, page, how });
      } catch (error) {
        failed++;
        console.error(error);
      }
    }
  }
}
console.log(`${tried} damages, ${failed} of them not survived as they should be`);
process.exitCode = failed === 0 ? 0 : 1;
