import { arrayTypes, bytesPerElement } from '../core/dtype.ts';
import { concatenateRows, copyOf, rowRange, type Tensor, tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import type { Weight } from '../layers/layer.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import type { Device, ProgramSpec } from '../runtime/device.ts';
import type { Examples } from '../training/trainable.ts';
import { inferenceContexts } from './contexts.ts';
import { feedsOf } from './feeds.ts';
import type { Network } from './network.ts';
import { type Compiled, ProgramCache } from './program-cache.ts';
import { between, forward } from './topology.ts';
import { versionOf } from './weights.ts';

/**
 * Images at a time. Large maps need much memory for each image and gain nothing from many; small ones need little, and
 * their products are faster with more rows. So a network is run in two parts, divided where the maps become small.
 */
const imagesAtOnce = { largeMaps: 8, smallMaps: 32 };
const smallMap = 56 * 56;

type Row = Float32Array | Uint8Array;

/** What is kept of one tensor: a row for each example that was seen. */
interface Kept {
  readonly version: string;
  readonly rows: Map<string, Row>;
}

/**
 * Computes what frozen layers make of examples, each once: the values are kept in memory under the examples' keys, up
 * to a limit, and later tensors are computed from earlier ones where that is possible.
 */
export class Features {
  readonly #limit: number;
  readonly #network: Network;
  readonly #inputs: ReadonlySet<SymbolicTensor>;
  readonly #kept = new Map<SymbolicTensor, Kept>();
  readonly #programs: ProgramCache;
  #bytes = 0;

  /** @param limit how many bytes may be kept */
  constructor(device: Device, network: Network, limit: number) {
    this.#limit = limit;
    this.#network = network;
    this.#inputs = new Set(network.inputs);
    this.#programs = new ProgramCache(device);
  }

  /**
   * The values of `wanted` for a batch, by place.
   *
   * @param keep tensors to compute in the same pass and keep for later
   */
  async of(
    batch: Examples,
    wanted: readonly SymbolicTensor[],
    keep: readonly SymbolicTensor[] = [],
  ): Promise<Tensor[]> {
    const { keys } = batch;
    const all = [...new Set([...wanted, ...keep])];
    const found = new Map<SymbolicTensor, Tensor>();
    for (const tensor of this.#between(all)) {
      const rows = keys && this.#rows(tensor, keys);
      if (rows) found.set(tensor, gathered(tensor, rows));
    }
    const missing = all.filter((tensor) => !found.has(tensor));
    if (missing.length > 0) await this.#compute(batch, missing, found);
    return wanted.map((tensor) => found.get(tensor)!);
  }

  /** Lets go of what is kept under keys that begin so. */
  forget(prefix: string): void {
    for (const { rows } of this.#kept.values()) {
      for (const [key, row] of rows) {
        if (!key.startsWith(prefix)) continue;
        rows.delete(key);
        this.#bytes -= row.byteLength;
      }
    }
  }

  async #compute(
    batch: Examples,
    missing: readonly SymbolicTensor[],
    found: Map<SymbolicTensor, Tensor>,
  ): Promise<void> {
    const sources = this.#between(missing, found.keys()).filter(
      (tensor) => found.has(tensor) || this.#inputs.has(tensor),
    );
    if (sources.some((source) => !found.has(source))) {
      const feeds = await inputsOf(batch, this.#network.inputs);
      this.#network.inputs.forEach((input, i) => void (found.has(input) || found.set(input, feeds[i]!)));
    }
    const computed = missing.filter((tensor) => !this.#inputs.has(tensor));
    if (computed.length > 0) {
      const given = new Map(sources.map((source) => [source, found.get(source)!]));
      // Pixels are the model's own input here, unless the tail wants them too.
      const spent = sources.filter((source) => this.#inputs.has(source) && !missing.includes(source));
      const values = await this.#through(computed, given, spent, batch.recycle);
      computed.forEach((tensor, i) => {
        found.set(tensor, values[i]!);
        if (batch.keys) this.#keep(tensor, batch.keys, values[i]!);
      });
    }
  }

  /** Values computed from others, so many examples at a time that memory does not grow with the batch. */
  async #through(
    outputs: readonly SymbolicTensor[],
    given: ReadonlyMap<SymbolicTensor, Tensor>,
    spent: readonly SymbolicTensor[],
    recycle: Examples['recycle'],
  ): Promise<Tensor[]> {
    const sources = [...given.keys()];
    const [examples = 0] = given.get(sources[0]!)!.shape;
    const waist = waistOf(outputs, sources);
    if (!waist) {
      const slice = sources.some(hasLargeMap) ? imagesAtOnce.largeMaps : imagesAtOnce.smallMaps;
      return this.#run(outputs, given, { slice, spent, recycle });
    }
    const parts: Tensor[][] = [];
    for (let from = 0; from < examples; from += imagesAtOnce.smallMaps) {
      const to = from + imagesAtOnce.smallMaps;
      const whole = examples <= imagesAtOnce.smallMaps;
      const rows = whole
        ? given
        : new Map([...given].map(([key, value]) => [key, copyOf(rowRange(value, from, to))]));
      const large = {
        slice: imagesAtOnce.largeMaps,
        spent: whole ? spent : sources,
        recycle: whole ? recycle : undefined,
      };
      const [middle] = await this.#run([waist], rows, large);
      const small = { slice: imagesAtOnce.smallMaps, spent: [waist], recycle: undefined };
      parts.push(await this.#run(outputs, new Map([[waist, middle!]]), small));
    }
    return outputs.map((_, i) => concatenateRows(parts.map((part) => part[i]!)));
  }

  async #run(
    outputs: readonly SymbolicTensor[],
    given: ReadonlyMap<SymbolicTensor, Tensor>,
    {
      slice,
      spent,
      recycle,
    }: { slice: number; spent: readonly SymbolicTensor[]; recycle: Examples['recycle'] },
  ): Promise<Tensor[]> {
    const [examples = 0] = [...given.values()][0]!.shape;
    if (slice > 1 && examples % slice === 1) {
      // A row that is multiplied alone is summed in another order: it would depend on which rows are beside it.
      const twice = new Map([...given].map(([key, value]) => [key, withLastRowTwice(value)]));
      const values = await this.#run(outputs, twice, { slice, spent, recycle: undefined });
      if (recycle) for (const key of spent) recycle(given.get(key)!.data.buffer as ArrayBuffer);
      return values.map((value) => copyOf(rowRange(value, 0, examples)));
    }
    const { program } = await this.#program(outputs, [...given.keys()]);
    const results = await program.run(
      Object.fromEntries([...given].map(([{ id }, value]) => [`source/${id}`, value])),
      {
        slice,
        transfer: spent.map(({ id }) => `source/${id}`),
        ...(recycle && { recycle }),
      },
    );
    return outputs.map(({ id }) => results[`feature/${id}`]!);
  }

  #program(
    outputs: readonly SymbolicTensor[],
    sources: readonly SymbolicTensor[],
  ): Promise<Compiled<ProgramSpec>> {
    const weights = weightsOf(between(outputs, new Set(sources)));
    const ids = (tensors: readonly SymbolicTensor[]) => tensors.map(({ id }) => id).join(',');
    return this.#programs.get(`${ids(outputs)} from ${ids(sources)}`, versionOf(weights), () => {
      const given = new Map(
        sources.map((tensor) => [tensor, input(`source/${tensor.id}`, tensor.shape, tensor.dtype)]),
      );
      const values = forward(outputs, given, inferenceContexts(this.#network));
      return {
        name: `trunk to ${outputs.map(({ layer }) => layer.name).join(', ')}`,
        outputs: Object.fromEntries(outputs.map((tensor, i) => [`feature/${tensor.id}`, values[i]!])),
      };
    });
  }

  /** The kept rows of all these examples, if there are. */
  #rows(tensor: SymbolicTensor, keys: readonly string[]): Row[] | undefined {
    const kept = this.#kept.get(tensor);
    if (!kept || kept.version !== this.#version(tensor)) return undefined;
    const rows = keys.map((key) => kept.rows.get(key));
    return rows.includes(undefined) ? undefined : (rows as Row[]);
  }

  #keep(tensor: SymbolicTensor, keys: readonly string[], value: Tensor): void {
    const version = this.#version(tensor);
    let kept = this.#kept.get(tensor);
    if (kept?.version !== version) {
      for (const row of kept?.rows.values() ?? []) this.#bytes -= row.byteLength;
      kept = { version, rows: new Map() };
      this.#kept.set(tensor, kept);
    }
    const size = value.data.length / keys.length;
    const bytes = size * bytesPerElement(value.dtype);
    keys.forEach((key, i) => {
      if (kept.rows.has(key) || this.#bytes + bytes > this.#limit) return;
      kept.rows.set(key, (value.data as Float32Array).slice(i * size, (i + 1) * size));
      this.#bytes += bytes;
    });
  }

  #version(tensor: SymbolicTensor): string {
    return versionOf(weightsOf(this.#between([tensor])));
  }

  #between(tensors: readonly SymbolicTensor[], given: Iterable<SymbolicTensor> = []): SymbolicTensor[] {
    return between(tensors, new Set([...this.#inputs, ...given]));
  }
}

function withLastRowTwice(value: Tensor): Tensor {
  const rows = value.shape[0]!;
  return concatenateRows([value, rowRange(value, rows - 1, rows)]);
}

function weightsOf(tensors: readonly SymbolicTensor[]): Weight[] {
  return [...new Set(tensors.map(({ layer }) => layer))].flatMap((layer) => layer.weights);
}

/** The inputs of a batch, in memory that may be handed over: a tensor that was given stays its owner's. */
async function inputsOf({ inputs }: Examples, into: readonly SymbolicTensor[]): Promise<Tensor[]> {
  if (typeof inputs === 'function') return feedsOf(await inputs(), into);
  return feedsOf(inputs, into).map(copyOf);
}

function hasLargeMap({ shape }: SymbolicTensor): boolean {
  return shape.length === 4 && Number(shape[1]) * Number(shape[2]) > smallMap;
}

/**
 * The first tensor with small maps that all of `outputs` pass through on their way from `sources`; none where the
 * sources are small themselves.
 */
function waistOf(
  outputs: readonly SymbolicTensor[],
  sources: readonly SymbolicTensor[],
): SymbolicTensor | undefined {
  const order = between(outputs, new Set(sources));
  if (!sources.some(hasLargeMap)) return undefined;
  const lastUse = new Map<SymbolicTensor, number>();
  order.forEach((tensor, at) => {
    for (const source of sources.includes(tensor) ? [] : tensor.inputs) lastUse.set(source, at);
  });
  for (const tensor of outputs) lastUse.set(tensor, order.length);
  return order.find(
    (tensor, at) =>
      !sources.includes(tensor) &&
      !outputs.includes(tensor) &&
      !hasLargeMap(tensor) &&
      order.every((other, before) => before >= at || (lastUse.get(other) ?? 0) <= at),
  );
}

function gathered({ shape, dtype }: SymbolicTensor, rows: readonly Row[]): Tensor {
  const data = new arrayTypes[dtype](rows.length * rows[0]!.length);
  for (const [i, row] of rows.entries()) (data as Float32Array).set(row, i * row.length);
  // Sizes that the topology leaves open (1 or 3 channels) are not kept: only the trunk's outputs are, and those are known.
  const inner = shape.slice(1) as number[];
  return tensor(dtype, [rows.length, ...inner], data as never);
}
