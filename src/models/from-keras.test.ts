import { describe, expect, test } from 'vitest';
import { registerCustomObjects } from '../core/custom-objects.ts';
import { DataError, UsageError } from '../core/errors.ts';
import { count, optional } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { Value } from '../graph/value.ts';
import { type CallContext, Layer, type LayerConfig, type Weight } from '../layers/layer.ts';
import * as layers from '../layers/layers.ts';
import { mul, relu } from '../ops/elementwise.ts';
import { deserializeLayer, modelFromJSON } from './from-keras.ts';
import { model } from './functional.ts';
import type { Model } from './model.ts';
import { Sequential } from './sequential.ts';
import { serializeLayer } from './to-keras.ts';

const scaleOptions = { times: optional(count, 1) };

/** x · factor, so many times. */
class Scale extends Layer<typeof scaleOptions> {
  static override readonly className: string = 'Scale';
  static override readonly options = scaleOptions;
  #factor!: Weight;

  override build([shape]: readonly Shape[]): void {
    this.#factor = this.addWeight('factor', [shape!.at(-1) as number], { initializer: 'ones' });
  }

  call([x]: readonly [Value], { read }: CallContext): Value {
    let y = x;
    for (let i = 0; i < this.options.times; i++) y = mul(y, read(this.#factor));
    return y;
  }
}

/** A class whose options are its own affair. */
class Plain extends Layer {
  static override readonly className: string = 'Plain';
  readonly #size: number;

  constructor({ halfSize, ...config }: LayerConfig & { halfSize: number }) {
    super(config);
    this.#size = 2 * halfSize;
  }

  override getConfig(): object {
    return { ...super.getConfig(), halfSize: this.#size / 2 };
  }

  call([x]: readonly [Value]): Value {
    return mul(x, x);
  }
}

const parsed = (net: Layer) => JSON.parse(JSON.stringify(serializeLayer(net)));
const copyOf = (net: Model, customObjects = {}) =>
  modelFromJSON(JSON.stringify(net), { customObjects, threads: 1 });

/** The JSON again, and the summary, which shows what is connected to what. */
function expectSame(net: Model, customObjects = {}): Model {
  const copy = copyOf(net, customObjects);
  expect(parsed(copy)).toEqual(parsed(net));
  const options = { expandNested: true, showTrainable: true };
  expect(copy.summary(options)).toBe(net.summary(options));
  expect([...copy.network.weightNames.values()]).toEqual([...net.network.weightNames.values()]);
  return copy;
}

describe('JSON makes the same model of', () => {
  const x = (name = 'x', size = 4) => layers.input({ name, shape: [size] });
  const dense = (name: string, units = 4) => layers.dense({ name, units });

  test('several inputs and outputs, one of which leads nowhere', () => {
    const [a, b, unused] = [x('a'), x('b'), x('unused', 9)];
    const sum = layers.concatenate({ name: 'both' }).apply([a, dense('d').apply(b)]);
    const net = model({ name: 'm', inputs: [unused, b, a], outputs: [sum, dense('out').apply(sum)] });
    const copy = expectSame(net);
    expect(copy.inputs.map(({ layer }) => layer.name)).toEqual(['unused', 'b', 'a']);
    expect(copy.outputs.map(({ layer }) => layer.name)).toEqual(['both', 'out']);
  });

  test('a shared layer, whose second call comes after layers that need the first', () => {
    const shared = dense('shared');
    const input = x();
    const once = shared.apply(input);
    const between = layers.activation({ name: 'between', activation: 'relu' }).apply(once);
    const net = model({ name: 'm', inputs: input, outputs: [shared.apply(between), once] });
    const copy = expectSame(net);
    expect(copy.getLayer('shared').inboundNodes).toHaveLength(2);
    expect(copy.weights).toHaveLength(2);
  });

  test('models in models, called twice, and one in inference', () => {
    const input = x('inner x');
    const inner = model({ name: 'inner', inputs: input, outputs: dense('d').apply(input) });
    const stack = new Sequential({
      name: 'stack',
      layers: [inner, layers.dropout({ name: 'drop', rate: 0.5 })],
    });
    const outer = x();
    const first = inner.apply(outer);
    const second = inner.apply(first, { training: false });
    const third = stack.apply(second, { training: false });
    const net = model({ name: 'm', inputs: outer, outputs: [second, third, first] });
    const copy = expectSame(net);
    // Both use the one inner model.
    expect(copy.weights).toHaveLength(2);
    expect((copy.getLayer('stack') as Sequential).layers[0]).toBe(copy.getLayer('inner'));
    expect(copy.cut.tail.size).toBe(net.cut.tail.size);
  });

  test('a layer of its own beside the same in a nested model, by the shorter name', () => {
    const shared = dense('shared');
    const stack = new Sequential({ name: 'stack', layers: [x('in'), shared] });
    const input = x();
    const net = model({ name: 'm', inputs: input, outputs: [stack.apply(input), shared.apply(input)] });
    expect([...expectSame(net).network.weightNames.values()]).toEqual(['shared/kernel', 'shared/bias']);
  });

  test('a stack with and without an input, and one that knows none of its shapes', () => {
    expectSame(new Sequential({ name: 's', layers: [x(), dense('a'), dense('b')] }));
    const open = new Sequential({ name: 's', layers: [dense('a'), new Sequential({ name: 't' })] });
    const copy = copyOf(open);
    expect(parsed(copy)).toEqual(parsed(open));
    expect(copy.isBuilt).toBe(false);
  });

  test('trainable flags, each layer its own, whatever the model’s', () => {
    const stack = new Sequential({ name: 'stack', layers: [x('in'), dense('a'), dense('b')] });
    const input = x();
    const net = model({ name: 'm', inputs: input, outputs: dense('c').apply(stack.apply(input)) });
    net.trainable = false;
    stack.layers[1]!.trainable = true;
    const copy = expectSame(net);
    expect(copy.trainable).toBe(false);
    expect(copy.trainableWeights).toEqual([]);
    copy.trainable = true;
    net.trainable = true;
    stack.trainable = false;
    stack.layers[0]!.trainable = true;
    const flags = ['stack', 'c'].map((name) => expectSame(net).getLayer(name).trainable);
    expect(flags).toEqual([false, true]);
  });

  test('layers and functions of one’s own, registered or given', () => {
    const make = () =>
      new Sequential({
        name: 's',
        layers: [x(), new Scale({ name: 'scale', times: 3 }), new Plain({ name: 'plain', halfSize: 7 })],
      });
    const copy = expectSame(make(), { Scale, Plain });
    expect(copy.layers[0]).toBeInstanceOf(Scale);
    expect((copy.layers[0] as Scale).options).toEqual({ times: 3 });
    expect(copy.layers[1]!.getConfig()).toMatchObject({ halfSize: 7 });
    expect(() => copyOf(make())).toThrow(DataError);
    expect(() => copyOf(make())).toThrow(
      "model: model 's': layer 'scale' (Scale): there is no layer 'Scale'; a class of one’s own is made known by customObjects",
    );
    // A function is no class of a layer.
    expect(() => copyOf(make(), { Scale: (v: Value) => v, Plain })).toThrow("there is no layer 'Scale'");

    const twice = (v: Value) => relu(relu(v));
    const activated = new Sequential({
      name: 'a',
      layers: [x(), layers.dense({ name: 'd', units: 2, activation: twice })],
    });
    expect(() => JSON.stringify(activated)).toThrow(UsageError);
    expect(() => JSON.stringify(activated)).toThrow('registerCustomObjects');
    registerCustomObjects({ twice });
    expectSame(activated);
  });

  test('a layer alone', () => {
    const copy = deserializeLayer(parsed(layers.dense({ name: 'd', units: 3, useBias: false })));
    expect(copy.getConfig()).toMatchObject({ name: 'd', units: 3, useBias: false });
    expect(() => modelFromJSON(parsed(copy))).toThrow(
      "'Dense' is a layer; a model is Functional or Sequential",
    );
  });

  test('a model of a thousand layers, its last first, and one of thousands that wait for one another', () => {
    let y = x();
    const input = y;
    for (let i = 0; i < 1000; i++) y = layers.activation({ name: `a${i}`, activation: 'relu' }).apply(y);
    const json = parsed(model({ name: 'm', inputs: input, outputs: y }));
    json.config.layers.reverse();
    expect(modelFromJSON(json).layers).toHaveLength(1001);
    const [first] = json.config.layers;
    first.inbound_nodes[0].args[0].config.keras_history[0] = first.name;
    expect(() => modelFromJSON(json)).toThrow('a999 → a999');
    first.inbound_nodes[0].args[0].config.keras_history[0] = 'a998';
    json.config.layers.at(-2).inbound_nodes[0].args[0].config.keras_history[0] = 'a999';
    expect(() => modelFromJSON(json)).toThrow(/form a cycle, (a\d+ → ){8}… → a\d+$/);
  });
});

describe('JSON is refused', () => {
  const place = (name: string, call = 0, output = 0) => ({
    class_name: '__keras_tensor__',
    config: { shape: [null, 4], dtype: 'float32', keras_history: [name, call, output] },
  });
  const on = (...names: string[]) => [{ args: names.map((name) => place(name)), kwargs: {} }];
  const input = {
    class_name: 'InputLayer',
    config: { name: 'x', batch_shape: [null, 4, 4, 3], dtype: 'float32' },
    name: 'x',
    inbound_nodes: [] as unknown[],
  };
  const dense = {
    class_name: 'Dense',
    config: { name: 'd', units: 2 } as object,
    name: 'd',
    inbound_nodes: on('x') as unknown,
  };
  const functional = (change: object) => ({
    class_name: 'Functional',
    config: {
      name: 'm',
      trainable: true,
      layers: [input, dense],
      input_layers: ['x', 0, 0],
      output_layers: ['d', 0, 0],
      ...change,
    },
  });
  const withDense = (change: object) => functional({ layers: [input, { ...dense, ...change }] });
  const withConfig = (className: string, config: object) =>
    withDense({ class_name: className, config: { name: 'd', ...config } });
  const deep = (() => {
    let json: object = { class_name: 'Sequential', config: { name: 's', layers: [] } };
    for (let i = 0; i < 5000; i++) json = { class_name: 'Sequential', config: { name: 's', layers: [json] } };
    return json;
  })();

  test('not when it is right', () => {
    expect(modelFromJSON(functional({})).layers.map(({ name }) => name)).toEqual(['x', 'd']);
  });

  test.each<[string, unknown, string[]]>([
    ['that is no object', [], ['should be an object, and is a list']],
    ['that is no JSON', '{"class_name": ', ['is not JSON']],
    ['without a class', {}, ['class_name should be a text, and is missing']],
    ['without a config', { class_name: 'Functional' }, ["'Functional': config should be an object"]],
    [
      'without layers',
      functional({ layers: undefined }),
      ["model 'm': layers should be a list, and is missing"],
    ],
    ['without an output', functional({ output_layers: undefined }), ['output_layers should be an object']],
    [
      'of another output',
      functional({ output_layers: ['e', 0, 0] }),
      ["output_layers: 'e' (call 0, output 0)"],
    ],
    [
      'of an output’s other call',
      functional({ output_layers: ['d', 1, 0] }),
      ["'d' (call 1, output 0) is not"],
    ],
    ['of an output that is no place', functional({ output_layers: ['d', -1, 0] }), ['["d",-1,0]']],
    ['of another input', functional({ input_layers: ['e', 0, 0] }), ["input_layers: 'e'"]],
    [
      'of a trainable that is neither',
      functional({ trainable: 1 }),
      ['trainable should be true or false, and is 1'],
    ],
    ['of a layer that is none', functional({ layers: [3] }), ["model 'm' should be an object, and is 3"]],
    [
      'of a layer without calls',
      withDense({ inbound_nodes: undefined }),
      ["layer 'd'", 'inbound_nodes should be'],
    ],
    [
      'of a call without arguments',
      withDense({ inbound_nodes: [{}] }),
      ["layer 'd' (Dense): args should be a list"],
    ],
    ['of a call with a number', withDense({ inbound_nodes: [{ args: [1] }] }), ["layer 'd'", 'and is 1']],
    [
      'of a call with what is no tensor',
      withDense({ inbound_nodes: [{ args: [{ class_name: 'Dense', config: {} }] }] }),
      ['"Dense"', 'where a layer’s output should be'],
    ],
    [
      'of a call with another argument',
      withDense({ inbound_nodes: [{ ...on('x')[0], kwargs: { mask: null, query: 1 } }] }),
      ["is called with 'query'"],
    ],
    ['of an unknown class', withDense({ class_name: 'Magic' }), ["layer 'd'", "'Magic'", 'Conv2D, ']],
    ['of an inherited class', withDense({ class_name: 'constructor' }), ["there is no layer 'constructor'"]],
    [
      'of two layers with one name',
      functional({ layers: [input, dense, dense] }),
      ["two layers have the name 'd'"],
    ],
    ['of a layer on itself', withDense({ inbound_nodes: on('d') }), ["layer 'd'", 'form a cycle, d → d']],
    [
      'of layers in a circle',
      functional({
        layers: [
          input,
          { ...dense, inbound_nodes: on('e') },
          { ...dense, config: { name: 'e', units: 2 }, inbound_nodes: on('d') },
        ],
      }),
      ['the layers form a cycle, '],
    ],
    [
      'of a layer on one that is not there',
      withDense({ inbound_nodes: on('y') }),
      ["its input 'y' is no layer"],
    ],
    [
      'of a layer on a call that is not made',
      withDense({ inbound_nodes: [{ args: [place('x', 1)], kwargs: {} }] }),
      ["its input 'x' has no call 1"],
    ],
    [
      'of a layer on an output that is not there',
      withDense({ inbound_nodes: [{ args: [place('x', 0, 2)], kwargs: {} }] }),
      ["its input 'x' has no output 2"],
    ],
    ['of a layer on nothing', withDense({ inbound_nodes: on() }), ["layer 'd'", 'apply takes outputs']],
    [
      'of a layer on two',
      withDense({ inbound_nodes: on('x', 'x') }),
      ["layer 'd'", 'takes one input, got 2'],
    ],
    [
      'of an input on a layer',
      withDense({ class_name: 'InputLayer', config: { name: 'd', batch_shape: [null, 1] } }),
      ["layer 'd'", 'cannot be called'],
    ],
    [
      'of a fixed batch',
      functional({ layers: [{ ...input, config: { name: 'x', batch_shape: [8, 4] } }, dense] }),
      ["layer 'x' (InputLayer)", 'a fixed batch of 8'],
    ],
    [
      'of no shape',
      functional({ layers: [{ ...input, config: { name: 'x' } }, dense] }),
      ['batch_shape should be a list, and is missing'],
    ],
    [
      'of a layer that leads nowhere',
      functional({ output_layers: ['x', 0, 0] }),
      ["layer 'd' leads to no output"],
    ],
    ['of an input that is missing', functional({ input_layers: [] }), ['inputs must be outputs of layers']],
    ['of shapes that do not fit', withConfig('Conv2D', { filters: 1, kernel_size: 5 }), ["layer 'd'", '5']],
    ['of an unknown option', withConfig('Dense', { units: 2, speed: 9 }), ["layer 'd'", "'speed'"]],
    ['of no units', withConfig('Dense', { units: 0 }), ["layer 'd'", 'units', 'above 0, got 0']],
    [
      'of a name that is none',
      withConfig('Dense', { units: 1, name: 3 }),
      ["layer ''", 'name must be a text'],
    ],
    ['of an unknown activation', withConfig('Activation', { activation: 'toString' }), ['activation']],
    ['in half precision', withConfig('Dense', { units: 1, dtype: 'mixed_float16' }), ['"mixed_float16"']],
    ['of models in one another without end', deep, ['more than 100 models']],
  ])('%s', (_, json, words) => {
    const read = () => modelFromJSON(json, { where: 't.json' });
    expect(read).toThrow(DataError);
    for (const word of ['t.json', ...words]) expect(read).toThrow(word);
  });
});
