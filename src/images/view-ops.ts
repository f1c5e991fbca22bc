import { type ImageOp, ops } from './ops.ts';
import type { ResizeMethod } from './resize.ts';
import { plainView, type View } from './views.ts';

/** What an image is to become. */
export interface Target {
  /** Pixels. */
  readonly height: number;
  readonly width: number;
  /** 1 grey, 3 RGB */
  readonly channels: 1 | 3;
  readonly resize: ResizeMethod;
  /** Plain unless given. */
  readonly view?: View;
}

/** The operations that make of a file what a network sees. A grey image is resized in one channel, and repeated at the end. */
export function viewOps({ height, width, channels, resize, view = plainView }: Target): ImageOp[] {
  const { rotation, crop, flip, contrast, brightness } = view;
  const part = rotation === 0 && crop.size === 1 ? {} : { part: { rotation, ...crop } };
  const all: (ImageOp | false)[] = [
    channels === 1 && ops.decodeImage({ channels }),
    ops.resize({ height, width, method: resize, antialias: true, ...part }),
    flip && ops.flipLeftRight(),
    (contrast !== 1 || brightness !== 0) && ops.levels({ contrast, brightness }),
    channels === 3 && ops.grayscaleToRgb(),
  ];
  return all.filter((op) => op !== false);
}
