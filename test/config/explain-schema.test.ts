import { expect, test } from 'vitest';
import { z } from 'zod';
import { expectation, isSecret, optionAt, optionSchema } from '../../relay/config/explain-schema.ts';

test.each([
  { schema: z.int().min(1).max(5), words: 'a whole number from 1 to 5' },
  { schema: z.int().min(1), words: 'a whole number, at least 1' },
  { schema: z.int(), words: 'a whole number' },
  { schema: z.number().max(0.5), words: 'a number, at most 0.5' },
  { schema: z.boolean(), words: 'true or false' },
  { schema: z.enum(['a', 'b', 'c']), words: '"a", "b" or "c"' },
  { schema: z.literal('a'), words: '"a"' },
  { schema: z.string().optional(), words: 'a text' },
  { schema: z.url(), words: 'a URL' },
  { schema: z.array(z.string()), words: 'a list of texts' },
  { schema: z.union([z.boolean(), z.int(), z.boolean()]), words: 'true or false or a whole number' },
  { schema: z.record(z.string(), z.string()), words: 'names with their settings below it' },
  { schema: z.strictObject({ a: z.string() }), words: 'its settings below it' },
  { schema: z.string().meta({ expects: 'a size' }), words: 'a size' },
])('$words', ({ schema, words }) => {
  expect(expectation(optionSchema(schema))).toBe(words);
});

test('a path leads through names, lists and the alternative that was chosen by type', () => {
  const branch = (type: string, option: z.ZodType) => z.strictObject({ type: z.literal(type), option });
  const schema = optionSchema(
    z.record(z.string(), z.discriminatedUnion('type', [branch('a', z.int()), branch('b', z.array(z.boolean()))])),
  );
  const value = { one: { type: 'a' }, two: { type: 'b' } };
  const wordsAt = (...path: PropertyKey[]): string | undefined => {
    const option = optionAt(schema, path, value);
    return option && expectation(option);
  };

  expect(wordsAt('one', 'option')).toBe('a whole number');
  expect(wordsAt('two', 'option', 0)).toBe('true or false');
  expect(wordsAt('one', 'constructor')).toBeUndefined();
  expect(wordsAt('one', 'option', 'x')).toBeUndefined();
});

test.each([
  { key: 'password', schema: z.string(), secret: true },
  { key: 'shared_key', schema: z.string(), secret: true },
  { key: 'password_file', schema: z.string(), secret: false },
  { key: 'tokens', schema: z.array(z.string()), secret: true },
  { key: 'tokens', schema: z.array(z.strictObject({})), secret: false },
  { key: 'token', schema: z.string().meta({ secret: false }), secret: false },
  { key: 'community', schema: z.string().meta({ secret: true }), secret: true },
])('$key is a secret: $secret', ({ key, schema, secret }) => {
  expect(isSecret(key, optionSchema(schema))).toBe(secret);
});
