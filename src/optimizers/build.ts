import { UsageError } from '../core/errors.ts';
import type { OptionsOf, OptionTable } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, clip, div, greater, maximum, mul, sqrt, square, sub, where } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import {
  averageSlot,
  type OptimizedWeight,
  type Optimizer,
  type SharedConfig,
  type Update,
  type UpdateContext,
} from './optimizer.ts';
import { type Row, zeroSlots } from './row.ts';

type Scalars = Readonly<Record<string, Value>>;

const accumulatorSlot = 'gradientAccumulator';
const weightOf = ({ name, weight: { shape } }: UpdateContext): OptimizedWeight => ({
  name,
  shape: shape as readonly number[],
});

/** An optimizer from its own formula and what all do: accumulation, clipping, weight decay, averages of weights. */
export function optimizerFrom<T extends OptionTable>(
  className: string,
  row: Row<T>,
  config: OptionsOf<T> & SharedConfig,
): Optimizer<OptionsOf<T> & SharedConfig> {
  checkClipping(className, config);
  const { useEma, emaMomentum, emaOverwriteFrequency, gradientAccumulationSteps } = config;
  const { excludeFromWeightDecay, learningRateMultipliers } = config;
  const decays = Object.entries<unknown>(config).filter(
    ([option, value]) => (row.decayOptions ?? ['weightDecay']).includes(option) && Number(value ?? 0) > 0,
  ) as [string, number][];
  const ratesOf = (rate: number, update: number): Record<string, number> => ({
    ...row.rates(config, rate, update),
    ...Object.fromEntries(decays.map(([option, decay]) => [option, rate * decay])),
  });
  const rateNames = Object.keys(ratesOf(1, 1));

  const scalars = (rate: number, step: number): Record<string, number> => {
    const batches = gradientAccumulationSteps ?? 1;
    const update = Math.ceil(step / batches);
    return {
      ...ratesOf(rate, update),
      ...row.numbers?.(config, update),
      ...(gradientAccumulationSteps && { updates: step % batches === 0 ? 1 : 0 }),
      // The first update's weights are the first average.
      ...(useEma && { emaMomentum: update === 1 ? 0 : emaMomentum }),
      ...(useEma && emaOverwriteFrequency && { overwrites: update % emaOverwriteFrequency === 0 ? 1 : 0 }),
    };
  };

  const decayed = (context: UpdateContext, rates: Scalars): Value => {
    const { name, weight } = context;
    const option = row.decayOption?.(config, weightOf(context)) ?? 'weightDecay';
    const decay = excludeFromWeightDecay.some((part) => name.includes(part)) ? undefined : rates[option];
    return decay ? sub(weight, mul(weight, decay)) : weight;
  };

  const updateOf = (context: UpdateContext, gradient: Value, numbers: Scalars): Update => {
    const { learningRateMultiplier, slots, name } = context;
    const own = scaled(numbers, rateNames, learningRateMultiplier);
    const weight = decayed(context, own);
    return row.update({ config, name, weight, gradient, slots, scalars: own });
  };

  return {
    className,
    config,
    learningRateMultipliers,
    slots: (weight) => [
      ...row.slots(config, weight),
      ...(gradientAccumulationSteps ? zeroSlots(weight, accumulatorSlot) : []),
      ...(useEma ? [{ name: averageSlot, shape: weight.shape, initial: 'weight' as const }] : []),
    ],
    scalarNames: Object.keys(scalars(1, 1)),
    scalars,
    update: (weights, numbers) => {
      const sums = weights.map(({ gradient, slots }) =>
        gradientAccumulationSteps ? add(gradient, slots[accumulatorSlot]!) : gradient,
      );
      const means = gradientAccumulationSteps
        ? sums.map((sum) => div(sum, constant(gradientAccumulationSteps)))
        : sums;
      const gradients = clipped(means, config);
      return weights.map((context, i) => {
        const update = updateOf(context, gradients[i]!, numbers);
        const kept = gradientAccumulationSteps ? accumulated(update, context, sums[i]!, numbers) : update;
        return useEma ? averaged(kept, context, numbers) : kept;
      });
    },
  };
}

function checkClipping(className: string, { clipnorm, clipvalue, globalClipnorm }: SharedConfig): void {
  const given = Object.entries({ clipnorm, clipvalue, globalClipnorm }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length < 2) return;
  throw new UsageError(
    `optimizer ${className}: only one of clipnorm, clipvalue and globalClipnorm can be given, got ${given
      .map(([name, value]) => `${name} ${value}`)
      .join(' and ')}`,
  );
}

/** The scalars of one weight: rates times its multiplier. */
function scaled(scalars: Scalars, rateNames: readonly string[], multiplier: number): Scalars {
  if (multiplier === 1) return scalars;
  const rates = rateNames.map((name) => [name, mul(scalars[name]!, constant(multiplier))]);
  return { ...scalars, ...Object.fromEntries(rates) };
}

function clipped(
  gradients: readonly Value[],
  { clipnorm, clipvalue, globalClipnorm }: SharedConfig,
): readonly Value[] {
  if (clipvalue !== undefined)
    return gradients.map((each) => clip(each, { min: -clipvalue, max: clipvalue }));
  const sums = () => gradients.map((gradient) => reduceSum(square(gradient)));
  if (clipnorm !== undefined) {
    const factors = sums().map((sum) => shrinking(sum, clipnorm));
    return gradients.map((gradient, i) => mul(gradient, factors[i]!));
  }
  if (globalClipnorm !== undefined && gradients.length > 0) {
    const factor = shrinking(
      sums().reduce((total, sum) => add(total, sum)),
      globalClipnorm,
    );
    return gradients.map((gradient) => mul(gradient, factor));
  }
  return gradients;
}

/** What brings a norm down to `limit`, from its square; 1 where it is below. */
function shrinking(squaredNorm: Value, limit: number): Value {
  return div(constant(limit), maximum(sqrt(squaredNorm), constant(limit)));
}

/** Between updates, all stays as it was but for the sum of gradients. */
function accumulated(
  update: Update,
  { weight, slots }: UpdateContext,
  sum: Value,
  { updates }: Scalars,
): Update {
  const due = greater(updates!, constant(0));
  const next = Object.entries(update.slots).map(([name, value]) => [name, where(due, value, slots[name]!)]);
  return {
    weight: where(due, update.weight, weight),
    slots: { ...Object.fromEntries(next), [accumulatorSlot]: where(due, constant(0), sum) },
  };
}

function averaged(
  { weight, slots }: Update,
  context: UpdateContext,
  { emaMomentum, overwrites }: Scalars,
): Update {
  const before = mul(context.slots[averageSlot]!, emaMomentum!);
  const average = add(before, mul(weight, sub(constant(1), emaMomentum!)));
  return {
    weight: overwrites ? where(greater(overwrites, constant(0)), average, weight) : weight,
    slots: { ...slots, [averageSlot]: average },
  };
}
