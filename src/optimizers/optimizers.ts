import { UsageError } from '../core/errors.ts';
import { type ConfigOf, type OptionsOf, resolveOptions } from '../core/options.ts';
import { optimizerFrom } from './build.ts';
import type { Optimizer, SharedConfig } from './optimizer.ts';
import { optimizerTable } from './table.ts';

export { learningRateAt } from './learning-rate.ts';
export type { Optimizer } from './optimizer.ts';

type Table = typeof optimizerTable;
type OptionsFor<Name extends keyof Table> = ConfigOf<Table[Name]['options']>;
type Made<Name extends keyof Table> = Optimizer<OptionsOf<Table[Name]['options']> & SharedConfig>;

/** An optimizer with Keras' defaults, by name: `'adam'`. */
export type OptimizerName = Lowercase<keyof Table> | 'adamW';

export type SgdOptions = OptionsFor<'SGD'>;
export type RmspropOptions = OptionsFor<'RMSprop'>;
export type AdamOptions = OptionsFor<'Adam'>;
export type AdamWOptions = OptionsFor<'AdamW'>;
export type AdadeltaOptions = OptionsFor<'Adadelta'>;
export type AdagradOptions = OptionsFor<'Adagrad'>;
export type AdamaxOptions = OptionsFor<'Adamax'>;
export type AdafactorOptions = OptionsFor<'Adafactor'>;
export type NadamOptions = OptionsFor<'Nadam'>;
export type FtrlOptions = OptionsFor<'Ftrl'>;
export type LionOptions = OptionsFor<'Lion'>;
export type MuonOptions = OptionsFor<'Muon'>;

/**
 * The optimizer of a Keras class with these options.
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export function makeOptimizer<Name extends keyof Table>(className: Name, options: object): Made<Name> {
  const row = optimizerTable[className];
  const config = resolveOptions(row.options, options, `optimizer ${className}`);
  return optimizerFrom(className, row as never, config as never);
}

/** The class of a name, in whatever case; undefined if there is none. */
export function optimizerClass(name: string): keyof Table | undefined {
  return (Object.keys(optimizerTable) as (keyof Table)[]).find(
    (className) => className.toLowerCase() === name.toLowerCase(),
  );
}

/**
 * What `compile` takes for its optimizer: a name, with Keras' defaults, or an optimizer.
 *
 * @throws {UsageError} when there is none of this name
 */
export function optimizerOf(given: OptimizerName | Optimizer): Optimizer {
  if (typeof given === 'object' && typeof given?.update === 'function') return given;
  const className = typeof given === 'string' ? optimizerClass(given) : undefined;
  if (className !== undefined) return makeOptimizer(className, {});
  const names = Object.keys(optimizerTable).map((name) => name.toLowerCase());
  throw new UsageError(
    `optimizer must be one of ${names.join(', ')}, or what a function of that name gives; got ${
      typeof given === 'string' ? `'${given}'` : typeof given
    }`,
  );
}

/**
 * Gradient descent, with momentum (default 0) and Nesterov's (default false). Default rate 0.01.
 * https://keras.io/api/optimizers/sgd/
 *
 * @throws {UsageError} names an option that is unknown or out of range
 * @example model.compile({ optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }), loss: 'meanSquaredError' });
 */
export function sgd(options: SgdOptions = {}): Made<'SGD'> {
  return makeOptimizer('SGD', options);
}

/**
 * Steps by the gradient over the root of its squares' average. Default rate 0.001.
 * https://keras.io/api/optimizers/rmsprop/
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export function rmsprop(options: RmspropOptions = {}): Made<'RMSprop'> {
  return makeOptimizer('RMSprop', options);
}

/**
 * Adam: Kingma and Ba, ICLR 2015 (arXiv 1412.6980), in the form of https://keras.io/api/optimizers/adam/. Default rate
 * 0.001; `amsgrad` (default false) divides by the largest average of squares so far.
 *
 * @throws {UsageError} names an option that is unknown or out of range
 * @example adam({ learningRate: schedules.cosineDecay({ initialLearningRate: 1e-3, decaySteps: 1000 }) });
 */
export function adam(options: AdamOptions = {}): Made<'Adam'> {
  return makeOptimizer('Adam', options);
}

/**
 * Adam with weight decay (default 0.004): Loshchilov and Hutter, ICLR 2019 (arXiv 1711.05101), in the form of
 * https://keras.io/api/optimizers/adamw/: every weight decays by rate · weightDecay before its update.
 *
 * @throws {UsageError} names an option that is unknown or out of range
 * @example adamW({ learningRate: 1e-4, weightDecay: 0.05, excludeFromWeightDecay: ['bias', 'gamma', 'beta'] });
 */
export function adamW(options: AdamWOptions = {}): Made<'AdamW'> {
  return makeOptimizer('AdamW', options);
}

/**
 * Steps as large as the last ones were: Zeiler, 2012 (arXiv 1212.5701). Default rate 0.001; the paper's is 1.
 * https://keras.io/api/optimizers/adadelta/
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export function adadelta(options: AdadeltaOptions = {}): Made<'Adadelta'> {
  return makeOptimizer('Adadelta', options);
}

/**
 * Steps that shrink as gradients add up: Duchi, Hazan and Singer, JMLR 12, 2011. Default rate 0.001.
 * https://keras.io/api/optimizers/adagrad/
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export function adagrad(options: AdagradOptions = {}): Made<'Adagrad'> {
  return makeOptimizer('Adagrad', options);
}

/**
 * Adam by the largest gradient in place of the squares' average: Kingma and Ba, ICLR 2015, section 7. Default rate 0.001.
 * https://keras.io/api/optimizers/adamax/
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export function adamax(options: AdamaxOptions = {}): Made<'Adamax'> {
  return makeOptimizer('Adamax', options);
}

/**
 * Adam that keeps averages of squares by row and column alone, to save memory: Shazeer and Stern, ICML 2018
 * (arXiv 1804.04235). Default rate 0.001, never above 1 / √step. https://keras.io/api/optimizers/adafactor/
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export function adafactor(options: AdafactorOptions = {}): Made<'Adafactor'> {
  return makeOptimizer('Adafactor', options);
}

/**
 * Adam with Nesterov's momentum: Dozat, ICLR workshop 2016. Default rate 0.001.
 * https://keras.io/api/optimizers/nadam/
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export function nadam(options: NadamOptions = {}): Made<'Nadam'> {
  return makeOptimizer('Nadam', options);
}

/**
 * Follow the regularized leader, for sparse linear models: McMahan et al., KDD 2013. Default rate 0.001, above 0 at
 * every step. Weights that it has never updated are forgotten. https://keras.io/api/optimizers/ftrl/
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export function ftrl(options: FtrlOptions = {}): Made<'Ftrl'> {
  return makeOptimizer('Ftrl', options);
}

/**
 * Steps of one length, by the sign of an average: Chen et al., NeurIPS 2023 (arXiv 2302.06675). Default rate 0.001;
 * usually three to ten times smaller than Adam's. https://keras.io/api/optimizers/lion/
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export function lion(options: LionOptions = {}): Made<'Lion'> {
  return makeOptimizer('Lion', options);
}

/**
 * Orthogonal steps for matrices, Adam's for all other weights: Jordan et al., 2024,
 * https://kellerjordan.github.io/posts/muon/. Default rate 0.001. https://keras.io/api/optimizers/muon/
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export function muon(options: MuonOptions = {}): Made<'Muon'> {
  return makeOptimizer('Muon', options);
}
