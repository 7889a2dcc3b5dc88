import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { tls } from '../../../relay/cli/checks/tls.ts';
import { Certificates, type KeyPair } from '../../support/certificates.ts';
import { CliHarness } from '../../support/cli-harness.ts';
import { configOf } from '../../support/config.ts';

const certificates = new Certificates();
afterAll(() => certificates[Symbol.dispose]());

async function findings(cert: string, key: string) {
  const text = `inputs: { edge: { type: syslog, listen: 'tls://0.0.0.0:6514', tls: { cert_file: '${cert}', key_file: '${key}' } } }`;
  const { context } = new CliHarness('/');
  return tls.run({ config: configOf(text), context, connect: false, keeper: false, timeoutMs: 1 });
}

const of = ({ cert, key }: KeyPair) => findings(cert, key);

test('a certificate that is valid for long is said to be', async () => {
  const pair = certificates.make({ name: 'long', days: 90 });

  expect(await of(pair)).toEqual([
    {
      outcome: 'ok',
      message: expect.stringMatching(/^inputs\.edge\.tls: the certificate is valid until \d{4}-\d\d-\d\d$/),
    },
  ]);
});

test('one that ends soon is a warning', async () => {
  const pair = certificates.make({ name: 'soon', days: 3 });

  expect(await of(pair)).toEqual([{ outcome: 'warning', message: expect.stringMatching(/, [23] days from now$/) }]);
});

test('one that has ended is a problem', async () => {
  const pair = certificates.make({ name: 'ended', days: -1 });

  expect(await of(pair)).toEqual([
    { outcome: 'problem', message: expect.stringContaining('has not been valid since') },
  ]);
});

test('a key of another certificate is a problem', async () => {
  expect(await findings(certificates.server.cert, certificates.client.key)).toEqual([
    { outcome: 'problem', message: expect.stringMatching(/^inputs\.edge\.tls: cannot be used \(.*mismatch/) },
  ]);
});

test('what is no certificate is a problem', async () => {
  expect(await findings(certificates.server.key, certificates.server.key)).toEqual([
    { outcome: 'problem', message: expect.stringMatching(/^inputs\.edge\.tls: cannot be used/) },
  ]);
});

test('a file that is not there is left to the check of files', async () => {
  expect(await findings(join(certificates.folder, 'none'), certificates.server.key)).toEqual([]);
});
