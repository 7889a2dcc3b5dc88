import { expect, test } from 'vitest';
import { kindOf } from '../../relay/keeper/names.ts';

const guid = '1B4E28BA-2fa1-11d2-883f-0016d3cca427';

test.each([
  { name: `${guid}_${guid}_1.log`, kind: 'page' },
  { name: `${guid}_${guid}_120.log`, kind: 'page' },
  { name: 'Worker_20261122-080910-utc.log', kind: 'worker_log' },
])('$name is one of the runner’s', ({ name, kind }) => {
  expect(kindOf(name)).toBe(kind);
});

test.each([
  '',
  '.',
  '..',
  'pages',
  `${guid}_${guid}_0.log`,
  `${guid}_${guid}_1.log.tmp`,
  `${guid}_${guid}_1234567890.log`,
  `../${guid}_${guid}_1.log`,
  `${guid}_${guid}_1.log\n`,
  `\n${guid}_${guid}_1.log`,
  `${guid}/${guid}_1.log`,
  `${guid}_${guid}\0_1.log`,
  `${guid}_1.log`,
  'Runner_20261122-080910-utc.log',
  'Worker_20261122-080910-utc.log/..',
  'Worker_2026-utc.log',
])('%j is not', (name) => {
  expect(kindOf(name)).toBeUndefined();
});
