import type { Reading } from '../telemetry/history.ts';
import { cursorsOf } from './backlog.ts';
import type { Relay } from './relay.ts';

/** What the console draws over time: `intake/NAME`, `delivered/NAME`, `backlog/NAME` and the journal's sizes. */
export async function readingsOf(relay: Relay): Promise<Reading[]> {
  // The journal is asked only where something waits: a relay with nothing to do is not kept awake by its charts.
  const waits = [...relay.endpoints.values()].some(({ dispatcher }) => !dispatcher.idle);
  const [room, cursors] = await Promise.all([relay.journal.room(), waits ? cursorsOf(relay) : undefined]);
  const readings: Reading[] = [
    { name: 'journal/file_bytes', value: room.fileBytes, grows: false },
    { name: 'journal/free_bytes', value: room.freeBytes, grows: false },
  ];
  for (const { name, counters } of relay.inputs.values())
    readings.push({ name: `intake/${name}`, value: counters.records, grows: true });
  for (const name of relay.endpoints.keys()) {
    readings.push({ name: `delivered/${name}`, value: relay.events.counters(name).delivered, grows: true });
    const waiting = cursors === undefined ? 0 : cursors.find(({ endpoint }) => endpoint === name)?.backlogRecords;
    if (waiting !== undefined) readings.push({ name: `backlog/${name}`, value: waiting, grows: false });
  }
  return readings;
}
