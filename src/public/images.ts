/** Reading images in threads. */
export type { ImageInfo } from '../images/decode.ts';
export type { ImageFormat } from '../images/header.ts';
export { ImagePool } from '../images/pool.ts';
export type { ReadRequest } from '../images/protocol.ts';
export { type ResizeMethod, resizeMethods } from '../images/resize.ts';
export { defaultViewRanges, plainView, type View, type ViewRanges, viewOf } from '../images/views.ts';
