import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { DType } from '../core/dtype.ts';
import type {
  Answer,
  CompileMessage,
  Message,
  Reply,
  RunMessage,
  WireTensor,
  WireTensors,
  WorkerOptions,
} from './messages.ts';

/** The thread that holds sessions and their state. Messages are answered one after another. */

interface Program {
  readonly session: InferenceSession;
  readonly state: readonly string[];
}

const { threads } = workerData as WorkerOptions;
const port = parentPort!;
const programs = new Map<number, Program>();
const state = new Map<string, Tensor>();
const nothing: Answer = { outputs: {}, givenBack: [] };

const toTensor = ({ dtype, shape, data }: WireTensor) =>
  new Tensor(dtype as 'float32', data as Float32Array, shape);
const fromTensor = ({ type, dims, data }: Tensor): WireTensor => ({
  dtype: type as DType,
  shape: dims,
  data: data as unknown as ArrayBufferView,
});

async function compile({ program, bytes, state: stateNames }: CompileMessage): Promise<Answer> {
  const session = await InferenceSession.create(bytes, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Half the memory at the same speed: docs/performance.md.
    enableMemPattern: false,
    // Threads that wait would take the processors from those that decode images: docs/performance.md.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 4, // an error arrives as an exception, and need not be printed too
  });
  programs.set(program, { session, state: stateNames });
  return nothing;
}

/** Runs once on these feeds and the state; state outputs take the place of the state, those asked for are returned. */
async function runOnce(
  { session, state: stateNames }: Program,
  feeds: Record<string, Tensor>,
  outputs: readonly string[],
) {
  const all = { ...feeds };
  for (const name of session.inputNames) {
    const value = all[name] ?? state.get(name);
    if (!value) throw new Error(`input '${name}' was not fed, and is no state`);
    all[name] = value;
  }
  for (const name of Object.keys(feeds)) if (!session.inputNames.includes(name)) delete all[name];
  const results = await session.run(all, [...stateNames.map((name) => `next/${name}`), ...outputs]);
  for (const name of stateNames) state.set(name, results[`next/${name}`]!);
  return Object.fromEntries(outputs.map((name) => [name, results[name]!]));
}

type Rows = Float32Array;
const rowsOf = (tensor: Tensor, from: number, to: number) => {
  const size = tensor.size / tensor.dims[0]!;
  return (tensor.data as Rows).subarray(from * size, to * size);
};

/** Runs over a few rows of every feed at a time, so that memory does not grow with the batch. */
async function runSliced(
  program: Program,
  feeds: Record<string, Tensor>,
  outputs: readonly string[],
  slice: number,
) {
  const counts = new Set(Object.values(feeds).map((feed) => feed.dims[0]));
  const [count] = counts;
  if (counts.size !== 1 || count === undefined) {
    const shapes = Object.entries(feeds).map(([name, { dims }]) => `${name} [${dims.join(', ')}]`);
    throw new Error(`a sliced run needs feeds of equally many rows, got ${shapes.join(', ')}`);
  }
  if (count <= slice) return runOnce(program, feeds, outputs);
  const whole: Record<string, Tensor> = {};
  for (let from = 0; from < count; from += slice) {
    const to = Math.min(count, from + slice);
    const part = Object.entries(feeds).map(([name, feed]) => {
      const shape = [to - from, ...feed.dims.slice(1)];
      return [name, new Tensor(feed.type as 'float32', rowsOf(feed, from, to), shape)] as const;
    });
    const results = await runOnce(program, Object.fromEntries(part), outputs);
    for (const [name, result] of Object.entries(results)) {
      if (result.dims[0] !== to - from) {
        throw new Error(
          `a sliced run needs outputs with a row for each of the feeds', but '${name}' is [${result.dims.join(', ')}] for ${to - from}`,
        );
      }
      const rows = result.data as Rows;
      whole[name] ??= new Tensor(
        result.type as 'float32',
        new (rows.constructor as Float32ArrayConstructor)((rows.length / (to - from)) * count),
        [count, ...result.dims.slice(1)],
      );
      rowsOf(whole[name], from, to).set(rows);
    }
  }
  return whole;
}

async function run({ program: id, feeds, slice, giveBack, outputs: wanted }: RunMessage): Promise<Answer> {
  const program = programs.get(id);
  if (!program) throw new Error('it was disposed of');
  const tensors = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, toTensor(feed)]));
  const results = await (slice
    ? runSliced(program, tensors, wanted, slice)
    : runOnce(program, tensors, wanted));
  const outputs: WireTensors = Object.fromEntries(
    Object.entries(results).map(([name, value]) => [name, fromTensor(value)]),
  );
  return { outputs, givenBack: giveBack.map((name) => feeds[name]!.data.buffer as ArrayBuffer) };
}

function stateNamed(name: string): Tensor {
  const value = state.get(name);
  if (value) return value;
  throw new Error(`there is no state '${name}'`);
}

function copied(tensor: Tensor): WireTensor {
  const { dtype, shape, data } = fromTensor(tensor);
  return { dtype, shape, data: (data as Rows).slice() };
}

/** Copies: the state stays here. */
function getState(names: readonly string[]): Answer {
  return {
    outputs: Object.fromEntries(names.map((name) => [name, copied(stateNamed(name))])),
    givenBack: [],
  };
}

const marks = new Map<number, ReadonlyMap<string, Tensor>>();

/**
 * The values as they were when they were marked. A step makes new ones beside the old, so that those which a step has
 * replaced since are handed over as they are; only the others are copied.
 */
function collect(mark: number): Answer {
  const marked = marks.get(mark)!;
  marks.delete(mark);
  const held = new Set(state.values());
  for (const other of marks.values()) for (const tensor of other.values()) held.add(tensor);
  const outputs = [...marked].map(
    ([name, tensor]) => [name, held.has(tensor) ? copied(tensor) : fromTensor(tensor)] as const,
  );
  return { outputs: Object.fromEntries(outputs), givenBack: [] };
}

async function answer(message: Message): Promise<Answer> {
  switch (message.kind) {
    case 'compile':
      return compile(message);
    case 'run':
      return run(message);
    case 'getState':
      return getState(message.names);
    case 'mark':
      marks.set(message.mark, new Map(message.names.map((name) => [name, stateNamed(name)])));
      return nothing;
    case 'collect':
      return collect(message.mark);
    case 'setState':
      for (const [name, value] of Object.entries(message.values)) state.set(name, toTensor(value));
      return nothing;
    case 'dispose':
      await programs.get(message.program)?.session.release();
      programs.delete(message.program);
      return nothing;
    case 'close':
      port.close();
      return nothing;
  }
}

/** Buffers to hand over: those of whole arrays, each once. */
function transferable({ outputs, givenBack }: Answer): ArrayBuffer[] {
  const buffers = Object.values(outputs).map(({ data }) => data.buffer as ArrayBuffer);
  return [...new Set([...buffers, ...givenBack])];
}

let last: Promise<void> = Promise.resolve();
port.on('message', ({ id, message }: { id: number; message: Message }) => {
  last = last.then(async () => {
    try {
      const result = await answer(message);
      if (message.kind !== 'close')
        port.postMessage({ id, answer: result } satisfies Reply, transferable(result));
    } catch (error) {
      const { message: text, stack } = error instanceof Error ? error : new Error(String(error));
      port.postMessage({ id, error: { message: text, stack } } satisfies Reply);
    }
  });
});
