/** An IDX file: the code of its dtype, its dimensions, and its elements as they stand in the file. */
export function idxBytes(code: number, dims: readonly number[], elements: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.writeUInt8(code, 2);
  header.writeUInt8(dims.length, 3);
  dims.forEach((dim, i) => {
    header.writeUInt32BE(dim, 4 + 4 * i);
  });
  return Buffer.concat([header, elements]);
}
