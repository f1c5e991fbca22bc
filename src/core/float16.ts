// One table entry per half-precision number: 65,536 floats, filled when the first fp16 weights are read.
let table: Float32Array | undefined;

function decode(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** IEEE 754 binary16 to float32, exactly. */
export function fromFloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  table ??= Float32Array.from({ length: 65_536 }, (_, bits) => decode(bits));
  const result = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) result[i] = table[halves[i]!]!;
  return result;
}

/** float32 to the nearest binary16, ties to even; beyond 65,504 to infinity. */
export function toFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const result = new Uint16Array(values.length);
  const bitsOf = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const bits = bitsOf[i]!;
    const sign = (bits >>> 16) & 0x8000;
    const magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
      result[i] = sign | 0x7e00; // NaN
    else if (magnitude >= 0x477ff000)
      result[i] = sign | 0x7c00; // rounds to 2¹⁶ or more
    else if (magnitude < 0x38800000) {
      // Subnormal: a whole multiple of 2⁻²⁴.
      const scaled = Math.abs(values[i]!) * 2 ** 24;
      const floor = Math.floor(scaled);
      const rest = scaled - floor;
      result[i] = sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
    } else {
      const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
      result[i] = sign | ((rounded - 0x38000000) >>> 13);
    }
  }
  return result;
}
