import { crc32 } from 'node:zlib';
import { deriveKey, RandomStream } from '../../src/core/random.ts';

type Mutation = (bytes: Uint8Array, stream: RandomStream) => Uint8Array;

/** A stretch of at most `most` bytes. */
function stretch(bytes: Uint8Array, stream: RandomStream, most: number): [from: number, to: number] {
  const from = stream.below(bytes.length);
  return [from, Math.min(bytes.length, from + 1 + stream.below(most))];
}

/** Headers lie at the front: every other place is one of the first 256. */
const place = (bytes: Uint8Array, stream: RandomStream): number =>
  stream.below(stream.below(2) === 0 ? bytes.length : Math.min(bytes.length, 256));

const concat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

const extremes = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

const mutations: readonly Mutation[] = [
  function flipBits(bytes, stream) {
    for (let i = 0; i <= stream.below(8); i++) bytes[place(bytes, stream)]! ^= 1 << stream.below(8);
    return bytes;
  },
  function setBytes(bytes, stream) {
    for (let i = 0; i <= stream.below(16); i++) bytes[place(bytes, stream)] = stream.below(256);
    return bytes;
  },
  function cutEnd(bytes, stream) {
    return bytes.subarray(0, stream.below(bytes.length));
  },
  function cutMiddle(bytes, stream) {
    const [from, to] = stretch(bytes, stream, 64);
    return concat(bytes.subarray(0, from), bytes.subarray(to));
  },
  function double(bytes, stream) {
    const [from, to] = stretch(bytes, stream, 64);
    return concat(bytes.subarray(0, to), bytes.subarray(from));
  },
  function blank(bytes, stream) {
    return bytes.fill(stream.below(2) * 255, ...stretch(bytes, stream, 64));
  },
  function extremeNumber(bytes, stream) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const [value, little] = [extremes[stream.below(extremes.length)]!, stream.below(2) === 0];
    const at = Math.max(0, Math.min(bytes.length - 4, place(bytes, stream)));
    if (stream.below(2) === 0) view.setUint32(at, value, little);
    else view.setUint16(at, value, little);
    return bytes;
  },
  function append(bytes, stream) {
    return concat(
      bytes,
      Uint8Array.from({ length: 1 + stream.below(64) }, () => stream.below(256)),
    );
  },
];

/** The CRCs of a PNG's chunks, so that a decoder looks at what is in them. */
function repairPng(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) break;
    view.setUint32(at + 8 + length, crc32(bytes.subarray(at + 4, at + 8 + length)));
    at += 12 + length;
  }
  return bytes;
}

/**
 * A damaged copy of a file: one to three mutations, by seed and number. Of every other PNG the checksums are right.
 *
 * @example mutate(readFileSync('a.png'), 7, 0)
 */
export function mutate(bytes: Uint8Array, seed: number, number: number): Uint8Array {
  const stream = new RandomStream(deriveKey(seed, 'mutate', number));
  let mutated: Uint8Array = Uint8Array.from(bytes);
  const rounds = 1 + stream.below(3);
  for (let i = 0; i < rounds && mutated.length >= 4; i++) {
    mutated = mutations[stream.below(mutations.length)]!(mutated, stream);
  }
  return bytes[0] === 0x89 && stream.below(2) === 0 ? repairPng(Uint8Array.from(mutated)) : mutated;
}
