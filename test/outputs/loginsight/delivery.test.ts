import { expect, test, vi } from 'vitest';
import { Endpoint } from '../../../relay/delivery/endpoint.ts';
import { systemClock } from '../../../relay/io/clock.ts';
import { systemRandom } from '../../../relay/io/random.ts';
import { logInsight } from '../../../relay/outputs/loginsight/index.ts';
import { silentLog } from '../../../relay/telemetry/logger.ts';
import { JournalHarness } from '../../support/journal-harness.ts';
import { endpointOptions, noEvents } from '../../support/real-delivery.ts';
import { LogInsightStandIn } from '../../support/log-insight-stand-in.ts';

const texts = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `record ${from + i}`);

// Goal: behind the relay's real journal and delivery nothing is lost, whatever the server answers, and what it refuses for good is a
// dead letter with its reason, in nobody's way. Method: 2,000 records, four of them poison, while the server throttles, resets, loses
// answers and fails in between.
test('everything arrives, and what is refused is a dead letter with the reason', async () => {
  await using server = await LogInsightStandIn.start();
  const poison = ['record 1', 'record 777', 'record 778', 'record 2000'];
  for (const text of poison) server.poison.add(text);
  await using harness = await JournalHarness.open();
  const world = {
    journal: harness.journal,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    events: noEvents,
  };
  const options = logInsight.options.parse({
    url: `http://127.0.0.1:${server.port}`,
    records_max: 100,
    timeout_ms: 500,
  });
  const endpoint = await Endpoint.start(endpointOptions, logInsight, options, world);

  for (let batch = 0; batch < 20; batch++) {
    await harness.append(texts(batch * 100 + 1, batch * 100 + 100));
    if (batch === 3) server.failNext({ status: 503, headers: { 'retry-after': '0' } }, { status: 429, endless: true });
    if (batch === 8) server.failNext({ ending: 'reset' }, { ending: 'hang' }, { status: 502 });
    if (batch === 12) server.failNext({ status: 401, body: 'Invalid session ID' }, { status: 404 });
  }
  await vi.waitFor(() => expect(endpoint.dispatcher.cursor).toBe(2_001), { timeout: 15_000 });
  await endpoint.stop(1_000);

  const expected = texts(1, 2_000).filter((text) => !poison.includes(text));
  expect(new Set(server.events.map((event) => event.text))).toEqual(new Set(expected));
  const letters = await harness.journal.deadLetters('siem', 10);
  const reasons = new Map(
    letters.map(({ line, reason }) => [(JSON.parse(line) as { message: string }).message, reason]),
  );
  expect(reasons).toEqual(new Map(poison.map((text) => [text, `the server answered 400: Cannot parse ${text}`])));
}, 30_000);
