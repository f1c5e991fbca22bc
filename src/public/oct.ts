/** The jobs of the command line as functions, and honest figures for predictions. */
export type { ApplyOptions } from '../oct/apply.ts';
export {
  type ClassEvaluation,
  type Evaluation,
  type EvaluationOptions,
  evaluatePredictions,
  type Predictions,
} from '../oct/evaluation.ts';
export type { JobEvent, Listener } from '../oct/events.ts';
export type { Interval } from '../oct/interval.ts';
export { evaluate, predict, train } from '../oct/jobs.ts';
export { type Recipe, type RecipeName, recipes } from '../oct/recipes.ts';
export { evaluationTable } from '../oct/table.ts';
export type { TrainOptions, TrainResult } from '../oct/train.ts';
