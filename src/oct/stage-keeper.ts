import { type Tensor, tensor } from '../core/tensor.ts';
import type { CallbackState } from '../training/callback.ts';
import type { Checkpoint } from '../training/checkpoints/checkpoint-file.ts';
import { CheckpointKeeper } from '../training/checkpoints/checkpoint-keeper.ts';
import type { CheckpointStore } from '../training/checkpoints/checkpoint-store.ts';
import { fromCheckpoint, originOf } from '../training/checkpoints/state-file.ts';
import type { SessionRunHook, TrainingSession } from '../training/hook.ts';
import type { Keeper } from '../training/keeper.ts';
import type { TrainingState } from '../training/state.ts';
import type { EpochEvent } from './events.ts';

/** Checkpoints of a training in stages, whose steps are counted through all of them. */

export type StageName = 'head' | 'fine-tune';

/** What a training knows beside what its loop does. */
export interface Memory {
  /** Of all stages so far. */
  readonly epochs: readonly EpochEvent[];
  /** Frozen weights that are not the backbone's, by their names. */
  readonly frozen: Readonly<Record<string, Tensor>>;
}

/** Where an earlier call has left a training. */
export interface Earlier extends Memory {
  readonly stage: StageName;
  /** Of all stages. */
  readonly step: number;
  /** Of the stages before. */
  readonly stepsBefore: number;
  /** Of this stage, as its own loop counts. */
  readonly state: TrainingState;
}

/** What says of a checkpoint to which stage it belongs. */
type Origin = Readonly<Pick<Earlier, 'stage' | 'stepsBefore'>>;

export interface StageKeeperOptions extends Origin {
  readonly store: CheckpointStore;
  readonly saveSteps: number | undefined;
  readonly saveSecs: number | undefined;
  readonly beforeCommit: () => Promise<void>;
  readonly memory: () => Memory;
  /** Of this stage; undefined to begin it. */
  readonly from: TrainingState | undefined;
}

const historyName = 'history';
const frozenPrefix = 'frozen/';

/** Keeps one stage, as `CheckpointKeeper` keeps a training. */
export class StageKeeper implements Keeper {
  readonly #options: StageKeeperOptions;
  readonly #keeper: CheckpointKeeper;

  constructor(options: StageKeeperOptions) {
    const { store, saveSteps, saveSecs, beforeCommit, stage, stepsBefore, from } = options;
    this.#options = options;
    const origin = { stage, stepsBefore } satisfies Origin;
    this.#keeper = new CheckpointKeeper({
      store,
      saveSteps,
      saveSecs,
      beforeCommit,
      origin,
      restore: async () => from,
    });
  }

  restore(): Promise<TrainingState | undefined> {
    return this.#keeper.restore();
  }

  begin(session: TrainingSession): Promise<void> {
    return this.#keeper.begin(this.#whole(session));
  }

  afterStep(session: TrainingSession): Promise<void> {
    return this.#keeper.afterStep(this.#whole(session));
  }

  afterEpoch(session: TrainingSession): Promise<void> {
    return this.#keeper.afterEpoch(this.#whole(session));
  }

  async end(session: TrainingSession): Promise<void> {
    const whole = this.#whole(session);
    if (whole.step > 0) await this.#keeper.end(whole);
  }

  async failed(...[session, ...failure]: Parameters<Keeper['failed']>): Promise<void> {
    const whole = this.#whole(session);
    if (whole.step > 0) await this.#keeper.failed(whole, ...failure);
  }

  release(): Promise<void> {
    return this.#keeper.release();
  }

  /** The session as one of the whole training, with its memory as one more callback's state. */
  #whole(session: TrainingSession): TrainingSession {
    const { stepsBefore, memory } = this.#options;
    return countedFrom(stepsBefore, session, async () => {
      const { progress, model, callbacks } = await session.capture();
      return {
        progress: { ...progress, step: stepsBefore + progress.step },
        model,
        callbacks: [...callbacks, toState(memory())],
      };
    });
  }
}

/** Where the training was of which this is a checkpoint. */
export function earlierOf(checkpoint: Checkpoint, path: string): Earlier {
  const { progress, model, callbacks } = fromCheckpoint(checkpoint, path);
  const { stage, stepsBefore } = originOf(checkpoint) as Origin;
  const own = { ...progress, step: progress.step - stepsBefore };
  const state = { progress: own, model, callbacks: callbacks.slice(0, -1) };
  return { stage, stepsBefore, step: progress.step, state, ...fromState(callbacks.at(-1)!) };
}

/** A hook that is told of steps of the whole training. */
export function hookFrom(stepsBefore: number, hook: SessionRunHook): SessionRunHook {
  const whole = (session: TrainingSession) => countedFrom(stepsBefore, session, () => session.capture());
  return {
    begin: (graph) => hook.begin?.(graph),
    afterCreateSession: (session) => hook.afterCreateSession?.(whole(session)),
    beforeRun: (session) => hook.beforeRun?.(whole(session)),
    afterRun: (session, values) => hook.afterRun?.(whole(session), values),
    end: (session) => hook.end?.(whole(session)),
    failed: (session, error) => hook.failed?.(whole(session), error),
  };
}

function countedFrom(
  stepsBefore: number,
  session: TrainingSession,
  capture: () => Promise<TrainingState>,
): TrainingSession {
  return {
    get step() {
      return stepsBefore + session.step;
    },
    get isStopped() {
      return session.isStopped;
    },
    get isInterrupted() {
      return session.isInterrupted;
    },
    requestStop: () => session.requestStop(),
    capture,
  };
}

/** Thousands of epochs are too many for a checkpoint's values. */
function toState({ epochs, frozen }: Memory): CallbackState {
  const text = new TextEncoder().encode(JSON.stringify(epochs));
  const tensors: Record<string, Tensor> = { [historyName]: tensor('uint8', [text.length], text) };
  for (const [name, value] of Object.entries(frozen)) tensors[`${frozenPrefix}${name}`] = value;
  return { values: {}, tensors };
}

function fromState({ tensors = {} }: CallbackState): Memory {
  const { [historyName]: text, ...others } = tensors;
  const epochs = JSON.parse(new TextDecoder().decode(text!.data as Uint8Array)) as EpochEvent[];
  const frozen = Object.entries(others).map(([name, value]) => [name.slice(frozenPrefix.length), value]);
  return { epochs, frozen: Object.fromEntries(frozen) as Record<string, Tensor> };
}
