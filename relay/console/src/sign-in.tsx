import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ApiError, ask, session, type Session } from './api.ts';
import { Failure } from './parts/basics.tsx';
import { textsOf } from './parts/form.ts';

export function SignIn() {
  const failure = useSignal<ApiError | undefined>(undefined);
  const busy = useSignal(false);
  useEffect(() => {
    document.title = 'Sign in · Spillway';
  }, []);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const { name = '', password = '' } = textsOf(event.currentTarget as HTMLFormElement);
    busy.value = true;
    try {
      const body = { name, password };
      session.value = await ask<Session>('session', { method: 'POST', body });
    } catch (error) {
      failure.value = error instanceof ApiError ? error : new ApiError(0, '', String(error));
    } finally {
      busy.value = false;
    }
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <h1>
          <img src="/favicon.svg" alt="" width="32" height="32" /> Spillway
        </h1>
        <label>
          Name
          <input name="name" autocomplete="username" autocapitalize="none" spellcheck={false} autofocus />
        </label>
        <label>
          Password or token
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        <Failure error={failure.value} />
        <button type="submit" class="primary" disabled={busy.value}>
          Sign in
        </button>
        <p class="hint">
          The first password was printed when the relay first started. Another is made by{' '}
          <code>spillway token add NAME --role admin --password</code>.
        </p>
      </form>
    </main>
  );
}
