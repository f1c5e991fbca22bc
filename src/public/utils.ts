/** Small helpers around labels: https://keras.io/api/utils/ */
export { type Labels, toCategorical } from '../data/to-categorical.ts';
