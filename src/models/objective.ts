import { UsageError } from '../core/errors.ts';
import { asList } from '../core/lists.ts';
import { type Loss, lossKind, type ResolvedLoss } from '../losses/losses.ts';
import { type Metric, metricKind, metricName, type ResolvedMetric } from '../metrics/metrics.ts';

/** For one output, or for each: in the outputs' order, or by their names. */
export type PerOutput<T> = T | readonly T[] | Readonly<Record<string, T>>;

/** What `compile` is told to train and measure by. */
export interface ObjectiveOptions {
  /**
   * A name, what a function of `losses` gives, or a function of one's own; for several outputs, one for all, a list or
   * a record by the outputs' names. An output without a loss is not trained by.
   */
  readonly loss?: Loss | readonly (Loss | null)[] | Readonly<Record<string, Loss | null>>;
  /** Factors of the outputs' losses. Default 1. */
  readonly lossWeights?: readonly number[] | Readonly<Record<string, number>>;
  /** Default none. For several outputs, a list of lists or a record. */
  readonly metrics?: MetricsOption;
  /** Like `metrics`, weighted by the weights of examples and classes. Default none. */
  readonly weightedMetrics?: MetricsOption;
}

export type MetricsOption =
  | readonly (Metric | readonly Metric[])[]
  | Readonly<Record<string, Metric | readonly Metric[]>>;

/** What one output is trained and measured by. */
export interface OutputObjective {
  readonly name: string;
  readonly loss: ResolvedLoss | undefined;
  readonly lossWeight: number;
  readonly metrics: readonly NamedMetric[];
}

export interface NamedMetric {
  /** What `logs` call it. */
  readonly name: string;
  readonly metric: ResolvedMetric;
  /** Whether the examples' weights count. */
  readonly weighted: boolean;
}

/**
 * What each output is trained and measured by.
 *
 * @param outputs the outputs' names
 * @throws {UsageError} when there is no such loss, metric or output
 */
export function objectiveOf(
  { loss, lossWeights, metrics = [], weightedMetrics = [] }: ObjectiveOptions,
  outputs: readonly string[],
): OutputObjective[] {
  const single = outputs.length === 1;
  const losses = single || isLoss(loss) ? outputs.map(() => one(loss)) : perOutput(loss, outputs, 'loss');
  const weights = perOutput(lossWeights, outputs, 'lossWeights').map((weight = 1, i) => {
    if (Number.isFinite(weight)) return weight;
    throw new UsageError(`compile: lossWeights: '${outputs[i]}' must be a finite number, got ${weight}`);
  });
  const plain = metricsPerOutput(metrics, outputs, 'metrics');
  const weighted = metricsPerOutput(weightedMetrics, outputs, 'weightedMetrics');
  const taken = new Set(lossLogs(outputs.map((name, i) => ({ name, loss: losses[i] }))));
  const named = (metric: Metric, output: string, isWeighted: boolean): NamedMetric => {
    const held = metricKind.check(metric);
    if (held === undefined)
      throw new UsageError(`compile: ${shown(metric)} is no metric; expected ${metricKind.expected}`);
    const prefix = single ? '' : `${output}_`;
    const usual = metricName(metric);
    const names = isWeighted ? [`${prefix}${usual}`, `${prefix}weighted_${usual}`] : [`${prefix}${usual}`];
    return { name: unique(names, taken), metric: held, weighted: isWeighted };
  };
  const unweighted = outputs.map((name, i) => plain[i]!.map((metric) => named(metric, name, false)));
  return outputs.map((name, i) => ({
    name,
    loss: heldLoss(losses[i]),
    lossWeight: weights[i]!,
    metrics: [...unweighted[i]!, ...weighted[i]!.map((metric) => named(metric, name, true))],
  }));
}

/** What `logs` call the loss and, where there are several, those of the outputs. */
export function lossLogs(outputs: readonly { readonly name: string; readonly loss: unknown }[]): string[] {
  const own = outputs.filter(({ loss }) => loss !== undefined && loss !== null);
  return ['loss', ...(own.length > 1 ? own.map(({ name }) => `${name}_loss`) : [])];
}

const shown = (value: unknown): string => JSON.stringify(value) ?? String(value);

function isLoss(loss: ObjectiveOptions['loss']): loss is Loss | undefined {
  return loss === undefined || lossKind.check(loss) !== undefined || typeof loss === 'string';
}

/** The only one there is, alone or in a list or record of one. */
function one(loss: ObjectiveOptions['loss']): Loss | null | undefined {
  if (isLoss(loss)) return loss;
  const values: readonly (Loss | null)[] = Object.values(loss);
  if (values.length === 1) return values[0];
  throw new UsageError(`compile: the model has one output, and was given ${values.length} losses`);
}

function heldLoss(loss: Loss | null | undefined): ResolvedLoss | undefined {
  if (loss === undefined || loss === null) return undefined;
  const held = lossKind.check(loss);
  if (held !== undefined) return held;
  throw new UsageError(`compile: ${shown(loss)} is no loss; expected ${lossKind.expected}`);
}

/** What was given for each output, by place or by name. */
function perOutput<T>(
  given: readonly T[] | Readonly<Record<string, T>> | undefined,
  outputs: readonly string[],
  what: string,
): (T | undefined)[] {
  if (given === undefined) return outputs.map(() => undefined);
  if (Array.isArray(given)) {
    if (given.length === outputs.length) return [...given];
    throw new UsageError(
      `compile: ${what} must be one for each of the ${outputs.length} outputs (${outputs.join(', ')}), got ${given.length}`,
    );
  }
  if (typeof given !== 'object' || given === null)
    throw new UsageError(
      `compile: ${what} must be a list or a record by the outputs’ names, got ${shown(given)}`,
    );
  return ofNamedOutputs(given as Readonly<Record<string, T>>, outputs, `compile: ${what}`);
}

/**
 * What a record has for each output.
 *
 * @throws {UsageError} when it names another one
 */
export function ofNamedOutputs<T>(
  record: Readonly<Record<string, T>>,
  outputs: readonly string[],
  where: string,
): (T | undefined)[] {
  const unknown = Object.keys(record).find((name) => !outputs.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`${where}: there is no output '${unknown}'; there are ${outputs.join(', ')}`);
  return outputs.map((name) => record[name]);
}

function metricsPerOutput(
  given: MetricsOption,
  outputs: readonly string[],
  what: string,
): (readonly Metric[])[] {
  // A plain list is of the one output, or of each of several.
  const flat = Array.isArray(given) && given.every((entry) => !Array.isArray(entry));
  if (flat && (outputs.length === 1 || given.length !== outputs.length || given.length === 0))
    return outputs.map(() => given as readonly Metric[]);
  return perOutput(given, outputs, what).map((entry) => (entry === undefined ? [] : asList(entry)));
}

/** The first name that is free, or the last one with a number: so Keras tells metrics of one name from one another. */
function unique(names: readonly string[], taken: Set<string>): string {
  const last = names.at(-1)!;
  let free = names.find((name) => !taken.has(name));
  for (let i = 1; free === undefined; i++) if (!taken.has(`${last}_${i}`)) free = `${last}_${i}`;
  taken.add(free);
  return free;
}
