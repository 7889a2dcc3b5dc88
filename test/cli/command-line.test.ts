import { expect, test } from 'vitest';
import { defineCommand, jsonOption, wholeNumber } from '../../relay/cli/command.ts';
import { RelayError } from '../../relay/errors.ts';
import { CliHarness } from '../support/cli-harness.ts';

const greet = defineCommand({
  name: 'greet',
  summary: 'Greets.',
  operands: 'NAME...',
  notes: ['A longer word about greeting.'],
  examples: ['greet --loud you'],
  options: {
    ...jsonOption,
    loud: { type: 'boolean', short: 'l', description: 'Greets loudly.' },
    times: { type: 'string', value: 'N', description: 'How often.' },
  },
  async run({ options, operands }, { stdout }) {
    stdout.write(JSON.stringify({ ...options, operands }));
    return 0;
  },
});

const failing = defineCommand({
  name: 'fail',
  summary: 'Fails.',
  notes: [],
  examples: [],
  options: { how: { type: 'string', description: 'How.' } },
  async run({ options }) {
    if (options.how === 'mistake') throw new TypeError('x is not a function');
    if (options.how === 'config') throw new RelayError('CONFIG_INVALID', 'config.yaml:1:1: no\nconfig.yaml:2:1: no');
    if (options.how === 'usage') throw new RelayError('USAGE', 'not like that');
    throw new RelayError('ADMIN_UNREACHABLE', 'nobody answers \u001b[2J', { cause: new Error('refused') });
  },
});

const run = async (...words: string[]) => {
  const cli = new CliHarness('/');
  const exitCode = await cli.run([greet, failing], ...words);
  return { exitCode, stdout: cli.stdout, stderr: cli.stderr };
};

test('options and operands reach the command', async () => {
  expect(await run('greet', 'a', '-l', '--times', '3', '--json', '--', '--b')).toEqual({
    exitCode: 0,
    stdout: '{"loud":true,"times":"3","json":true,"operands":["a","--b"]}',
    stderr: '',
  });
});

test.each([[['--help']], [['-h']], [['help']]])('%s lists the commands', async (words) => {
  const { exitCode, stdout } = await run(...words);

  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^ {2}greet {2}Greets\.$/m);
});

test.each([[['greet', '--help']], [['greet', '-h']], [['help', 'greet']], [['greet', 'x', '--json', '-h']]])(
  '%s explains the command, and does not run it',
  async (words) => {
    const { exitCode, stdout } = await run(...words);

    expect(exitCode).toBe(0);
    expect(stdout).toContain('Usage: spillway greet [OPTIONS] NAME...');
    expect(stdout).toMatch(/^ {2}-l, --loud {2}Greets loudly\.$/m);
    expect(stdout).toMatch(/^ {2}--times N {3}How often\.$/m);
    expect(stdout).toContain('  spillway greet --loud you\n');
  },
);

test.each([[['--version']], [['-V']]])('%s prints the version', async (words) => {
  expect(await run(...words)).toEqual({ exitCode: 0, stdout: '1.2.3\n', stderr: '' });
});

test.each([
  { words: [], stderr: /^spillway relays/ },
  { words: ['gret'], stderr: /^spillway: there is no command "gret" — did you mean "greet"\?\n$/ },
  { words: ['xyz'], stderr: /the commands are greet, fail/ },
  { words: ['help', 'xyz'], stderr: /there is no command "xyz"/ },
  { words: ['--json', 'greet'], stderr: /the first word must be a command, not "--json"/ },
  { words: ['greet', '--lod'], stderr: /^spillway: greet: there is no option --lod — did you mean "--loud"\?; see/ },
  { words: ['greet', '--times'], stderr: /--times.* argument missing/ },
  { words: ['greet', '--loud=yes'], stderr: /--loud' does not take an argument/ },
  { words: ['fail', 'now'], stderr: /fail: it takes no "now"/ },
  { words: ['fail', '--how', 'usage'], stderr: /^spillway: not like that\n$/ },
])('$words is a wrong command line: 2', async ({ words, stderr }) => {
  const result = await run(...words);

  expect(result).toMatchObject({ exitCode: 2, stdout: '' });
  expect(result.stderr).toMatch(stderr);
});

test('a failure is told in one line with its causes, and its control characters do not reach the terminal', async () => {
  expect(await run('fail')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'spillway: nobody answers \\x1b[2J: refused\n',
  });
});

test('the problems of a config begin their lines, for editors to jump to', async () => {
  expect(await run('fail', '--how', 'config')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'config.yaml:1:1: no\nconfig.yaml:2:1: no\n',
  });
});

test('a mistake in the program shows its stack', async () => {
  const { exitCode, stderr } = await run('fail', '--how', 'mistake');

  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/please report it\nTypeError: x is not a function\n +at /);
});

test('a whole number is taken within its limits, and nothing else is', () => {
  const limits = { fallback: 5, least: 1, most: 10 };

  expect([undefined, '1', '10'].map((text) => wholeNumber('n', text, limits))).toEqual([5, 1, 10]);
  for (const text of ['0', '11', '', '1e1', '-1', '0x1', ' 1', '9'.repeat(20)])
    expect(() => wholeNumber('n', text, limits), text).toThrow(expect.objectContaining({ code: 'USAGE' }));
});
