/** Compiled graphs in a worker thread. */
export { Device, type DeviceOptions, Program, type ProgramSpec, type RunOptions } from '../runtime/device.ts';
