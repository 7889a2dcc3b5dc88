import { useSignal } from '@preact/signals';
import { type Role, ask } from '../api.ts';
import { time } from '../format.ts';
import { usePoll } from '../poll.ts';
import { Nothing, Panel, Text } from './basics.tsx';
import { askFirst, tell } from './dialog.tsx';
import { textsOf } from './form.ts';
import { Listed } from './listed.tsx';
import { attempt } from './notice.tsx';

interface Token {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly kind: 'token' | 'password';
  readonly created_at: string;
  readonly rotated_at: string | null;
  readonly former_until: string | null;
}

const DAY_S = 86_400;
/** How long the secret before may be taken after a rotation, in seconds, and in words. */
const OVERLAPS = [
  [0, 'ends at once, with its sessions'],
  [3_600, 'is good for another hour'],
  [DAY_S, 'is good for another day'],
  [7 * DAY_S, 'is good for another week'],
  [30 * DAY_S, 'is good for another 30 days'],
] as const;

/** Who may come in: to be made, rotated and removed. */
export function Tokens() {
  const tokens = usePoll(async (abort) => (await ask<{ tokens: Token[] }>('tokens', { signal: abort })).tokens, 15_000);
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
  const rotate = async (token: Token): Promise<void> => {
    await rotateToken(token);
    tokens.refresh();
  };
  return (
    <Panel title="Tokens and passwords">
      <Listed of={tokens} none={<Nothing title="There is none." />}>
        {(list) => (
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th>Name</th>
                  <th>Secret made</th>
                  <th>
                    <span class="unseen">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {list.map((token) => (
                  <tr key={token.id}>
                    <td>
                      <Text>{token.name}</Text>{' '}
                      <small>
                        {token.role}, {token.kind}
                      </small>
                    </td>
                    <td>
                      {time(token.rotated_at ?? token.created_at)}
                      {token.former_until !== null && <small> the one before until {time(token.former_until)}</small>}
                    </td>
                    <td class="number">
                      <div class="actions">
                        <button type="button" aria-label={`Rotate ${token.name}`} onClick={() => void rotate(token)}>
                          Rotate
                        </button>
                        <button
                          type="button"
                          class="danger"
                          aria-label={`Remove ${token.name}`}
                          onClick={() => void remove(token)}
                        >
                          Remove
                        </button>
                      </div>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Listed>
      <NewToken made={tokens.refresh} />
    </Panel>
  );
}

async function rotateToken({ name, kind }: Token): Promise<void> {
  let overlapS: number = DAY_S;
  const yes = await askFirst({
    title: `Rotate ${name}?`,
    body: (
      <>
        <p>
          It gets a new secret, under the same name and role. The {kind} before can be used a while longer, until the
          new one is where it is needed.
        </p>
        <label>
          The {kind} before
          <select onChange={(event) => (overlapS = Number(event.currentTarget.value))}>
            {OVERLAPS.map(([seconds, words]) => (
              <option key={seconds} value={seconds} selected={seconds === DAY_S}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </>
    ),
    confirm: 'Rotate',
    dangerous: false,
  });
  if (!yes) return;
  const path = `tokens/${encodeURIComponent(name)}/rotate`;
  const made = await attempt(`The ${kind} was rotated.`, () =>
    ask<{ secret: string }>(path, { method: 'POST', body: { overlap_s: overlapS } }),
  );
  if (made !== undefined) await showOnce(`The new ${kind} of ${name}`, made.secret);
}

function showOnce(title: string, secret: string): Promise<void> {
  return tell(
    title,
    <>
      <p>It is shown this once. Copy it now.</p>
      <pre class="secret">{secret}</pre>
    </>,
  );
}

function NewToken({ made }: { made: () => void }) {
  const kind = useSignal<'token' | 'password'>('token');
  const add = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const { name = '', role = '' } = textsOf(form);
    const body = { name, role, kind: kind.value };
    const answer = await attempt(`The ${kind.value} was made.`, () =>
      ask<{ secret: string }>('tokens', { method: 'POST', body }),
    );
    made();
    if (answer === undefined) return;
    form.reset();
    await showOnce(`The ${kind.value} of ${body.name}`, answer.secret);
  };
  return (
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
  );
}
