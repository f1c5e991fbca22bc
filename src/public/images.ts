/** Reading images in threads, and operations on them as data: https://www.tensorflow.org/api_docs/python/tf/image */
export { applyOps } from '../images/apply.ts';
export { cutmix, type LabelledBatch, type MixOptions, mixup } from '../images/batches.ts';
export {
  type DecodedImage,
  decodeBmp,
  decodeGif,
  decodeImage,
  decodeJpeg,
  decodePng,
  decodeTiff,
  decodeWebp,
  probeImage,
} from '../images/decode.ts';
export type { DecodeConfig } from '../images/decode-options.ts';
export type { ImageFormat } from '../images/header.ts';
export type { ImageInfo } from '../images/open.ts';
export { type Draw, type ImageOp, type OpName, ops } from '../images/ops.ts';
export type { Channels, PixelArrays, PixelDType, Pixels } from '../images/pixels.ts';
export { policies } from '../images/policies.ts';
export { ImagePool, type RunOptions } from '../images/pool.ts';
export type { ReadRequest } from '../images/protocol.ts';
export { type ResizeMethod, resizeMethods } from '../images/resize.ts';
export type { Part } from '../images/resizing.ts';
export type { ImageSource } from '../images/source.ts';
export { type Interpolation, interpolations } from '../images/spans.ts';
export { pixelsOfTensor, pixelsTensor } from '../images/tensors.ts';
export { viewOps } from '../images/view-ops.ts';
export { defaultViewRanges, plainView, type View, type ViewRanges, viewOf } from '../images/views.ts';
