import { expect, test } from 'vitest';
import { UsageError } from '../core/errors.ts';
import { toFloat16 } from '../core/float16.ts';
import { tensor } from '../core/tensor.ts';
import * as layers from '../layers/layers.ts';
import { model } from './functional.ts';
import { toMermaid } from './mermaid.ts';
import { Sequential } from './sequential.ts';

const dense = (name: string, units: number) => layers.dense({ name, units });

/** What Keras 3.15 prints of the same model is in this file by hand, cell by cell. */
function network() {
  const x = layers.input({ name: 'x', shape: [8] });
  const inner = new Sequential({
    name: 'inner',
    layers: [layers.input({ name: 'in', shape: [8] }), dense('a', 8), dense('b', 8)],
  });
  const y = inner.apply(x);
  const sum = layers.concatenate({ name: 'both' }).apply([y, x]);
  return model({ name: 'out', inputs: x, outputs: [dense('h', 1).apply(y), sum] });
}

test('a summary is Keras’ table, with what each layer is connected to', () => {
  const net = network();
  expect(`\n${net.summary()}\n`).toMatchInlineSnapshot(`
    "
    Model: "out"
    ┏━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━┓
    ┃ Layer (type)       ┃ Output Shape ┃ Param # ┃ Connected to         ┃
    ┡━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━┩
    │ x (InputLayer)     │ (None, 8)    │       0 │ -                    │
    ├────────────────────┼──────────────┼─────────┼──────────────────────┤
    │ inner (Sequential) │ (None, 8)    │     144 │ x[0][0]              │
    ├────────────────────┼──────────────┼─────────┼──────────────────────┤
    │ h (Dense)          │ (None, 1)    │       9 │ inner[0][0]          │
    ├────────────────────┼──────────────┼─────────┼──────────────────────┤
    │ both (Concatenate) │ (None, 16)   │       0 │ inner[0][0], x[0][0] │
    └────────────────────┴──────────────┴─────────┴──────────────────────┘
     Total params: 153 (612.00 B)
     Trainable params: 153 (612.00 B)
     Non-trainable params: 0 (0.00 B)
    "
  `);
});

test('of a plain stack it has no connections', () => {
  const net = new Sequential({
    name: 's',
    layers: [layers.input({ shape: [8] }), dense('a', 1024), dense('b', 8)],
  });
  net.initialize();
  for (const weight of net.getLayer('b').weights) {
    weight.value = tensor('float16', weight.shape, toFloat16(weight.value!.data as Float32Array));
  }
  net.getLayer('a').trainable = false;
  expect(`\n${net.summary({ showTrainable: true })}\n`).toMatchInlineSnapshot(`
    "
    Model: "s"
    ┏━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━┓
    ┃ Layer (type) ┃ Output Shape ┃ Param # ┃ Trainable ┃
    ┡━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━┩
    │ a (Dense)    │ (None, 1024) │   9,216 │     N     │
    ├──────────────┼──────────────┼─────────┼───────────┤
    │ b (Dense)    │ (None, 8)    │   8,200 │     Y     │
    └──────────────┴──────────────┴─────────┴───────────┘
     Total params: 17,416 (52.02 KB)
     Trainable params: 8,200 (16.02 KB)
     Non-trainable params: 9,216 (36.00 KB)
    "
  `);
});

test('of a stack without shapes it says so', () => {
  const net = new Sequential({ name: 's', layers: [dense('a', 1)] });
  expect(`\n${net.summary()}\n`).toMatchInlineSnapshot(`
    "
    Model: "s"
    ┏━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┓
    ┃ Layer (type) ┃ Output Shape ┃ Param # ┃
    ┡━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━┩
    │ a (Dense)    │ ?            │       0 │
    └──────────────┴──────────────┴─────────┘
     Total params: 0 (0.00 B)
     Trainable params: 0 (0.00 B)
     Non-trainable params: 0 (0.00 B)
    "
  `);
});

