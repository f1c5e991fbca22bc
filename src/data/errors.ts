import { errorMessage, FoveaError } from '../core/errors.ts';

/** A function that was given to a dataset failed on one element. `cause` is what it threw. */
export class ElementError extends FoveaError {
  readonly exitStatus = 1;
  /** Which element of the dataset below, counted from 0 in the order of this pass. */
  readonly element: number;

  constructor(operation: string, element: number, cause: unknown) {
    super(`${operation}: element ${element}: ${errorMessage(cause)}`, { cause });
    this.element = element;
  }
}
