import type { Tensor } from '../core/tensor.ts';
import type { TrainingState } from './state.ts';
import type { Logs } from './trainable.ts';

type Told = void | Promise<void>;

/** What `begin` is given: the graph of a step before it is compiled. */
export interface GraphBuilder {
  /** The names of the weights that are trained: `dense/kernel`. Empty where nothing is trained. */
  readonly trainableWeights: readonly string[];
  /**
   * Makes the steps' graph compute something more, which `beforeRun` can then ask for: `gradients/dense/kernel`, or
   * `outputs/dense` for what a layer gives.
   *
   * @throws {UsageError} when there is no such gradient or output, when the graph is built
   */
  fetch(name: string): void;
}

/** A training, an evaluation or a prediction that runs. */
export interface TrainingSession {
  /** Steps of the training so far, those before a restart too. */
  readonly step: number;
  /** Ends the run after the step that is running. */
  requestStop(): void;
  readonly isStopped: boolean;
  /** Stopped from outside, by a signal. */
  readonly isInterrupted: boolean;
  /**
   * The state after the last step, to go on from. It may be asked for between two steps, and stops them only for a
   * moment.
   */
  capture(): Promise<TrainingState>;
}

/** What `afterRun` is told of a step. */
export interface RunValues {
  /** Loss and metrics of this step's batch. */
  readonly logs: Logs;
  readonly examples: number;
  /** The rate of this step; undefined where nothing is trained. */
  readonly learningRate: number | undefined;
  /** Milliseconds until the batch was there, and of the step. */
  readonly waited: number;
  readonly computed: number;
  /** What `beforeRun` asked for. */
  readonly fetched: Readonly<Record<string, Tensor>>;
}

/**
 * A listener to a run, by the moments of TensorFlow's hooks:
 * https://www.tensorflow.org/api_docs/python/tf/estimator/SessionRunHook
 *
 * The run waits for what a hook promises. With and without hooks, the weights are the same bits.
 *
 * @example
 * const lossTeller: SessionRunHook = {
 *   afterRun: (session, { logs }) => void (session.step % 100 === 0 && console.log(session.step, logs.loss)),
 * };
 */
export interface SessionRunHook {
  /** Before the graph is compiled. */
  begin?(graph: GraphBuilder): Told;
  /** Once the model has its weights, also those of a checkpoint. */
  afterCreateSession?(session: TrainingSession): Told;
  /** Before a step; `session.step` are those before it. Returns the fetches to get from this step. */
  beforeRun?(session: TrainingSession): readonly string[] | undefined;
  /** After a step; `session.step` counts it. */
  afterRun?(session: TrainingSession, values: RunValues): Told;
  /** After the last step, not after a failure. */
  end?(session: TrainingSession): Told;
  /** After a failure, in place of `end`: the last step that was completed can still be captured, unless the device is lost. */
  failed?(session: TrainingSession, error: unknown): Told;
}
