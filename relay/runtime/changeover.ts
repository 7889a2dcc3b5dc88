import type { ConfigChange } from '../config/difference.ts';

/** Inputs or endpoints at work, by their names. */
export interface Workplace<Configured> {
  /** Throws where it cannot start; then nothing of it is left. */
  start(configured: Configured): Promise<void>;
  /** Stops it, so that it may be started anew. Nothing where it does not run. */
  stop(name: string): Promise<void>;
  /** After `stop`: gives up for good what it had. Throws where that must not be. */
  forget(name: string): Promise<void>;
}

/** A change that could not be made. */
export interface ChangeFailure {
  readonly part: ConfigChange['part'];
  readonly name: string;
  readonly error: unknown;
  /** True where it works again as it did before. */
  readonly restored: boolean;
}

export interface Changeover<Configured> {
  /** What is at work now. */
  readonly inEffect: readonly Configured[];
  readonly failures: readonly ChangeFailure[];
}

/**
 * Brings what works from one list to another. All that goes or changes is stopped before anything is started, so that two inputs can swap
 * their ports; what does not start works on as it was. What does not change is not touched.
 */
export async function changeOver<Configured extends { readonly name: string }>(
  workplace: Workplace<Configured>,
  part: ConfigChange['part'],
  lists: { readonly before: readonly Configured[]; readonly after: readonly Configured[] },
  changes: readonly ConfigChange[],
): Promise<Changeover<Configured>> {
  const before = new Map(lists.before.map((configured) => [configured.name, configured]));
  const after = new Map(lists.after.map((configured) => [configured.name, configured]));
  const names = changes.filter((change) => change.part === part).map(({ name }) => name);
  await Promise.all(names.filter((name) => before.has(name)).map((name) => workplace.stop(name)));

  const failed = new Map<string, unknown>();
  for (const name of names) {
    const wanted = after.get(name);
    try {
      await (wanted === undefined ? workplace.forget(name) : workplace.start(wanted));
    } catch (error) {
      failed.set(name, error);
    }
  }
  const failures: ChangeFailure[] = [];
  for (const [name, error] of failed) {
    const restored = await restore(workplace, before.get(name));
    failures.push({ part, name, error, restored });
    if (restored) after.set(name, before.get(name)!);
    else after.delete(name);
  }
  return { inEffect: [...after.values()], failures };
}

async function restore<Configured>(workplace: Workplace<Configured>, was: Configured | undefined): Promise<boolean> {
  if (was === undefined) return false;
  try {
    await workplace.start(was);
    return true;
  } catch {
    // Whatever is in its way now, the operator is told of the failure that led here.
    return false;
  }
}
