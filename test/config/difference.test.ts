import { expect, test } from 'vitest';
import { configDifference } from '../../relay/config/difference.ts';
import { configOf, oneInput } from '../support/config.ts';

const before = `${oneInput}
endpoints:
  files: { type: file, path: a.ndjson }
  siem: { type: logstash, url: 'tcp://a:1' }
`;

const difference = (after: string) => configDifference(configOf(before), configOf(after));

test('a config written differently but meaning the same is no change', () => {
  expect(difference(`# a comment\n${before}journal: { max_bytes: 20480MiB }\nname: spillway\n`)).toEqual([]);
});

test('an endpoint may be added, removed and changed live; what changed in it is named', () => {
  expect(
    difference(`${oneInput}
endpoints:
  siem: { type: logstash, url: 'tcp://b:1', paused: true }
  other: { type: file, path: a.ndjson }
`),
  ).toEqual([
    { part: 'endpoint', name: 'files', change: 'removed', options: [], takesEffect: 'live' },
    { part: 'endpoint', name: 'siem', change: 'changed', options: ['url', 'paused'], takesEffect: 'live' },
    { part: 'endpoint', name: 'other', change: 'added', options: [], takesEffect: 'live' },
  ]);
});

test('an endpoint that changes its type says so', () => {
  expect(difference(before.replace("type: logstash, url: 'tcp://a:1'", 'type: file, path: b'))).toEqual([
    expect.objectContaining({ name: 'siem', change: 'changed', options: ['type', 'url', 'path'] }),
  ]);
});

test('an input that changes is one change', () => {
  expect(difference(before.replace('5514', '5515'))).toEqual([
    { part: 'input', name: 'edge', change: 'changed', options: ['listen'], takesEffect: 'live' },
  ]);
});

test.each([
  { text: 'journal: { max_bytes: 1GiB }', name: 'journal.max_bytes', takesEffect: 'live' },
  { text: 'journal: { when_full: drop_oldest }', name: 'journal.when_full', takesEffect: 'live' },
  { text: 'log: { level: debug }', name: 'log.level', takesEffect: 'live' },
  { text: 'journal: { sync: normal }', name: 'journal.sync', takesEffect: 'restart' },
  { text: 'data_dir: /elsewhere', name: 'data_dir', takesEffect: 'restart' },
  { text: 'store: false', name: 'store', takesEffect: 'live' },
  { text: "admin: { listen: '127.0.0.1:1' }", name: 'admin.listen', takesEffect: 'restart' },
])('$text takes effect: $takesEffect', ({ text, name, takesEffect }) => {
  expect(difference(`${before}${text}\n`)).toEqual([
    { part: 'setting', name, change: 'changed', options: [], takesEffect },
  ]);
});
