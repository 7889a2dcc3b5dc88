import { Archive } from '../journal/archive.ts';
import type { Cursor } from '../journal/journal.ts';
import type { EndpointStatus, RelayStatus } from '../runtime/status.ts';
import { type CommandContext, configOption, defineCommand, type ExitCode, jsonOption } from './command.ts';
import { dataFolder } from './data-folder.ts';
import { askRelay } from './control.ts';
import { age, bytes, count } from './figures.ts';
import { printable, table } from './terminal.ts';

export const statusCommand = defineCommand({
  name: 'status',
  summary: 'Shows how the relay is doing: inputs, endpoints, backlog, disk.',
  notes: [
    'Asks the relay that runs on the config’s data folder. Where none runs, shows what the journal holds and ends with 1; so it does where ' +
      'something is wrong.',
  ],
  examples: ['status', 'status --json'],
  options: { ...configOption, ...jsonOption },
  async run({ options }, context) {
    const folder = await dataFolder(options.config, context);
    // The other end of this call is our own admin API.
    const status = (await askRelay(folder, 'GET', '/api/v1/status')) as RelayStatus | undefined;
    if (status === undefined) return offline(folder, options.json === true, context);
    if (options.json === true) context.stdout.write(`${JSON.stringify(status, null, 2)}\n`);
    else show(status, context);
    return status.ready && status.degradations.length === 0 ? 0 : 1;
  },
});

function offline(dataFolder: string, asJson: boolean, { stdout }: CommandContext): ExitCode {
  using archive = new Archive(dataFolder);
  const stats = archive.stats();
  const cursors = archive.cursors();
  if (asJson) {
    stdout.write(`${JSON.stringify({ running: false, journal: stats, cursors }, null, 2)}\n`);
    return 1;
  }
  stdout.write(`no relay runs on ${dataFolder}\n`);
  stdout.write(`journal  ${count(stats.records)} records, ${bytes(stats.fileBytes)} on the disk\n`);
  for (const cursor of cursors) stdout.write(`${cursor.endpoint}  ${count(cursor.backlogRecords)} records wait\n`);
  return 1;
}

function show(status: RelayStatus, { stdout, clock }: CommandContext): void {
  const nowMs = clock.nowMs();
  const { journal } = status;
  const since = age(nowMs - Date.parse(status.started));
  stdout.write(`${status.name}: ${status.ready ? 'ready' : 'NOT READY'}, up ${since}\n`);
  for (const reason of status.degradations) stdout.write(`  ! ${printable(reason)}\n`);
  stdout.write('\n');
  stdout.write(
    table([
      ['INPUT', 'TYPE', 'ADDRESS', 'RECORDS', 'CONNECTIONS', 'DROPPED', 'REFUSED', 'FLAGGED'],
      ...status.inputs.map((input) => [
        input.name,
        input.type,
        input.address,
        count(input.records),
        count(input.connections),
        tally(input.dropped),
        tally(input.refused),
        tally(input.flagged),
      ]),
    ]),
  );
  stdout.write('\n');
  stdout.write(
    table([
      ['ENDPOINT', 'STATE', 'FOR', 'ADDRESS', 'DELIVERED', 'WAITING', 'OLDEST', 'DEAD', 'DROPPED', 'LAST FAILURE'],
      ...status.endpoints.map((endpoint) => endpointRow(endpoint, nowMs)),
    ]),
  );
  const limit = journal.max_bytes === 0 ? 'no limit' : `of ${bytes(journal.max_bytes)}`;
  stdout.write(
    `\njournal: ${count(journal.records)} records in ${count(journal.batches)} batches, ${bytes(journal.fileBytes)} ${limit}, ` +
      `${bytes(journal.searchIndexBytes)} of search index, ${bytes(journal.freeBytes)} free on the disk\n`,
  );
  const masked = status.redact.filter(({ places }) => places > 0).map(({ rule, places }) => [rule, places] as const);
  if (masked.length > 0) stdout.write(`masked: ${tally(Object.fromEntries(masked))}\n`);
}

function endpointRow(endpoint: EndpointStatus, nowMs: number): string[] {
  const cursor: Partial<Cursor> = endpoint;
  return [
    endpoint.name,
    endpoint.paused ? 'paused' : endpoint.state,
    age(nowMs - Date.parse(endpoint.since)),
    endpoint.address ?? endpoint.type,
    count(cursor.delivered ?? 0),
    count(cursor.backlogRecords ?? 0),
    cursor.oldestReceivedMs === undefined ? '-' : age(nowMs - cursor.oldestReceivedMs),
    count(cursor.deadLettered ?? 0),
    count((cursor.dropped ?? 0) + (cursor.purged ?? 0)),
    endpoint.state === 'up' || endpoint.last_failure === undefined ? '' : printable(endpoint.last_failure.message),
  ];
}

function tally(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([reason, times]) => `${reason} ${count(times)}`);
  return parts.length === 0 ? '-' : parts.join(', ');
}
