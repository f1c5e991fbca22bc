import { type Activation, activationKind, applyActivation } from '../activations/activations.ts';
import { type Constraint, constraintKind } from '../constraints/constraints.ts';
import { flag, optional } from '../core/options.ts';
import type { Value } from '../graph/value.ts';
import { type Initializer, initializerKind } from '../initializers/initializers.ts';
import { div } from '../ops/elementwise.ts';
import { reducedCount, reduceSum } from '../ops/reduce.ts';
import { penaltyOf, type Regularizer, regularizerKind } from '../regularizers/regularizers.ts';
import type { CallContext, WeightOptions } from './layer.ts';

/** Options of every layer with a bias and an activation. */
export const biasOptions = {
  /** Default none, that is 'linear'. */
  activation: optional(activationKind, 'linear'),
  /** Default true. */
  useBias: optional(flag, true),
  /** Default 'zeros'. */
  biasInitializer: optional(initializerKind, 'zeros'),
  /** Default none. */
  biasRegularizer: optional(regularizerKind),
  /** A penalty on the outputs. Default none. */
  activityRegularizer: optional(regularizerKind),
  /** Default none. */
  biasConstraint: optional(constraintKind),
};

/** Options of every layer with a kernel, a bias and an activation. */
export const kernelOptions = {
  ...biasOptions,
  /** Default 'glorotUniform'. */
  kernelInitializer: optional(initializerKind, 'glorotUniform'),
  /** Default none. */
  kernelRegularizer: optional(regularizerKind),
  /** Default none. */
  kernelConstraint: optional(constraintKind),
};

/** Options of the kernel that has each channel to itself. */
export const depthwiseOptions = {
  /** Default 'glorotUniform'. */
  depthwiseInitializer: optional(initializerKind, 'glorotUniform'),
  /** Default none. */
  depthwiseRegularizer: optional(regularizerKind),
  /** Default none. */
  depthwiseConstraint: optional(constraintKind),
};

type OptionsOfWeight<Name extends string> = Readonly<
  Record<`${Name}Initializer`, Initializer> &
    Record<`${Name}Regularizer`, Regularizer | undefined> &
    Record<`${Name}Constraint`, Constraint | undefined>
>;

/** Of a layer's options those of one weight: of 'bias' its `biasInitializer`, `biasRegularizer` and `biasConstraint`. */
export function weightOptions<Name extends string>(
  name: Name,
  options: OptionsOfWeight<Name>,
): WeightOptions {
  const all: Readonly<Record<string, unknown>> = options;
  return {
    initializer: all[`${name}Initializer`],
    regularizer: all[`${name}Regularizer`],
    constraint: all[`${name}Constraint`],
  } as WeightOptions;
}

/** What a layer of these options does at its end. */
export function activated(
  x: Value,
  options: { readonly activation: Activation; readonly activityRegularizer: Regularizer | undefined },
  { addLoss }: CallContext,
): Value {
  const y = applyActivation(options.activation, x);
  if (options.activityRegularizer) {
    // Of an example on average, so that the size of the batch does not matter.
    const examples = reducedCount(y, reduceSum(y, { axes: [0] }));
    addLoss(div(penaltyOf(options.activityRegularizer, y), examples));
  }
  return y;
}
