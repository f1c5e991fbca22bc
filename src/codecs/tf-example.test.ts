import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect, test } from 'vitest';
import { DataError } from '../core/errors.ts';
import { type FeatureSpec, parseExample } from './tf-example.ts';

type Write = (writer: BinaryWriter) => void;

const message = (write: Write): Uint8Array => {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
};
const field =
  (no: number, content: Uint8Array): Write =>
  (writer) => {
    writer.tag(no, WireType.LengthDelimited).bytes(content);
  };
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** An Example of features, each a list of the given kind, with its content. */
function example(features: Record<string, readonly [list: number, content: Write]>): Uint8Array {
  const entries = Object.entries(features).map(([name, [list, content]]) =>
    message((writer) => {
      field(1, text(name))(writer);
      field(2, message(field(list, message(content))))(writer);
    }),
  );
  const map = message((writer) => {
    for (const entry of entries) field(1, entry)(writer);
  });
  return message(field(1, map));
}

const ints = (...values: number[]) =>
  [
    3,
    (w: BinaryWriter) => {
      for (const value of values) w.tag(1, WireType.Varint).int64(value);
    },
  ] as const;
const texts = (...values: string[]) =>
  [
    1,
    (w: BinaryWriter) => {
      for (const value of values) field(1, text(value))(w);
    },
  ] as const;

test('numbers are read packed and one by one, in the order in which they stand', () => {
  const packed = message((w) => {
    w.int64(1).int64(-2);
  });
  const record = example({
    n: [
      3,
      (w) => {
        w.tag(1, WireType.Varint).int64(7);
        field(1, packed)(w);
      },
    ],
  });
  expect(parseExample(record, { n: { type: 'int64', variable: true } }).n.data).toEqual(
    BigInt64Array.of(7n, 1n, -2n),
  );
});

test('what is asked for is read, in its type', () => {
  const record = example({ label: ints(3), names: texts('a', 'é'), other: ints(1, 2) });
  const found = parseExample(record, { label: 'int64', names: { type: 'string', shape: [2] } });
  const label: number = found.label;
  const names: readonly string[] = found.names;
  expect({ label, names }).toEqual({ label: 3, names: ['a', 'é'] });
});

test('a missing feature is its default, in its shape; a missing list of any length is empty', () => {
  const found = parseExample(new Uint8Array(0), {
    a: { type: 'float32', default: 0.5 },
    b: { type: 'int64', shape: [2], default: 4 },
    c: { type: 'string', variable: true },
    d: { type: 'string', shape: [1], default: 'x' },
  });
  expect(found).toEqual({
    a: 0.5,
    b: { dtype: 'int64', shape: [2], data: BigInt64Array.of(4n, 4n) },
    c: [],
    d: ['x'],
  });
});

test.each([
  ["feature 'x' is missing; it has n", {}, 'int64'],
  ["feature 'x' holds bytes, and int64 is expected", { x: texts('a') }, 'int64'],
  ["feature 'x' has 2 values, and one is expected", { x: ints(1, 2) }, 'int64'],
  [
    "feature 'x' has 2 values, and 3 are expected for the shape [3]",
    { x: ints(1, 2) },
    { type: 'int64', shape: [3] },
  ],
  ["feature 'x' is empty", { x: ints() }, 'int64'],
  ["feature 'x' is 9007199254740992, beyond 2⁵³", { x: ints(2 ** 53) }, 'int64'],
] as [string, Parameters<typeof example>[0], FeatureSpec][])('%s', (expected, features, spec) => {
  const record = example({ ...features, n: ints(1) });
  expect(() => parseExample(record, { x: spec }, 'a.tfrecord: record 4')).toThrow(DataError);
  expect(() => parseExample(record, { x: spec }, 'a.tfrecord: record 4')).toThrow(
    `a.tfrecord: record 4: ${expected}`,
  );
});

test('text that is no UTF-8, and bytes that are no Example, are refused', () => {
  const record = example({ x: [1, field(1, Uint8Array.of(255))] });
  expect(() => parseExample(record, { x: 'string' })).toThrow("is no UTF-8 text: read it as 'bytes'");
  expect(parseExample(record, { x: 'bytes' }).x).toEqual(Uint8Array.of(255));
  expect(() => parseExample(Uint8Array.of(10, 200, 1), { x: 'bytes' })).toThrow(
    'the bytes are no tf.train.Example',
  );
});
