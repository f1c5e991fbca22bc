import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ComputeError, errorMessage, UsageError } from '../core/errors.ts';
import { packageFile } from '../core/package.ts';
import type { Tensor } from '../core/tensor.ts';
import { concatenated, inTurns } from '../core/turns.ts';
import type { Value } from '../graph/value.ts';
import { type GraphSpec, toModelStepwise } from '../lowering/model.ts';
import type { Purpose } from '../lowering/tiling-table.ts';
import { encodeModelPieces } from '../onnx/encode.ts';
import type { Answer, Message, Reply, WireTensors, WorkerOptions } from './messages.ts';

export interface DeviceOptions {
  /** Threads that compute. Default: one for each core. */
  readonly threads?: number;
}

/** A graph to compile: what it returns, and what it keeps. */
export interface ProgramSpec extends GraphSpec {
  /** New values of inputs, by the inputs' names: they stay on the device and are fed to the next run. */
  readonly state?: Readonly<Record<string, Value>>;
  /** Default `training` where there is state, `frozen` otherwise. */
  readonly purpose?: Purpose;
}

export interface RunOptions {
  /** Rows of every feed to run at a time, so that memory does not grow with the batch. */
  readonly slice?: number;
  /** Feeds whose memory goes to the worker instead of being copied; such a tensor cannot be used afterwards. */
  readonly transfer?: readonly string[];
  /** Takes the memory of transferred feeds back when the run is done. */
  readonly recycle?: (buffer: ArrayBuffer) => void;
  /** The outputs that are wanted. Default: all. */
  readonly outputs?: readonly string[];
}

/** The thread of a device has ended by itself: what it held is gone. */
export class DeviceLostError extends ComputeError {}

interface Pending {
  readonly what: string;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A worker thread that runs compiled graphs and keeps their state: weights and optimizer slots stay there between
 * steps. Runs are answered in the order in which they were asked for.
 *
 * @example
 * const device = await Device.open({ threads: 2 });
 * const double = await device.compile({ name: 'double', outputs: { y: add(x, x) } });
 * const { y } = await double.run({ x: floats([1, 2]) });
 * await device.close();
 */
export class Device {
  readonly threads: number;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #lastId = 0;
  #programs = 0;
  #marks = 0;
  #closed = false;
  #lost = false;

