import type { ComponentChildren } from 'preact';
import { visible } from '../text/visible.ts';
import type { ApiError } from '../api.ts';
import type { Tone } from './tone.ts';

/** Text that came from outside: shown as it is, turned by nothing, acting on nothing. */
export function Text({ children, className }: { children: string | undefined; className?: string }) {
  return <bdi class={className}>{visible(children ?? '')}</bdi>;
}

export function Panel(props: {
  title?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
  className?: string;
}) {
  return (
    <section class={`panel ${props.className ?? ''}`}>
      {(props.title !== undefined || props.actions !== undefined) && (
        <header>
          <h2>{props.title}</h2>
          <div class="actions">{props.actions}</div>
        </header>
      )}
      {props.children}
    </section>
  );
}

const SIGNS: Readonly<Record<Tone, string>> = { good: '●', warn: '▲', bad: '■', info: '◆', quiet: '○' };

/** A word with a colour, and a sign for who cannot see the colour. */
export function Badge({ tone, children, title }: { tone: Tone; children: ComponentChildren; title?: string }) {
  return (
    <span class={`badge ${tone}`} title={title}>
      <span aria-hidden="true">{SIGNS[tone]}</span> {children}
    </span>
  );
}

export function Failure({ error }: { error: ApiError | undefined }) {
  if (error === undefined) return null;
  return (
    <p class="failure" role="alert">
      <Text>{error.message}</Text>
    </p>
  );
}

export function Loading() {
  return (
    <p class="loading" role="status">
      Loading…
    </p>
  );
}

/** What a page shows where there is nothing yet: why, and what to do. */
export function Nothing({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="nothing">
      <p class="title">{title}</p>
      {children}
    </div>
  );
}

/** A bar that shows a share, with its words for who does not see it. */
export function Meter({ share, label, tone = 'info' }: { share: number; label: string; tone?: Tone }) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    <div class="meter" role="meter" aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent} aria-label={label}>
      <div class={tone} style={{ width: `${percent}%` }} />
    </div>
  );
}
