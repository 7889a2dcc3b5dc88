import { expect, test } from 'vitest';
import { Datasets } from '../../relay/runtime/datasets.ts';

test('a change of `store` reaches datasets that inputs hold already', () => {
  const datasets = new Datasets({ 'harbor.audit': false }, (name) => name);
  const audit = datasets.of('harbor.audit');
  const syslog = datasets.of('syslog');
  expect([audit.stored, syslog.stored]).toEqual([false, true]);

  datasets.configure({ syslog: false });

  expect([audit.stored, syslog.stored]).toEqual([true, false]);
  expect(datasets.of('harbor.audit')).toBe(audit);
});

test('a dataset whose name has changed is another one', () => {
  let suffix = '';
  const datasets = new Datasets(true, (name) => name + suffix);
  const before = datasets.of('a');
  suffix = '-masked';

  expect(before.name).toBe('a');
  expect(datasets.of('a').name).toBe('a-masked');
});

test('names without end do not fill the memory', () => {
  const datasets = new Datasets(true, (name) => name);
  for (let i = 0; i < 20_000; i++) datasets.of(`d${i}`);
  const last = datasets.of('d19999');
  datasets.configure(false);

  expect(last.stored).toBe(true);
  expect(datasets.of('d19999').stored).toBe(false);
});
