import { arrayTypes, bytesPerElement } from '../core/dtype.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import type { SymbolicTensor } from '../layers/layer.ts';
import type { Device, ProgramSpec } from '../runtime/device.ts';
import type { Batch } from '../training/trainable.ts';
import { type Compiled, ProgramCache } from './program-cache.ts';
import { between, forward } from './topology.ts';
import { constantWeight, versionOf } from './weights.ts';

/** Images at a time in the trunk: its memory grows with them, its speed does not. */
const slice = 8;

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
  readonly #kept = new Map<SymbolicTensor, Kept>();
  readonly #programs: ProgramCache;
  #bytes = 0;

  /** @param limit how many bytes may be kept */
  constructor(device: Device, limit: number) {
    this.#limit = limit;
    this.#programs = new ProgramCache(device);
  }

  /**
   * The values of `wanted` for a batch, by place.
   *
   * @param keep tensors to compute in the same pass and keep for later
   */
  async of(
    batch: Batch,
    wanted: readonly SymbolicTensor[],
    keep: readonly SymbolicTensor[] = [],
  ): Promise<Tensor[]> {
    const { keys } = batch;
    const all = [...new Set([...wanted, ...keep])];
    const found = new Map<SymbolicTensor, Tensor>();
    for (const tensor of between(all)) {
      const rows = keys && this.#rows(tensor, keys);
      if (rows) found.set(tensor, gathered(tensor, rows));
    }
    const missing = all.filter((tensor) => !found.has(tensor));
    if (missing.length > 0) await this.#compute(batch, missing, found);
    return wanted.map((tensor) => found.get(tensor)!);
  }

  async #compute(
    batch: Batch,
    missing: readonly SymbolicTensor[],
    found: Map<SymbolicTensor, Tensor>,
  ): Promise<void> {
    const sources = between(missing, new Set(found.keys())).filter(
      (tensor) => found.has(tensor) || tensor.inputs.length === 0,
    );
    const feeds: Record<string, Tensor> = {};
    for (const source of sources) feeds[`source/${source.id}`] = found.get(source) ?? (await inputsOf(batch));
    const computed = missing.filter((tensor) => tensor.inputs.length > 0);
    for (const tensor of missing)
      if (tensor.inputs.length === 0) found.set(tensor, feeds[`source/${tensor.id}`]!);
    if (computed.length === 0) return;
    const { program } = await this.#program(computed, sources);
    // Pixels are the model's own input here, unless the tail wants them too.
    const pixels = sources.filter((source) => source.inputs.length === 0 && !missing.includes(source));
    const results = await program.run(feeds, {
      slice,
      transfer: pixels.map((source) => `source/${source.id}`),
      ...(batch.recycle && { recycle: batch.recycle }),
    });
    for (const tensor of computed) {
      const value = results[`feature/${tensor.id}`]!;
      found.set(tensor, value);
      if (batch.keys) this.#keep(tensor, batch.keys, value);
    }
  }

  #program(
    outputs: readonly SymbolicTensor[],
    sources: readonly SymbolicTensor[],
  ): Promise<Compiled<ProgramSpec>> {
    const layers = new Set(between(outputs, new Set(sources)).map(({ layer }) => layer));
    const ids = (tensors: readonly SymbolicTensor[]) => tensors.map(({ id }) => id).join(',');
    return this.#programs.get(`${ids(outputs)} from ${ids(sources)}`, versionOf(layers), () => {
      const given = new Map(
        sources.map((tensor) => [tensor, input(`source/${tensor.id}`, tensor.shape, tensor.dtype)]),
      );
      const values = forward(outputs, given, {
        training: false,
        read: constantWeight,
        randomKey: ({ name }) => {
          throw new Error(`layer '${name}' is random, and no part of a trunk`);
        },
      });
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
    return versionOf(new Set(between([tensor]).map(({ layer }) => layer)));
  }
}

/** The inputs of a batch, in memory that may be handed over: a tensor that was given stays its owner's. */
async function inputsOf({ inputs }: Batch): Promise<Tensor> {
  return typeof inputs === 'function' ? inputs() : { ...inputs, data: inputs.data.slice() };
}

function gathered({ shape, dtype }: SymbolicTensor, rows: readonly Row[]): Tensor {
  const data = new arrayTypes[dtype](rows.length * rows[0]!.length);
  for (const [i, row] of rows.entries()) (data as Float32Array).set(row, i * row.length);
  // Sizes that the topology leaves open (1 or 3 channels) are not kept: only the trunk's outputs are, and those are known.
  const inner = shape.slice(1) as number[];
  return tensor(dtype, [rows.length, ...inner], data as never);
}
