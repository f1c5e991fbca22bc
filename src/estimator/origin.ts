import { createHash } from 'node:crypto';
import { DataError, UsageError } from '../core/errors.ts';
import { bytesOf } from '../core/tensor.ts';
import type { Dataset } from '../data/dataset.ts';
import { compileConfig } from '../models/compile-config.ts';
import type { Model } from '../models/model.ts';
import type { JsonValue } from '../training/checkpoints/exact-json.ts';

/** What a training is, so that another is not taken for its continuation. */

/** Differences that an error names at most. */
const mostNamed = 3;

/** Plain JSON of all that must stay the same for a training to be gone on with. */
export async function originOf(
  model: Model,
  data: Dataset<unknown>,
  params: Readonly<Record<string, unknown>>,
): Promise<JsonValue> {
  const parts = {
    model: model.toJSON(),
    frozenWeights: frozenWeights(model),
    compile: compiled(model),
    seed: model.compiled?.seed ?? 0,
    data: { elements: await data.elementSpec(), cardinality: String(data.cardinality) },
    params,
  };
  return JSON.parse(JSON.stringify(parts)) as JsonValue;
}

/** A digest of each weight that training leaves as it is. */
function frozenWeights(model: Model): Record<string, string> {
  const { weightNames } = model.network;
  const changing = model.cut.weights;
  const digests: Record<string, string> = {};
  for (const weight of model.weights) {
    if (changing.has(weight) || !weight.value) continue;
    const digest = createHash('sha256').update(bytesOf(weight.value)).digest('hex');
    digests[weightNames.get(weight)!] = digest.slice(0, 16);
  }
  return digests;
}

function compiled(model: Model): unknown {
  try {
    return compileConfig(model.compiled!, model.learningRate);
  } catch (error) {
    // A loss of one's own without a registered name: what it does cannot be told.
    if (error instanceof UsageError) return null;
    throw error;
  }
}

/**
 * @param where the checkpoint's path
 * @throws {DataError} names what has changed
 */
export function refuseOtherOrigin(before: JsonValue, now: JsonValue, where: string): void {
  const differences = [...differencesOf(before, now, '')];
  if (differences.length === 0) return;
  const named = differences.slice(0, mostNamed).join('; ');
  const more = differences.length > mostNamed ? ` and ${differences.length - mostNamed} more` : '';
  throw new DataError(
    `${where} is of another training: ${named}${more}; make it as it was, or choose another model directory`,
  );
}

function* differencesOf(before: JsonValue, now: JsonValue, path: string): Generator<string> {
  if (isObject(before) && isObject(now)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(now)]))
      yield* differencesOf(before[name] ?? null, now[name] ?? null, path === '' ? name : `${path}.${name}`);
    return;
  }
  if (JSON.stringify(before) !== JSON.stringify(now))
    yield `${path} was ${shown(before)} and is ${shown(now)}`;
}

function isObject(value: JsonValue): value is Readonly<Record<string, JsonValue>> {
  return typeof value === 'object' && value !== null;
}

function shown(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
