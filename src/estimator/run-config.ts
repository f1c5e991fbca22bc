import { UsageError } from '../core/errors.ts';
import {
  type ConfigOf,
  count,
  flag,
  type Kind,
  type OptionsOf,
  optional,
  real,
  resolveOptions,
  seed,
  text,
  wholeNumber,
} from '../core/options.ts';

/** Runs a model on one device: https://www.tensorflow.org/api_docs/python/tf/distribute/OneDeviceStrategy */
export class OneDeviceStrategy {
  readonly device: 'cpu';
  readonly numReplicasInSync = 1;

  /** @throws {UsageError} for a device that there is not */
  constructor(device: 'cpu' = 'cpu') {
    if (device !== 'cpu')
      throw new UsageError(`OneDeviceStrategy: the device must be 'cpu', got '${device as string}'`);
    this.device = device;
  }
}

/** How a session computes. */
export interface SessionConfig {
  /** Default: one for each core. */
  readonly threads?: number;
  /** Default 'cpu', the only one. */
  readonly device?: 'cpu';
}

const sessionKind: Kind<SessionConfig> = {
  expected: '{ threads, device } with a whole number of threads above 0 and the device cpu',
  check: (value) => {
    if (typeof value !== 'object' || value === null) return undefined;
    const { threads, device, ...others } = value as SessionConfig;
    const fits = (threads === undefined || count.check(threads) !== undefined) && (device ?? 'cpu') === 'cpu';
    return fits && Object.keys(others).length === 0 ? (value as SessionConfig) : undefined;
  },
};

const strategyKind: Kind<OneDeviceStrategy> = {
  expected: 'a OneDeviceStrategy',
  check: (value) => (value instanceof OneDeviceStrategy ? value : undefined),
};

const logKind: Kind<(message: string) => void> = {
  expected: 'a function (message) => void',
  check: (value) => (typeof value === 'function' ? (value as (message: string) => void) : undefined),
};

const options = {
  /** Where checkpoints and summaries are. */
  modelDir: optional(text),
  /** Of every random number: initial weights, dropout. Default: the compiled model's, 0 without one. */
  randomSeed: optional(seed),
  /** Summaries at every so many steps; 0: none. Default 100. */
  saveSummarySteps: optional(wholeNumber, 100),
  /** A checkpoint at every so many steps. Give this or `saveCheckpointsSecs`. */
  saveCheckpointsSteps: optional(count),
  /** A checkpoint after so many seconds. Default 600, where `saveCheckpointsSteps` is not given. */
  saveCheckpointsSecs: optional(real({ above: 0 })),
  /** So many of the newest checkpoints are kept; 0: all. Default 5. */
  keepCheckpointMax: optional(wholeNumber, 5),
  /** Of the others, one for every so many hours is kept as well; 0: none. Default 10,000. */
  keepCheckpointEveryNHours: optional(real({ from: 0 }), 10_000),
  /** Loss and steps a second are told at every so many steps; 0: not. Default 100. */
  logStepCountSteps: optional(wholeNumber, 100),
  /** Where steps run. Default: on one device. */
  trainDistribute: optional(strategyKind),
  /** Threads and device. */
  sessionConfig: optional(sessionKind),
  /** Refuses data whose order cannot be repeated; otherwise it is warned of. Default false. */
  exactResume: optional(flag, false),
  /** Whether SIGTERM and SIGINT save the training and end it, and then the process. Default true. */
  handleSignals: optional(flag, true),
  /** Takes what is told, line by line. Default: to standard error. */
  log: optional(logKind, (message: string) => void process.stderr.write(`${message}\n`)),
};

export type RunConfigOptions = ConfigOf<typeof options>;

/**
 * How an estimator runs: https://www.tensorflow.org/api_docs/python/tf/estimator/RunConfig
 *
 * @example new RunConfig({ modelDir: 'runs/oct', saveCheckpointsSteps: 500, keepCheckpointMax: 3 })
 */
export class RunConfig {
  /** What it was given, with the defaults. */
  readonly settings: OptionsOf<typeof options>;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: RunConfigOptions = {}) {
    const settings = resolveOptions(options, config, 'RunConfig');
    if (settings.saveCheckpointsSteps !== undefined && settings.saveCheckpointsSecs !== undefined)
      throw new UsageError('RunConfig: give saveCheckpointsSteps or saveCheckpointsSecs, not both');
    const saveCheckpointsSecs =
      settings.saveCheckpointsSteps === undefined ? (settings.saveCheckpointsSecs ?? 600) : undefined;
    this.settings = { ...settings, saveCheckpointsSecs };
  }
}
