import { join } from 'node:path';
import { rowRange, type Tensor, tensor } from '../core/tensor.ts';
import type { SessionRunHook } from '../training/hook.ts';
import { SummarySaverHook } from '../training/hooks/summary-saver-hook.ts';
import { type ClassifiedExample, writeClassification } from '../training/summaries/classification.ts';
import { openSharedWriter, type SharedWriter } from '../training/summaries/shared-writers.ts';
import type { Evaluation } from './evaluation.ts';
import type { EpochEvent } from './events.ts';
import { type Earlier, hookFrom } from './stage-keeper.ts';

/** A step's summaries are written at every so many of them. */
const everySteps = 10;

/** Some examples of a test, and what became of them. */
export interface ShownExamples {
  /** [n, height, width, channels] */
  readonly pixels: Tensor<'uint8'>;
  readonly rows: readonly Omit<ClassifiedExample, 'image'>[];
}

/**
 * What a training writes for TensorBoard: its steps into its folder, validations into `validation`, the test into `eval`.
 * What an earlier call wrote of steps that are made again is taken away.
 */
export class TrainingSummaries {
  readonly #folder: string;
  readonly #steps: SharedWriter;
  readonly #validation: SharedWriter | undefined;

  private constructor(folder: string, steps: SharedWriter, validation: SharedWriter | undefined) {
    this.#folder = folder;
    this.#steps = steps;
    this.#validation = validation;
  }

  /**
   * @param config what the training is, kept as text
   * @param validates whether there will be validations
   */
  static async open(
    folder: string,
    earlier: Earlier | undefined,
    { config, validates }: { readonly config: object; readonly validates: boolean },
  ): Promise<TrainingSummaries> {
    const steps = await openSharedWriter(folder, { from: earlier?.step ?? -1 });
    if (!earlier) steps.writer.text(0, 'config', fenced(config));
    if (!validates) return new TrainingSummaries(folder, steps, undefined);
    // An epoch whose end has not been told yet will have its validation again.
    const ended = earlier && (earlier.state.progress.batch === 0 ? earlier.step : earlier.step - 1);
    const validation = await openSharedWriter(join(folder, 'validation'), { from: ended ?? -1 });
    return new TrainingSummaries(folder, steps, validation);
  }

  /** Writes loss, accuracy and learning rate of steps. */
  stepHook(stepsBefore: number): SessionRunHook {
    return hookFrom(stepsBefore, new SummarySaverHook({ outputDir: this.#folder, saveSteps: everySteps }));
  }

  epoch(step: number, { validationLoss, validationAccuracy }: EpochEvent): void {
    if (validationLoss === undefined) return;
    this.#validation?.writer.scalars(step, { loss: validationLoss, accuracy: validationAccuracy! });
  }

  async close(): Promise<void> {
    await this.#validation?.release();
    await this.#steps.release();
  }
}

/** Writes what a test found into `eval`, once for each step. */
export async function writeEvaluation(
  folder: string,
  step: number,
  evaluation: Evaluation,
  examples: ShownExamples,
): Promise<void> {
  const { loss, accuracy, balancedAccuracy, auc, confusionMatrix, classes } = evaluation;
  const { writer, release } = await openSharedWriter(join(folder, 'eval'), { from: step - 1 });
  try {
    const balanced = { balanced_accuracy: balancedAccuracy, ...(auc !== null && { auc }) };
    writer.scalars(step, { loss, accuracy, ...balanced });
    const images = imagesOf(examples.pixels);
    const shown = examples.rows.map((row, i) => ({ ...row, image: images[i]! }));
    await writeClassification(writer, step, confusionMatrix, classes, shown);
  } finally {
    await release();
  }
}

function fenced(config: object): string {
  return `\`\`\`json\n${JSON.stringify(config, null, 2)}\n\`\`\``;
}

function imagesOf(pixels: Tensor<'uint8'>): Tensor<'uint8'>[] {
  return Array.from({ length: pixels.shape[0]! }, (_, i) => {
    const { data, shape } = rowRange(pixels, i, i + 1);
    return tensor('uint8', shape.slice(1), data);
  });
}
