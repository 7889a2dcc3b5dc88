import type { ComponentChildren } from 'preact';
import type { Polled } from '../poll.ts';
import { Failure, Loading } from './basics.tsx';

/** What was read, once it is there; before, that it is on its way; and why it cannot be read, above the last that could be. */
export function Read<Value>({ of, children }: { of: Polled<Value>; children: (value: Value) => ComponentChildren }) {
  const value = of.value.value;
  const failure = of.failure.value;
  return (
    <>
      <Failure error={failure} />
      {value === undefined ? failure === undefined && <Loading /> : children(value)}
    </>
  );
}

/** A list that was read; `none` where there is nothing in it. */
export function Listed<Item>(props: {
  of: Polled<readonly Item[]>;
  none: ComponentChildren;
  children: (list: readonly Item[]) => ComponentChildren;
}) {
  const { of, none, children } = props;
  return <Read of={of}>{(list) => (list.length === 0 ? none : children(list))}</Read>;
}
