import { activationKind } from '../activations/activations.ts';
import { type ConfigOf, count, optional, real, required, whenGiven } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, log } from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { regularizerKind } from '../regularizers/regularizers.ts';
import { type CallContext, knownSize, Layer, type LayerConfig, type Weight } from './layer.ts';
import { activated, kernelOptions, weightOptions } from './weight-options.ts';

const denseOptions = {
  /** Outputs. */
  units: required(count),
  ...kernelOptions,
  /** A penalty on the outputs. Default none. */
  activityRegularizer: whenGiven(regularizerKind),
};

export type DenseConfig = ConfigOf<typeof denseOptions> & LayerConfig;

/** activation(x · kernel + bias), [batch, …, channels] → [batch, …, units]. https://keras.io/api/layers/core_layers/dense/ */
export class Dense extends Layer<typeof denseOptions> {
  static override readonly className: string = 'Dense';
  static override readonly options = denseOptions;
  #kernel!: Weight;
  #bias: Weight | undefined;

  override build([shape]: readonly Shape[]): void {
    const channels = knownSize(shape, -1, 'the last axis');
    const { units, useBias } = this.options;
    this.#kernel = this.addWeight('kernel', [channels, units], weightOptions('kernel', this.options));
    if (useBias) this.#bias = this.addWeight('bias', [units], weightOptions('bias', this.options));
  }

  call([x]: readonly [Value], context: CallContext): Value {
    const product = matMul(x, context.read(this.#kernel));
    const y = this.#bias ? add(product, context.read(this.#bias)) : product;
    return activated(y, this.options, context);
  }
}

const activationOptions = {
  /** A name, or a function of one's own. */
  activation: required(activationKind),
  /** A penalty on the outputs. Default none. */
  activityRegularizer: whenGiven(regularizerKind),
};

export type ActivationConfig = ConfigOf<typeof activationOptions> & LayerConfig;

/** A function of each element. https://keras.io/api/layers/core_layers/activation/ */
export class ActivationLayer extends Layer<typeof activationOptions> {
  static override readonly className: string = 'Activation';
  static override readonly options = activationOptions;

  call([x]: readonly [Value], context: CallContext): Value {
    return activated(x, this.options, context);
  }
}

/** `x` as it is. https://keras.io/api/layers/core_layers/identity/ */
export class Identity extends Layer {
  static override readonly className: string = 'Identity';

  call([x]: readonly [Value]): Value {
    return x;
  }
}

const logarithmOptions = {
  /** Added first, so that zero has a logarithm. Default 1. */
  offset: optional(real({ above: 0 }), 1),
};

export type LogarithmConfig = ConfigOf<typeof logarithmOptions> & LayerConfig;

/** log(x + offset), of what is never negative, such as averaged activations. Keras has no such layer. */
export class Logarithm extends Layer<typeof logarithmOptions> {
  static override readonly className: string = 'Logarithm';
  static override readonly options = logarithmOptions;

  call([x]: readonly [Value]): Value {
    return log(add(x, constant(this.options.offset)));
  }
}