test('shows the layers of nested models, flags, and lines of a length', () => {
  const net = network();
  net.getLayer('inner').trainable = false;
  const table = net.summary({ expandNested: true, showTrainable: true, lineLength: 72 });
  expect(`\n${table}\n`).toMatchInlineSnapshot(`
    "
    Model: "out"
    ┏━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓
    ┃ Layer (type) ┃ Output Shape ┃ Param # ┃ Connected to     ┃ Trainable ┃
    ┡━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩
    │ x            │ (None, 8)    │       0 │ -                │     -     │
    │ (InputLayer) │              │         │                  │           │
    ├──────────────┼──────────────┼─────────┼──────────────────┼───────────┤
    │ inner        │ (None, 8)    │     144 │ x[0][0]          │     N     │
    │ (Sequential) │              │         │                  │           │
    ├──────────────┼──────────────┼─────────┼──────────────────┼───────────┤
    │    └ a       │ (None, 8)    │      72 │ in[0][0]         │     N     │
    │ (Dense)      │              │         │                  │           │
    ├──────────────┼──────────────┼─────────┼──────────────────┼───────────┤
    │    └ b       │ (None, 8)    │      72 │ a[0][0]          │     N     │
    │ (Dense)      │              │         │                  │           │
    ├──────────────┼──────────────┼─────────┼──────────────────┼───────────┤
    │ h (Dense)    │ (None, 1)    │       9 │ inner[0][0]      │     Y     │
    ├──────────────┼──────────────┼─────────┼──────────────────┼───────────┤
    │ both         │ (None, 16)   │       0 │ inner[0][0],     │     -     │
    │ (Concatenate │              │         │ x[0][0]          │           │
    │ )            │              │         │                  │           │
    └──────────────┴──────────────┴─────────┴──────────────────┴───────────┘
     Total params: 153 (612.00 B)
     Trainable params: 9 (36.00 B)
     Non-trainable params: 144 (576.00 B)
    "
  `);
  expect(Math.max(...table.split('\n').map(({ length }) => length))).toBe(72);
  expect(() => net.summary({ lineLength: 30 })).toThrow(UsageError);
  expect(() => net.summary({ lineLength: 30 })).toThrow(
    'lineLength must be at least 45 for 4 columns, got 30',
  );
  expect(() => net.summary({ lineLenght: 30 } as never)).toThrow("there is no option 'lineLenght'");
});

test('a drawing has a box for each layer, an arrow for each connection, and names that Mermaid can read', () => {
  const net = network();
  expect(`\n${toMermaid(net)}\n`).toMatchInlineSnapshot(`
    "
    flowchart TD
      n0["x<br/>InputLayer<br/>(None, 8)"]
      n1["inner<br/>Sequential<br/>(None, 8)"]
      n2["h<br/>Dense<br/>(None, 1)"]
      n3["both<br/>Concatenate<br/>(None, 16)"]
      n0 --> n1
      n1 --> n3
      n0 --> n3
      n1 --> n2
    "
  `);
  expect(`\n${toMermaid(net, { shapes: false, expandNested: true })}\n`).toMatchInlineSnapshot(`
    "
    flowchart TD
      n0["x<br/>InputLayer"]
      subgraph n1["inner"]
        n2["in<br/>InputLayer"]
        n3["a<br/>Dense"]
        n4["b<br/>Dense"]
      end
      n5["h<br/>Dense"]
      n6["both<br/>Concatenate"]
      n2 --> n3
      n3 --> n4
      n0 --> n2
      n4 --> n6
      n0 --> n6
      n4 --> n5
    "
  `);
  const odd = layers.input({ name: 'a"b`c]--> <x> & #1; end', shape: [2, null] });
  expect(toMermaid(model({ inputs: odd, outputs: odd }))).toBe(
    'flowchart TD\n  n0["a#34;b#96;c#93;--#62; #60;x#62; #38; #35;1#59; end<br/>InputLayer<br/>(None, 2, None)"]',
  );
});

test('a drawing has one box for a shared layer, and each arrow once', () => {
  const x = layers.input({ name: 'x', shape: [2] });
  const shared = dense('shared', 2);
  const net = model({ inputs: x, outputs: [shared.apply(x), shared.apply(shared.apply(x))] });
  expect(toMermaid(net, { shapes: false })).toBe(
    'flowchart TD\n  n0["x<br/>InputLayer"]\n  n1["shared<br/>Dense"]\n  n0 --> n1\n  n1 --> n1',
  );
});
