import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sourceOf } from '../../relay/record/line-writer.ts';
import { goTime, parseGoTime } from '../../relay/wire/go-time.ts';
import { HarborAudit, findHarborOperator, parseHarborAudit } from '../../relay/wire/harbor-audit.ts';
import { percentDecode } from '../../relay/wire/percent-decode.ts';

const TIME = '2026-11-22 02:41:36.5 +0000 UTC m=+0.1';

interface Parts {
  readonly operator: string;
  readonly type?: string;
  readonly time?: string;
  readonly action?: string;
  readonly resource?: string;
  readonly description?: string;
  readonly source?: string;
}

/** A message as Harbor writes it; without `type` as its first versions did, without `description` as 2.12 did. */
function message({
  operator,
  type,
  time = TIME,
  action = 'pull',
  resource = 'a/b:1',
  description,
  source,
}: Parts): string {
  const file = source ?? (description === undefined ? '/pkg/audit/manager.go:82' : '/pkg/auditext/manager.go:86');
  const typed = type === undefined ? '' : ` resourceType="${type}"`;
  const described = description === undefined ? '' : `, operation_description:${description}`;
  return `2026-11-22T02:41:36Z [INFO] [${file}][operator="${operator}"${typed} time="${time}"]: action:${action}, resource:${resource}${described}`;
}

function parse(text: string | Buffer): Record<string, unknown> {
  const line = Buffer.from(text);
  // Bytes behind the line that would change the outcome if they were read.
  const bytes = Buffer.concat([
    Buffer.from('##'),
    line,
    Buffer.from(' operation_description:x"]: action:y, resource:z'),
  ]);
  const end = 2 + line.length;
  const operatorStart = findHarborOperator(bytes, 2, end);
  if (operatorStart < 0) return { outcome: 'other' };
  const audit = new HarborAudit();
  const outcome = parseHarborAudit(sourceOf(bytes), 2, operatorStart, end, audit);
  if (outcome === 'incomplete') return { outcome };
  const field = (start: number, stop: number): string => bytes.toString('utf8', start, stop);
  return {
    outcome,
    operator: field(audit.operatorStart, audit.operatorEnd),
    type: field(audit.typeStart, audit.typeEnd),
    action: field(audit.actionStart, audit.actionEnd),
    resource: field(audit.resourceStart, audit.resourceEnd),
    description: field(audit.descriptionStart, audit.descriptionEnd),
    project: field(audit.projectStart, audit.projectEnd),
    repository: field(audit.repositoryStart, audit.repositoryEnd),
    tag: field(audit.tagStart, audit.tagEnd),
    digest: field(audit.digestStart, audit.digestEnd),
    legacy: audit.legacy,
    ambiguous: audit.ambiguous,
    guessed: audit.guessed,
    forged: audit.forged,
  };
}

describe('Go’s times', () => {
  test.each([
    ['2026-08-21 05:58:10 +0000 UTC', '2026-08-21T05:58:10.000Z', ''],
    ['2026-08-21 05:58:10.8 +0000 UTC m=+0.1010', '2026-08-21T05:58:10.800Z', '8'],
    ['2026-08-21 05:58:10.123456789 +0800 CST m=-1.5', '2026-08-20T21:58:10.123Z', '123456789'],
    ['2026-08-21 05:58:10.5 -0330 -0330', '2026-08-21T09:28:10.500Z', '5'],
    ['2024-02-29 23:59:59.999 +0545 +0545 m=+100000.000000001', '2024-02-29T18:14:59.999Z', '999'],
  ])('%s', (text, iso, fraction) => {
    const bytes = Buffer.from(text);

    expect(parseGoTime(bytes, 0, bytes.length)).toBe(true);
    expect(new Date(goTime.epochMs).toISOString()).toBe(iso);
    expect(bytes.toString('latin1', goTime.fractionStart, goTime.fractionEnd)).toBe(fraction);
  });

  test.each([
    '',
    '2026-08-21T05:58:10Z',
    '2026-02-30 05:58:10 +0000 UTC',
    '2026-08-21 24:00:00 +0000 UTC',
    '2026-08-21 05:58:60 +0000 UTC',
    '2026-08-21 05:58:10. +0000 UTC',
    '2026-08-21 05:58:10.1234567890 +0000 UTC',
    '2026-08-21 05:58:10 +0000',
    '2026-08-21 05:58:10 +00:00 UTC',
    '2026-08-21 05:58:10 +0000 UTC m=',
    '2026-08-21 05:58:10 +0000 UTC m=+1',
    '2026-08-21 05:58:10 +0000 UTC m=+1.2.3',
    '2026-08-21 05:58:10 +0000 UTC extra',
    '0000-01-01 00:00:00 +0100 CET',
    `2026-08-21 05:58:10 +0000 ${'A'.repeat(80)}`,
  ])('"%s" is none', (text) => {
    const bytes = Buffer.from(text);

    expect(parseGoTime(bytes, 0, bytes.length)).toBe(false);
  });
});

