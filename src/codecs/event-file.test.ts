import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataError } from '../core/errors.ts';
import { RandomStream } from '../core/random.ts';
import { fileVersionRecord, readEventFile, type SummaryValue, summaryRecord } from './event-file.ts';
import { frameTfRecord } from './tfrecord.ts';

/** What TensorFlow 2.21 writes, framing aside, by `tf.summary`: these calls, each with the step in its row. */
const golden: [call: string, step: number, wallTime: number, value: SummaryValue, event: string][] = [
  [
    "scalar('loss', 0.5)",
    7,
    1795541756.171649,
    { plugin: 'scalars', tag: 'loss', value: 0.5 },
    '094cfc0abf72c1da4110072a210a1f0a046c6f7373420a0801120022040000003f4a0b0a090a077363616c617273',
  ],
  [
    "histogram('h', [0, 1, 2, 3], buckets=2)",
    7,
    1795541756.2172041,
    { plugin: 'histograms', tag: 'h', buckets: Float64Array.of(0, 1.5, 2, 1.5, 3, 2) },
    '09ace60dbf72c1da4110072a550a530a0168423e08021208120208021202080322300000000000000000000000000000f83f0000000000000040000000000000f83f000000000000084000000000000000404a0e0a0c0a0a686973746f6772616d73',
  ],
  [
    "image('im', [[[[255, 0, 0], [0, 255, 0]]]])",
    300,
    1795541756.2271359,
    {
      plugin: 'images',
      tag: 'im',
      width: 2,
      height: 1,
      pngs: [
        Buffer.from(
          '89504e470d0a1a0a0000000d49484452000000020000000108020000007b40e8dd0000000f49444154089963f8cfc0c0f09f010007ff01ff83803d660000000049454e44ae426082',
          'hex',
        ),
      ],
    },
    '0965890ebf72c1da4110ac022a6c0a6a0a02696d42580807120412020803420132420131424889504e470d0a1a0a0000000d49484452000000020000000108020000007b40e8dd0000000f49444154089963f8cfc0c0f09f010007ff01ff83803d660000000049454e44ae4260824a0a0a080a06696d61676573',
  ],
  [
    "text('t', 'hello')",
    0,
    1795541756.229424,
    { plugin: 'text', tag: 't', markdown: 'hello' },
    '09e2ae0ebf72c1da412a1c0a1a0a0174420b08071200420568656c6c6f4a080a060a0474657874',
  ],
];

describe('an event has the bytes that TensorFlow writes', () => {
  test.each(golden)('tf.summary.%s', (_, step, wallTime, value, event) => {
    // The clock was printed to a microsecond; its bytes are those of TensorFlow's event.
    const bytes = Buffer.from(event, 'hex');
    expect(bytes.readDoubleLE(1)).toBeCloseTo(wallTime, 5);
    const record = summaryRecord({ wallTime: bytes.readDoubleLE(1), step, values: [value] });
    expect(Buffer.from(record).toString('hex')).toBe(Buffer.from(frameTfRecord(bytes)).toString('hex'));
  });

  test('its framing, too', () => {
    const record = summaryRecord({
      wallTime: Buffer.from('4cfc0abf72c1da41', 'hex').readDoubleLE(),
      step: 7,
      values: [golden[0]![3]],
    });
    expect(Buffer.from(record).toString('hex')).toBe(
      `2e00000000000000c5cb57fa${golden[0]![4]}6d14684462000000`.slice(0, record.length * 2),
    );
  });
});

const tag = fc.string({ unit: 'grapheme', maxLength: 12 });
const scalar = fc.record({ plugin: fc.constant('scalars' as const), tag, value: fc.double() });
const otherValue: fc.Arbitrary<SummaryValue> = fc.oneof(
  fc.record({ plugin: fc.constant('text' as const), tag, markdown: fc.string() }),
  fc.record({
    plugin: fc.constant('histograms' as const),
    tag,
    buckets: fc.array(fc.double(), { minLength: 3, maxLength: 3 }).map((values) => Float64Array.from(values)),
  }),
  fc.record({
    plugin: fc.constant('images' as const),
    tag,
    width: fc.nat(9),
    height: fc.nat(9),
    pngs: fc.array(fc.uint8Array()),
  }),
);
const event = fc.record({
  wallTime: fc.double({ noNaN: true }),
  step: fc.maxSafeNat(),
  values: fc.array(fc.oneof({ weight: 3, arbitrary: scalar }, otherValue), { maxLength: 4 }),
});

const read = (bytes: Uint8Array) => readEventFile('events', bytes);
const versioned = fileVersionRecord(1.5e9);

