import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  forwardUrl,
  readHarborSettings,
  withHarborSettings,
  writeHarborSettings,
} from '../../relay/config/harbor-settings.ts';
import { requireConfig } from '../../relay/config/load.ts';
import { registry } from '../../relay/config/registry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function load(folder: string, config: object) {
  const file = join(folder, 'config.yaml');
  writeFileSync(
    file,
    JSON.stringify({ data_dir: './data', inputs: { a: { type: 'syslog', listen: 'tcp://127.0.0.1:0' } }, ...config }),
  );
  return requireConfig({ file, workingFolder: folder, environment: {}, registry });
}

const forward = { audit_log_forward_endpoint: 'logs.corp:10514', skip_audit_log_database: true, retiring_endpoint: '' };
const file = { type: 'file', path: './out.ndjson' };

test('what was set becomes an endpoint for Harbor’s records, and they are not kept', () => {
  using folder = temporaryFolder();
  const config = load(folder.path, { endpoints: { e: file }, store: { syslog: false } });
  writeHarborSettings(config.data_dir, forward);

  const effective = withHarborSettings(config, registry);

  expect(effective.endpoints.map(({ name }) => name)).toEqual(['e', 'harbor_forward']);
  expect(effective.endpoints[1]).toMatchObject({
    definition: { type: 'syslog' },
    options: { url: 'tcp://logs.corp:10514', framing: 'lf' },
    delivery: { match: { 'event.dataset': 'harbor.audit' }, start_at: 'end' },
  });
  expect(effective.store).toEqual({ syslog: false, 'harbor.audit': false });
  expect(statSync(join(config.data_dir, 'harbor.json')).mode & 0o777).toBe(0o600);
  expect(existsSync(join(config.data_dir, 'harbor.json.new'))).toBe(false);
});

test('nothing set changes nothing, and an endpoint of that name in the file stays', () => {
  using folder = temporaryFolder();
  const config = load(folder.path, { endpoints: { harbor_forward: file } });
  expect(withHarborSettings(config, registry)).toEqual(config);
  writeHarborSettings(config.data_dir, { ...forward, skip_audit_log_database: false });

  expect(withHarborSettings(config, registry)).toEqual(config);
});

test('`store: false` for all is not undone', () => {
  using folder = temporaryFolder();
  const config = load(folder.path, { endpoints: { e: file }, store: false });
  writeHarborSettings(config.data_dir, forward);

  expect(withHarborSettings(config, registry).store).toBe(false);
});

test('settings that cannot be read stop the relay with a word on what to do', () => {
  using folder = temporaryFolder();
  for (const text of ['{', '{"audit_log_forward_endpoint":1}', '{"unknown":true}']) {
    writeFileSync(join(folder.path, 'harbor.json'), text);
    expect(() => readHarborSettings(folder.path)).toThrow(/remove it to forget/);
  }
});

test.each([
  ['harbor-log:10514', 'tcp://harbor-log:10514'],
  ['tcp://10.0.0.1:514', 'tcp://10.0.0.1:514'],
  ['tls://logs.corp:6514', 'tls://logs.corp:6514'],
  ['[::1]:514', 'tcp://[::1]:514'],
])('%s is an endpoint', (text, url) => {
  expect(forwardUrl(text)?.url).toBe(url);
});

test.each([
  '',
  'logs.corp',
  'logs.corp:',
  ':514',
  'logs.corp:0',
  'logs.corp:65536',
  'udp://logs.corp:514',
  'http://a:1',
  'a b:1',
  'a:1/x',
  '::1:514',
])('"%s" is none', (text) => {
  expect(forwardUrl(text)).toBeUndefined();
});
