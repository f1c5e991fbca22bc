import { gradient } from '../autodiff/gradient.ts';
import { constrained } from '../constraints/constraints.ts';
import type { Dim } from '../core/shape.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { Weight } from '../layers/layer.ts';
import type { Loss } from '../losses/losses.ts';
import type { Metric } from '../metrics/metrics.ts';
import { add, div, mul } from '../ops/elementwise.ts';
import { reducedCount, reduceSum } from '../ops/reduce.ts';
import type { Optimizer } from '../optimizers/optimizers.ts';
import { penaltyOf } from '../regularizers/regularizers.ts';
import type { ProgramSpec } from '../runtime/device.ts';
import type { Cut } from './cut.ts';
import type { Network } from './network.ts';
import { type RandomKey, type Tail, tailOf } from './tail.ts';

/** What a model is trained by. */
export interface Objective {
  readonly loss: Loss;
  readonly metrics: readonly Metric[];
}

/** The names under which a step is fed and kept. */
export const names = {
  scalar: (name: string) => `optimizer/${name}`,
  slot: (weightName: string, slot: string) => `${weightName}/${slot}`,
  output: (index: number) => `output/${index}`,
};

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

/** With the penalties on weights and what layers add. */
function regularized(loss: Value, { weights, losses }: Tail): Value {
  const penalties = [...weights].flatMap(([{ regularizer }, value]) =>
    regularizer ? [penaltyOf(regularizer, value)] : [],
  );
  return [...penalties, ...losses].reduce((sum, part) => add(sum, part), loss);
}

export interface Step extends ProgramSpec {
  /** What the device must hold before it runs. */
  readonly weights: readonly Weight[];
  /** Those that have other values when it has run. */
  readonly changed: readonly Weight[];
  /** Those that have an optimizer's slots beside them. */
  readonly optimized: readonly Weight[];
  readonly randomKeys: readonly RandomKey[];
}

/** One training step as a graph: forward, loss, gradients, update. */
export function trainingStep(network: Network, cut: Cut, objective: Objective, optimizer: Optimizer): Step {
  const tail = tailOf(network, cut, true);
  const { predictions, weights, updates, randomKeys } = tail;
  const { mean, sums } = measured(predictions[0]!, objective);
  const loss = regularized(mean, tail);
  const trainable = new Set(network.nodes.flatMap(({ layer }) => layer.trainableWeights));
  const optimized = [...weights].filter(([weight]) => trainable.has(weight));
  const gradients = gradient(
    loss,
    optimized.map(([, value]) => value),
  );
  const scalars = Object.keys(optimizer.scalars(0, 1)).map(
    (name) => [name, input(names.scalar(name), [])] as const,
  );
  const state: Record<string, Value> = {};
  for (const [weight, value] of updates) state[network.weightNames.get(weight)!] = value;
  optimized.forEach(([weight, value], i) => {
    const name = network.weightNames.get(weight)!;
    const layerName = name.slice(0, name.lastIndexOf('/'));
    const multiplier = optimizer.learningRateMultipliers[layerName] ?? 1;
    const scaled = (scalar: Value) => (multiplier === 1 ? scalar : mul(scalar, constant(multiplier)));
    const { weight: next, slots } = optimizer.update({
      weight: value,
      gradient: gradients[i]!,
      slots: Object.fromEntries(
        optimizer.slots.map((slot) => [slot, input(names.slot(name, slot), weight.shape)]),
      ),
      scalars: Object.fromEntries(scalars.map(([name, scalar]) => [name, scaled(scalar)])),
    });
    state[name] = weight.constraint ? constrained(weight.constraint, next) : next;
    for (const [slot, slotValue] of Object.entries(slots)) state[names.slot(name, slot)] = slotValue;
  });
  return {
    name: 'training step',
    outputs: { loss, ...sums },
    state,
    weights: [...new Set([...weights.keys(), ...updates.keys()])],
    changed: [...updates.keys(), ...optimized.map(([weight]) => weight)],
    optimized: optimized.map(([weight]) => weight),
    randomKeys,
  };
}

/** Loss and metrics in inference. */
export function testStep(network: Network, cut: Cut, objective: Objective): Step {
  const tail = tailOf(network, cut, false);
  const { mean, sums } = measured(tail.predictions[0]!, objective);
  const outputs = { loss: regularized(mean, tail), ...sums };
  return {
    name: 'test step',
    outputs,
    weights: [...tail.weights.keys()],
    changed: [],
    optimized: [],
    randomKeys: [],
  };
}

/** Predictions in inference. */
export function predictionStep(network: Network, cut: Cut): Step {
  const { predictions, weights } = tailOf(network, cut, false);
  const outputs = Object.fromEntries(predictions.map((value, i) => [names.output(i), value]));
  return {
    name: 'prediction',
    outputs,
    weights: [...weights.keys()],
    changed: [],
    optimized: [],
    randomKeys: [],
  };
}