describe('what a resource says of project and repository', () => {
  test.each([
    ['artifact', 'library/nginx:1.25', { project: 'library', repository: 'library/nginx', tag: '1.25', digest: '' }],
    ['artifact', 'a/b/c/d@sha256:00ff', { project: 'a', repository: 'a/b/c/d', tag: '', digest: 'sha256:00ff' }],
    ['tag', 'a/b/c:latest', { project: 'a', repository: 'a/b/c', tag: 'latest', digest: '' }],
    ['repository', 'a/b/c', { project: 'a', repository: 'a/b/c', tag: '' }],
    ['project', 'team-a', { project: 'team-a', repository: '' }],
    ['robot', 'robot$team-a+ci', { project: 'team-a', repository: '' }],
    ['robot', 'robot$everywhere', { project: '' }],
    ['user', 'a/b', { project: '', repository: '' }],
    ['artifact', 'no-slash:1', { project: '', repository: '' }],
    ['artifact', '/b:1', { project: '', repository: '' }],
    ['artifact', '', { project: '', repository: '' }],
    [undefined, 'library/nginx:1.25', { project: 'library', repository: 'library/nginx', tag: '1.25' }],
    [undefined, 'team-a', { project: '', repository: '' }],
  ])('%s %s', (type, resource, expected) => {
    expect(parse(message({ operator: 'x', ...(type === undefined ? {} : { type }), resource }))).toMatchObject(
      expected,
    );
  });

  test('the digest may be in the description alone, where the repository is the same', () => {
    const pushed = { operator: 'x', type: 'artifact', action: 'create', resource: 'a/b:1' };

    expect(parse(message({ ...pushed, description: 'push artifact: a/b@sha256:00ff' }))['digest']).toBe('sha256:00ff');
    expect(parse(message({ ...pushed, description: 'push artifact: x/b@sha256:00ff' }))['digest']).toBe('');
  });

  test('a member’s project is the last word of the description', () => {
    const added = { operator: 'x', type: 'member', action: 'create', resource: 'cn=a,dc=b' };

    expect(
      parse(message({ ...added, description: 'create group member cn=a,dc=b in project team-a' }))['project'],
    ).toBe('team-a');
    expect(parse(message({ ...added, description: 'create group member cn=a,dc=b' }))['project']).toBe('');
  });
});

describe('the shapes of several releases', () => {
  test('the first had no resource type', () => {
    expect(parse(message({ operator: 'O"Brien, Pat', action: 'create', resource: 'a/b:1' }))).toMatchObject({
      outcome: 'parsed',
      operator: 'O"Brien, Pat',
      type: '',
      action: 'create',
      legacy: true,
      ambiguous: false,
    });
  });

  test('a newer line without its description may be cut off', () => {
    const line = message({ operator: 'x', type: 'artifact', source: '/src/pkg/auditext/manager.go:1' });

    expect(parse(line)).toMatchObject({ outcome: 'short', legacy: false });
    expect(parse(`${line}, operation_description:`)).toMatchObject({ outcome: 'parsed', description: '' });
  });

  test.each([
    ['what has no operator', '2026-11-22T02:41:36Z [INFO] [/pkg/audit/manager.go:82]: x'],
    [
      'the kernel’s audit',
      'type=1400 audit(1): apparmor="STATUS" operation="profile_load" profile="unconfined" name="x"',
    ],
    [
      'an operator too far behind',
      `2026-11-22T02:41:36Z [INFO] [${'/x'.repeat(120)}][operator="a" time="${TIME}"]: action:a, resource:b`,
    ],
    ['Udp data', 'Udp data'],
    ['nothing', ''],
  ])('%s is none of it', (_name, text) => {
    expect(parse(text)).toEqual({ outcome: 'other' });
  });

  test('every beginning of a line is incomplete, or whole as far as it goes', () => {
    const line = message({ operator: 'jane', type: 'artifact', description: 'pull artifact: a/b@sha256:00' });
    const action = line.indexOf('resource:') + 'resource:'.length;
    for (let length = 0; length < line.length; length++) {
      const { outcome } = parse(line.slice(0, length));
      expect(outcome === 'other' || outcome === 'incomplete').toBe(length < action);
    }
  });
});

