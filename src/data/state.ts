import { UsageError } from '../core/errors.ts';

/** What a state is made of: numbers, and the states of the steps before. */
export type StatePart = null | number | string | readonly StatePart[] | State;

/** Where a pass is: the step's name, its own numbers, then the states of what it reads from. Plain JSON, and small. */
export type State = readonly [step: string, ...parts: StatePart[]];

export function stateOf(step: string, ...parts: readonly StatePart[]): State {
  return [step, ...parts];
}

/**
 * The parts of a state that this step saved; nothing where the pass begins.
 *
 * @throws {UsageError} when another step saved it
 */
export function partsOf<Parts extends readonly StatePart[]>(
  step: string,
  state: State | undefined,
): Parts | undefined {
  if (state === undefined) return undefined;
  const [name, ...parts] = Array.isArray(state) ? state : [undefined];
  if (name === step) return parts as unknown as Parts;
  const found = typeof name === 'string' ? `'${name}'` : 'no step';
  throw new UsageError(
    `the state was saved by another pipeline: it has ${found} where this one has '${step}'. Build the dataset as it was`,
  );
}

/** Stands for the state of a step whose order cannot be repeated. */
export function unrepeatable(step: string): State {
  return [step, unrepeatableMark];
}

const unrepeatableMark = 'unrepeatable';

/**
 * The state as it may be given away.
 *
 * @throws {UsageError} names the step whose order cannot be repeated
 */
export function repeatable(state: State): State {
  const step = unrepeatableStep(state);
  if (step === undefined) return state;
  throw new UsageError(
    `${step} has deterministic: false: the order of its elements cannot be repeated, so its iterator has no state to save`,
  );
}

function unrepeatableStep(part: StatePart): string | undefined {
  if (!Array.isArray(part)) return undefined;
  if (part[1] === unrepeatableMark) return part[0] as string;
  for (const inner of part) {
    const step = unrepeatableStep(inner as StatePart);
    if (step !== undefined) return step;
  }
  return undefined;
}
