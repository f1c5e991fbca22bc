/** Element types of tensors. `float16` holds raw bits, as JavaScript on Node 20 has no half-precision array. */
export const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint32: Uint32Array,
  bool: Uint8Array,
} as const;

export type DType = keyof typeof arrayTypes;
export type DataOf<D extends DType = DType> = InstanceType<(typeof arrayTypes)[D]>;

export function bytesPerElement(dtype: DType): number {
  return arrayTypes[dtype].BYTES_PER_ELEMENT;
}
