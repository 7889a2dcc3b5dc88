import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runEdge } from '../support/lua.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const timeline = '1b4e28ba-2fa1-11d2-883f-0016d3cca427';
const record = '0a4e28ba-2fa1-11d2-883f-0016d3cca427';
const page = `/spillway/kept/${timeline}_${record}_12.log`;
const stamp = '2026-11-22T07:00:00.1234567Z ';
const masking = { SPILLWAY_MASK: 'on' };

function edge(text: string, environment: Readonly<Record<string, string>> = masking, file = page): string {
  const [answer] = runEdge([{ file, log: Buffer.from(text) }], environment);
  return answer!.log.toString();
}

test('a page’s identity is taken from its path, and the runner’s from the environment', () => {
  const [answer] = runEdge([{ file: page.toUpperCase().replace('.LOG', '.log'), log: Buffer.from('x') }], {
    SPILLWAY_POD_NAME: 'linux-abc-runner-x2x',
    SPILLWAY_NODE_NAME: 'node-7',
    SPILLWAY_NAMESPACE: 'arc-runners',
    SPILLWAY_SCALE_SET: 'linux',
  });

  expect(answer).toEqual({
    code: 2,
    log: Buffer.from('x'),
    fields: {
      'github.page.timeline': timeline,
      'github.page.record': record,
      'github.page.number': '12',
      'github.runner.name': 'linux-abc-runner-x2x',
      'github.runner.pod': 'linux-abc-runner-x2x',
      'github.runner.node': 'node-7',
      'github.runner.namespace': 'arc-runners',
      'github.runner.scale_set': 'linux',
      'host.name': 'node-7',
      offset: '7',
    },
  });
});

test('a runner’s and a host’s own names come first', () => {
  const [answer] = runEdge([{ file: 'x', log: Buffer.from('x') }], {
    SPILLWAY_RUNNER_NAME: 'vm-runner-1',
    SPILLWAY_POD_NAME: 'pod',
    SPILLWAY_HOST_NAME: 'vm',
    SPILLWAY_NODE_NAME: 'node',
  });

  expect(answer?.fields).toMatchObject({ 'github.runner.name': 'vm-runner-1', 'host.name': 'vm' });
});

test.each([
  '/var/log/syslog',
  `/kept/${timeline}_1.log`,
  `/kept/${timeline}_${record}_0.log`,
  `/kept/x${timeline}_${record}_1.log`,
  '',
])('a file that is no page passes as it came: %j', (file) => {
  expect(runEdge([{ file, log: Buffer.from('x') }])).toEqual([
    { code: 0, log: Buffer.from('x'), fields: { offset: '7' } },
  ]);
});

test('what other filters have set stays', () => {
  const [answer] = runEdge([{ file: page, log: Buffer.from('x'), mode: 'taken' }], {
    SPILLWAY_RUNNER_NAME: 'r',
    SPILLWAY_HOST_NAME: 'h',
  });

  expect(answer?.fields).toMatchObject({
    'github.runner': 'of another filter',
    host: 'a text',
    'github.page.number': '12',
  });
});

test('a record that is odd passes, and one that fails leaves the next ones alone', () => {
  const records = (['odd', 'error'] as const).map((mode) => ({ file: page, log: Buffer.from('x'), mode }));

  const answers = runEdge([...records, { file: page, log: Buffer.from('fine') }], masking);

  expect(answers.map(({ code }) => code)).toEqual([0, undefined, 2]);
  expect(answers[2]?.log.toString()).toBe('fine');
});

// Goal: masking or not, no byte of a line that holds no secret is changed, whatever the bytes are.
test.each([{}, masking])('no byte of a line changes: %j', (environment) => {
  const lines = fc.sample(fc.uint8Array({ maxLength: 300 }), 300).map((bytes) => Buffer.from(bytes));
  lines.push(
    Buffer.from('\ufeffwith a mark\r'),
    Buffer.from([0, 255, 254, 0x2d, 0]),
    Buffer.alloc(0),
    Buffer.alloc(8 * 2 ** 20, 'long \xff'),
  );

  const answers = runEdge(
    lines.map((log) => ({ file: page, log })),
    environment,
  );

  for (const [index, log] of lines.entries()) expect(answers[index]?.log.equals(log), `line ${index}`).toBe(true);
});

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789'.repeat(3);
const jwt = `eyJ${letters.slice(0, 20)}.eyJ${letters.slice(0, 30)}.${letters.slice(0, 40)}`;

