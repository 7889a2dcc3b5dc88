import { signal } from '@preact/signals';
import { ApiError } from '../api.ts';
import { visible } from '../text/visible.ts';

interface Notice {
  readonly id: number;
  readonly tone: 'good' | 'bad';
  readonly text: string;
}

const notices = signal<readonly Notice[]>([]);
let lastId = 0;

export function notify(text: string, tone: Notice['tone'] = 'good'): void {
  const id = ++lastId;
  notices.value = [...notices.value.slice(-3), { id, tone, text }];
  // What went wrong stays until it is put away.
  if (tone === 'good') setTimeout(() => remove(id), 6_000);
}

/** Does something and says how it went. Returns what came of it, undefined where it failed. */
export async function attempt<Value>(
  done: string | ((value: Value) => string),
  work: () => Promise<Value>,
): Promise<Value | undefined> {
  try {
    const value = await work();
    const words = typeof done === 'string' ? done : done(value);
    if (words !== '') notify(words);
    return value;
  } catch (error) {
    notify(error instanceof ApiError ? error.message : String(error), 'bad');
    return undefined;
  }
}

function remove(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

export function NoticeHost() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, tone, text }) => (
        <div key={id} class={`notice ${tone}`}>
          <span>{visible(text)}</span>
          <button type="button" class="plain" aria-label="Put away" onClick={() => remove(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
