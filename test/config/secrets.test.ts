import { expect, test } from 'vitest';
import { configOf, oneInput, problemsOf } from '../support/config.ts';

const named = (name: string): string => `${oneInput}name: ${name}\n`;

test.each([
  { written: '${SITE}', environment: { SITE: 'east' }, name: 'east' },
  { written: 'relay-${SITE}-${NUMBER}', environment: { SITE: 'east', NUMBER: '2' }, name: 'relay-east-2' },
  { written: '${SITE:-west}', environment: {}, name: 'west' },
  { written: '${SITE:-west}', environment: { SITE: '' }, name: 'west' },
  { written: '${SITE:-west}', environment: { SITE: 'east' }, name: 'east' },
  { written: '"${SITE}"', environment: { SITE: 'east' }, name: 'east' },
])('$written becomes $name', ({ written, environment, name }) => {
  expect(configOf(named(written), environment).name).toBe(name);
});

test('$${ stands for the characters themselves', () => {
  const { endpoints } = configOf(`${oneInput}endpoints: { f: { type: file, path: '/a/$\${b}$c' } }`, { b: 'no' });

  expect(endpoints[0]?.options).toEqual({ path: '/a/${b}$c' });
});

test('what a variable gives is text: it adds no keys', () => {
  const password = 'x, verify: false }\n  more: {';
  const { endpoints } = configOf(
    `${oneInput}endpoints: { s: { type: logstash, url: 'tcp://a:1', password: "\${P}" } }`,
    { P: password },
  );

  expect(endpoints[0]?.options).toMatchObject({ password });
});

test('digits stay text where the option takes text, and become a number where it takes a number', () => {
  const config = configOf(
    `
inputs: { e: { type: syslog, listen: 'tcp://a:1', line_bytes_max: '\${N}', keep_original: '\${B}' } }
endpoints: { s: { type: logstash, url: 'tcp://a:1', password: '\${N}' } }
journal: { max_bytes: '\${S}' }
store: \${B}
`,
    { N: '1000', B: 'true', S: '2MiB' },
  );

  expect(config.inputs[0]?.options).toMatchObject({ line_bytes_max: 1_000, keep_original: true });
  expect(config.endpoints[0]?.options).toMatchObject({ password: '1000' });
  expect(config.journal.max_bytes).toBe(2 * 1024 ** 2);
  expect(config.store).toBe(true);
});

test('a variable that is not set is found at its own column, the second in a text too', () => {
  expect(problemsOf(named('${A}-${B}'), { A: 'a' })).toEqual([
    'config.yaml:2:12: name: the environment variable B is not set — set it, or write "${B:-default}"',
  ]);
});

test('names of JavaScript’s own objects are no variables', () => {
  expect(problemsOf(named('${constructor}'))).toHaveLength(1);
});

test('what a variable gave is shown in no problem', () => {
  const problems = problemsOf(
    `${oneInput}endpoints: { s: { type: logstash, url: '\${U}' } }\nadmin: { listen: '\${S}' }\n`,
    { U: 'hunter2-url', S: 'hunter2-$&' },
  );

  expect(problems).toHaveLength(2);
  expect(problems.join('\n')).not.toContain('hunter2');
  expect(problems.join('\n')).toContain('"${U}" will not do');
});

test('the password in a URL is shown in no problem', () => {
  const [problem] = problemsOf(`${oneInput}admin: { listen: 'http://root:hunter2@host:1' }\n`);

  expect(problem).toContain('"http://…@host:1" is not host:port');
});
