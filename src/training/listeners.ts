import { ComputeError, errorMessage, FoveaError } from '../core/errors.ts';
import type { Callback } from './callback.ts';
import type { SessionRunHook, TrainingSession } from './hook.ts';

/** How a run tells its listeners: one after another, so that what one does to the model, the next one sees. */

export type Told = void | Promise<void> | undefined;

export async function toldInTurn(
  callbacks: readonly Callback[],
  event: (callback: Callback) => Told,
): Promise<void> {
  for (const callback of callbacks) {
    const told = event(callback);
    if (told) await told;
  }
}

type Moment = Exclude<keyof SessionRunHook, 'failed'>;

/** What a hook throws says which it was, and when. The others are told all the same, so that none lacks a step. */
export async function tellHooks(
  hooks: readonly SessionRunHook[],
  moment: Moment,
  tell: (hook: SessionRunHook) => Told,
): Promise<void> {
  let first: FoveaError | undefined;
  for (const hook of hooks) {
    try {
      const told = tell(hook);
      if (told) await told;
    } catch (error) {
      first ??= failure(hook, moment, error);
    }
  }
  if (first) throw first;
}

/** What hooks want of the next step. */
export function fetchesOf(hooks: readonly SessionRunHook[], session: TrainingSession): string[] {
  return hooks.flatMap((hook) => {
    try {
      return hook.beforeRun?.(session) ?? [];
    } catch (error) {
      throw failure(hook, 'beforeRun', error);
    }
  });
}

/** What hooks will ever want of a step. */
export async function declareFetches(
  hooks: readonly SessionRunHook[],
  trainableWeights: readonly string[],
  declare: (fetches: readonly string[]) => void,
): Promise<void> {
  const fetches = new Set<string>();
  const graph = { trainableWeights, fetch: (name: string) => void fetches.add(name) };
  await tellHooks(hooks, 'begin', (hook) => hook.begin?.(graph));
  if (fetches.size > 0) declare([...fetches]);
}

/** Every hook, whatever others make of it: the failure itself is what is thrown. */
export async function tellOfFailure(
  hooks: readonly SessionRunHook[],
  session: TrainingSession,
  error: unknown,
): Promise<void> {
  for (const hook of hooks) {
    try {
      await hook.failed?.(session, error);
    } catch {}
  }
}

function failure(hook: SessionRunHook, moment: Moment, error: unknown): FoveaError {
  if (error instanceof FoveaError) return error;
  const { name } = hook.constructor;
  const which = name === 'Object' ? 'a hook' : `the hook ${name}`;
  return new ComputeError(`${which} failed in ${moment}: ${errorMessage(error)}`, { cause: error });
}
