import { afterAll, beforeAll } from 'vitest';
import type { Tensor } from '../../src/core/tensor.ts';
import type { Value } from '../../src/graph/value.ts';
import type { Purpose } from '../../src/lowering/tiling-table.ts';
import { Device, type DeviceOptions, type Program } from '../../src/runtime/device.ts';

type Outputs = Readonly<Record<string, Value>>;
type Feeds = Readonly<Record<string, Tensor>>;

/** A device for the tests of a file, and what they mostly do with it. Opened before them and closed after. */
export interface TestDevice {
  readonly device: Device;
  compile(outputs: Outputs, purpose?: Purpose): Promise<Program>;
  /** Compiles, runs once, and disposes. */
  run(outputs: Outputs, feeds?: Feeds, purpose?: Purpose): Promise<Record<string, Tensor>>;
}

export function useDevice(options: DeviceOptions = { threads: 1 }): TestDevice {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open(options);
  });
  afterAll(() => device.close());
  const compile = (outputs: Outputs, purpose: Purpose = 'training') =>
    device.compile({ name: 'test', outputs, purpose });
  return {
    get device() {
      return device;
    },
    compile,
    async run(outputs, feeds = {}, purpose) {
      const program = await compile(outputs, purpose);
      try {
        return await program.run(feeds);
      } finally {
        await program.dispose();
      }
    },
  };
}