test.each([
  { kind: 'a personal token', secret: `ghp_${letters.slice(0, 36)}` },
  { kind: 'an installation token', secret: `ghs_${letters.slice(0, 36)}` },
  { kind: 'an installation token that is a JWT', secret: `ghs_${jwt}` },
  { kind: 'a fine-grained token', secret: `github_pat_${letters.slice(0, 22)}_${letters.slice(0, 59)}` },
  { kind: 'an Amazon key id', secret: 'AKIAIOSFODNN7EXAMPLE' },
  { kind: 'a Google key', secret: `AIza${letters.slice(0, 35)}` },
  { kind: 'a GitLab token', secret: `glpat-${letters.slice(0, 20)}` },
  { kind: 'a Slack token', secret: `xoxb-123456789012-${letters.slice(0, 24)}` },
  { kind: 'an npm token', secret: `npm_${letters.slice(0, 36)}` },
  { kind: 'a Vault token', secret: `hvs.${letters.slice(0, 90)}` },
  { kind: 'a JWT', secret: jwt },
])('$kind is masked wherever it stands', ({ secret }) => {
  expect(edge(secret)).toBe('***');
  expect(edge(`${stamp}token=${secret}, and again "${secret}" end`)).toBe(`${stamp}token=***, and again "***" end`);
});

test.each([
  { line: `AccountKey=${letters.slice(0, 86)}==;x`, masked: 'AccountKey=***;x' },
  { line: `aws_secret_access_key = ${letters.slice(0, 40)}`, masked: 'aws_secret_access_key = ***' },
  { line: `export AWS_SECRET_ACCESS_KEY="${letters.slice(0, 40)}"`, masked: 'export AWS_SECRET_ACCESS_KEY="***"' },
  { line: 'git clone https://bob:hunter2@ghes.corp/x.git', masked: 'git clone https://bob:***@ghes.corp/x.git' },
  { line: 'https://x-access-token:v1.abc@h and ftp://a:b@c', masked: 'https://x-access-token:***@h and ftp://a:***@c' },
  { line: '> Authorization: Bearer abcdefghijkl', masked: '> Authorization: Bearer ***' },
  { line: '"authorization": "Basic dXNlcjpwYXNz"', masked: '"authorization": "Basic ***"' },
])('of $line only the secret is masked', ({ line, masked }) => {
  expect(edge(line)).toBe(masked);
});

test.each([
  'ghp_tooshort',
  'the ghp_ prefix, sig= and eyJ alone',
  'http://host:8080/path and mail@example.com',
  'eyJhbGciOiJIUzI1NiJ9 is no token, and ./eyJ.eyJ neither',
  'AKIAshort',
  '-----BEGIN CERTIFICATE-----',
  'Authorization: none',
])('what only looks like a secret stays: %j', (line) => {
  expect(edge(line)).toBe(line);
});

test('a private key is masked from its first line to its last, the stamps stay', () => {
  const lines = [
    `${stamp}before`,
    `${stamp}key: -----BEGIN RSA PRIVATE KEY-----`,
    `${stamp}MIIEpAIBAAKCAQEA`,
    'c29tZXRoaW5nIGVsc2U=',
    `${stamp}-----END RSA PRIVATE KEY----- after`,
    `${stamp}after`,
    `-----BEGIN OPENSSH PRIVATE KEY-----\\nb3Bl\\n-----END OPENSSH PRIVATE KEY-----|`,
    'MIIEpAIBAAKCAQEA',
  ];

  const answers = runEdge(
    lines.map((line) => ({ file: page, log: Buffer.from(line) })),
    masking,
  );

  expect(answers.map(({ log }) => log.toString())).toEqual([
    `${stamp}before`,
    `${stamp}key: ***`,
    `${stamp}***`,
    '***',
    `${stamp}*** after`,
    `${stamp}after`,
    '***|',
    'MIIEpAIBAAKCAQEA',
  ]);
});

