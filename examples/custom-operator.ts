/**
 * An operator of one's own: one of ONNX's that fovea has not, declared with its shape and its gradient, and used in a
 * layer. https://onnx.ai/onnx/operators/onnx__HardSwish.html
 */
import { floats, graph, layers, model, ops, optimizers, utils } from 'fovea';

/** x · max(0, min(1, x / 6 + 1 / 2)) of each element. */
const hardSwish = graph.defineOp({
  opType: 'HardSwish',
  inputs: ['x'],
  infer: ([x]) => x,
  // Below −3 it is 0 and above 3 it is x; between, x² / 6 + x / 2, whose slope is x / 3 + 1 / 2.
  grad: [({ dy, inputs: [x] }) => ops.mul(dy, slope(x))],
  elementwise: true,
});

function slope(x: graph.Value): graph.Value {
  const between = ops.add(ops.div(x, graph.constant(3)), graph.constant(0.5));
  const isBetween = ops.less(ops.abs(x), graph.constant(3));
  return ops.where(isBetween, between, ops.cast(ops.greater(x, graph.constant(0)), { to: 'float32' }));
}

/** hardSwish(x · scale), with a scale for each channel that is learned. */
class ScaledSwish extends layers.Layer {
  static override readonly className: string = 'ScaledSwish';
  #scale!: layers.Weight;

  override build([shape]: readonly graph.Shape[]): void {
    const channels = layers.knownSize(shape, -1, 'the channels');
    this.#scale = this.addWeight('scale', [channels], { initializer: 'ones' });
  }

  override call([x]: readonly [graph.Value], { read }: layers.CallContext): graph.Value {
    return hardSwish(ops.mul(x, read(this.#scale)));
  }
}

// A ring around a disc.
const points = Array.from({ length: 60 }, (_, i) => {
  const [radius, angle] = [i % 2 === 0 ? 0.8 : 2, (2 * Math.PI * i) / 60];
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
});
const inputs = floats(points.flat(), [60, 2]);
const targets = utils.toCategorical(points.map((_, i) => i % 2));

const x = layers.input({ shape: [2] });
const swish = new ScaledSwish({ name: 'swish' });
const hidden = swish.apply(layers.dense({ units: 12 }).apply(x));
const net = model({ inputs: x, outputs: layers.dense({ units: 2, activation: 'softmax' }).apply(hidden) });
net.compile({
  optimizer: optimizers.adam({ learningRate: 0.05 }),
  loss: 'categoricalCrossentropy',
  metrics: ['accuracy'],
});
const { epochs } = await net.fit(inputs, targets, { epochs: 100, batchSize: 60 });
console.log('accuracy', epochs.at(-1)!.accuracy);
console.log(
  'scales have moved',
  swish.getWeights()[0]!.data.every((scale) => scale !== 1),
);
await net.dispose();
