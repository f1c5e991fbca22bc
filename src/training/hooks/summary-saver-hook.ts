import {
  type ConfigOf,
  count,
  flag,
  type OptionsOf,
  optional,
  real,
  required,
  resolveOptions,
  text,
} from '../../core/options.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { GraphBuilder, RunValues, TrainingSession } from '../hook.ts';
import { type SecondOrStepTimer, timerFor } from './second-or-step-timer.ts';
import { WritingHook } from './writing-hook.ts';

const options = {
  /** The folder of the events, for `tensorboard --logdir`. */
  outputDir: required(text),
  /** Default 100, where `saveSecs` is not given. */
  saveSteps: optional(count),
  saveSecs: optional(real({ above: 0 })),
  /** Histograms `gradients/dense/kernel` for each weight that is trained. Default false. */
  gradients: optional(flag, false),
  /** Histograms `weights/dense/kernel` for each weight that is trained. Default false. */
  weights: optional(flag, false),
  /** The scalar `learning_rate`. Default true. */
  learningRate: optional(flag, true),
};

export type SummarySaverHookOptions = ConfigOf<typeof options>;

/**
 * Writes what steps give for TensorBoard: the loss and the metrics of a step's batch, its learning rate, and how
 * gradients and weights are distributed. https://www.tensorflow.org/api_docs/python/tf/estimator/SummarySaverHook
 *
 * Steps whose summaries are not written cost nothing more. With `saveSteps`, see `SecondOrStepTimer`.
 *
 * @example new SummarySaverHook({ outputDir: 'runs/oct', saveSteps: 50, gradients: true })
 */
export class SummarySaverHook extends WritingHook {
  readonly #options: OptionsOf<typeof options>;
  readonly #timer: SecondOrStepTimer;
  #trained: readonly string[] = [];
  #isDue = false;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: SummarySaverHookOptions) {
    const checked = resolveOptions(options, config, 'SummarySaverHook');
    super(checked.outputDir);
    this.#options = checked;
    const { saveSteps, saveSecs } = checked;
    this.#timer = timerFor('SummarySaverHook', { saveSteps, saveSecs }, { everyNSteps: 100 });
  }

  begin(graph: GraphBuilder): void {
    this.#trained = graph.trainableWeights;
    for (const name of this.#gradients) graph.fetch(name);
  }

  override async afterCreateSession(session: TrainingSession): Promise<void> {
    await super.afterCreateSession(session);
    this.#timer.reset(session.step);
  }

  beforeRun({ step }: TrainingSession): readonly string[] | undefined {
    this.#isDue = this.#timer.shouldTriggerForStep(step + 1);
    return this.#isDue ? this.#gradients : undefined;
  }

  async afterRun(session: TrainingSession, { logs, learningRate, fetched }: RunValues): Promise<void> {
    if (!this.#isDue) return;
    const { step } = session;
    this.#timer.updateLastTriggeredStep(step);
    const rate = this.#options.learningRate && learningRate !== undefined;
    this.writer!.scalars(step, { ...logs, ...(rate && { learning_rate: learningRate }) });
    for (const name of this.#gradients) this.#histogram(step, name, fetched[name]!);
    if (!this.#options.weights) return;
    const weights = await (await session.capture()).model.tensors();
    for (const name of this.#trained) this.#histogram(step, `weights/${name}`, weights[name]!);
  }

  get #gradients(): readonly string[] {
    return this.#options.gradients ? this.#trained.map((name) => `gradients/${name}`) : [];
  }

  #histogram(step: number, tag: string, { data }: Tensor): void {
    this.writer!.histogram(step, tag, data as Float32Array);
  }
}
