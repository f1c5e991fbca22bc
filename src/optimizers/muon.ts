import { count, flag, type Kind, listOf, optional, real } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, div, mul, sqrt, square, sub } from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { reduceSum } from '../ops/reduce.ts';
import { transpose } from '../ops/shaping.ts';
import { correctedRate, moved } from './adam.ts';
import type { OptimizedWeight } from './optimizer.ts';
import { beta, fraction, notNegative, row, shared, zeroSlots } from './row.ts';

/** A regular expression as text, as Keras has them. */
const pattern: Kind<string> = {
  expected: 'a regular expression',
  check: (value) => {
    if (typeof value !== 'string') return undefined;
    try {
      new RegExp(value);
      return value;
    } catch {
      return undefined;
    }
  },
};

/** Keras writes None for no decay, where there is a default. */
const decay: Kind<number> = { ...notNegative, toKeras: (held) => (held === 0 ? null : held) };

const aboveZero = real({ above: 0 });

const rmsRate: Kind<number | 'none'> = {
  expected: `${aboveZero.expected}, or 'none'`,
  check: (value) => (value === 'none' ? value : aboveZero.check(value)),
  toKeras: (held) => (held === 'none' ? null : held),
};

interface Exclusions {
  readonly excludeLayers: readonly string[];
  readonly excludeEmbeddings: boolean;
}

/** Matrices turn by Muon, everything else and what is excluded by Adam. */
function byAdam({ excludeLayers, excludeEmbeddings }: Exclusions, { name, shape }: OptimizedWeight): boolean {
  return (
    shape.length !== 2 ||
    (excludeEmbeddings && name.toLowerCase().includes('embedding')) ||
    excludeLayers.some((each) => new RegExp(each).test(name))
  );
}

/** Orthogonal steps for matrices: Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/ */
export const muonRow = row(
  {
    ...shared('muon', 0.001),
    /** Every matrix loses rate · `weightDecay` of itself before its update. Default 0.004. */
    weightDecay: optional(decay, 0.004),
    /** The same of the weights that go by Adam. Default 0.004. */
    adamWeightDecay: optional(decay, 0.004),
    /** Adam's. Default 0.9. */
    adamBeta1: optional(beta, 0.9),
    /** Adam's. Default 0.999. */
    adamBeta2: optional(beta, 0.999),
    /** Adam's. Default 1e-7. */
    epsilon: optional(notNegative, 1e-7),
    /** Adam's rate by Muon's. Default 1. */
    adamLrRatio: optional(notNegative, 1),
    /** Regular expressions; weights whose name holds one go by Adam. Default: none. */
    excludeLayers: optional(listOf(pattern), []),
    /** Weights with `embedding` in their name go by Adam. Default true. */
    excludeEmbeddings: optional(flag, true),
    /** Factors of a matrix, its third and its fifth power in each turn. Default 3.4445, −4.775, 2.0315. */
    muonA: optional(real({}), 3.4445),
    muonB: optional(real({}), -4.775),
    muonC: optional(real({}), 2.0315),
    /** Turns towards an orthogonal matrix. Default 5. */
    nsSteps: optional(count, 5),
    /** The share of the last step that goes on. Default 0.95. */
    momentum: optional(fraction, 0.95),
    /** Look ahead along the last step. Default true. */
    nesterov: optional(flag, true),
    /** A step's root mean square by the rate; `'none'` leaves it as it is. Default 0.2. */
    rmsRate: optional(rmsRate, 0.2),
  },
  {
    slots: (config, weight) => zeroSlots(weight, 'momentum', ...(byAdam(config, weight) ? ['velocity'] : [])),
    rates: ({ adamBeta1, adamBeta2, adamLrRatio }, rate, step) => ({
      rate,
      stepSize: correctedRate(rate * adamLrRatio, adamBeta1, adamBeta2, step),
    }),
    decayOptions: ['weightDecay', 'adamWeightDecay'],
    decayOption: (config, weight) => (byAdam(config, weight) ? 'adamWeightDecay' : 'weightDecay'),
    whereNone: { weightDecay: 0, adamWeightDecay: 0, rmsRate: 'none' },
    update: ({ config, weight, gradient, slots, scalars }) => {
      if (slots.velocity) {
        const momentum = moved(slots.momentum!, gradient, config.adamBeta1);
        const velocity = moved(slots.velocity, square(gradient), config.adamBeta2);
        const move = div(mul(momentum, scalars.stepSize!), add(sqrt(velocity), constant(config.epsilon)));
        return { weight: sub(weight, move), slots: { momentum, velocity } };
      }
      const share = constant(config.momentum);
      const momentum = add(gradient, mul(slots.momentum!, share));
      const direction = config.nesterov ? add(gradient, mul(momentum, share)) : momentum;
      const longer = Math.sqrt(Math.max(...(weight.shape as readonly number[])));
      const length = config.rmsRate === 'none' ? 1 : longer * config.rmsRate;
      const move = mul(mul(orthogonalized(direction, config), scalars.rate!), constant(length));
      return { weight: sub(weight, move), slots: { momentum } };
    },
  },
);

interface Turns {
  readonly muonA: number;
  readonly muonB: number;
  readonly muonC: number;
  readonly nsSteps: number;
}

/** Near the orthogonal factor of a matrix, by Newton and Schulz' iteration. */
function orthogonalized(matrix: Value, { muonA, muonB, muonC, nsSteps }: Turns): Value {
  const [rows, columns] = matrix.shape as readonly number[];
  const tall = rows! > columns!;
  const wide = tall ? transpose(matrix, { perm: [1, 0] }) : matrix;
  let x = div(wide, add(sqrt(reduceSum(square(wide))), constant(1e-7)));
  for (let turn = 0; turn < nsSteps; turn++) {
    const squared = matMul(x, x, { transposeB: true });
    const polynomial = add(mul(squared, constant(muonB)), matMul(mul(squared, constant(muonC)), squared));
    x = add(mul(x, constant(muonA)), matMul(polynomial, x));
  }
  return tall ? transpose(x, { perm: [1, 0] }) : x;
}
