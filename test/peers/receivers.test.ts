import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import SyslogServer from 'syslog-server';
import { expect, test } from 'vitest';
import { syslog } from '../../relay/outputs/syslog/index.ts';
import { findOrUnpack } from '../support/foreign-programs.ts';
import { freeUdpPort } from '../support/free-port.ts';
import { delivery, line, OutputFixture } from '../support/output-fixture.ts';
import { unescapeControls } from '../support/syslog-reader.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const syslogNg = findOrUnpack('syslog-ng-core', 'syslog-ng');
const missing = typeof syslogNg === 'string' ? ` (skipped: ${syslogNg})` : '';

const texts = ['plain', 'with "quotes" ] and \\', 'ünïcode', 'x'.repeat(20_000), 'last'];
const records = (): string[] =>
  texts.map((message) =>
    line({ message, host: { name: 'web-1' }, log: { syslog: { priority: 165, appname: 'app', procid: '4711' } } }),
  );

async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test.skipIf(missing !== '').each([
  { scheme: 'tcp', framing: 'octet_counting', source: 'syslog' },
  { scheme: 'tcp', framing: 'lf', source: 'network' },
  { scheme: 'udp', framing: 'octet_counting', source: 'syslog' },
] as const)(`syslog-ng understands each record: $scheme, $framing${missing}`, async ({ scheme, framing, source }) => {
  if (typeof syslogNg === 'string') throw new Error(syslogNg);
  using folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const port = scheme === 'udp' ? await freeUdpPort() : await freeTcpPort();
  const flags = source === 'network' ? 'flags(syslog-protocol)' : '';
  writeFileSync(
    at('conf'),
    `@version: 3.38
options { keep-hostname(yes); use-dns(no); log-msg-size(262144); flush-lines(1); };
source relay { ${source}(ip("127.0.0.1") port(${port}) transport("${scheme}") ${flags}); };
template seen { template("$PRI\\t$HOST\\t$PROGRAM\\t$PID\\t$MESSAGE\\n"); };
destination file { file("${at('received')}" template(seen)); };
log { source(relay); destination(file); };
`,
  );
  const modules = join(syslogNg.root, 'usr/lib/syslog-ng/3.38');
  const own = ['-R', at('persist'), '-c', at('control'), '-p', at('pid')];
  const child = spawn(syslogNg.file, ['-F', '--no-caps', `--module-path=${modules}`, '-f', at('conf'), ...own], {
    env: { ...process.env, ...syslogNg.env },
    stdio: 'ignore',
  });
  try {
    await expect.poll(() => existsSync(at('control')), { timeout: 10_000 }).toBe(true);
    await using relay = OutputFixture.create(syslog, {
      url: `${scheme}://127.0.0.1:${port}`,
      framing,
      datagram_bytes_max: 60_000,
    });

    await relay.deliver(delivery(...records()));

    const received = (): string[] =>
      existsSync(at('received')) ? readFileSync(at('received'), 'utf8').split('\n').slice(0, -1) : [];
    await expect.poll(() => received().length, { timeout: 10_000 }).toBe(texts.length);
    // Where a line feed would end the message, backslashes stand for what cannot be sent as it is.
    const isEscaped = framing === 'lf' || scheme === 'udp';
    const seen = received().map((text) => (isEscaped ? unescapeControls(text) : text));
    expect(seen).toEqual(texts.map((text) => `165\tweb-1\tapp\t4711\t${text}`));
  } finally {
    const gone = once(child, 'close');
    child.kill('SIGTERM');
    await gone;
  }
});

test('the npm package syslog-server receives each record as one message', async () => {
  const port = await freeUdpPort();
  const server = new SyslogServer();
  const received: string[] = [];
  server.on('message', ({ message }) => void received.push(message));
  await server.start({ port, address: '127.0.0.1', exclusive: true });
  try {
    await using relay = OutputFixture.create(syslog, {
      url: `udp://127.0.0.1:${port}`,
      datagram_bytes_max: 60_000,
    });

    await relay.deliver(delivery(...records()));

    await expect.poll(() => received.length, { timeout: 10_000 }).toBe(texts.length);
    for (const [index, text] of texts.entries()) {
      expect(received[index]).toMatch(/^<165>1 \S+ web-1 app 4711 /);
      expect(unescapeControls(received[index]!).endsWith(text), text.slice(0, 40)).toBe(true);
    }
  } finally {
    await server.stop();
  }
});
