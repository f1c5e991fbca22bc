import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gradient } from '../src/autodiff/gradient.ts';
import { encodeSafetensors } from '../src/codecs/safetensors.ts';
import { type Tensor, tensor } from '../src/core/tensor.ts';
import { constant, input, inputName, isInput } from '../src/graph/leaves.ts';
import { topologicalOrder, type Value } from '../src/graph/value.ts';
import { toOnnx } from '../src/lowering/model.ts';
import type { Purpose } from '../src/lowering/tiling-table.ts';
import { conv2d } from '../src/ops/conv.ts';
import { add, cast, mul, relu } from '../src/ops/elementwise.ts';
import { matMul } from '../src/ops/linear.ts';
import { averagePool2d, maxPool2d } from '../src/ops/pool.ts';
import { reduceMean, reduceSum } from '../src/ops/reduce.ts';
import { softmax, softmaxCrossEntropy } from '../src/ops/softmax.ts';
import { dropout } from '../src/ops/threefry.ts';
import { useDevice } from './support/device.ts';
import { gradientRows } from './support/gradient-rows.ts';
import { keyTensor, randomStream, uniform } from './support/random.ts';

const python = fileURLToPath(new URL('../.python/bin/python', import.meta.url));
const script = fileURLToPath(new URL('support/check_onnx.py', import.meta.url));

interface Case {
  readonly name: string;
  readonly purpose: Purpose;
  readonly outputs: Record<string, Value>;
  readonly feeds?: Record<string, Tensor>;
}

/** A small network from bytes to probabilities, and a training step of it with dropout. */
function network(): Case[] {
  const stream = randomStream('network');
  const weights: Value[] = [];
  const weight = (...shape: number[]) => {
    weights.push(constant(uniform(stream, shape, -0.3, 0.3), `weight${weights.length}`));
    return weights.at(-1)!;
  };
  const pixels = input('pixels', ['batch', 20, 17, 3], 'uint8');
  const images = mul(cast(pixels, { to: 'float32' }), constant(1 / 255));
  const wide = relu(conv2d(images, weight(3, 3, 3, 16), weight(16), { pads: [1, 1, 1, 1] }));
  const same = relu(conv2d(wide, weight(3, 3, 16, 16), weight(16), { pads: [1, 1, 1, 1] }));
  const pooled = maxPool2d(add(wide, same), { poolSize: [2, 2] });
  const deep = conv2d(pooled, weight(3, 3, 1, 16), weight(16), { groups: 16, strides: [2, 2] });
  const narrow = conv2d(averagePool2d(deep, { poolSize: [2, 2] }), weight(1, 1, 16, 8), weight(8));
  const features = reduceMean(narrow, { axes: [1, 2] });
  const kernel = weight(8, 4);
  const targets = input('targets', ['batch', 4]);
  const logits = matMul(dropout(features, input('key', [2], 'uint32'), 0.5), kernel);
  const loss = reduceMean(softmaxCrossEntropy(logits, targets));
  const data = Uint8Array.from({ length: 3 * 20 * 17 * 3 }, () => stream.below(256));
  const feeds = {
    pixels: tensor('uint8', [3, 20, 17, 3], data),
    targets: uniform(stream, [3, 4], 0, 1),
    key: keyTensor(),
  };
  const gradients = gradient(loss, weights).map((g, i) => [`gradient${i}`, g]);
  return [
    {
      name: 'network',
      purpose: 'portable',
      outputs: { probabilities: softmax(matMul(features, kernel)) },
      feeds,
    },
    { name: 'step', purpose: 'training', outputs: { loss, ...Object.fromEntries(gradients) }, feeds },
  ];
}

/** Every operator, portable, and its gradients as they are trained. */
const operators: Case[] = gradientRows.flatMap(({ name, shapes, f }): Case[] => {
  const inputs = shapes.map((shape, i) => input(`x${i}`, shape));
  const y = f(...inputs);
  const gradients = gradient(reduceSum(mul(y, y)), inputs).map((g, i) => [`d${i}`, g]);
  return [
    { name, purpose: 'portable', outputs: { y } },
    { name: `gradients: ${name}`, purpose: 'training', outputs: Object.fromEntries(gradients) },
  ];
});

/** Numbers for the inputs that a graph asks for, with a batch of two. */
function feedsOf(outputs: Record<string, Value>, name: string): Record<string, Tensor> {
  const inputs = topologicalOrder(Object.values(outputs)).filter((value) => isInput(value));
  return Object.fromEntries(
    inputs.map((value) => {
      const shape = value.shape.map((dim) => (typeof dim === 'number' ? dim : 2));
      return [inputName(value), uniform(randomStream(name, inputName(value)), shape, 0.5, 2)];
    }),
  );
}

const cases = [...network(), ...operators];

describe.skipIf(!existsSync(python))('ONNX’s checker and ONNX Runtime for Python (needs .python)', () => {
  const device = useDevice();
  let folder: string;
  let problems: Record<string, string> = {};

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-onnx-'));
    const models: unknown[] = [];
    for (const [i, { name, purpose, outputs, feeds = feedsOf(outputs, name) }] of cases.entries()) {
      const expected = Object.entries(await device.run(outputs, feeds, purpose));
      const tensors = {
        ...feeds,
        ...Object.fromEntries(expected.map(([key, value]) => [`expected/${key}`, value])),
      };
      writeFileSync(join(folder, `${i}.onnx`), toOnnx({ name, outputs }, { purpose }));
      writeFileSync(join(folder, `${i}.safetensors`), encodeSafetensors(tensors));
      models.push({ name, file: String(i), portable: purpose === 'portable' });
    }
    writeFileSync(join(folder, 'models.json'), JSON.stringify(models));
    problems = JSON.parse(execFileSync(python, [script, folder], { encoding: 'utf8', maxBuffer: 2 ** 24 }));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  for (const { name } of cases) {
    test(name, () => {
      expect(problems[name]).toBe('');
    });
  }
});
