import { describe, expect, test } from 'vitest';
import { logstash } from '../../../relay/outputs/logstash/index.ts';
import { LogstashOutputHarness } from '../../support/logstash-output.ts';

const problems = (options: Record<string, unknown>): string =>
  logstash.options
    .safeParse(options)
    .error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    .join('\n') ?? '';

describe('options', () => {
  test.each([
    'lumberjack://logs.example',
    'lumberjacks://logs.example:5045',
    'http://[::1]:8080/path?a=b',
    'https://logs.example',
    'tcp://logs.example:5000',
    'tls://logs.example:5000',
  ])('%s is an address', (url) => {
    expect(problems({ url })).toBe('');
  });

  test.each([
    [{ url: 'tcp://logs.example' }, /names no port/],
    [{ url: 'udp://logs.example:1' }, /"udp:\/\/" cannot be sent to here/],
    [{ url: 'lumberjack://logs.example/path' }, /takes no path/],
    [{ url: 'https://user:word@logs.example' }, /must not hold credentials/],
    [{ url: [] }, /url/],
    [{ url: ['tcp://a:1', 'lumberjack://b'] }, /must use the same protocol/],
    [{ url: 'tcp://a:1', tls: {} }, /does not use TLS; use tls:\/\//],
    [{ url: 'lumberjack://a', tls: {} }, /use lumberjacks:\/\//],
    [{ url: 'https://a', username: 'x' }, /go together/],
    [{ url: 'https://a', password_file: 'x' }, /go together/],
    [{ url: 'lumberjack://a', username: 'x', password_file: 'y' }, /knows no user names/],
    [{ url: 'lumberjack://a', records_max: 10_001 }, /refuse more than 10000/],
    [{ url: 'lumberjack://a', windows_in_flight: 0 }, /windows_in_flight/],
    [{ url: 'lumberjack://a', compression_level: 10 }, /compression_level/],
    [{ url: 'lumberjack://a', compress: true }, /Unrecognized key: "compress"/],
  ])('%j is refused with a reason', (options, reason) => {
    expect(problems(options)).toMatch(reason);
  });

  test('a file that is not there stops the relay at its start', () => {
    const tls = { ca_file: '/nonexistent/ca.pem' };

    expect(() => new LogstashOutputHarness({ url: 'tls://a:1', tls })).toThrow(
      expect.objectContaining({ code: 'CONFIG_UNREADABLE' }),
    );
    expect(
      () => new LogstashOutputHarness({ url: 'http://a', username: 'x', password_file: '/nonexistent/password' }),
    ).toThrow(expect.objectContaining({ code: 'CONFIG_UNREADABLE' }));
  });
});

test.each([
  ['lumberjack://a', 'endpoint', { recordsMax: 2_048, bytesMax: 2_097_152, inFlightMax: 4 }],
  ['https://a', 'endpoint', { recordsMax: 2_048, bytesMax: 2_097_152, inFlightMax: 1 }],
  ['tls://a:1', 'none', { recordsMax: 10_000, bytesMax: 2_097_152, inFlightMax: 16 }],
])('%s is acknowledged by %s, within its limits', (url, acknowledgement, limits) => {
  const options = logstash.options.parse({ url });

  expect(logstash.acknowledgement(options)).toBe(acknowledgement);
  expect(new LogstashOutputHarness({ url }).output.limits).toEqual(limits);
});

test('each address of a list is an output of its own', () => {
  const url = ['lumberjack://a', 'lumberjacks://b:5045'];

  expect(logstash.addresses(logstash.options.parse({ url }))).toEqual(url);
  expect(logstash.addresses(logstash.options.parse({ url: url[0] }))).toEqual(['lumberjack://a']);
});

test('every option is described', () => {
  for (const [name, option] of Object.entries(logstash.options.shape)) expect(option.description, name).toBeTruthy();
});
