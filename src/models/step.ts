import { gradient } from '../autodiff/gradient.ts';
import { constrained } from '../constraints/constraints.ts';
import { UsageError } from '../core/errors.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { Weight } from '../layers/layer.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import { rearranged } from '../lowering/rearrange.ts';
import { add } from '../ops/elementwise.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { penaltyOf } from '../regularizers/regularizers.ts';
import type { ProgramSpec } from '../runtime/device.ts';
import type { Cut } from './cut.ts';
import { measured, type TargetSpec } from './measure.ts';
import type { Network } from './network.ts';
import type { OutputObjective } from './objective.ts';
import { type RandomKey, type Tail, tailOf } from './tail.ts';

/** The names under which a step is fed and kept. */
export const names = {
  scalar: (name: string) => `optimizer/${name}`,
  slot: (weightName: string, slot: string) => `${weightName}/${slot}`,
  output: (index: number) => `output/${index}`,
  gradient: (weightName: string) => `gradients/${weightName}`,
  layerOutput: (path: string) => `outputs/${path}`,
};

/** What a step measures. */
export interface Measures {
  readonly objectives: readonly OutputObjective[];
  /** By the outputs' order; undefined for one that is not measured. */
  readonly targets: readonly (TargetSpec | undefined)[];
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

/**
 * With the penalties on weights and what layers add.
 *
 * @throws {UsageError} when there is nothing of all that
 */
function regularized(loss: Value | undefined, { weights, losses }: Tail): Value {
  const penalties = [...weights].flatMap(([{ regularizer }, value]) =>
    regularizer ? [penaltyOf(regularizer, value)] : [],
  );
  const parts = [...(loss ? [loss] : []), ...penalties, ...losses];
  if (parts.length === 0) throw new UsageError('there is no loss to train or test by: give compile a loss');
  return parts.reduce((sum, part) => add(sum, part));
}

/**
 * One training step as a graph: forward, loss, gradients, update.
 *
 * @param fetches what it gives beside loss and metrics: `gradients/…` of a weight, `outputs/…` of a layer of the tail
 * @throws {UsageError} when there is no such gradient or output
 */
export function trainingStep(
  network: Network,
  cut: Cut,
  { objectives, targets }: Measures,
  optimizer: Optimizer,
  fetches: readonly string[] = [],
): Step {
  const shown = layerOutputs(network, cut, fetches);
  const tail = tailOf(network, cut, true, [...shown.values()]);
  const { predictions, weights, updates, randomKeys } = tail;
  const { loss: mean, outputs } = measured(predictions, objectives, targets);
  const loss = regularized(mean, tail);
  const now = rearranged([loss, ...Object.values(outputs), ...updates.values()]);
  const trainable = new Set(network.nodes.flatMap(({ layer }) => layer.trainableWeights));
  const optimized = [...weights].filter(([weight]) => trainable.has(weight));
  const gradients = gradient(
    now(loss),
    optimized.map(([, value]) => value),
  );
  const state: Record<string, Value> = {};
  for (const [weight, value] of updates) state[network.weightNames.get(weight)!] = now(value);
  const contexts = optimized.map(([weight, value], i) => {
    const name = network.weightNames.get(weight)!;
    const slots = optimizer
      .slots({ name, shape: weight.shape })
      .map((slot) => [slot.name, input(names.slot(name, slot.name), slot.shape)] as const);
    return {
      name,
      weight: value,
      gradient: gradients[i]!,
      slots: Object.fromEntries(slots),
      learningRateMultiplier: optimizer.learningRateMultipliers[name.slice(0, name.lastIndexOf('/'))] ?? 1,
    };
  });
  const scalars = optimizer.scalarNames.map((name) => [name, input(names.scalar(name), [])] as const);
  optimizer.update(contexts, Object.fromEntries(scalars)).forEach(({ weight: next, slots }, i) => {
    const { name } = contexts[i]!;
    const { constraint } = optimized[i]![0];
    state[name] = constraint ? constrained(constraint, next) : next;
    for (const [slot, value] of Object.entries(slots)) state[names.slot(name, slot)] = value;
  });
  const told = Object.entries({ loss, ...outputs }).map(([name, value]) => [name, now(value)] as const);
  const fetchable = new Map([
    ...contexts.map(({ name, gradient }) => [names.gradient(name), gradient] as const),
    ...[...shown.keys()].map((name, i) => [name, tail.others[i]!] as const),
  ]);
  return {
    name: 'training step',
    outputs: Object.fromEntries([
      ...told,
      ...fetches.map((name) => [name, fetched(name, fetchable)] as const),
    ]),
    state,
    weights: [...new Set([...weights.keys(), ...updates.keys()])],
    changed: [...updates.keys(), ...optimized.map(([weight]) => weight)],
    optimized: optimized.map(([weight]) => weight),
    randomKeys,
  };
}

/** The layers of the tail whose outputs are to be fetched, by the fetches' names. */
function layerOutputs(network: Network, cut: Cut, fetches: readonly string[]): Map<string, SymbolicTensor> {
  const found = new Map<string, SymbolicTensor>();
  for (const { layer, outputs } of network.nodes) {
    const name = names.layerOutput(network.paths.get(layer)!);
    if (fetches.includes(name) && cut.tail.has(outputs[0]!)) found.set(name, outputs[0]!);
  }
  return found;
}

function fetched(name: string, fetchable: ReadonlyMap<string, Value>): Value {
  const value = fetchable.get(name);
  if (value) return value;
  const gradients = [...fetchable.keys()].filter((known) => known.startsWith('gradients/'));
  throw new UsageError(
    `'${name}' cannot be fetched from a training step; it has ${gradients.join(', ')}, and outputs/… of the layers that train or stand behind them`,
  );
}

/** Loss and metrics in inference. */
export function testStep(network: Network, cut: Cut, { objectives, targets }: Measures): Step {
  const tail = tailOf(network, cut, false);
  const { loss, outputs } = measured(tail.predictions, objectives, targets);
  return inference('test step', tail, { loss: regularized(loss, tail), ...outputs });
}

/** Predictions in inference. */
export function predictionStep(network: Network, cut: Cut): Step {
  const tail = tailOf(network, cut, false);
  const outputs = tail.predictions.map((value, i) => [names.output(i), value] as const);
  return inference('prediction', tail, Object.fromEntries(outputs));
}

function inference(name: string, { weights, randomKeys }: Tail, outputs: Record<string, Value>): Step {
  return { name, outputs, weights: [...weights.keys()], changed: [], optimized: [], randomKeys };
}
