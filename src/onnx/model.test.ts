import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrayTypes, type DType } from '../core/dtype.ts';
import { DataError } from '../core/errors.ts';
import { elementCount, floats, type Tensor, tensor } from '../core/tensor.ts';
import { decodeModel } from './decode.ts';
import { encodeModel } from './encode.ts';
import type { Attribute, Graph, Model, Node, ValueInfo } from './model.ts';

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const dtype = fc.constantFrom(...(Object.keys(arrayTypes) as DType[]));
const dims = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 });

const tensors: fc.Arbitrary<Tensor> = fc.tuple(dtype, dims, fc.nat(255)).map(([type, shape, byte]) => {
  const data = new arrayTypes[type](elementCount(shape));
  new Uint8Array(data.buffer).forEach((_, i, bytes) => {
    bytes[i] = (byte + 31 * i) % 127; // no NaN among the floats, as their bits are the engine's to choose
  });
  return tensor(type, shape, data);
});

const values: fc.Arbitrary<ValueInfo> = fc.record({
  name,
  dtype,
  shape: fc.array(fc.oneof(fc.nat(), fc.constantFrom('batch', '49*batch')), { maxLength: 4 }),
});

const float = fc.float({ noNaN: true });
const int = fc.maxSafeInteger();

function attributes(graph: fc.Arbitrary<Graph>): fc.Arbitrary<Attribute> {
  return fc.oneof(
    fc.record({ int }),
    fc.record({ float }),
    fc.record({ string: fc.string({ unit: 'grapheme' }) }),
    fc.record({ ints: fc.array(int) }),
    fc.record({ floats: fc.array(float) }),
    fc.record({ strings: fc.array(fc.string()) }),
    fc.record({ tensor: tensors }),
    fc.record({ graph }),
  );
}

const filledRecord = <T>(value: fc.Arbitrary<T>) => fc.dictionary(name, value, { minKeys: 1, maxKeys: 3 });

const { graph: graphs } = fc.letrec<{ graph: Graph }>((tie) => {
  const node: fc.Arbitrary<Node> = fc.record(
    {
      opType: name,
      inputs: fc.array(fc.string(), { maxLength: 3 }),
      outputs: fc.array(name, { maxLength: 2 }),
      attributes: filledRecord(attributes(tie('graph'))),
      name,
      domain: name,
    },
    { requiredKeys: ['opType', 'inputs', 'outputs'] },
  );
  const few = <T>(element: fc.Arbitrary<T>) => fc.array(element, { maxLength: 3, depthIdentifier: 'graph' });
  return {
    graph: fc.record(
      {
        name: fc.string(),
        nodes: few(node),
        inputs: few(values),
        outputs: few(values),
        initializers: filledRecord(tensors),
        values: fc.array(values, { minLength: 1, maxLength: 3 }),
      },
      { requiredKeys: ['name', 'nodes', 'inputs', 'outputs'] },
    ),
  };
});

const models: fc.Arbitrary<Model> = fc.record(
  {
    irVersion: fc.nat(),
    opsets: fc.dictionary(fc.string(), fc.nat()),
    graph: graphs,
    producerName: name,
    producerVersion: name,
    metadata: filledRecord(fc.string()),
  },
  { requiredKeys: ['irVersion', 'opsets', 'graph'] },
);

/** y = gemm(x, w), with a weight that is large enough to be a piece of its own. */
function gemm(): Model {
  const dtype = 'float32';
  return {
    irVersion: 10,
    opsets: { '': 21 },
    producerName: 'fovea',
    metadata: { seed: '7' },
    graph: {
      name: 'gemm',
      inputs: [{ name: 'x', dtype, shape: ['batch', 64] }],
      outputs: [{ name: 'y', dtype, shape: ['batch', 32] }],
      initializers: {
        w: floats(
          Array.from({ length: 2048 }, (_, i) => i / 7),
          [64, 32],
        ),
      },
      nodes: [
        {
          opType: 'Gemm',
          inputs: ['x', 'w', ''],
          outputs: ['y'],
          attributes: { alpha: { float: 0 }, transA: { int: 0 } },
        },
      ],
    },
  };
}

describe('encodeModel and decodeModel', () => {
  it('give back every model', () => {
    const law = fc.property(models, (model) => {
      expect(decodeModel(encodeModel(model))).toEqual(model);
    });
    fc.assert(law);
  });

  it('keep a zero apart from an absent attribute, and an int from a float', () => {
    const [node] = decodeModel(encodeModel(gemm())).graph.nodes;
    expect(node?.attributes).toEqual({ alpha: { float: 0 }, transA: { int: 0 } });
  });

  it('do not copy tensors that lie aligned', () => {
    const bytes = encodeModel(gemm());
    for (const shift of [0, 1, 2, 3]) {
      const moved = new Uint8Array(bytes.length + shift).subarray(shift);
      moved.set(bytes);
      const w = decodeModel(moved).graph.initializers?.w;
      expect(w).toEqual(gemm().graph.initializers?.w);
      const aligned = (moved.byteOffset + indexOf(bytes, w)) % 4 === 0;
      expect(w?.data.buffer === moved.buffer).toBe(aligned);
    }
  });

  it('write what the ONNX checker accepts', (context) => {
    const python = new URL('../../.python/bin/python', import.meta.url).pathname;
    if (!existsSync(python)) context.skip('no Python environment in .python');
    const folder = mkdtempSync(join(tmpdir(), 'fovea-onnx-'));
    try {
      const path = join(folder, 'gemm.onnx');
      writeFileSync(path, encodeModel(gemm()));
      const script = [
        'import sys, onnx, onnx.numpy_helper as helper',
        'model = onnx.load(sys.argv[1])',
        'onnx.checker.check_model(model, full_check=True)',
        'w = helper.to_array(model.graph.initializer[0])',
        "print(w.shape, w[0, 7], model.graph.input[0].type.tensor_type.shape.dim[0].dim_param, end='')",
      ];
      const printed = execFileSync(python, ['-c', script.join('\n'), path], { encoding: 'utf8' });
      expect(printed).toBe('(64, 32) 1.0 batch');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** Where the tensor's bytes begin in the file. */
function indexOf(file: Uint8Array, value: Tensor | undefined): number {
  const data = value?.data ?? new Uint8Array();
  return Buffer.from(file).indexOf(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
}

describe('decodeModel', () => {
  it('refuses every file that was cut short, or reads a smaller model from it, but never crashes', () => {
    const bytes = encodeModel(gemm());
    for (let length = 0; length < bytes.length; length += length < 40 || length > 8200 ? 1 : 97) {
      try {
        decodeModel(bytes.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
      }
    }
    expect(() => decodeModel(bytes.subarray(0, 4000), 'net.onnx')).toThrow(
      /^net\.onnx cannot be read as an ONNX model, or is damaged: /,
    );
  });

  it('never crashes on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => decodeModel(bytes)).toThrow(DataError);
      }),
    );
  });

  it('refuses what holds no graph, such as an empty file', () => {
    expect(() => decodeModel(new Uint8Array(), 'a.onnx')).toThrow('a.onnx cannot be read as an ONNX model');
  });

  it('refuses a tensor whose data lies elsewhere', () => {
    const model = gemm();
    const w = { dtype: 'float32', shape: [64, 32], data: new Float32Array(3) } as const;
    const bytes = encodeModel({ ...model, graph: { ...model.graph, initializers: { w } } });
    expect(() => decodeModel(bytes)).toThrow(
      "tensor 'w' of float32[64, 32] needs 8192 bytes of raw data, got 12: save the model with its weights inside",
    );
  });
});
