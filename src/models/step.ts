import { gradient } from '../autodiff/gradient.ts';
import type { Dim } from '../core/shape.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { CallContext, Layer, SymbolicTensor, Weight } from '../layers/layer.ts';
import type { Loss } from '../losses/losses.ts';
import type { Metric } from '../metrics/metrics.ts';
import { add, div, mul } from '../ops/elementwise.ts';
import { reducedCount, reduceSum } from '../ops/reduce.ts';
import type { Optimizer } from '../optimizers/optimizers.ts';
import { penalty } from '../regularizers/regularizers.ts';
import type { ProgramSpec } from '../runtime/device.ts';
import type { Cut } from './cut.ts';
import { between, forward } from './topology.ts';
import { constantWeight } from './weights.ts';

/** What a model is trained by. */
export interface Objective {
  readonly loss: Loss;
  readonly metrics: readonly Metric[];
}

/** The names under which a step is fed and kept. */
export const names = {
  feature: (tensor: SymbolicTensor) => `feature/${tensor.id}`,
  randomKey: (layer: Layer) => `random/${layer.name}`,
  scalar: (name: string) => `optimizer/${name}`,
  slot: (weight: Weight, slot: string) => `${weight.path}/${slot}`,
};

interface Tail {
  readonly predictions: Value;
  /** The weights that training changes, as inputs. */
  readonly weights: ReadonlyMap<Weight, Value>;
  readonly randomLayers: readonly Layer[];
}

/** The part of the model that training changes, on the trunk's features. */
function tailOf(output: SymbolicTensor, { frontier }: Cut, training: boolean): Tail {
  const weights = new Map<Weight, Value>();
  const randomLayers: Layer[] = [];
  const given = new Map(
    frontier.map((tensor) => [tensor, input(names.feature(tensor), tensor.shape, tensor.dtype)]),
  );
  const layers = between([output], new Set(frontier)).flatMap((tensor) =>
    given.has(tensor) ? [] : [tensor.layer],
  );
  const changing = new Set(layers.flatMap((layer) => layer.trainableWeights));
  const context: CallContext = {
    training,
    read: (weight) => {
      if (!changing.has(weight)) return constantWeight(weight);
      if (!weights.has(weight)) weights.set(weight, input(weight.path, weight.shape));
      return weights.get(weight)!;
    },
    randomKey: (layer) => {
      randomLayers.push(layer);
      return input(names.randomKey(layer), [2], 'uint32');
    },
  };
  const [predictions] = forward([output], given, context);
  return { predictions: predictions!, weights, randomLayers };
}

/** Loss and metrics of a batch: sums over the examples, but for the loss, a mean. */
function measured(predictions: Value, { loss, metrics }: Objective) {
  const targets = input('targets', predictions.shape);
  const weights = input('weights', [predictions.shape[0] as Dim]);
  const perExample = loss(targets, predictions);
  // Keras' sum_over_batch_size: weights scale each example's loss, the divisor is the count of examples.
  const mean = div(reduceSum(mul(perExample, weights)), reducedCount(perExample, constant(0)));
  return {
    mean,
    sums: Object.fromEntries(metrics.map(({ name, sum }) => [name, sum(targets, predictions)])),
  };
}

/** The sum of all penalties on weights, added to the loss. */
function regularized(loss: Value, weights: ReadonlyMap<Weight, Value>): Value {
  return [...weights].reduce(
    (sum, [{ regularizer }, value]) => (regularizer ? add(sum, penalty(value, regularizer)) : sum),
    loss,
  );
}

export interface Step extends ProgramSpec {
  readonly weights: readonly Weight[];
  readonly randomLayers: readonly Layer[];
}

/** One training step as a graph: forward, loss, gradients, update. */
export function trainingStep(
  output: SymbolicTensor,
  cut: Cut,
  objective: Objective,
  optimizer: Optimizer,
): Step {
  const { predictions, weights, randomLayers } = tailOf(output, cut, true);
  const { mean, sums } = measured(predictions, objective);
  const loss = regularized(mean, weights);
  const gradients = gradient(loss, [...weights.values()]);
  const scalars = Object.keys(optimizer.scalars(0, 1)).map(
    (name) => [name, input(names.scalar(name), [])] as const,
  );
  const state: Record<string, Value> = {};
  [...weights].forEach(([weight, value], i) => {
    const layerName = weight.path.slice(0, weight.path.lastIndexOf('/'));
    const multiplier = optimizer.learningRateMultipliers[layerName] ?? 1;
    const scaled = (scalar: Value) => (multiplier === 1 ? scalar : mul(scalar, constant(multiplier)));
    const { weight: next, slots } = optimizer.update({
      weight: value,
      gradient: gradients[i]!,
      slots: Object.fromEntries(
        optimizer.slots.map((slot) => [slot, input(names.slot(weight, slot), weight.shape)]),
      ),
      scalars: Object.fromEntries(scalars.map(([name, scalar]) => [name, scaled(scalar)])),
    });
    state[weight.path] = next;
    for (const [slot, slotValue] of Object.entries(slots)) state[names.slot(weight, slot)] = slotValue;
  });
  return {
    name: 'training step',
    outputs: { loss, ...sums },
    state,
    weights: [...weights.keys()],
    randomLayers,
  };
}

/** Loss and metrics in inference. */
export function testStep(output: SymbolicTensor, cut: Cut, objective: Objective): Step {
  const { predictions, weights } = tailOf(output, cut, false);
  const { mean, sums } = measured(predictions, objective);
  const outputs = { loss: regularized(mean, weights), ...sums };
  return { name: 'test step', outputs, weights: [...weights.keys()], randomLayers: [] };
}

/** Predictions in inference. */
export function predictionStep(output: SymbolicTensor, cut: Cut): Step {
  const { predictions, weights } = tailOf(output, cut, false);
  return { name: 'prediction', outputs: { predictions }, weights: [...weights.keys()], randomLayers: [] };
}
