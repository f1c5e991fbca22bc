import { optional, resolveOptions } from '../../core/options.ts';
import type { Callback } from '../callback.ts';
import { functionKind } from './options.ts';

const events = [
  'onTrainBegin',
  'onTrainEnd',
  'onEpochBegin',
  'onEpochEnd',
  'onTrainBatchBegin',
  'onTrainBatchEnd',
  'onTestBegin',
  'onTestEnd',
  'onTestBatchBegin',
  'onTestBatchEnd',
  'onPredictBegin',
  'onPredictEnd',
  'onPredictBatchBegin',
  'onPredictBatchEnd',
] as const satisfies readonly (keyof Callback)[];

const options = Object.fromEntries(events.map((name) => [name, optional(functionKind('of this event'))]));

/** Functions by the events of a callback that they are told. */
export type LambdaCallbackOptions = Pick<Callback, (typeof events)[number]>;

/** Has no methods of its own: those that are given become its methods. */
const Bare = Object as unknown as new () => LambdaCallbackOptions;

/**
 * A callback of single functions. The training waits for what they promise, and ends with what they throw.
 * https://keras.io/api/callbacks/lambda_callback/
 *
 * @example new LambdaCallback({ onEpochEnd: (epoch, { loss }) => console.error(epoch, loss) })
 */
export class LambdaCallback extends Bare implements Callback {
  /** @throws {UsageError} names what is no event, or no function */
  constructor(functions: LambdaCallbackOptions) {
    super();
    resolveOptions(options, functions, 'LambdaCallback');
    Object.assign(this, functions);
  }
}
