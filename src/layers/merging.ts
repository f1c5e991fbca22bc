import { type ConfigOf, integer, optional } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, maximum, minimum, mul, sub } from '../ops/elementwise.ts';
import { concat, reshape } from '../ops/shaping.ts';
import { Layer, type LayerConfig } from './layer.ts';

/**
 * Inputs put together element by element. Sizes of 1 broadcast; an input of fewer axes gets ones behind the batch.
 * https://keras.io/api/layers/merging_layers/
 */
abstract class Merge extends Layer {
  protected override get inputCount(): readonly [number, number] {
    return [2, Infinity];
  }

  protected abstract merge(values: readonly Value[]): Value;

  call(inputs: readonly Value[]): Value {
    const rank = Math.max(...inputs.map((x) => x.rank));
    return this.merge(
      inputs.map((x) => {
        const missing = rank - x.rank;
        return missing === 0
          ? x
          : reshape(x, { shape: x.shape.toSpliced(1, 0, ...Array<number>(missing).fill(1)) });
      }),
    );
  }
}

const folded = (merge: (a: Value, b: Value) => Value) => (values: readonly Value[]) =>
  values.reduce((a, b) => merge(a, b));

/** The sum of two or more inputs. https://keras.io/api/layers/merging_layers/add/ */
export class Add extends Merge {
  static override readonly className: string = 'Add';
  protected merge = folded(add);
}

/** The first of two inputs less the second. https://keras.io/api/layers/merging_layers/subtract/ */
export class Subtract extends Merge {
  static override readonly className: string = 'Subtract';
  protected merge = folded(sub);

  protected override get inputCount(): readonly [number, number] {
    return [2, 2];
  }
}

/** The product of two or more inputs. https://keras.io/api/layers/merging_layers/multiply/ */
export class Multiply extends Merge {
  static override readonly className: string = 'Multiply';
  protected merge = folded(mul);
}

/** The mean of two or more inputs. https://keras.io/api/layers/merging_layers/average/ */
export class Average extends Merge {
  static override readonly className: string = 'Average';

  protected merge(values: readonly Value[]): Value {
    return mul(folded(add)(values), constant(1 / values.length));
  }
}

/** The largest of two or more inputs. https://keras.io/api/layers/merging_layers/maximum/ */
export class Maximum extends Merge {
  static override readonly className: string = 'Maximum';
  protected merge = folded(maximum);
}

/** The smallest of two or more inputs. https://keras.io/api/layers/merging_layers/minimum/ */
export class Minimum extends Merge {
  static override readonly className: string = 'Minimum';
  protected merge = folded(minimum);
}

const concatenateOptions = {
  /** Default −1, the channels. */
  axis: optional(integer, -1),
};

export type ConcatenateConfig = ConfigOf<typeof concatenateOptions> & LayerConfig;

/** Inputs side by side. https://keras.io/api/layers/merging_layers/concatenate/ */
export class Concatenate extends Layer<typeof concatenateOptions> {
  static override readonly className: string = 'Concatenate';
  static override readonly options = concatenateOptions;

  protected override get inputCount(): readonly [number, number] {
    return [1, Infinity];
  }

  call(inputs: readonly Value[]): Value {
    return concat(...inputs, { axis: this.options.axis });
  }
}
