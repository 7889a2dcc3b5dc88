import { useSignal } from '@preact/signals';
import type { DeadLetter } from '../../../journal/journal.ts';
import type { EndpointStatus, RelayStatus } from '../../../runtime/status.ts';
import { ask, mayI } from '../api.ts';
import { ago, bytes, count, some, time } from '../format.ts';
import { Badge, Failure, Loading, Nothing, Panel, Text } from '../parts/basics.tsx';
import { askFirst } from '../parts/dialog.tsx';
import { attempt } from '../parts/notice.tsx';
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
    <Panel title="Endpoints">
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
        <a href={linkTo(['endpoints'])}>Endpoints</a> / <Text>{endpoint.name}</Text>
      </p>
      <Panel
        title={
          <>
            <Text>{endpoint.name}</Text>{' '}
            <Badge tone={stateTone(endpoint)}>{endpoint.paused ? 'paused' : endpoint.state}</Badge>
          </>
        }
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

function DeadLetters({ name }: { name: string }) {
  const path = `endpoints/${encodeURIComponent(name)}/dead-letters`;
  const letters = usePoll(
    async (abort) => (await ask<{ dead_letters: DeadLetter[] }>(path, { signal: abort })).dead_letters,
    5_000,
    name,
  );
  const chosen = useSignal<ReadonlySet<number>>(new Set());
  const list = letters.value.value;
  const toggle = (id: number): void => {
    const next = new Set(chosen.value);
    if (!next.delete(id)) next.add(id);
    chosen.value = next;
  };
  const act = async (action: 'resend' | 'discard'): Promise<void> => {
    const ids = [...chosen.value];
    if (action === 'discard') {
      const yes = await askFirst({
        title: `Give up ${some(ids.length, 'dead letter')}?`,
        body: <p>This endpoint will never get them. The records themselves stay in the journal, as its rules say.</p>,
        confirm: 'Give up',
        dangerous: true,
      });
      if (!yes) return;
    }
    const done = await attempt(action === 'resend' ? 'They were sent again.' : 'They are given up.', () =>
      ask(`${path}/${action}`, { method: 'POST', body: { ids } }),
    );
    if (done !== undefined) chosen.value = new Set();
    letters.refresh();
  };
  return (
    <Panel
      title="Dead letters"
      actions={
        mayI('operator') &&
        list !== undefined &&
        list.length > 0 && (
          <>
            <button
              type="button"
              onClick={() =>
                (chosen.value = new Set(chosen.value.size === list.length ? [] : list.map(({ id }) => id)))
              }
            >
              {chosen.value.size === list.length ? 'Choose none' : 'Choose all'}
            </button>
            <button type="button" disabled={chosen.value.size === 0} onClick={() => void act('resend')}>
              Send again
            </button>
            <button type="button" class="danger" disabled={chosen.value.size === 0} onClick={() => void act('discard')}>
              Give up
            </button>
          </>
        )
      }
    >
      <Failure error={letters.failure.value} />
      {list === undefined ? (
        <Loading />
      ) : list.length === 0 ? (
        <Nothing title="This endpoint has refused nothing for good." />
      ) : (
        <ul class="letters">
          {list.map((letter) => (
            <li key={letter.id}>
              {mayI('operator') && (
                <input
                  type="checkbox"
                  aria-label={`Choose dead letter ${letter.id}`}
                  checked={chosen.value.has(letter.id)}
                  onChange={() => toggle(letter.id)}
                />
              )}
              <details>
                <summary>
                  <time>{time(letter.atMs)}</time> <code>{letter.code}</code> <Text>{letter.reason}</Text>
                </summary>
                <pre>
                  <Text>{pretty(letter.line)}</Text>
                </pre>
              </details>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** A record over several lines; what is no JSON stays as it is. */
export function pretty(line: string): string {
  try {
    return JSON.stringify(JSON.parse(line), null, 2);
  } catch {
    return line;
  }
}
