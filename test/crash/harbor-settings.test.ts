import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { HarborForwarder } from './harbor-forwarder.ts';
import { RelayProcess, freePorts } from './relay-process.ts';

const MAIN = resolve(import.meta.dirname, '../../dist/main.js');

// Goal: what was set by Harbor's API is in effect after a kill, and what comes then reaches the endpoint that was set. Method: a real
// relay, asked over HTTP, killed right after it has answered.
test('settings made by Harbor’s API outlive kill -9', async () => {
  using folder = temporaryFolder();
  const received: string[] = [];
  const siem = createServer((socket) =>
    socket.on('error', () => {}).on('data', (chunk) => received.push(String(chunk))),
  );
  siem.listen(0, '127.0.0.1');
  await once(siem, 'listening');
  const endpoint = `127.0.0.1:${(siem.address() as AddressInfo).port}`;
  const [port = 0, adminPort = 0] = await freePorts(2);
  const relay = new RelayProcess(folder.path, {
    data_dir: './data',
    inputs: { harbor: { type: 'syslog', listen: `tcp://127.0.0.1:${port}` } },
    admin: { listen: `127.0.0.1:${adminPort}` },
  });
  await relay.start();
  const made = execFileSync(process.execPath, [
    MAIN,
    'token',
    'add',
    'a',
    '--role',
    'admin',
    '--config',
    join(folder.path, 'config.yaml'),
  ]);
  const token = /spw_\S+/.exec(String(made))![0];
  const configurations = async (body?: object): Promise<Response> =>
    fetch(`http://127.0.0.1:${adminPort}/api/v2.0/configurations`, {
      method: body === undefined ? 'GET' : 'PUT',
      headers: { authorization: `Basic ${btoa(`admin:${token}`)}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const forwarder = new HarborForwarder(port);

  expect((await configurations({ audit_log_forward_endpoint: endpoint, skip_audit_log_database: true })).status).toBe(
    200,
  );
  await relay.kill();
  await relay.start();
  await forwarder.send(20);

  expect(await (await configurations()).json()).toMatchObject({
    audit_log_forward_endpoint: { value: endpoint },
    skip_audit_log_database: { value: true },
  });
  await expect.poll(() => received.join('').match(/team\/app:\d+/g)?.length, { timeout: 10_000 }).toBe(20);
  await relay.stop();
  forwarder.drop();
  siem.close();
});
