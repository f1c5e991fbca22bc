import { DataError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Weight } from '../layers/layer.ts';
import type { Model } from './model.ts';

type Tensors = Readonly<Record<string, Tensor>>;

/**
 * Gives the weights that training changes the values of a training's state; where one does not fit, nothing is changed.
 *
 * @returns what is left: the optimizer's slots, by their names
 * @throws {DataError} names the weight that is missing or of another shape, or the tensor that belongs to none
 */
export function restoreWeights(model: Model, tensors: Tensors): Tensors {
  const { weightNames } = model.network;
  const found: [Weight, Tensor][] = [];
  const left = new Map(Object.entries(tensors));
  const names = new Set<string>();
  for (const weight of model.cut.weights) {
    const name = weightNames.get(weight)!;
    const value = left.get(name);
    if (!value) throw refused(model, `it has no weight '${name}', which the model trains`);
    if (!sameShape(value.shape, weight.shape))
      throw refused(
        model,
        `its weight '${name}' is ${formatShape(value.shape)}, and the model’s ${formatShape(weight.shape)}`,
      );
    found.push([weight, value]);
    names.add(name);
    left.delete(name);
  }
  for (const name of left.keys()) {
    if (!names.has(name.slice(0, name.lastIndexOf('/'))))
      throw refused(model, `its '${name}' belongs to no weight that the model trains`);
  }
  for (const [weight, value] of found) weight.value = value;
  return Object.fromEntries(left);
}

/**
 * Gives the weights of a model that is not trained on the values of a training's state; those that it lacks stay.
 *
 * @param average the name of the slot that takes a weight's place, where the training keeps averages
 * @throws {DataError} names the weight whose shape differs
 */
export function restoreForInference(model: Model, tensors: Tensors, average?: string): void {
  for (const [weight, name] of model.network.weightNames) {
    const value = (average !== undefined && tensors[`${name}/${average}`]) || tensors[name];
    if (!value) continue;
    if (!sameShape(value.shape, weight.shape))
      throw refused(
        model,
        `its weight '${name}' is ${formatShape(value.shape)}, and the model’s ${formatShape(weight.shape)}`,
      );
    weight.value = value;
  }
}

function refused({ name }: Model, why: string): DataError {
  return new DataError(
    `the saved training is of another model than '${name}': ${why}; give the model as it was, layers, names and trainable flags`,
  );
}
