import { useSignal } from '@preact/signals';
import { type Role, ask, askRaw, mayI, session } from '../api.ts';
import { time } from '../format.ts';
import { Failure, Loading, Nothing, Panel, Text } from '../parts/basics.tsx';
import { askFirst, tell } from '../parts/dialog.tsx';
import { textsOf } from '../parts/form.ts';
import { attempt } from '../parts/notice.tsx';
import { usePoll } from '../poll.ts';

interface Token {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly kind: 'token' | 'password';
  readonly created_at: string;
}

interface Reloaded {
  readonly changes: readonly { part: string; name: string; change: string; takesEffect: string }[];
}

export function Settings() {
  const config = usePoll((abort) => ask<{ file: string; config: unknown }>('config', { signal: abort }), 30_000);
  const reload = async (): Promise<void> => {
    const answer = await attempt('The config was read again.', () => ask<Reloaded>('reload', { method: 'POST' }));
    config.refresh();
    if (answer === undefined) return;
    await tell(
      answer.changes.length === 0 ? 'Nothing had changed' : 'What changed',
      <ul>
        {answer.changes.map(({ part, name, change, takesEffect }) => (
          <li key={`${part} ${name}`}>
            {part} <Text>{name}</Text>: {change}
            {takesEffect === 'restart' && ' (counts from the next start)'}
          </li>
        ))}
      </ul>,
    );
  };
  return (
    <>
      <h1>Settings</h1>
      {mayI('admin') && <Tokens />}
      <Panel
        title="Config in effect"
        actions={
          mayI('admin') && (
            <button type="button" onClick={() => void reload()}>
              Read it again
            </button>
          )
        }
      >
        <Failure error={config.failure.value} />
        {config.value.value === undefined ? (
          <Loading />
        ) : (
          <>
            <p class="hint">
              From <code>{config.value.value.file}</code>, with every default filled in and secrets left out. It is
              changed in the file.
            </p>
            <pre class="config">
              <Text>{JSON.stringify(config.value.value.config, null, 2)}</Text>
            </pre>
          </>
        )}
      </Panel>
      {mayI('operator') && (
        <Panel title="For support">
          <p>One file with the status, the config without secrets, metrics and warnings. It holds no record.</p>
          <button type="button" onClick={() => void attempt('The bundle was saved.', saveBundle)}>
            Download the bundle
          </button>
        </Panel>
      )}
      <p class="hint">
        Spillway {session.value?.version} · signed in as <Text>{session.value?.name}</Text> ({session.value?.role})
      </p>
    </>
  );
}

async function saveBundle(): Promise<void> {
  const response = await askRaw('support-bundle');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? 'support.json';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function Tokens() {
  const tokens = usePoll(async (abort) => (await ask<{ tokens: Token[] }>('tokens', { signal: abort })).tokens, 15_000);
  const kind = useSignal<'token' | 'password'>('token');
  const list = tokens.value.value;
  const add = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const { name = '', role = '' } = textsOf(form);
    const body = { name, role, kind: kind.value };
    const made = await attempt(`The ${kind.value} was made.`, () =>
      ask<{ secret: string }>('tokens', { method: 'POST', body }),
    );
    tokens.refresh();
    if (made === undefined) return;
    form.reset();
    await tell(
      `The ${kind.value} of ${body.name}`,
      <>
        <p>It is shown this once. Copy it now.</p>
        <pre class="secret">{made.secret}</pre>
      </>,
    );
  };
  const remove = async (token: Token): Promise<void> => {
    const yes = await askFirst({
      title: `Remove ${token.name}?`,
      body: <p>Whoever uses this {token.kind} is turned away at once, and sessions begun with it end.</p>,
      confirm: 'Remove',
      dangerous: true,
    });
    if (!yes) return;
    await attempt('It was removed.', () => ask(`tokens/${encodeURIComponent(token.name)}`, { method: 'DELETE' }));
    tokens.refresh();
  };
  return (
    <Panel title="Tokens and passwords">
      <Failure error={tokens.failure.value} />
      {list === undefined ? (
        <Loading />
      ) : list.length === 0 ? (
        <Nothing title="There is none." />
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th>Role</th>
                <th>Kind</th>
                <th>Made</th>
                <th>
                  <span class="unseen">Remove</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map((token) => (
                <tr key={token.id}>
                  <td>
                    <Text>{token.name}</Text>
                  </td>
                  <td>{token.role}</td>
                  <td>{token.kind}</td>
                  <td>{time(token.created_at)}</td>
                  <td class="number">
                    <button
                      type="button"
                      class="danger"
                      aria-label={`Remove ${token.name}`}
                      onClick={() => void remove(token)}
                    >
                      Remove
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <form class="row" onSubmit={(event) => void add(event)}>
        <label>
          Name
          <input name="name" required maxLength={63} pattern="[A-Za-z0-9][A-Za-z0-9_.@\-]*" autocomplete="off" />
        </label>
        <label>
          Role
          <select name="role">
            {(['viewer', 'operator', 'auditor', 'admin'] as const).map((role) => (
              <option key={role}>{role}</option>
            ))}
          </select>
        </label>
        <label>
          For
          <select
            value={kind.value}
            onChange={(event) => (kind.value = event.currentTarget.value === 'token' ? 'token' : 'password')}
          >
            <option value="token">a program (token)</option>
            <option value="password">a person (password)</option>
          </select>
        </label>
        <button type="submit" class="primary">
          Make it
        </button>
      </form>
    </Panel>
  );
}
