import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readEvalMetrics } from '../training/hooks/eval-metrics.ts';
import type { Estimator, EvalResult } from './estimator.ts';
import type { ExportOptions } from './exporting.ts';

/** Exports a model while it is trained: https://www.tensorflow.org/api_docs/python/tf/estimator/Exporter */
export interface Exporter {
  /** Its exports are in `MODEL_DIR/export/NAME`. */
  readonly name: string;
  /**
   * Called after each evaluation.
   *
   * @param baseDir where its exports are
   * @returns the new folder; undefined where nothing was exported
   */
  export(
    estimator: Estimator,
    baseDir: string,
    result: EvalResult,
    isFinal: boolean,
  ): Promise<string | undefined>;
}

export interface ExporterOptions extends ExportOptions {
  readonly name?: string;
  /** So many of the newest exports are kept. Default 5. */
  readonly exportsToKeep?: number;
}

/** Removes the oldest exports: folders that are named by the time. */
async function keepNewest(baseDir: string, count: number): Promise<void> {
  const names = (await readdir(baseDir)).filter((name) => /^\d+$/.test(name));
  const oldest = names.sort((a, b) => Number(a) - Number(b)).slice(0, Math.max(0, names.length - count));
  for (const name of oldest) await rm(join(baseDir, name), { recursive: true, force: true });
}

/** Exports after every evaluation. https://www.tensorflow.org/api_docs/python/tf/estimator/LatestExporter */
export class LatestExporter implements Exporter {
  readonly name: string;
  readonly #options: ExportOptions;
  readonly #exportsToKeep: number;

  constructor({ name = 'latest', exportsToKeep = 5, ...options }: ExporterOptions = {}) {
    this.name = name;
    this.#options = options;
    this.#exportsToKeep = exportsToKeep;
  }

  async export(estimator: Estimator, baseDir: string): Promise<string> {
    const path = await estimator.exportSavedModel(baseDir, this.#options);
    await keepNewest(baseDir, this.#exportsToKeep);
    return path;
  }
}

/** Exports once, when the training has ended. https://www.tensorflow.org/api_docs/python/tf/estimator/FinalExporter */
export class FinalExporter implements Exporter {
  readonly name: string;
  readonly #options: ExportOptions;

  constructor({ name = 'final', ...options }: Omit<ExporterOptions, 'exportsToKeep'> = {}) {
    this.name = name;
    this.#options = options;
  }

  async export(
    estimator: Estimator,
    baseDir: string,
    _result: EvalResult,
    isFinal: boolean,
  ): Promise<string | undefined> {
    return isFinal ? estimator.exportSavedModel(baseDir, this.#options) : undefined;
  }
}

export interface BestExporterOptions extends ExporterOptions {
  /** Whether a result is better than the best so far. Default: a smaller `loss`. */
  readonly isBetter?: (
    result: Readonly<Record<string, number>>,
    best: Readonly<Record<string, number>>,
  ) => boolean;
  /** The name of the evaluation whose results count. Default: the one without a name. */
  readonly evalName?: string;
}

/**
 * Exports whenever an evaluation is better than all before, those of earlier processes too: the event files have them,
 * in single precision. https://www.tensorflow.org/api_docs/python/tf/estimator/BestExporter
 */
export class BestExporter implements Exporter {
  readonly name: string;
  readonly #isBetter: NonNullable<BestExporterOptions['isBetter']>;
  readonly #evalName: string | undefined;
  readonly #latest: LatestExporter;

  constructor({ name = 'best', isBetter, evalName, ...options }: BestExporterOptions = {}) {
    this.name = name;
    this.#isBetter = isBetter ?? ((result, best) => result.loss! < best.loss!);
    this.#evalName = evalName;
    this.#latest = new LatestExporter(options);
  }

  async export(
    estimator: Estimator,
    baseDir: string,
    { globalStep }: EvalResult,
  ): Promise<string | undefined> {
    const results = await readEvalMetrics(estimator.evalDir(this.#evalName));
    const own = results.get(globalStep);
    const others = [...results].filter(([step]) => step < globalStep);
    if (!own || !others.every(([, other]) => this.#isBetter(own, other))) return undefined;
    return this.#latest.export(estimator, baseDir);
  }
}
