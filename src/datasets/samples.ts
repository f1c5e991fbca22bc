import { fileURLToPath } from 'node:url';
import { packageFile } from '../core/package.ts';

/**
 * Where the retinal OCT sample lies that ships with the package, and that `sample` means on the command line: `train/`
 * (123 images) and `test/` (101), each with CNV, DME, DRUSEN and NORMAL (`samples/oct/README.md`).
 */
export function samplesPath(): string {
  return fileURLToPath(packageFile('samples/oct'));
}
