import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { cacheFolder } from './cache.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('is in XDG_CACHE_HOME, or in the home of the user', () => {
  vi.stubEnv('XDG_CACHE_HOME', '/somewhere');
  expect(cacheFolder()).toBe(join('/somewhere', 'fovea'));
  for (const none of ['', 'relative/path', undefined]) {
    vi.stubEnv('XDG_CACHE_HOME', none);
    expect(cacheFolder()).toBe(join(homedir(), '.cache', 'fovea'));
  }
});
