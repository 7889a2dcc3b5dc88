import type { EndpointStatus, RelayStatus } from '../../../runtime/status.ts';
import { ask, mayI } from '../api.ts';
import { ago, bytes, count, some, time } from '../format.ts';
import { Badge, Failure, Loading, Nothing, Panel, Text } from '../parts/basics.tsx';
import { DeadLetters } from '../parts/dead-letters.tsx';
import { attempt } from '../parts/notice.tsx';
import { Replay } from '../parts/replay.tsx';
import { stateTone } from '../parts/state.ts';
import { usePoll } from '../poll.ts';
import { linkTo, place } from '../router.ts';

interface Tested {
  readonly ok: boolean;
  readonly message?: string;
}

export function Endpoints() {
  const [, name] = place.value.path;
  const status = usePoll((abort) => ask<RelayStatus>('status', { signal: abort }), 2_000);
  const now = status.value.value;
  if (now === undefined)
    return status.failure.value === undefined ? <Loading /> : <Failure error={status.failure.value} />;
  if (name === undefined) return <List endpoints={now.endpoints} />;
  const endpoint = now.endpoints.find((candidate) => candidate.name === name);
  if (endpoint === undefined)
    return (
      <Nothing title="There is no such endpoint.">
        <a href={linkTo(['endpoints'])}>All endpoints</a>
      </Nothing>
    );
  return <One endpoint={endpoint} refresh={status.refresh} key={name} />;
}

function List({ endpoints }: { endpoints: readonly EndpointStatus[] }) {
  if (endpoints.length === 0)
    return (
      <Nothing title="No endpoint is configured: records are kept, and go nowhere.">
        Add one under endpoints in the config.
      </Nothing>
    );
  return (
    <>
      <h1>Endpoints</h1>
      <Panel>
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>Endpoint</th>
                <th>State</th>
                <th>Address</th>
                <th class="number">Waiting</th>
                <th>Oldest</th>
                <th class="number">Delivered</th>
                <th class="number">Dead letters</th>
              </tr>
            </thead>
            <tbody>
              {endpoints.map((endpoint) => (
                <tr key={endpoint.name}>
                  <td>
                    <a href={linkTo(['endpoints', endpoint.name])}>
                      <Text>{endpoint.name}</Text>
                    </a>{' '}
                    <small>{endpoint.type}</small>
                  </td>
                  <td>
                    <Badge tone={stateTone(endpoint)}>{endpoint.paused ? 'paused' : endpoint.state}</Badge>
                  </td>
                  <td>
                    <code>
                      <Text>{endpoint.address ?? '–'}</Text>
                    </code>
                  </td>
                  <td class="number">{count(endpoint.backlogRecords ?? 0)}</td>
                  <td>{endpoint.oldestReceivedMs === undefined ? '–' : ago(endpoint.oldestReceivedMs)}</td>
                  <td class="number">{count(endpoint.delivered ?? 0)}</td>
                  <td class="number">{count(endpoint.deadLettered ?? 0)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </>
  );
}

function One({ endpoint, refresh }: { endpoint: EndpointStatus; refresh: () => void }) {
  const path = `endpoints/${encodeURIComponent(endpoint.name)}`;
  const verb = endpoint.paused ? 'resume' : 'pause';
  const toggle = async (): Promise<void> => {
    await attempt(endpoint.paused ? 'It goes on.' : 'It is paused; what comes for it is kept.', () =>
      ask(`${path}/${verb}`, { method: 'POST' }),
    );
    refresh();
  };
  const test = (): Promise<unknown> =>
    attempt(
      (answer: Tested) =>
        answer.ok ? 'It was reached.' : `It was not reached: ${answer.message ?? 'no reason was given'}`,
      () => ask<Tested>(`${path}/test`, { method: 'POST' }),
    );
  return (
    <>
      <p class="crumbs">
        <a href={linkTo(['endpoints'])}>Endpoints</a> /
      </p>
      <h1>
        <Text>{endpoint.name}</Text>
      </h1>
      <Panel
        title={<Badge tone={stateTone(endpoint)}>{endpoint.paused ? 'paused' : endpoint.state}</Badge>}
        actions={
          mayI('operator') && (
            <>
              <button type="button" onClick={() => void test()}>
                Test
              </button>
              <button type="button" onClick={() => void toggle()}>
                {endpoint.paused ? 'Resume' : 'Pause'}
              </button>
            </>
          )
        }
      >
        {endpoint.last_failure !== undefined && endpoint.state !== 'up' && (
          <p class="why">
            <code>{endpoint.last_failure.code}</code> <Text>{endpoint.last_failure.message}</Text>
          </p>
        )}
        <dl class="facts">
          <Fact name="Type">{endpoint.type}</Fact>
          <Fact name="Address">
            <code>
              <Text>{endpoint.address ?? '–'}</Text>
            </code>
          </Fact>
          <Fact name="In this state since">{time(endpoint.since)}</Fact>
          <Fact name="Waiting">
            {some(endpoint.backlogRecords ?? 0, 'record')}, {bytes(endpoint.backlogBytes ?? 0)}
          </Fact>
          <Fact name="Oldest waiting">
            {endpoint.oldestReceivedMs === undefined ? 'none' : time(endpoint.oldestReceivedMs)}
          </Fact>
          <Fact name="Delivered">{count(endpoint.delivered ?? 0)}</Fact>
          <Fact name="Not for it, by its match">{count(endpoint.filtered ?? 0)}</Fact>
          <Fact name="Refused for good">{count(endpoint.deadLettered ?? 0)}</Fact>
          <Fact name="Dropped">{count(endpoint.dropped ?? 0)}</Fact>
          <Fact name="Purged before it had them">{count(endpoint.purged ?? 0)}</Fact>
        </dl>
      </Panel>
      <Replay name={endpoint.name} />
      <DeadLetters name={endpoint.name} />
    </>
  );
}

export function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
