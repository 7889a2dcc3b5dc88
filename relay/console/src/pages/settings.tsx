import { ask, askRaw, mayI, session } from '../api.ts';
import { Panel, Text } from '../parts/basics.tsx';
import { tell } from '../parts/dialog.tsx';
import { Read } from '../parts/listed.tsx';
import { attempt } from '../parts/notice.tsx';
import { Tokens } from '../parts/tokens.tsx';
import { usePoll } from '../poll.ts';

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
        <Read of={config}>
          {({ file, config: loaded }) => (
            <>
              <p class="hint">
                From <code>{file}</code>, with every default filled in and secrets left out. It is changed in the file.
              </p>
              <pre class="config">
                <Text>{JSON.stringify(loaded, null, 2)}</Text>
              </pre>
            </>
          )}
        </Read>
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
