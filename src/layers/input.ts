import { arrayTypes, type DType } from '../core/dtype.ts';
import { UsageError } from '../core/errors.ts';
import { type ConfigOf, type Kind, oneOf, optional, required } from '../core/options.ts';
import type { Dim, Shape } from '../core/shape.ts';
import type { Value } from '../graph/value.ts';
import { Layer, type LayerConfig } from './layer.ts';
import { Node } from './symbolic.ts';

/** A size without the batch; `null` or a symbol's name stands for one that is open. */
const openShape: Kind<readonly (Dim | null)[], Shape> = {
  expected: 'a list of whole numbers above 0, with null or a name for what is open',
  check: (value) => {
    if (!Array.isArray(value)) return undefined;
    const fits = value.every(
      (dim) =>
        dim === null ||
        (Number.isInteger(dim) && dim > 0) ||
        (typeof dim === 'string' && /^[a-z_]\w*$/i.test(dim) && dim !== 'batch'),
    );
    return fits ? value.map((dim, i): Dim => dim ?? `size${i + 1}`) : undefined;
  },
};

const inputOptions = {
  /** Without the batch; `null`, or a symbol's name, stands for a size that varies. */
  shape: required(openShape),
  /** Default 'float32'. */
  dtype: optional(oneOf(Object.keys(arrayTypes) as DType[]), 'float32'),
};

export type InputConfig = ConfigOf<typeof inputOptions> & LayerConfig;

/** Where data enters a model: its `output` is what is fed, [batch, …shape]. https://keras.io/api/layers/core_layers/input/ */
export class InputLayer extends Layer<typeof inputOptions> {
  static override readonly className: string = 'InputLayer';
  static override readonly options = inputOptions;

  constructor(config: InputConfig) {
    super(config);
    const { shape, dtype } = this.options;
    this.inboundNodes.push(new Node(this, [], [{ shape: ['batch', ...shape], dtype }]));
  }

  call(): Value {
    throw new UsageError(`layer '${this.name}': data is fed to an input, it cannot be called`);
  }
}
