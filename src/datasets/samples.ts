import { fileURLToPath } from 'node:url';

/**
 * Where the retinal OCT sample lies that ships with the package, and that `sample` means on the command line: `train/`
 * (123 images) and `test/` (101), each with CNV, DME, DRUSEN and NORMAL (`samples/oct/README.md`).
 */
export function samplesPath(): string {
  return fileURLToPath(new URL('../../samples/oct', import.meta.url));
}
