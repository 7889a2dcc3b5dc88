import { expect, test } from 'vitest';
import { loadCommands } from '../../relay/cli/commands.ts';
import { CliHarness } from '../support/cli-harness.ts';

const commands = await loadCommands([]);

test('a command is loaded alone where it is named, and all are for the help', async () => {
  for (const { name } of commands)
    expect((await loadCommands([name, '--help'])).map((command) => command.name)).toEqual([name]);
  for (const word of ['help', '--help', 'statsu', 'toString'])
    expect(await loadCommands([word])).toHaveLength(commands.length);
  expect(await loadCommands(['--version'])).toEqual([]);
});

test('no two commands have one name', () => {
  expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length);
});

test.each(commands.map((command) => [command.name, command] as const))('%s explains itself', async (name, command) => {
  const cli = new CliHarness('/');

  expect(await cli.run(commands, name, '--help')).toBe(0);

  expect(command.summary, 'a sentence').toMatch(/^[A-Z].*\.$/);
  expect(command.summary.length, 'fits on a line').toBeLessThanOrEqual(100);
  for (const [option, { description, type, value }] of Object.entries(command.options)) {
    expect(description, `--${option} is described by a sentence`).toMatch(/^[A-Z].*\.$/);
    expect(value !== undefined, `--${option} shows what stands for its value`).toBe(type === 'string');
  }
  for (const example of command.examples) expect(example.split(' ')[0], 'an example of this command').toBe(name);
  expect(cli.stdout).toContain(`Usage: spillway ${name}`);
});
