import { expect, test } from 'vitest';
import { parseEndpointUrl } from '../../relay/io/endpoint-url.ts';

const ports = { tcp: undefined, https: 443 };

test.each([
  ['tcp://logs.example:5000', { scheme: 'tcp', host: 'logs.example', port: 5000, path: '/' }],
  ['https://logs.example', { scheme: 'https', host: 'logs.example', port: 443, path: '/' }],
  ['https://logs.example?x=1', { scheme: 'https', host: 'logs.example', port: 443, path: '/?x=1' }],
  ['https://[::1]:8443/a/b?c', { scheme: 'https', host: '::1', port: 8443, path: '/a/b?c' }],
])('reads %s', (text, expected) => {
  expect(parseEndpointUrl(text, ports)).toEqual(expected);
});

test.each([
  ['logs.example:5000', /is not an address/],
  ['tcp://', /is not an address/],
  ['tcp://logs.example', /names no port/],
  ['tcp://logs.example:0', /not from 1 to 65535/],
  ['tcp://logs.example:65536', /not from 1 to 65535/],
  ['udp://logs.example:514', /use tcp:\/\/ or https:\/\//],
  ['https://logs.example/#part', /is not an address/],
  ['https://user:secret@logs.example', /must not hold credentials/],
])('refuses %s', (text, expected) => {
  const problem = parseEndpointUrl(text, ports);

  expect(problem).toMatch(expected);
  expect(problem).not.toContain('secret');
});
