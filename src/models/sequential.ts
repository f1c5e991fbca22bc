import { ShapeError, UsageError } from '../core/errors.ts';
import { resolveOptions } from '../core/options.ts';
import { formatShape, type Shape, sameShape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { InputLayer } from '../layers/input.ts';
import { commonOptions, Layer, type LayerConfig } from '../layers/layer.ts';
import { SymbolicTensor } from '../layers/symbolic.ts';
import type { Fed } from '../training/trainable.ts';
import { structureOf } from './functional.ts';
import { Model, type Structure } from './model.ts';
import type { ModelOptions } from './model-options.ts';

export interface SequentialConfig extends LayerConfig {
  /** The first may be `layers.input({ shape })`; without one, shapes follow from the first data. */
  readonly layers?: readonly (Layer | SymbolicTensor)[];
}

/**
 * Layers one after another. https://keras.io/guides/sequential_model/
 *
 * @example
 * const net = new Sequential({ layers: [layers.input({ shape: [28, 28, 1] }), layers.flatten(), layers.dense({ units: 10 })] });
 */
export class Sequential extends Model {
  static override readonly className: string = 'Sequential';
  #input: InputLayer | undefined;
  readonly #stack: Layer[] = [];
  /** Of each layer of the stack, as far as they are connected. */
  readonly #outputs: SymbolicTensor[] = [];
  #structure: Structure | undefined;

  /** @throws {UsageError} when two layers have one name, or one takes or gives several tensors */
  constructor(config: SequentialConfig = {}, options: ModelOptions = {}) {
    const { layers = [], ...own } = config;
    resolveOptions({}, config, 'a sequential model', [...commonOptions, 'layers']);
    super(own, options);
    for (const layer of layers) this.#put(layer);
    this.#connect();
    if (own.trainable === false) this.trainable = false;
  }

  /** The layers in their order, without the input. */
  override get layers(): readonly Layer[] {
    return this.#stack;
  }

  /**
   * Puts a layer on top; where it does not fit, the model stays as it is.
   *
   * @throws {UsageError} when there is a layer of this name, or it takes or gives several tensors
   * @throws {ShapeError} names the layer, when the shape below does not fit
   */
  add(layer: Layer | SymbolicTensor): void {
    const { length } = this.#stack;
    this.#put(layer);
    try {
      this.#connect();
    } catch (error) {
      this.#stack.length = length;
      throw error;
    }
  }

  /** Takes the top layer off; undefined where there is none. */
  pop(): Layer | undefined {
    const top = this.#stack.pop();
    this.#outputs.length = Math.min(this.#outputs.length, this.#stack.length);
    this.#structure = undefined;
    return top;
  }

  /**
   * Says which shape the input has, without the batch.
   *
   * @throws {UsageError} when it has another one already
   * @throws {ShapeError} names the layer that it does not fit
   */
  buildOn(shape: Shape): void {
    if (this.#input) {
      const known = this.#input.output.shape.slice(1);
      if (sameShape(known, shape)) return;
      throw new UsageError(
        `model '${this.name}' has the input shape ${formatShape(known)}, and cannot be built on ${formatShape(shape)}`,
      );
    }
    this.#input = new InputLayer({ shape });
    try {
      this.#connect();
    } catch (error) {
      this.#input = undefined;
      this.#outputs.length = 0;
      throw error;
    }
  }

  override get isBuilt(): boolean {
    return this.#outputs.length > 0;
  }

  protected get structure(): Structure {
    const output = this.#outputs.at(-1);
    if (output) {
      this.#structure ??= structureOf([this.#input!.output], [output], `model '${this.name}'`);
      return this.#structure;
    }
    throw new UsageError(
      this.#stack.length === 0
        ? `model '${this.name}' has no layers yet: add one`
        : `model '${this.name}' does not know its input’s shape yet: begin with layers.input({ shape }), call buildOn(shape), or fit it`,
    );
  }

  protected override get inputCount(): readonly [number, number] {
    return [1, 1];
  }

  override build([shape]: readonly Shape[]): void {
    if (!this.isBuilt) this.buildOn(shape!.slice(1));
  }

  protected override buildFor(inputs: Fed): void {
    if (this.isBuilt) return;
    const [first] = 'dtype' in inputs && 'data' in inputs ? [inputs as Tensor] : Object.values(inputs);
    if (!first) throw new ShapeError(`model '${this.name}': there is no data to take the input’s shape from`);
    this.buildOn((first as Tensor).shape.slice(1));
  }

  #put(layer: Layer | SymbolicTensor): void {
    const given = layer instanceof SymbolicTensor && layer.layer instanceof InputLayer ? layer.layer : layer;
    if (!(given instanceof Layer)) {
      const what = layer instanceof SymbolicTensor ? `the output ${layer}` : layer;
      throw new UsageError(
        `model '${this.name}': takes layers, such as layers.dense({ units: 4 }), got ${what}`,
      );
    }
    if (given instanceof InputLayer) {
      if (this.#input || this.#stack.length > 0)
        throw new UsageError(`model '${this.name}': an input can only be the first layer`);
      this.#input = given;
      return;
    }
    if (this.#stack.some(({ name }) => name === given.name)) {
      throw new UsageError(
        `model '${this.name}': two layers have the name '${given.name}'; give one another name`,
      );
    }
    // A model at the bottom brings its own input's shape.
    if (!this.#input && this.#stack.length === 0 && given instanceof Model && given.isBuilt) {
      const { shape, dtype } = given.input;
      this.#input = new InputLayer({ shape: shape.slice(1), dtype });
    }
    this.#stack.push(given);
  }

  #connect(): void {
    if (!this.#input) return;
    for (const layer of this.#stack.slice(this.#outputs.length))
      this.#outputs.push(layer.apply(this.#outputs.at(-1) ?? this.#input.output));
    this.#structure = undefined;
  }

  override getConfig(): object {
    return { name: this.name, trainable: this.trainable };
  }
}

/** Layers one after another: `sequential({ layers: [dense({ units: 8 }), dense({ units: 2 })] })`. */
export function sequential(config?: SequentialConfig, options?: ModelOptions): Sequential {
  return new Sequential(config, options);
}
