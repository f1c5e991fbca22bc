/**
 * A layer of one's own: a class that says its options, its weights, and its forward function in terms of operators.
 * Gradients follow from the operators. It is trained, saved, and loaded again.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { floats, type graph, layers, model, ops, optimizers, utils } from 'fovea';
import { loadModel } from 'fovea/models';

const { count, optional, required, real } = layers.options;

/** Every option is checked, has its default, and is written into saved models. */
const options = {
  /** Outputs. */
  units: required(count),
  /** How far the gates are open at first, from 0 to 1. */
  open: optional(real({ above: 0, below: 1 }), 0.5),
};

type GatedConfig = layers.options.ConfigOf<typeof options> & layers.LayerConfig;

/** tanh(x · kernel) · sigmoid(x · gate + bias), a dense layer that can shut its outputs. */
class Gated extends layers.Layer<typeof options> {
  static override readonly className: string = 'Gated';
  static override readonly options = options;
  #kernel!: layers.Weight;
  #gate!: layers.Weight;
  #bias!: layers.Weight;

  /** Called once, with the shapes of the inputs. */
  override build([shape]: readonly graph.Shape[]): void {
    const { units, open } = this.options;
    const channels = layers.knownSize(shape, -1, 'the last axis');
    this.#kernel = this.addWeight('kernel', [channels, units]);
    this.#gate = this.addWeight('gate', [channels, units], { initializer: 'heNormal' });
    const bias = Math.log(open / (1 - open));
    this.#bias = this.addWeight('bias', [units], {
      initializer: ([size]) => floats(new Float32Array(size!).fill(bias)),
    });
  }

  override call([x]: readonly [graph.Value], { read }: layers.CallContext): graph.Value {
    const value = ops.tanh(ops.matMul(x, read(this.#kernel)));
    const gate = ops.sigmoid(ops.add(ops.matMul(x, read(this.#gate)), read(this.#bias)));
    return ops.mul(value, gate);
  }
}

const gated = (config: GatedConfig) => new Gated(config);

// Points in a square, and whether their signs differ: no line divides the two classes.
const points = Array.from({ length: 64 }, (_, i) => [(i % 8) - 3.5, Math.floor(i / 8) - 3.5] as const);
const inputs = floats(points.flat(), [64, 2]);
const targets = utils.toCategorical(points.map(([x, y]) => (x * y < 0 ? 1 : 0)));

const x = layers.input({ shape: [2] });
const hidden = gated({ units: 8, open: 0.9 }).apply(x);
const net = model({ inputs: x, outputs: layers.dense({ units: 2, activation: 'softmax' }).apply(hidden) });
net.compile({
  optimizer: optimizers.adam({ learningRate: 0.1 }),
  loss: 'categoricalCrossentropy',
  metrics: ['accuracy'],
});
const { epochs } = await net.fit(inputs, targets, { epochs: 100, batchSize: 64 });
console.log('accuracy', epochs.at(-1)!.accuracy);

const folder = await mkdtemp(join(tmpdir(), 'fovea-'));
await net.save(join(folder, 'gated'));
const loaded = await loadModel(join(folder, 'gated'), { customObjects: { Gated } });
const [before, after] = [await net.predict(inputs), await loaded.predict(inputs)];
console.log(
  'the same when it is loaded',
  before.data.every((value, i) => value === after.data[i]),
);

await Promise.all([net.dispose(), loaded.dispose(), rm(folder, { recursive: true })]);
