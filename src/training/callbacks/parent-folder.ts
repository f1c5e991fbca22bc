import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage, SystemError } from '../../core/errors.ts';

/**
 * Makes the folder that a file is to stand in.
 *
 * @throws {SystemError} when the system refuses
 */
export async function makeParentFolder(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new SystemError(`cannot make the folder ${folder}: ${errorMessage(error)}`, { cause: error });
  }
}