  private constructor(threads: number) {
    this.threads = threads;
    this.#worker = new Worker(packageFile('dist/runtime/worker.js'), {
      workerData: { threads } satisfies WorkerOptions,
      execArgv: [], // Node's own flags, such as --input-type, are not meant for the worker's file
    });
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#fail('the worker thread ended');
        resolve();
      });
    });
    this.#worker.on('error', (error) => this.#fail(errorMessage(error)));
    this.#worker.unref(); // an idle device does not keep the process alive; a listener to messages would
  }

  /** @throws {UsageError} when `threads` is not a whole number above 0 */
  static async open({ threads = availableParallelism() }: DeviceOptions = {}): Promise<Device> {
    if (!Number.isInteger(threads) || threads < 1) {
      throw new UsageError(`threads must be a whole number above 0, got ${threads}`);
    }
    return new Device(threads);
  }

  /** Lowers a graph for this device and loads it. */
  async compile({ name, outputs, state = {}, purpose }: ProgramSpec): Promise<Program> {
    const next = Object.fromEntries(Object.entries(state).map(([key, value]) => [`next/${key}`, value]));
    const stateNames = Object.keys(state);
    const model = await inTurns(
      toModelStepwise(
        { name, outputs: { ...outputs, ...next } },
        { purpose: purpose ?? (stateNames.length > 0 ? 'training' : 'frozen') },
      ),
    );
    const bytes = await inTurns(concatenated(encodeModelPieces(model)));
    const program = ++this.#programs;
    await this.#ask(name, { kind: 'compile', program, bytes, state: stateNames }, [bytes.buffer]);
    const all = Object.keys(outputs);
    return new Program(
      name,
      (feeds, options = {}) => this.#run(program, name, feeds, { outputs: all, ...options }),
      async () => {
        if (!this.#closed) await this.#ask(name, { kind: 'dispose', program });
      },
    );
  }

  /** Puts values on the device, for every program that has inputs of these names. */
  async setState(values: Readonly<Record<string, Tensor>>): Promise<void> {
    await this.#ask('setState', { kind: 'setState', values: values as WireTensors });
  }

  /** Copies of values that are kept on the device. */
  async getState(names: readonly string[]): Promise<Record<string, Tensor>> {
    const { outputs } = await this.#ask('getState', { kind: 'getState', names });
    return outputs as Record<string, Tensor>;
  }

  /**
   * Keeps values as they are now. Later runs may go on: it costs them nothing, and what they replace meanwhile is not
   * even copied.
   *
   * @returns collects them, once
   */
  async mark(names: readonly string[]): Promise<() => Promise<Record<string, Tensor>>> {
    const mark = ++this.#marks;
    await this.#ask('mark', { kind: 'mark', mark, names });
    return async () =>
      (await this.#ask('collect', { kind: 'collect', mark })).outputs as Record<string, Tensor>;
  }

  /** Ends the worker once what was asked of it is done. A closed device cannot be used. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#worker.ref();
      this.#worker.postMessage({ id: 0, message: { kind: 'close' } });
    }
    await this.#exited;
  }

  async #run(
    program: number,
    name: string,
    feeds: Readonly<Record<string, Tensor>>,
    { slice, transfer = [], recycle, outputs: wanted }: RunOptions & Required<Pick<RunOptions, 'outputs'>>,
  ): Promise<Record<string, Tensor>> {
    if (slice !== undefined && !(Number.isInteger(slice) && slice > 0)) {
      throw new UsageError(`${name}: slice must be a whole number above 0, got ${slice}`);
    }
    const unknown = transfer.find((key) => !feeds[key]);
    if (unknown !== undefined)
      throw new UsageError(`${name}: '${unknown}' is to be transferred, but is not fed`);
    const message: Message = {
      kind: 'run',
      program,
      feeds: feeds as WireTensors,
      slice,
      giveBack: recycle ? transfer : [],
      outputs: wanted,
    };
    const { outputs, givenBack } = await this.#ask(
      name,
      message,
      transfer.map((key) => feeds[key]!.data.buffer as ArrayBuffer),
    );
    for (const buffer of givenBack) recycle?.(buffer);
    return outputs as Record<string, Tensor>;
  }

  #ask(what: string, message: Message, transfer: ArrayBuffer[] = []): Promise<Answer> {
    if (this.#lost) return Promise.reject(new DeviceLostError(`${what}: the worker thread has ended`));
    if (this.#closed) return Promise.reject(new ComputeError(`${what}: the device is closed`));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { what, resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, message }, transfer);
    });
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id)!;
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0 && !this.#closed) this.#worker.unref();
    if ('answer' in reply) pending.resolve(reply.answer);
    else
      pending.reject(
        new ComputeError(`${pending.what}: ${reply.error.message}`, { cause: reply.error.stack }),
      );
  }

  #fail(reason: string): void {
    for (const { what, reject } of this.#pending.values()) reject(new DeviceLostError(`${what}: ${reason}`));
    this.#pending.clear();
    this.#lost = !this.#closed;
    this.#closed = true;
  }
}

type Run = (feeds: Readonly<Record<string, Tensor>>, options?: RunOptions) => Promise<Record<string, Tensor>>;

/** A graph on a device. */
export class Program {
  readonly name: string;
  /**
   * Runs the graph on these inputs; inputs that are not fed are taken from the device's state.
   *
   * @throws {ComputeError} with the graph's name, when the run fails
   */
  readonly run: Run;
  /** Frees the graph's memory on the device. */
  readonly dispose: () => Promise<void>;

  constructor(name: string, run: Run, dispose: () => Promise<void>) {
    this.name = name;
    this.run = run;
    this.dispose = dispose;
  }
}
