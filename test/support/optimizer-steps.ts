import { scalar, type Tensor, tensor, zeros } from '../../src/core/tensor.ts';
import { input } from '../../src/graph/leaves.ts';
import { learningRateAt } from '../../src/optimizers/learning-rate.ts';
import type { Optimizer } from '../../src/optimizers/optimizer.ts';
import type { TestDevice } from './device.ts';

type Tensors = Readonly<Record<string, Tensor>>;

/** Weights by name after each step, and beside them (`dense/kernel/momentum`) what the optimizer keeps of them. */
export async function followSteps(
  compile: TestDevice['compile'],
  optimizer: Optimizer,
  start: Tensors,
  gradientsOf: (step: number) => Tensors,
  steps: number,
): Promise<Tensors[]> {
  const weights = Object.entries(start).map(([name, { shape }]) => ({ name, shape }));
  const slots = weights.flatMap((weight) =>
    optimizer
      .slots(weight)
      .map((slot) => ({ ...slot, weight: weight.name, key: `${weight.name}/${slot.name}` })),
  );
  const scalars = optimizer.scalarNames.map((name) => [name, input(`scalar/${name}`, [])] as const);
  const updates = optimizer.update(
    weights.map(({ name, shape }) => ({
      name,
      weight: input(name, shape),
      gradient: input(`gradient/${name}`, shape),
      slots: Object.fromEntries(
        slots.filter(({ weight }) => weight === name).map((slot) => [slot.name, input(slot.key, slot.shape)]),
      ),
      learningRateMultiplier: optimizer.learningRateMultipliers[name.slice(0, name.lastIndexOf('/'))] ?? 1,
    })),
    Object.fromEntries(scalars),
  );
  const outputs = Object.fromEntries(
    updates.flatMap(({ weight, slots }, i) => {
      const { name } = weights[i]!;
      const beside = Object.entries(slots).map(([slot, value]) => [`next/${name}/${slot}`, value] as const);
      return [[`next/${name}`, weight] as const, ...beside];
    }),
  );
  const program = await compile(outputs);
  let state: Tensors = {
    ...start,
    ...Object.fromEntries(slots.map((slot) => [slot.key, initialOf(slot, start)])),
  };
  const states: Tensors[] = [];
  try {
    for (let step = 1; step <= steps; step++) {
      const gradients = Object.entries(gradientsOf(step)).map(([name, value]) => [`gradient/${name}`, value]);
      const numbers = Object.entries(optimizer.scalars(learningRateAt(optimizer, step), step));
      const results = await program.run({
        ...state,
        ...Object.fromEntries(gradients),
        ...Object.fromEntries(numbers.map(([name, value]) => [`scalar/${name}`, scalar(value)])),
      });
      state = Object.fromEntries(Object.keys(state).map((name) => [name, results[`next/${name}`]!]));
      states.push(state);
    }
  } finally {
    await program.dispose();
  }
  return states;
}

function initialOf(
  { initial, shape, weight }: { initial: number | 'weight'; shape: readonly number[]; weight: string },
  start: Tensors,
): Tensor {
  if (initial === 'weight') return start[weight]!;
  const { data } = zeros('float32', shape);
  return tensor('float32', shape, data.fill(initial));
}
