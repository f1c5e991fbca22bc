import type { Device, Program, ProgramSpec } from '../runtime/device.ts';

/** A program with what it was compiled from. */
export interface Compiled<S extends ProgramSpec> {
  readonly spec: S;
  readonly program: Program;
}

interface Entry {
  readonly version: string;
  readonly compiled: Promise<Compiled<ProgramSpec>>;
}

/**
 * Programs by what they are for, each compiled when it is first needed. A program of an older version, with weights
 * that have changed since, is freed when a newer one takes its place.
 */
export class ProgramCache {
  readonly #device: Device;
  readonly #entries = new Map<string, Entry>();

  constructor(device: Device) {
    this.#device = device;
  }

  /** @param describe gives the same kind of spec for the same purpose */
  get<S extends ProgramSpec>(purpose: string, version: string, describe: () => S): Promise<Compiled<S>> {
    const known = this.#entries.get(purpose);
    if (known?.version === version) return known.compiled as Promise<Compiled<S>>;
    const replace = async (): Promise<Compiled<S>> => {
      // One that failed to compile has nothing to free.
      const old = await known?.compiled.catch(() => undefined);
      await old?.program.dispose();
      const spec = describe();
      return { spec, program: await this.#device.compile(spec) };
    };
    const compiled = replace();
    this.#entries.set(purpose, { version, compiled });
    return compiled;
  }
}
