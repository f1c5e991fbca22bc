/**
 * Every failure that a person can cause or mend. The message says where, what was expected, what came, and what to do;
 * `exitStatus` is what the command line ends with.
 */
export abstract class FoveaError extends Error {
  abstract readonly exitStatus: 1 | 2;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A call or an argument that cannot be meant so: an option out of range, an unknown name. */
export class UsageError extends FoveaError {
  readonly exitStatus = 2;
}

/** Data or files that cannot be used: a missing folder, an unreadable image, weights of another shape. */
export class DataError extends FoveaError {
  readonly exitStatus = 2;
}

/** Shapes or dtypes that do not fit together, found while a graph or model is being built. */
export class ShapeError extends FoveaError {
  readonly exitStatus = 2;
}

/** A computation that failed or went astray: a NaN loss, an error in a worker. */
export class ComputeError extends FoveaError {
  readonly exitStatus = 1;
}

/** The system refused: a full disk, a folder that cannot be written. */
export class SystemError extends FoveaError {
  readonly exitStatus = 1;
}

/** The system's error code (`ENOENT`, `ENOSPC`, …) of a caught value, if it has one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The message of whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
