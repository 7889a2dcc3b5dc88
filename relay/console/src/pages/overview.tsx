import { useSignal } from '@preact/signals';
import type { EndpointStatus, InputStatus, RelayStatus } from '../../../runtime/status.ts';
import type { Chart as ChartData } from '../../../telemetry/history.ts';
import type { Alert } from '../../../alerts/board.ts';
import { ask, mayI } from '../api.ts';
import { ago, bytes, count, duration, short, time } from '../format.ts';
import { Badge, Meter, Nothing, Panel, Text } from '../parts/basics.tsx';
import { Read } from '../parts/listed.tsx';
import { attempt } from '../parts/notice.tsx';
import { Chart, perSecond } from '../parts/chart.tsx';
import { stateTone } from '../parts/state.ts';
import { usePoll } from '../poll.ts';
import { linkTo } from '../router.ts';

interface Warnings {
  readonly warnings: readonly { at: string; level: string; message: string; fields: Record<string, unknown> }[];
}

export function Overview() {
  const span = useSignal<'hour' | 'day'>('hour');
  const status = usePoll((abort) => ask<RelayStatus>('status', { signal: abort }), 2_000);
  const charts = usePoll((abort) => ask<ChartData>(`charts?span=${span.value}`, { signal: abort }), 10_000, span.value);
  const alerts = usePoll(async (abort) => (await ask<{ alerts: Alert[] }>('alerts', { signal: abort })).alerts, 3_000);
  const warnings = usePoll((abort) => ask<Warnings>('warnings', { signal: abort }), 5_000);
  const rates = charts.value.value;
  return (
    <Read of={status}>
      {(now) => (
        <>
          <Headline status={now} alerts={alerts.value.value} refresh={alerts.refresh} />
          <div class="cards">
            {now.endpoints.map((endpoint) => (
              <EndpointCard key={endpoint.name} endpoint={endpoint} rates={rates} />
            ))}
            <DiskCard status={now} rates={rates} />
          </div>
          <Panel title="Intake">
            <Inputs inputs={now.inputs} rates={rates} />
          </Panel>
          <Panel
            title="Over time"
            actions={
              <div class="choice" role="group" aria-label="Time shown">
                {(['hour', 'day'] as const).map((name) => (
                  <button
                    type="button"
                    key={name}
                    aria-pressed={span.value === name}
                    onClick={() => (span.value = name)}
                  >
                    {name}
                  </button>
                ))}
              </div>
            }
          >
            <Read of={charts}>{(data) => <Charts data={data} />}</Read>
          </Panel>
          <Panel title="Warnings">
            <Read of={warnings}>{(read) => <WarningList warnings={read} />}</Read>
          </Panel>
        </>
      )}
    </Read>
  );
}

function Headline({
  status,
  alerts,
  refresh,
}: {
  status: RelayStatus;
  alerts: readonly Alert[] | undefined;
  refresh: () => void;
}) {
  const putAway = async (id: string): Promise<void> => {
    await attempt('It is put away.', () => ask('alerts/acknowledge', { method: 'POST', body: { id } }));
    refresh();
  };
  const told = alerts ?? [];
  const troubles = [
    ...(status.ready ? [] : ['it takes no records at present']),
    ...(alerts === undefined ? status.degradations : told.map(({ message }) => message)),
  ];
  const isBad = !status.ready || told.some(({ severity }) => severity === 'critical');
  const tone = isBad ? 'bad' : troubles.length > 0 ? 'warn' : 'good';
  return (
    <div class={`headline ${tone}`} role="status">
      <h1>
        {tone === 'good'
          ? 'All is well'
          : troubles.length === 1
            ? 'One thing needs a look'
            : `${troubles.length} things need a look`}
      </h1>
      {troubles.length > 0 && (
        <ul>
          {troubles.map((trouble) => {
            const once = told.find(({ message, endsByItself }) => message === trouble && !endsByItself);
            return (
              <li key={trouble}>
                <Text>{trouble}</Text>{' '}
                {once !== undefined && mayI('operator') && (
                  <button type="button" onClick={() => void putAway(once.id)}>
                    Put away
                  </button>
                )}
              </li>
            );
          })}
        </ul>
      )}
      <p>
        {count(status.journal.records)} records kept · up {duration(Date.now() - Date.parse(status.started))}
      </p>
    </div>
  );
}

function EndpointCard({ endpoint, rates }: { endpoint: EndpointStatus; rates: ChartData | undefined }) {
  const backlog = endpoint.backlogRecords ?? 0;
  return (
    <a class={`card ${stateTone(endpoint)}`} href={linkTo(['endpoints', endpoint.name])}>
      <div class="card-title">
        <Text>{endpoint.name}</Text>
        <Badge tone={stateTone(endpoint)}>{endpoint.paused ? 'paused' : endpoint.state}</Badge>
      </div>
      <p class="figure">
        {short(backlog)} <small>waiting</small>
      </p>
      <dl>
        <dt>delivers</dt>
        <dd>{rate(rates, `delivered/${endpoint.name}`)}</dd>
        <dt>oldest waiting</dt>
        <dd>{endpoint.oldestReceivedMs === undefined ? 'none' : ago(endpoint.oldestReceivedMs)}</dd>
        <dt>{endpoint.paused ? 'paused' : endpoint.state} for</dt>
        <dd title={time(endpoint.since)}>{duration(Date.now() - Date.parse(endpoint.since))}</dd>
        {(endpoint.deadLettered ?? 0) > 0 && (
          <>
            <dt>refused for good</dt>
            <dd>{count(endpoint.deadLettered ?? 0)}</dd>
          </>
        )}
      </dl>
      {endpoint.last_failure !== undefined && endpoint.state !== 'up' && (
        <p class="why">
          <Text>{endpoint.last_failure.message}</Text>
        </p>
      )}
    </a>
  );
}

