import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TokenFile } from '../../relay/admin/tokens.ts';
import { systemClock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const clock = { ...systemClock, nowMs: () => Date.UTC(2030, 0, 2) };
const open = (folder: string) => new TokenFile(join(folder, 'data', 'tokens.json'), { clock, random: systemRandom });

test('a token lets in whom it was made for', () => {
  using folder = temporaryFolder();
  const tokens = open(folder.path);

  const { token, entry } = tokens.add('runners', 'viewer');

  expect(token).toMatch(/^spw_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
  expect(entry).toMatchObject({ name: 'runners', role: 'viewer', created_at: '2030-01-02T00:00:00.000Z' });
  expect(tokens.authenticate(token)).toEqual(entry);
});

test('the file holds no token, only its hash, and only its owner may read it', () => {
  using folder = temporaryFolder();
  const { token } = open(folder.path).add('runners', 'viewer');
  const file = join(folder.path, 'data', 'tokens.json');

  const text = readFileSync(file, 'utf8');

  expect(text).not.toContain(token.slice(21));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder.path, 'data')).mode & 0o777).toBe(0o700);
  expect(readdirSync(join(folder.path, 'data'))).toEqual(['tokens.json']);
});

test('a token that is nearly right lets nobody in', () => {
  using folder = temporaryFolder();
  const tokens = open(folder.path);
  const { token } = tokens.add('runners', 'viewer');
  tokens.add('other', 'admin');

  const position = fc.integer({ min: 0, max: token.length - 1 });
  fc.assert(
    fc.property(position, fc.constantFrom('0', 'a', 'Z', '-', '', 'aa', '\0'), (at, replacement) => {
      const forged = token.slice(0, at) + replacement + token.slice(at + 1);
      expect(tokens.authenticate(forged) === undefined).toBe(forged !== token);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => tokens.authenticate(text) === undefined));
});

test('one relay sees at once what another process changed', () => {
  using folder = temporaryFolder();
  const relay = open(folder.path);
  const command = open(folder.path);
  expect(relay.list()).toEqual([]);

  const { token, entry } = command.add('ops', 'operator');
  expect(relay.authenticate(token)).toEqual(entry);

  expect(command.remove('ops')).toBe(true);
  expect(relay.authenticate(token)).toBeUndefined();
});

test('removing what is not there says so and changes nothing', () => {
  using folder = temporaryFolder();
  const tokens = open(folder.path);
  tokens.add('ops', 'operator');

  expect(tokens.remove('opps')).toBe(false);
  expect(tokens.list()).toHaveLength(1);
});

test('a name is taken once, and has no odd characters', () => {
  using folder = temporaryFolder();
  const tokens = open(folder.path);
  tokens.add('ops', 'operator');

  for (const name of ['ops', '', '../x', 'a b', '-x', 'a'.repeat(64), 'é'])
    expect(() => tokens.add(name, 'viewer'), name).toThrow(expect.objectContaining({ code: 'USAGE' }));
  expect(tokens.list()).toHaveLength(1);
  expect(readdirSync(join(folder.path, 'data'))).toEqual(['tokens.json']);
});

test('two who change the list at once do not lose a change: the second is told', () => {
  using folder = temporaryFolder();
  const tokens = open(folder.path);
  tokens.add('one', 'viewer');
  writeFileSync(join(folder.path, 'data', 'tokens.json.new'), '');

  expect(() => tokens.add('two', 'viewer')).toThrow(/being changed by another command/);
  expect(tokens.list()).toHaveLength(1);
});

test.each(['', '{', '{"tokens":1}', '{"tokens":[{"id":"x"}]}', '[]'])(
  'a damaged file %j lets nobody in, and is not written over',
  (text) => {
    using folder = temporaryFolder();
    const { token } = open(folder.path).add('ops', 'operator');
    const file = join(folder.path, 'data', 'tokens.json');
    writeFileSync(file, text);
    chmodSync(file, 0o600);
    const tokens = open(folder.path);

    expect(() => tokens.authenticate(token)).toThrow(expect.objectContaining({ code: 'CONFIG_UNREADABLE' }));
    expect(() => tokens.add('more', 'viewer')).toThrow(expect.objectContaining({ code: 'CONFIG_UNREADABLE' }));
    expect(readFileSync(file, 'utf8')).toBe(text);
  },
);
