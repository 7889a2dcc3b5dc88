import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Archive } from '../../relay/journal/archive.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { HarborForwarder } from './harbor-forwarder.ts';
import { RelayProcess, freePorts } from './relay-process.ts';

const CONNECTIONS = 5_000;

function tagsIn(dataFolder: string): string[] {
  using archive = new Archive(dataFolder);
  const tags: string[] = [];
  for (const batch of archive.batches(1, archive.nextSeq(), () => {}))
    for (const [, tag] of batch.lines.toString().matchAll(/"tag":"(\d+)"/g)) tags.push(tag!);
  return tags;
}

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1_024;
}

// Goal: Harbor's connections, one for each record and never closed by it, cost nothing that lasts. Method: a real relay gets 5,000 of them
// three times over, with a heap so small that nothing stays in it without need; each time it must have let go of them all, and after the
// second time its memory must not grow.
test('thousands of connections of one record each leave all records and nothing else', async () => {
  using folder = temporaryFolder();
  const [port = 0, adminPort = 0] = await freePorts(2);
  const config = {
    data_dir: './data',
    inputs: { harbor: { type: 'syslog', listen: `tcp://127.0.0.1:${port}`, idle_timeout_ms: 2_000 } },
    endpoints: { out: { type: 'file', path: './out.ndjson' } },
    admin: { listen: `127.0.0.1:${adminPort}` },
  };
  const relay = new RelayProcess(folder.path, config, ['--max-old-space-size=48', '--max-semi-space-size=2']);
  await relay.start();
  const forwarder = new HarborForwarder(port);
  const resident: number[] = [];

  for (let round = 0; round < 3; round++) {
    await forwarder.send(CONNECTIONS, round * CONNECTIONS);
    await expect.poll(() => forwarder.open, { timeout: 60_000, interval: 100 }).toBe(0);
    await expect.poll(() => relay.backlog(), { timeout: 60_000, interval: 100 }).toBe(0);
    forwarder.drop();
    resident.push(residentMegabytes(relay.pid!));
  }
  await relay.stop();

  const tags = tagsIn(relay.dataFolder);
  expect(tags.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 3 * CONNECTIONS }, (_, n) => n));
  expect(resident[2]! - resident[1]!).toBeLessThan(16);
});
