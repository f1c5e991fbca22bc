import { expect, test, vi } from 'vitest';
import { ComputeError, DataError } from '../core/errors.ts';
import { floats } from '../core/tensor.ts';
import { type OpenStream, placedBatches } from './placed.ts';
import type { Batch } from './trainable.ts';

vi.mock('node:timers/promises', () => ({ setTimeout: (ms: number) => waited(ms) }));
const waits: number[] = [];
const waited = async (ms: number): Promise<void> => void waits.push(ms);

const failure = (code: string) => Object.assign(new Error(code), { code });
const batch = (number: number): Batch => ({ inputs: floats([number]), targets: floats([0]) });
const numberOf = ({ inputs }: Batch) => (inputs as { data: Float32Array }).data[0]!;

/** Batches 0 to 4, from a place on, with failures before some: each is thrown once. */
function source(failures: [before: number, error: Error][], { places = true } = {}) {
  const opened: (number | null)[] = [];
  const open = (_: number, place?: { position: unknown }) => {
    const from = (place?.position as number | undefined) ?? 0;
    opened.push(place ? from : null);
    let at = from;
    const stream = (async function* () {
      for (; at < 5; ) {
        const next = failures.findIndex(([before]) => before === at);
        if (next >= 0) throw failures.splice(next, 1)[0]![1];
        yield batch(at++);
      }
    })();
    return places ? Object.assign(stream, { placeNow: () => ({ epoch: 0, position: at }) }) : stream;
  };
  return { opened, open };
}

async function read(open: ReturnType<typeof source>['open']): Promise<number[]> {
  waits.length = 0;
  const found: number[] = [];
  for await (const placed of placedBatches(open as OpenStream, 0, null)) found.push(numberOf(placed.batch));
  return found;
}

const all = [0, 1, 2, 3, 4];

test('a failure that passes is tried again from the last place, a little later each time', async () => {
  const hidden = new DataError('cannot read', { cause: failure('ESTALE') });
  const { open, opened } = source([
    [2, failure('EIO')],
    [2, hidden],
    [2, failure('EMFILE')],
    [4, failure('EBUSY')],
  ]);
  expect(await read(open)).toEqual(all);
  expect(waits).toEqual([100, 400, 1600, 100]);
  expect(opened).toEqual([null, 2, 2, 2, 4]);
});

test('before the first batch it begins anew', async () => {
  const { open, opened } = source([[0, failure('EAGAIN')]]);
  expect(await read(open)).toEqual(all);
  expect(opened).toEqual([null, null]);
});

test.each<[string, Error[], boolean]>([
  ['of four', Array.from({ length: 4 }, () => failure('EIO')), true],
  ['that does not pass', [failure('ENOENT')], true],
  ['of another kind', [new ComputeError('no')], true],
  ['where the data tell no place', [failure('EIO')], false],
])('a failure is thrown: %s', async (_, errors, places) => {
  const { open } = source(
    errors.map((error) => [3, error]),
    { places },
  );
  await expect(read(open)).rejects.toThrow(errors.at(-1)!);
});