describe('names that hold Harbor’s own words', () => {
  const separator = `" resourceType="artifact" time="${TIME}"]: action:pull, resource:a/b:1`;

  test('a failed login whose name is forged is still a login', () => {
    const name = `evil${separator}`;
    const line = message({ operator: name, type: 'user', action: 'login', resource: name, description: 'login' });

    expect(parse(line)).toMatchObject({
      operator: name,
      action: 'login',
      resource: name,
      ambiguous: true,
      guessed: false,
    });
  });

  test('a forged operator does not change what was done', () => {
    const forged = `a${separator}, operation_description:pull artifact: a/b@sha256:00`;
    const line = message({
      operator: forged,
      type: 'artifact',
      action: 'delete',
      resource: 'c/d@sha256:11',
      description: 'delete artifact: c/d@sha256:11',
    });

    expect(parse(line)).toMatchObject({ operator: forged, action: 'delete', repository: 'c/d', ambiguous: true });
  });

  test('where nothing tells which way is right, nothing is derived', () => {
    const line = message({
      operator: `a${separator}, operation_description:x`,
      type: 'thing',
      action: 'do',
      resource: 'c/d',
      description: 'y',
    });

    expect(parse(line)).toMatchObject({ action: 'do', ambiguous: true, guessed: true, project: '', repository: '' });
  });

  test.each([
    ['another line’s beginning', 'x\n<6>2026-01-01T00:00:00Z h audit[1]: y'],
    ['another line’s operator', '][operator="y'],
  ])('%s is told of', (_name, operator) => {
    expect(parse(message({ operator, type: 'artifact', description: 'd' }))).toMatchObject({ operator, forged: true });
  });

  test('a time that does not exist separates nothing', () => {
    const operator = 'a" resourceType="user" time="2026-02-30 00:00:00 +0000 UTC"]: action:login, resource:b';

    expect(parse(message({ operator, type: 'artifact' }))).toMatchObject({
      operator,
      action: 'pull',
      ambiguous: false,
    });
  });
});

// Goal: whatever stands in the fields, they come out as they went in. Method: lines made of fields with quotes, commas, brackets, line
// ends and parts of Harbor's own words.
test('fields come out as they went in', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', '"', ',', ' ', ']', ':', '\n', '\\', 'é', '%20', 'time="'),
    maxLength: 12,
  });
  const name = fc.stringMatching(/^[a-z_]{1,12}$/);
  fc.assert(
    fc.property(text, fc.option(name), name, text, fc.option(text), (operator, type, action, resource, description) => {
      const given = { operator, action, resource, ...(type === null ? {} : { type }) };
      const parsed = parse(message(description === null ? given : { ...given, description }));

      expect(parsed).toMatchObject({ operator, type: type ?? '', action, ambiguous: false });
      expect(parsed).toMatchObject({ resource, description: description ?? '' });
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ['separators', `" resourceType="a" time="${TIME}"]: action:a, resource:b`],
  ['separators without a time', '"]: action:'],
  ['quotes', '"'],
  ['times', '" time="'],
  ['descriptions', ', operation_description:'],
  ['letters', 'x'],
])('a megabyte of %s takes linear time', (_name, part) => {
  const line = message({ operator: part.repeat(Math.ceil(1_048_576 / part.length)), type: 'user', description: 'x' });
  const startedMs = performance.now();
  parse(line);

  expect(performance.now() - startedMs).toBeLessThan(1_000);
});

test.each([
  ['jane%20doe', 'jane doe'],
  ['jane+doe', 'jane doe'],
  ['100%', '100%'],
  ['%4', '%4'],
  ['%zz%41', '%zzA'],
  ['%C3%BC', 'ü'],
])('%s decodes to %s', (encoded, decoded) => {
  expect(percentDecode(Buffer.from(encoded)).toString()).toBe(decoded);
});
