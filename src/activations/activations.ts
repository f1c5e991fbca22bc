import { customName, customObject } from '../core/custom-objects.ts';
import { UsageError } from '../core/errors.ts';
import { type Kind, snakeCase } from '../core/options.ts';
import type { Value } from '../graph/value.ts';
import * as functions from './functions.ts';

export type { AxisOptions, ReluOptions } from './functions.ts';

const { silu, hardSilu } = functions;

/**
 * Activation functions by Keras' names, https://keras.io/api/layers/activations/. They take a value of a graph of any shape,
 * float32, and their options.
 *
 * @example const y = activations.relu(x, { maxValue: 6 });
 */
export const activations = { ...functions, swish: silu, hardSwish: hardSilu } as const;

/** The functions that need no options. */
export type ActivationName = Exclude<keyof typeof activations, 'threshold'>;
/** An activation as layers take it: its name, or a function of one's own. */
export type Activation = ActivationName | ((x: Value) => Value);

const names = (Object.keys(activations) as (keyof typeof activations)[]).filter(
  (name) => name !== 'threshold',
) as ActivationName[];
const byKerasName = new Map(names.map((name) => [snakeCase(name), name]));

/** Keras' name of a function under which it stands in configs: an alias is not kept. */
function nameOf(activation: unknown): ActivationName | undefined {
  return names.find((name) => activations[name] === activation);
}

/** The option that layers have: a name, a function, or the name of a custom object. */
export const activationKind: Kind<Activation, Activation> = {
  expected: `an activation (${names.join(', ')}), or a function of a value`,
  check: (value) => {
    if (typeof value === 'function') return nameOf(value) ?? (value as (x: Value) => Value);
    if (typeof value !== 'string') return undefined;
    const custom = customObject(value);
    if (custom) return custom as (x: Value) => Value;
    const name = byKerasName.get(value) ?? names.find((known) => known === value);
    return name && nameOf(activations[name]);
  },
  toKeras: (held) => {
    if (typeof held === 'string') return snakeCase(held);
    const name = customName(held);
    if (name !== undefined)
      return { module: 'builtins', class_name: 'function', config: name, registered_name: name };
    throw new UsageError(
      'activation: a function of one’s own can be saved once it has a name: registerCustomObjects({ name: function })',
    );
  },
  fromKeras: (json) => {
    const { class_name, config } = (typeof json === 'object' && json ? json : {}) as Record<string, unknown>;
    const name = class_name === 'function' ? config : json;
    return (typeof name === 'string' && !customObject(name) && byKerasName.get(name)) || name;
  },
};

/** The activation of a value. */
export function applyActivation(activation: Activation, x: Value): Value {
  return typeof activation === 'function' ? activation(x) : activations[activation](x);
}