test('a private key in one file masks nothing in another, and one without an end masks no more than 200 lines', () => {
  const other = page.replace('_12', '_13');
  const begin = { file: page, log: Buffer.from('-----BEGIN PRIVATE KEY-----') };
  const rest = Array.from({ length: 201 }, () => ({ file: page, log: Buffer.from('line') }));

  const answers = runEdge([begin, { file: other, log: Buffer.from('other') }, ...rest], masking);

  expect(answers[1]?.log.toString()).toBe('other');
  expect(answers[201]?.log.toString()).toBe('***');
  expect(answers[202]?.log.toString()).toBe('line');
});

test('literals come from a file and from variables; short ones are left out', () => {
  using folder = temporaryFolder();
  const file = join(folder.path, 'literals');
  writeFileSync(file, 'correct horse\r\nab\n\n100%+[x].*\n');
  const environment = {
    ...masking,
    SPILLWAY_MASK_FILE: file,
    SPILLWAY_MASK_VARIABLES: 'DEPLOY_PASSWORD, NOT_SET',
    DEPLOY_PASSWORD: 'pässwörd\nsecond line',
  };

  expect(edge('a correct horse, ab, 100%+[x].*, pässwörd, second line, correct', environment)).toBe(
    'a ***, ab, ***, ***, ***, correct',
  );
});

test('secrets that overlap become one mask', () => {
  const token = `ghp_${letters.slice(0, 36)}`;

  expect(edge(`https://u:${token}@h`, { ...masking, SPILLWAY_MASK_VARIABLES: 'A', A: token.slice(10) })).toBe(
    'https://u:***@h',
  );
});

test('of a masked line its length is told, so that the relay does not take the difference for a gap', () => {
  const line = `a ghp_${letters.slice(0, 36)} é`;
  const worker = '/kept/Worker_20261122-080910-utc.log';

  const answers = runEdge(
    [page, worker, '/var/log/app.log'].map((file) => ({ file, log: Buffer.from(line) })),
    masking,
  );

  expect(answers.map(({ fields }) => fields['github.line.bytes'])).toEqual(['45', '45', undefined]);
  expect(answers.map(({ fields }) => fields['github.page.number'])).toEqual(['12', undefined, undefined]);
});

test('of a last line that the keeper handed over it is told that nothing ended it', () => {
  const [unended, whole] = runEdge([
    { file: page.replace('/kept/', '/kept/unended/'), log: Buffer.from('cut') },
    { file: page, log: Buffer.from('whole') },
  ]);

  expect(unended?.fields).toMatchObject({ 'github.line.ending': 'none', 'github.page.number': '12' });
  expect(whole?.fields).not.toHaveProperty('github.line.ending');
});

test('without SPILLWAY_MASK=on nothing is masked', () => {
  const line = `ghp_${letters.slice(0, 36)}`;

  expect(edge(line, {})).toBe(line);
});

test('a literal file that cannot be read stops Fluent Bit at its start: a secret must not go out because a file is missing', () => {
  expect(() => edge('x', { ...masking, SPILLWAY_MASK_FILE: '/nowhere' })).toThrow(/SPILLWAY_MASK_FILE cannot be read/);
});

// Goal: no line, however it is made, takes more than linear time. Method: lines of 1 MiB made of what the rules look for.
test('lines made to be slow are not', () => {
  const repeat = (text: string): Buffer => Buffer.from(text.repeat(Math.ceil(2 ** 20 / text.length)));
  const evil = [
    'eyJ',
    'eyJa.eyJa.',
    'ghp_',
    '://',
    '://a:',
    '://a:b',
    'uthorization: Bearer ',
    '-----BEGIN ',
    'AccountKey=',
    '-----BEGIN PRIVATE KEY-----',
  ];
  const startedMs = performance.now();

  const answers = runEdge(
    evil.map((text) => ({ file: text, log: repeat(text) })),
    masking,
  );

  expect(answers).toHaveLength(evil.length);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});
