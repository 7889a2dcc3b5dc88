import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface Question {
  readonly title: string;
  readonly body: ComponentChildren;
  readonly confirm: string;
  /** What cannot be undone is asked for in red, and the safe answer has the focus. */
  readonly dangerous: boolean;
  readonly resolve: (yes: boolean) => void;
}

const question = signal<Question | undefined>(undefined);

/** Asks before something is done. Resolves with true for yes. */
export function askFirst(asked: Omit<Question, 'resolve'>): Promise<boolean> {
  question.value?.resolve(false);
  return new Promise((resolve) => (question.value = { ...asked, resolve }));
}

/** Shows something to be read and put away, such as a token that is shown once. */
export async function tell(title: string, body: ComponentChildren): Promise<void> {
  await askFirst({ title, body, confirm: '', dangerous: false });
}

export function DialogHost() {
  const element = useRef<HTMLDialogElement>(null);
  const asked = question.value;
  useEffect(() => {
    if (asked !== undefined) element.current?.showModal();
  }, [asked]);
  if (asked === undefined) return null;
  const answer = (yes: boolean): void => {
    element.current?.close();
    question.value = undefined;
    asked.resolve(yes);
  };
  return (
    <dialog ref={element} aria-labelledby="dialog-title" onCancel={() => answer(false)}>
      <h2 id="dialog-title">{asked.title}</h2>
      <div class="dialog-body">{asked.body}</div>
      <div class="dialog-actions">
        <button type="button" onClick={() => answer(false)} autofocus={asked.dangerous || asked.confirm === ''}>
          {asked.confirm === '' ? 'Close' : 'Cancel'}
        </button>
        {asked.confirm !== '' && (
          <button type="button" class={asked.dangerous ? 'danger' : 'primary'} onClick={() => answer(true)}>
            {asked.confirm}
          </button>
        )}
      </div>
    </dialog>
  );
}
