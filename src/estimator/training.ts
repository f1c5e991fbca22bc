import type { Dataset } from '../data/dataset.ts';
import type { BatchElement } from '../models/elements.ts';
import { DeviceLostError } from '../runtime/device.ts';
import { CheckpointKeeper, type CheckpointSaverListener } from '../training/checkpoints/checkpoint-keeper.ts';
import { type DirectoryLock, lockDirectory } from '../training/checkpoints/directory-lock.ts';
import type { JsonValue } from '../training/checkpoints/exact-json.ts';
import { fromCheckpoint, originOf as savedOriginOf } from '../training/checkpoints/state-file.ts';
import type { SessionRunHook } from '../training/hook.ts';
import { LoggingTensorHook } from '../training/hooks/logging-tensor-hook.ts';
import { StepCounterHook } from '../training/hooks/step-counter-hook.ts';
import { StopAtStepHook } from '../training/hooks/stop-at-step-hook.ts';
import { SummarySaverHook } from '../training/hooks/summary-saver-hook.ts';
import type { TrainingState } from '../training/state.ts';
import { openSharedWriter } from '../training/summaries/shared-writers.ts';
import { datasetOf, type InputFn } from './input-fn.ts';
import type { ModelDirectory } from './model-directory.ts';
import { originOf, refuseOtherOrigin } from './origin.ts';
import { Preemption } from './preemption.ts';
import type { EstimatorSpec } from './spec.ts';
import { type WarmStartSettings, warmStart } from './warm-start.ts';

export interface TrainOptions {
  readonly inputFn: InputFn<BatchElement>;
  /** Steps more. Without `steps` and `maxSteps`: until the data end. */
  readonly steps?: number;
  /** Steps in all, those of earlier calls included: the same call again, after a failure, does what is left. */
  readonly maxSteps?: number;
  readonly hooks?: readonly SessionRunHook[];
  readonly savingListeners?: readonly CheckpointSaverListener[];
  /** Ends the training after the step that is running, saved. */
  readonly signal?: AbortSignal;
}

/** What a training in a model directory is told. */
export interface DirectoryTraining extends TrainOptions {
  readonly params: Readonly<Record<string, unknown>>;
  readonly warmStartFrom: string | WarmStartSettings | undefined;
}

/** Trains in a model directory that belongs to this process while it does. */
export async function runTrainingIn(
  directory: ModelDirectory,
  spec: EstimatorSpec,
  options: DirectoryTraining,
): Promise<void> {
  const { handleSignals, log } = directory.config.settings;
  const lock = await lockDirectory(directory.path, { what: 'training' });
  const preemption = new Preemption(handleSignals, options.signal, (name) =>
    log(`${name}: saving after this step, then ending`),
  );
  try {
    await directory.store.removePartials();
    const goal = { lastStep: options.maxSteps };
    const run = () => runOnce(directory, spec, options, goal, lock, preemption.signal);
    try {
      await run();
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      log(
        `the thread that computes has ended (${error.message}): going on from the last checkpoint in a new one`,
      );
      await spec.model.dispose();
      await run();
    }
  } finally {
    try {
      await lock.release();
    } finally {
      preemption.finish();
    }
  }
}

async function runOnce(
  directory: ModelDirectory,
  spec: EstimatorSpec,
  options: DirectoryTraining,
  /** `steps` are counted from where the first run began. */
  goal: { lastStep: number | undefined },
  lock: DirectoryLock,
  signal: AbortSignal,
): Promise<void> {
  const { model } = spec;
  const { settings } = directory.config;
  const data = await datasetOf(options.inputFn, 'Estimator.train');
  const origin = await originOf(model, data, options.params);
  const from = await restored(directory, origin, options, spec);
  if (options.steps !== undefined) goal.lastStep ??= (from?.progress.step ?? 0) + options.steps;
  const keeper = new CheckpointKeeper({
    store: directory.store,
    saveSteps: settings.saveCheckpointsSteps,
    saveSecs: settings.saveCheckpointsSecs,
    origin,
    listeners: options.savingListeners ?? [],
    beforeCommit: () => lock.assertHeld(),
    restore: async () => from,
  });
  // A pass over the data more than what is done; one that was left in its middle is gone on with.
  const epochs = (from?.progress.epoch ?? 0) + 1;
  await model.fitDataset(data as Dataset<BatchElement>, {
    epochs,
    callbacks: [{ keeper }],
    hooks: [...stockHooks(directory, goal.lastStep), ...(spec.hooks ?? []), ...(options.hooks ?? [])],
    exactResume: settings.exactResume,
    signal,
  });
}

/** Where the training was; damaged checkpoints are told and passed over. */
async function restored(
  directory: ModelDirectory,
  origin: JsonValue,
  { warmStartFrom }: DirectoryTraining,
  { model }: EstimatorSpec,
): Promise<TrainingState | undefined> {
  const { log } = directory.config.settings;
  const found = await directory.store.newestWhole((_, reason) => log(reason));
  if (found) refuseOtherOrigin(savedOriginOf(found.checkpoint), origin, found.path);
  // Before the first checkpoint there are no steps that count.
  await directory.purge(found ? found.checkpoint.step : -1);
  if (found) {
    log(`going on from step ${found.checkpoint.step}, ${found.path}`);
    return fromCheckpoint(found.checkpoint, found.path);
  }
  const { writer, release } = await openSharedWriter(directory.path);
  writer.text(0, 'config', `\`\`\`json\n${JSON.stringify(origin, undefined, 2)}\n\`\`\``);
  await release();
  if (warmStartFrom !== undefined)
    log(`starting from ${await warmStart(model, warmStartFrom)} weights of another training`);
  return undefined;
}

function stockHooks({ path, config }: ModelDirectory, lastStep: number | undefined): SessionRunHook[] {
  const { saveSummarySteps, logStepCountSteps, log } = config.settings;
  const hooks: SessionRunHook[] = [];
  if (lastStep !== undefined) hooks.push(new StopAtStepHook({ lastStep }));
  if (saveSummarySteps > 0)
    hooks.push(new SummarySaverHook({ outputDir: path, saveSteps: saveSummarySteps }));
  if (logStepCountSteps > 0) {
    hooks.push(new StepCounterHook({ everyNSteps: logStepCountSteps, outputDir: path, log }));
    hooks.push(new LoggingTensorHook({ tensors: ['loss'], everyNIter: logStepCountSteps, log }));
  }
  return hooks;
}
