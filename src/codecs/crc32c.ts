/** CRC-32C (Castagnoli), as TFRecord and event files use it: RFC 3720, appendix B.4. */
const polynomial = 0x82f63b78;

/** Four tables, to take four bytes a step. */
const tables = makeTables();

function makeTables(): readonly Uint32Array[] {
  const [first, ...others] = Array.from({ length: 4 }, () => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? polynomial : 0);
    first![byte] = value;
  }
  let previous = first!;
  for (const table of others) {
    for (let byte = 0; byte < 256; byte++) {
      const value = previous[byte]!;
      table[byte] = (value >>> 8) ^ first![value & 255]!;
    }
    previous = table;
  }
  return [first!, ...others];
}

export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let crc = 0xffffffff;
  let at = 0;
  for (const end = bytes.length - 3; at < end; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc = t3[crc & 255]! ^ t2[(crc >>> 8) & 255]! ^ t1[(crc >>> 16) & 255]! ^ t0[crc >>> 24]!;
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 255]!;
  return ~crc >>> 0;
}

/** Masked, so that the checksum of bytes that hold checksums is a good one: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
