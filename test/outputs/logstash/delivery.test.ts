import { expect, test, vi } from 'vitest';
import { Endpoint } from '../../../relay/delivery/endpoint.ts';
import { systemClock } from '../../../relay/io/clock.ts';
import { systemRandom } from '../../../relay/io/random.ts';
import { logstash } from '../../../relay/outputs/logstash/index.ts';
import { silentLog } from '../../../relay/telemetry/logger.ts';
import { JournalHarness } from '../../support/journal-harness.ts';
import { endpointOptions, noEvents } from '../../support/real-delivery.ts';
import { LogstashStandIn } from '../../support/logstash-stand-in.ts';
import { LogstashTcpStandIn } from '../../support/logstash-tcp-stand-in.ts';
import { reset } from '../../support/stand-in-server.ts';

/** The output with the relay's real journal and delivery before it: what an endpoint must not lose, it must not lose here. */

async function start(url: string) {
  const harness = await JournalHarness.open();
  const world = {
    journal: harness.journal,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    events: noEvents,
  };
  const options = logstash.options.parse({ url, records_max: 100, ack_timeout_ms: 2_000 });
  const endpoint = await Endpoint.start(endpointOptions, logstash, options, world);
  return {
    harness,
    endpoint,
    async [Symbol.asyncDispose]() {
      await endpoint.stop(1_000);
      await harness[Symbol.asyncDispose]();
    },
  };
}

const texts = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `record ${from + i}`);
const messagesOf = (lines: readonly string[]): string[] =>
  lines.map((line) => (JSON.parse(line) as { message: string }).message);

test('over lumberjack everything arrives, in order, once its repeats are left out, and what is refused is a dead letter', async () => {
  await using server = await LogstashStandIn.start();
  const poison = ['record 1', 'record 777', 'record 778', 'record 2000'];
  server.isPoison = (json) => messagesOf([json]).some((message) => poison.includes(message));
  await using relay = await start(`lumberjack://127.0.0.1:${server.port}`);

  for (let batch = 0; batch < 20; batch++) {
    await relay.harness.append(texts(batch * 100 + 1, batch * 100 + 100));
    if (batch === 5) server.losesAcks = true;
    if (batch === 7) server.losesAcks = false;
    if (batch === 9) await server.server.refuseConnections();
    if (batch === 12) await server.server.listen();
    if (batch === 14) server.stall();
    if (batch === 16) server.resume();
  }

  await vi.waitFor(() => expect(relay.endpoint.dispatcher.cursor).toBe(2_001), { timeout: 15_000 });
  expect([...new Set(messagesOf(server.accepted))]).toEqual(texts(1, 2_000).filter((text) => !poison.includes(text)));
  const letters = await relay.harness.journal.deadLetters('siem', 10);
  expect(messagesOf(letters.map(({ line }) => line))).toEqual(expect.arrayContaining(poison));
  expect(letters).toHaveLength(poison.length);
  expect(new Set(letters.map(({ code }) => code))).toEqual(new Set(['OUTPUT_REFUSED_RECORD']));
  expect(relay.harness.events.inconsistent).toEqual([]);
}, 30_000);

test('over TCP what a broken connection swallowed is sent again', async () => {
  await using server = await LogstashTcpStandIn.start();
  await using relay = await start(`tcp://127.0.0.1:${server.port}`);

  for (let batch = 0; batch < 20; batch++) {
    await relay.harness.append(texts(batch * 100 + 1, batch * 100 + 100));
    if (batch % 5 === 2) for (const socket of server.server.sockets) reset(socket);
    // What lies in the kernels' buffers unread is lost for good when the connection is reset.
    if (batch === 13) server.stopReading();
    if (batch === 17) server.startReading();
  }

  await vi.waitFor(() => expect(new Set(messagesOf(server.lines))).toEqual(new Set(texts(1, 2_000))), {
    timeout: 10_000,
  });
}, 30_000);
