import { expect, test } from 'vitest';
import { syslog } from '../../relay/outputs/syslog/index.ts';
import type { Installed } from '../support/foreign-programs.ts';
import { delivery, line, OutputFixture } from '../support/output-fixture.ts';
import { findRsyslog, Rsyslog } from '../support/rsyslog.ts';
import { unescapeControls } from '../support/syslog-reader.ts';

const installed = findRsyslog();
const missing = typeof installed === 'string' ? ` (skipped: ${installed})` : '';

const forged = 'a\n<34>1 - evil su - - - forged\r\nb \\n ]"';
const records = (): string[] => [
  line({ message: 'plain' }),
  line({
    message: forged,
    host: { name: forged },
    log: {
      syslog: {
        priority: 165,
        appname: forged,
        procid: '4711',
        msgid: forged,
        structured_data: { 'a@1': { b: forged } },
      },
    },
  }),
  line({ message: 'x'.repeat(20_000) }),
  line({ message: 'last' }),
];

// A program that is not there cannot be tested against; the name says what is missing.
test.skipIf(missing !== '').each([
  { scheme: 'tcp', framing: 'octet_counting', escapes: false },
  { scheme: 'tcp', framing: 'lf', escapes: true },
  { scheme: 'udp', framing: 'octet_counting', escapes: true },
] as const)(
  `rsyslog understands each record as one message: $scheme, $framing${missing}`,
  async ({ scheme, framing, escapes }) => {
    await using rsyslog = await Rsyslog.start(installed as Installed);
    await expect.poll(() => rsyslog.findTcpPort(), { timeout: 10_000 }).toBeGreaterThan(0);
    const port = scheme === 'udp' ? rsyslog.udpPort : rsyslog.tcpPort;
    await using relay = OutputFixture.create(syslog, {
      url: `${scheme}://127.0.0.1:${port}`,
      framing,
      datagram_bytes_max: 60_000,
    });

    await relay.deliver(delivery(...records()));

    await expect.poll(() => rsyslog.messages.length, { timeout: 10_000 }).toBe(4);
    const [plain, tricky, long, last] = rsyslog.messages;
    const text = (message: string | undefined): string => (escapes ? unescapeControls(message ?? '') : (message ?? ''));
    expect(plain).toMatchObject({ msg: 'plain', pri: '13', app: 'syslog' });
    expect(tricky).toMatchObject({
      pri: '165',
      procid: '4711',
      hostname: expect.stringMatching(/^a_<34>1_-_evil/) as string,
    });
    expect(text(tricky?.msg)).toBe(forged);
    expect(tricky?.sd).toMatch(/^\[spillway@32473 id="k3f9x2-[^"]*" dataset="syslog"\]\[a@1 b="/);
    expect(long?.msg).toBe('x'.repeat(20_000));
    expect(last?.msg).toBe('last');
  },
);
