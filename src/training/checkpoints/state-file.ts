import { DataError } from '../../core/errors.ts';
import { copyOf, type Tensor } from '../../core/tensor.ts';
import type { CallbackState } from '../callback.ts';
import type { Progress, TrainingState } from '../state.ts';
import type { Checkpoint } from './checkpoint-file.ts';
import type { JsonValue } from './exact-json.ts';

/** A training's state as a checkpoint, and back. */

type Tensors = Readonly<Record<string, Tensor>>;

/** The values of a checkpoint of a training. */
interface Values {
  readonly progress: Progress;
  readonly model: Readonly<Record<string, number | null>>;
  /** Of each callback, but its tensors. */
  readonly callbacks: readonly (Readonly<Record<string, unknown>> | null)[];
  /** What the training was, so that another is not taken for it. */
  readonly origin: JsonValue;
}

const modelPrefix = 'model/';
const callbackPrefix = (place: number) => `callbacks/${place}/`;

/** Waits for the tensors. */
export async function toCheckpoint(state: TrainingState, origin: JsonValue): Promise<Checkpoint> {
  const { progress, model, callbacks } = state;
  const values: Values = {
    progress,
    model: model.values,
    callbacks: callbacks.map((callback) => callback?.values ?? null),
    origin,
  };
  const parts = callbacks.map((callback, i) => prefixed(callbackPrefix(i), callback?.tensors ?? {}));
  return {
    step: progress.step,
    values: values as unknown as JsonValue,
    tensors: Object.assign({}, prefixed(modelPrefix, await model.tensors()), ...parts),
  };
}

/** What a checkpoint says the training was. */
export function originOf({ values }: Checkpoint): JsonValue {
  return (values as unknown as Values).origin;
}

/** @throws {DataError} when it is no training's */
export function fromCheckpoint(checkpoint: Checkpoint, path: string): TrainingState {
  const { progress, model, callbacks } = checkpoint.values as unknown as Partial<Values>;
  if (!progress || !model || !callbacks)
    throw new DataError(`${path} is a checkpoint, but not of a training: choose another`);
  return {
    progress,
    model: { values: model, tensors: async () => named(modelPrefix, checkpoint.tensors) },
    callbacks: callbacks.map((values, i): CallbackState | null => {
      if (!values) return null;
      const tensors = named(callbackPrefix(i), checkpoint.tensors);
      return Object.keys(tensors).length > 0 ? { values, tensors } : { values };
    }),
  };
}

/** The weights of the model, and the optimizer's slots. */
export function modelTensors({ tensors }: Checkpoint): Tensors {
  return named(modelPrefix, tensors);
}

function prefixed(prefix: string, tensors: Tensors): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, value]) => [`${prefix}${name}`, value]));
}

/** Each with memory of its own: all of a file is one buffer, and a thread is given whole buffers. */
function named(prefix: string, tensors: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), copyOf(value)]),
  );
}
