import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { SystemError } from '../core/errors.ts';

/**
 * Where downloads are kept: `$XDG_CACHE_HOME/fovea`, or `~/.cache/fovea` where that is not set. As the specification
 * wants it, a relative XDG_CACHE_HOME counts for nothing.
 * https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function cacheFolder(): string {
  const { XDG_CACHE_HOME: chosen } = process.env;
  return join(chosen && isAbsolute(chosen) ? chosen : join(home(), '.cache'), 'fovea');
}

function home(): string {
  try {
    return homedir();
  } catch (error) {
    throw new SystemError('no folder for downloads: this user has no home. Set XDG_CACHE_HOME to a folder', {
      cause: error,
    });
  }
}
