import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OVERLAP_MS_MAX, type TokenEntry, TokenFile } from '../../relay/admin/tokens.ts';
import { systemClock } from '../../relay/io/clock.ts';
import { systemRandom } from '../../relay/io/random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const clock = { ...systemClock, nowMs: () => Date.UTC(2030, 0, 2) };
const holderOf = ({ id, name, role, sha256 }: TokenEntry) => ({ id, name, role, sha256 });
const open = (folder: string) => new TokenFile(join(folder, 'data', 'tokens.json'), { clock, random: systemRandom });

test('a token lets in whom it was made for', () => {
  using folder = temporaryFolder();
  const tokens = open(folder.path);

  const { token, entry } = tokens.add('runners', 'viewer');

  expect(token).toMatch(/^spw_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
  expect(entry).toMatchObject({ name: 'runners', role: 'viewer', created_at: '2030-01-02T00:00:00.000Z' });
  expect(tokens.authenticate(token)).toEqual(holderOf(entry));
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
  expect(relay.authenticate(token)).toEqual(holderOf(entry));

  expect(command.remove('ops')).toBe(true);
  expect(relay.authenticate(token)).toBeUndefined();
});

// Goal: at no moment is a secret taken that should not be, nor refused that should be. Method: any rotations with any overlaps and any
// waits between them, compared with the obvious: the latest is taken, the one before it until its time, all others never.
test.each(['token', 'password'] as const)(
  'after rotations a %s is the latest, and for a time the one before',
  (kind) => {
    const hourMs = 3_600_000;
    const step = fc.record({ overlapH: fc.integer({ min: 0, max: 48 }), waitH: fc.integer({ min: 0, max: 60 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 4 }), (steps) => {
        using folder = temporaryFolder();
        let nowMs = Date.UTC(2030, 0, 2);
        const movable = { ...systemClock, nowMs: () => nowMs };
        const tokens = new TokenFile(join(folder.path, 'tokens.json'), { clock: movable, random: systemRandom });
        const enters = (secret: string) => tokens.signIn('jane', secret) !== undefined;
        const secrets = [tokens.add('jane', 'operator', kind).token];
        for (const { overlapH, waitH } of steps) {
          secrets.push(tokens.rotate('jane', overlapH * hourMs)!.token);
          nowMs += waitH * hourMs;
          const taken = secrets.map(enters);
          expect(taken).toEqual(
            secrets.map((_, i) => i === secrets.length - 1 || (i === secrets.length - 2 && waitH < overlapH)),
          );
        }
        expect(tokens.list()).toMatchObject([{ name: 'jane', role: 'operator', kind }]);
        expect(readFileSync(join(folder.path, 'tokens.json'), 'utf8')).not.toContain(secrets.at(-1)!);
      }),
      { numRuns: 15 },
    );
  },
);

test('rotating what is not there makes nothing, and no overlap lasts longer than it may', () => {
  using folder = temporaryFolder();
  const tokens = open(folder.path);
  tokens.add('ops', 'operator');

  expect(tokens.rotate('opps', 0)).toBeUndefined();
  expect(tokens.rotate('ops', OVERLAP_MS_MAX * 9)?.entry.former?.until).toBe('2030-02-01T00:00:00.000Z');
  expect(tokens.list()).toHaveLength(1);
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
