import { expect, test } from 'vitest';
import { BufferPool, gatherRows } from './buffers.ts';

test('a buffer that was given back is used again for the same size', () => {
  const pool = new BufferPool();
  const buffer = pool.take(12);
  expect(pool.take(12)).not.toBe(buffer);
  pool.give(buffer);
  pool.give(buffer);
  expect(pool.take(8).byteLength).toBe(8);
  expect(pool.take(12)).toBe(buffer);
  expect(pool.take(12)).not.toBe(buffer);
});

test('a buffer that was transferred away is passed over', () => {
  const pool = new BufferPool();
  const buffer = pool.take(12);
  structuredClone(buffer, { transfer: [buffer] });
  pool.give(buffer);
  expect(pool.take(12).byteLength).toBe(12);
});

test('only so many free buffers are kept, the latest', () => {
  const pool = new BufferPool(1);
  const [first, second] = [pool.take(4), pool.take(4)];
  pool.give(first);
  pool.give(second);
  expect(pool.take(4)).toBe(second);
  expect(pool.take(4)).not.toBe(first);
});

test('rows are gathered one behind another', () => {
  const buffer = new ArrayBuffer(6);
  const whole = gatherRows([Uint8Array.of(1, 2), Uint8Array.of(3, 4), Uint8Array.of(5, 6)], buffer);
  expect(whole.buffer).toBe(buffer);
  expect([...whole]).toEqual([1, 2, 3, 4, 5, 6]);
});