function DiskCard({ status: { journal }, rates }: { status: RelayStatus; rates: ChartData | undefined }) {
  const { fileBytes, freeBytes, searchIndexBytes, max_bytes: limit } = journal;
  const room = limit === 0 ? fileBytes + freeBytes : Math.min(limit, fileBytes + freeBytes);
  const share = room === 0 ? 0 : fileBytes / room;
  const tone = share > 0.9 ? 'bad' : share > 0.75 ? 'warn' : 'good';
  const left = timeToFull(rates, room);
  return (
    <div class={`card ${tone}`}>
      <div class="card-title">
        <span>Journal</span>
        <Badge tone={tone}>{Math.round(share * 100)} % full</Badge>
      </div>
      <p class="figure">
        {bytes(fileBytes)} <small>of {bytes(room)}</small>
      </p>
      <Meter share={share} label="How full the journal is" tone={tone} />
      <dl>
        <dt>full in</dt>
        <dd>{left === undefined ? 'not in sight' : `about ${duration(left)}`}</dd>
        <dt>free on the disk</dt>
        <dd>{bytes(freeBytes)}</dd>
        <dt>search index</dt>
        <dd>{bytes(searchIndexBytes)}</dd>
        <dt>oldest record</dt>
        <dd>{journal.oldestReceivedMs === undefined ? 'none' : ago(journal.oldestReceivedMs)}</dd>
      </dl>
    </div>
  );
}

/** From how the journal grew in what the chart shows; undefined where it did not. */
function timeToFull(rates: ChartData | undefined, roomBytes: number): number | undefined {
  const values = rates?.series['journal/file_bytes'] ?? [];
  const first = values.findIndex((value) => value !== null);
  const last = values.findLastIndex((value) => value !== null);
  if (rates === undefined || last - first < 3) return undefined;
  const growth = (values[last] ?? 0) - (values[first] ?? 0);
  if (growth <= 0) return undefined;
  return ((roomBytes - (values[last] ?? 0)) / growth) * (last - first) * rates.stepMs;
}

function Inputs({ inputs, rates }: { inputs: readonly InputStatus[]; rates: ChartData | undefined }) {
  const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Input</th>
            <th>Address</th>
            <th class="number">Now</th>
            <th class="number">Records</th>
            <th class="number">Bytes</th>
            <th class="number">Connections</th>
            <th class="number">Lost</th>
            <th class="number">Refused</th>
          </tr>
        </thead>
        <tbody>
          {inputs.map((input) => (
            <tr key={input.name}>
              <td>
                <Text>{input.name}</Text> <small>{input.type}</small>
              </td>
              <td>
                <code>{input.address}</code>
              </td>
              <td class="number">{rate(rates, `intake/${input.name}`)}</td>
              <td class="number">{count(input.records)}</td>
              <td class="number">{bytes(input.bytes)}</td>
              <td class="number">{count(input.connections)}</td>
              <td class="number" title={reasons(input.dropped)}>
                {sum(input.dropped) === 0 ? '0' : <Badge tone="bad">{count(sum(input.dropped))}</Badge>}
              </td>
              <td class="number" title={reasons(input.refused)}>
                {count(sum(input.refused))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function reasons(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([reason, times]) => `${reason.replaceAll('_', ' ')}: ${count(times)}`)
    .join('\n');
}

function rate(rates: ChartData | undefined, name: string): string {
  const last = rates?.series[name]?.findLast((value) => value !== null);
  return last === undefined || last === null ? '–' : perSecond(last);
}

function Charts({ data }: { data: ChartData }) {
  const linesOf = (prefix: string) =>
    Object.entries(data.series)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, values]) => ({ label: name.slice(prefix.length), values }));
  const common = { startMs: data.startMs, stepMs: data.stepMs };
  if (Object.keys(data.series).length === 0) return <Nothing title="The first points come in a few seconds." />;
  return (
    <div class="charts">
      <Chart title="Records taken in" lines={linesOf('intake/')} unit={perSecond} {...common} />
      <Chart title="Records delivered" lines={linesOf('delivered/')} unit={perSecond} {...common} />
      <Chart title="Records waiting" lines={linesOf('backlog/')} unit={short} {...common} />
      <Chart
        title="Journal on the disk"
        isBinary
        lines={linesOf('journal/file_').map((line) => ({ ...line, label: 'bytes' }))}
        unit={bytes}
        {...common}
      />
    </div>
  );
}

function WarningList({ warnings }: { warnings: Warnings }) {
  if (warnings.warnings.length === 0) return <Nothing title="No warning since the relay started." />;
  return (
    <ol class="warnings">
      {warnings.warnings.toReversed().map(({ at, level, message, fields }, index) => (
        <li key={`${at} ${index}`}>
          <time dateTime={at}>{time(at)}</time>
          <Badge tone={level === 'error' ? 'bad' : 'warn'}>{level}</Badge>
          <div>
            <Text>{message}</Text>
            <small>
              <Text>
                {Object.entries(fields)
                  .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(', ') : String(value)}`)
                  .join(' · ')}
              </Text>
            </small>
          </div>
        </li>
      ))}
    </ol>
  );
}