test('what is written is read: steps, times, and scalars in float32', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 6 }), (events) => {
      const file = Buffer.concat([versioned, ...events.map(summaryRecord)]);
      const { records, wholeBytes } = read(file);
      expect(wholeBytes).toBe(file.length);
      expect(Buffer.concat(records.map(({ bytes }) => bytes)).equals(file)).toBe(true);
      expect(records.map((record) => record.event)).toEqual([
        { wallTime: 1.5e9, step: 0, fileVersion: 'brain.Event:2', scalars: [] },
        ...events.map(({ wallTime, step, values }) => ({
          wallTime,
          step,
          scalars: values.flatMap((value) =>
            value.plugin === 'scalars' ? [{ tag: value.tag, value: Math.fround(value.value) }] : [],
          ),
        })),
      ]);
    }),
  );
});

test('a file that ends at any byte is read up to its last whole record', () => {
  const parts = [
    versioned,
    ...golden.map(([, step, wallTime, value]) => summaryRecord({ wallTime, step, values: [value] })),
  ];
  const file = Buffer.concat(parts);
  const whole = read(file).records;
  const ends = parts.map((_, i) => Buffer.concat(parts.slice(0, i + 1)).length);
  for (let length = 0; length <= file.length; length++) {
    const count = ends.filter((end) => end <= length).length;
    const wholeBytes = count === 0 ? 0 : ends[count - 1]!;
    expect(read(file.subarray(0, length))).toEqual({ records: whole.slice(0, count), wholeBytes });
    // As where power failed: the file has its length, and not yet its bytes.
    const zeroed = Buffer.concat([file.subarray(0, length), Buffer.alloc(40)]);
    const zeroedEnds = ends.filter((end) => zeroed.subarray(0, end).equals(file.subarray(0, end)));
    expect(read(zeroed).wholeBytes).toBe(zeroedEnds.at(-1) ?? 0);
  }
});

test('a scalar of TensorFlow 1 and PyTorch is read', () => {
  // wall_time 1, step 3, summary { value { tag: "a" simple_value: 0.25 } }
  const content = Buffer.from('09000000000000f03f10032a0a0a080a0161150000803e', 'hex');
  expect(read(frameTfRecord(content)).records[0]!.event).toEqual({
    wallTime: 1,
    step: 3,
    scalars: [{ tag: 'a', value: 0.25 }],
  });
});

describe('refuses', () => {
  const file = Buffer.concat([
    versioned,
    summaryRecord({ wallTime: 1, step: 1, values: [golden[0]![3]] }),
    versioned,
  ]);
  const flipped = (at: number): Buffer => {
    const bytes = Buffer.from(file);
    bytes[at]! ^= 1;
    return bytes;
  };
  const first = versioned.length;
  test.each([
    ['a damaged length', flipped(0), 'event 0 at byte 0: the checksum of its length is wrong'],
    ['a damaged event', flipped(first + 20), `event 1 at byte ${first}: its checksum is wrong`],
    ['what is no event', frameTfRecord(Buffer.from('0aff', 'hex')), 'event 0 at byte 0'],
    ['text', Buffer.from('step,loss\n1,0.5\n2,0.25\n'), 'the file is damaged, or no event file'],
  ])('%s', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(DataError);
    expect(() => read(bytes)).toThrow(message);
    expect(() => read(bytes)).toThrow('events: ');
  });
});

test('changed bytes give a part of the records or a named error, never anything else', () => {
  const file = Buffer.concat([
    versioned,
    ...golden.map(([, step, wallTime, value]) => summaryRecord({ wallTime, step, values: [value] })),
  ]);
  const whole = read(file).records;
  const random = new RandomStream([2016, 6]);
  let refused = 0;
  for (let run = 0; run < 1000; run++) {
    const changed = Buffer.from(file);
    changed[random.below(file.length)]! ^= 1 + random.below(255);
    try {
      const { records } = read(changed);
      expect(records.map(({ event }) => event)).toEqual(
        whole.slice(0, records.length).map(({ event }) => event),
      );
      expect(records.length).toBeLessThan(whole.length);
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(500);
});

test('changed events within whole records are read or refused by name', () => {
  const random = new RandomStream([2016, 7]);
  for (let run = 0; run < 2000; run++) {
    const content = Buffer.from(golden[run % golden.length]![4], 'hex');
    for (let i = 0; i <= random.below(3); i++) content[random.below(content.length)] = random.below(256);
    try {
      expect(read(frameTfRecord(content)).records).toHaveLength(1);
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
    }
  }
});
