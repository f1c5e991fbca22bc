import { expect } from 'vitest';
import { gradient } from '../../src/autodiff/gradient.ts';
import type { Shape } from '../../src/core/shape.ts';
import { floats, type Tensor } from '../../src/core/tensor.ts';
import { input } from '../../src/graph/leaves.ts';
import { topologicalOrder, type Value } from '../../src/graph/value.ts';
import { mul } from '../../src/ops/elementwise.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import type { TestDevice } from './device.ts';
import { randomStream, spaced, uniform } from './random.ts';

/** A function whose gradients are compared with numeric ones. */
export interface GradientRow {
  readonly name: string;
  /** Shapes of its arguments; `'batch'` is 2 when it runs. */
  readonly shapes: readonly Shape[];
  readonly f: (...values: Value[]) => Value;
  /** Where: in [−1, 1), in [0.5, 2), or away from ties and kinks. */
  readonly at?: 'anywhere' | 'positive' | 'spaced';
}

const batch = 2;
/** Of the central difference. Points that are `spaced` stay on their side of a kink. */
const step = 2 ** -6;
const directions = 2;
const tolerance = 1e-4;

const points = {
  anywhere: uniform,
  spaced,
  positive: (stream: ReturnType<typeof randomStream>, shape: readonly number[]) =>
    uniform(stream, shape, 0.5, 2),
};

const argumentsOf = (row: GradientRow) => row.shapes.map((shape, i) => input(`x${i}`, shape));

/** Compares ⟨gradient, d⟩ with the difference quotient along d, for random directions d of each argument in turn. */
export async function checkGradient(row: GradientRow, { run, compile }: TestDevice): Promise<void> {
  const stream = randomStream('gradient', row.name);
  const inputs = argumentsOf(row);
  const y = row.f(...inputs);
  const forward = await compile({ y });
  const feeds: Record<string, Tensor> = Object.fromEntries(
    row.shapes.map((shape, i) => {
      const sizes = shape.map((dim) => (typeof dim === 'number' ? dim : batch));
      return [`x${i}`, points[row.at ?? 'anywhere'](stream, sizes)];
    }),
  );
  const upstream = uniform(stream, (await forward.run(feeds)).y!.shape);
  const loss = reduceSum(mul(y, input('upstream', y.shape)));
  const wanted = Object.fromEntries(gradient(loss, inputs).map((g, i) => [`d/x${i}`, g]));
  const gradients = await run(wanted, { ...feeds, upstream });

  for (const [name, point] of Object.entries(feeds)) {
    const analytic = gradients[`d/${name}`]!;
    expect(analytic.shape, name).toEqual(point.shape);
    const size = norm(analytic.data as Float32Array);
    expect(size, `${name}: the row sees nothing of a gradient of zero`).toBeGreaterThan(1e-3);
    for (let repeat = 0; repeat < directions; repeat++) {
      const direction = scaledToOne(uniform(stream, point.shape).data);
      const lossAt = async (distance: number) => {
        const moved = (point.data as Float32Array).map((x, i) => x + distance * direction[i]!);
        const { y: value } = await forward.run({ ...feeds, [name]: floats(moved, point.shape) });
        return dot(value!.data as Float32Array, upstream.data);
      };
      const near = (await lossAt(step)) - (await lossAt(-step));
      const far = (await lossAt(2 * step)) - (await lossAt(-2 * step));
      const numeric = (8 * near - far) / (12 * step);
      const error = Math.abs(numeric - dot(analytic.data as Float32Array, direction));
      expect(error / (size * norm(direction)), `${name}: relative error`).toBeLessThan(tolerance);
    }
  }
  await forward.dispose();
}

/** The rules, as `MatMul/0`, that a row checks: those of its last operator by what depends on its arguments. */
export function rulesChecked(row: GradientRow): string[] {
  const inputs = new Set(argumentsOf(row).map((value) => value.attributes.name));
  const y = row.f(...argumentsOf(row));
  return y.inputs.flatMap((value, i) =>
    value && topologicalOrder([value]).some(({ attributes }) => inputs.has(attributes.name))
      ? [`${y.op.opType}/${Math.min(i, y.op.grad.length - 1)}`]
      : [],
  );
}

/** The rules of operators in a row's graph, its gradients included. */
export function rulesMet(row: GradientRow): string[] {
  const inputs = argumentsOf(row);
  const all = topologicalOrder(gradient(reduceSum(row.f(...inputs)), inputs));
  return all.flatMap(({ op }) => rulesOf(op));
}

export function rulesOf({ opType, grad }: Pick<Value['op'], 'opType' | 'grad'>): string[] {
  return grad.flatMap((rule, i) => (rule ? [`${opType}/${i}`] : []));
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function scaledToOne(direction: Float32Array): Float32Array {
  const largest = Math.max(...direction.map(Math.abs));
  return direction.map((d) => d / largest);
}

const norm = (a: ArrayLike<number>) => Math.sqrt(dot(a, a));
