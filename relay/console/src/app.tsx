import { useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { ApiError, ask, session, type Session } from './api.ts';
import { Failure, Loading, Text } from './parts/basics.tsx';
import { DialogHost } from './parts/dialog.tsx';
import { NoticeHost } from './parts/notice.tsx';
import { linkTo, place } from './router.ts';
import { SignIn } from './sign-in.tsx';

interface Page {
  readonly path: string;
  readonly title: string;
  /** The key that leads there, after `g`. */
  readonly key: string;
  /** The dataset that it shows, `*` for any: without a stored one the page would be empty, and is not offered. */
  readonly shows?: string;
  readonly load: () => Promise<ComponentType>;
}

// Each page is a file of its own, loaded when it is first looked at: the first view stays small.
const PAGES: readonly Page[] = [
  { path: '', title: 'Overview', key: 'o', load: async () => (await import('./pages/overview.tsx')).Overview },
  {
    path: 'runs',
    title: 'Runs',
    key: 'r',
    shows: 'github.runner',
    load: async () => (await import('./pages/runs.tsx')).Runs,
  },
  {
    path: 'harbor',
    title: 'Harbor',
    key: 'h',
    shows: 'harbor.audit',
    load: async () => (await import('./pages/harbor.tsx')).Harbor,
  },
  {
    path: 'search',
    title: 'Search',
    key: 's',
    shows: '*',
    load: async () => (await import('./pages/search.tsx')).Search,
  },
  { path: 'tail', title: 'Live tail', key: 't', load: async () => (await import('./pages/tail.tsx')).Tail },
  {
    path: 'retention',
    title: 'Retention',
    key: 'p',
    shows: '*',
    load: async () => (await import('./pages/retention.tsx')).Retention,
  },
  {
    path: 'endpoints',
    title: 'Endpoints',
    key: 'e',
    load: async () => (await import('./pages/endpoints.tsx')).Endpoints,
  },
  { path: 'settings', title: 'Settings', key: 'x', load: async () => (await import('./pages/settings.tsx')).Settings },
];

export function App() {
  const failure = useSignal<ApiError | undefined>(undefined);
  useEffect(() => {
    ask<{ session: Session | null }>('session').then(
      (answer) => (session.value = answer.session),
      (error: unknown) => (failure.value = error instanceof ApiError ? error : new ApiError(0, '', String(error))),
    );
  }, []);
  if (session.value === undefined) return failure.value === undefined ? <Loading /> : <Failure error={failure.value} />;
  return (
    <>
      {session.value === null ? <SignIn /> : <Shell />}
      <DialogHost />
      <NoticeHost />
    </>
  );
}

function Shell() {
  const me = session.value!;
  const store = useSignal<Store>(true);
  useEffect(() => {
    ask<{ config: { store?: Store } }>('config').then(
      ({ config }) => (store.value = config.store ?? true),
      () => undefined,
    );
  }, []);
  const offered = PAGES.filter(({ shows }) => shows === undefined || isStored(store.value, shows));
  const current = PAGES.find(({ path }) => path === (place.value.path[0] ?? '')) ?? PAGES[0]!;
  useKeys();
  useEffect(() => {
    document.title = `${current.title} · ${me.relay}`;
    // On a phone the names of the pages stand in one line, which may be longer than the screen.
    document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [current]);
  const signOut = (): void => {
    void ask('session', { method: 'DELETE' }).finally(() => (session.value = null));
  };
  return (
    <div class="shell">
      <a class="skip" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <nav aria-label="Pages">
        <a class="brand" href={linkTo([])}>
          <img src="/favicon.svg" alt="" width="24" height="24" />
          <Text>{me.relay}</Text>
        </a>
        <ul>
          {offered.map((page) => (
            <li key={page.path}>
              <a
                href={linkTo(page.path === '' ? [] : [page.path])}
                aria-current={page === current ? 'page' : undefined}
                title={`keys: g ${page.key}`}
              >
                {page.title}
              </a>
            </li>
          ))}
        </ul>
        <div class="me">
          <span title={`role: ${me.role}`}>
            <Text>{me.name}</Text>
          </span>
          <button type="button" class="plain" onClick={signOut}>
            Sign out
          </button>
        </div>
      </nav>
      <main id="content" tabIndex={-1}>
        <Loaded page={current} key={current.path} />
      </main>
    </div>
  );
}

type Store = boolean | Readonly<Record<string, boolean>>;

function isStored(store: Store, dataset: string): boolean {
  if (typeof store === 'boolean') return store;
  return dataset === '*' || store[dataset] !== false;
}

const loaded = new Map<string, ComponentType>();

function Loaded({ page }: { page: Page }) {
  const ready = useSignal(loaded.has(page.path));
  const failure = useSignal<ApiError | undefined>(undefined);
  useEffect(() => {
    if (ready.value) return;
    page.load().then(
      (component) => {
        loaded.set(page.path, component);
        ready.value = true;
      },
      () => (failure.value = new ApiError(0, '', 'this page could not be loaded; reload to try again')),
    );
  }, [page]);
  const Component = ready.value ? loaded.get(page.path) : undefined;
  if (failure.value !== undefined) return <Failure error={failure.value} />;
  return Component === undefined ? <Loading /> : <Component />;
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

/** `g` and a letter goes to a page; `/` to the search field of the page, where it has one. */
function useKeys(): void {
  useEffect(() => {
    let afterG = false;
    const onKey = (event: KeyboardEvent): void => {
      const { target } = event;
      const isTyping = target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');
      if (document.querySelector('dialog[open]') !== null) return;
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      const page = afterG ? PAGES.find(({ key }) => key === event.key) : undefined;
      afterG = event.key === 'g';
      if (page !== undefined) location.hash = linkTo(page.path === '' ? [] : [page.path]);
      if (event.key !== '/') return;
      const field = document.querySelector<HTMLInputElement>('input[type=search]');
      if (field !== null) event.preventDefault();
      field?.focus();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
