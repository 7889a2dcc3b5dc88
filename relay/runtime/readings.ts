import type { Reading } from '../telemetry/history.ts';
import { cursorsOf } from './backlog.ts';
import type { Relay } from './relay.ts';

/** What the console draws over time: `intake/NAME`, `delivered/NAME`, `backlog/NAME` and the journal's sizes. */
export async function readingsOf(relay: Relay): Promise<Reading[]> {
  const [stats, cursors] = await Promise.all([relay.journal.stats(), cursorsOf(relay)]);
  const readings: Reading[] = [
    { name: 'journal/file_bytes', value: stats.fileBytes, grows: false },
    { name: 'journal/free_bytes', value: stats.freeBytes, grows: false },
  ];
  for (const { name, counters } of relay.inputs.values())
    readings.push({ name: `intake/${name}`, value: counters.records, grows: true });
  for (const name of relay.endpoints.keys()) {
    readings.push({ name: `delivered/${name}`, value: relay.events.counters(name).delivered, grows: true });
    const cursor = cursors.find(({ endpoint }) => endpoint === name);
    if (cursor !== undefined) readings.push({ name: `backlog/${name}`, value: cursor.backlogRecords, grows: false });
  }
  return readings;
}
