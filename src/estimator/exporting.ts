import { join } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { createFolderWhole } from '../core/files.ts';
import type { Model } from '../models/model.ts';
import { type PortableOptions, toPortableOnnx } from '../models/portable.ts';

export type ExportOptions = PortableOptions;

/** Folders of one second are told apart by going on to the next. */
const mostTries = 10;

/** Writes `model.onnx`, and `labels.txt` where there are class names, into a folder named by the time. */
export async function exportModel(model: Model, baseDir: string, options: ExportOptions): Promise<string> {
  const { classNames } = options;
  const content = toPortableOnnx(model, options);
  const seconds = Math.floor(Date.now() / 1000);
  for (let tried = 0; ; tried++) {
    const path = join(baseDir, String(seconds + tried));
    try {
      const folder = await createFolderWhole(path);
      try {
        await folder.write('model.onnx', content);
        if (classNames) await folder.write('labels.txt', classNames.map((name) => `${name}\n`).join(''));
        await folder.commit();
        return path;
      } finally {
        await folder.discard();
      }
    } catch (error) {
      if (!(error instanceof UsageError) || tried === mostTries) throw error;
    }
  }
}
