import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { basename } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { SystemError } from '../core/errors.ts';
import { bodyOf, get, MirrorError } from './http.ts';
import { PartialFile } from './partial-file.ts';

/** No mirror gave the file; `failures` has each with its reason. */
export class DownloadError extends SystemError {
  readonly path: string;
  readonly failures: readonly { readonly url: string; readonly message: string }[];

  constructor(path: string, failures: DownloadError['failures'], instead: string) {
    const reasons = failures.map(({ url, message }) => `${url}: ${message}`).join('; ');
    super(`cannot download ${basename(path)}: ${reasons}. ${instead}`);
    this.path = path;
    this.failures = failures;
  }
}

export interface DownloadOptions {
  /** Mirrors, tried in this order. */
  readonly urls: readonly string[];
  /** Where the file is to be; its folder is made. */
  readonly path: string;
  /** The size of the file. */
  readonly bytes: number;
  /** Its checksum, in lower-case hexadecimal. */
  readonly sha256: string;
  /** What a person may do where every mirror fails, for the error. */
  readonly instead: string;
  /** Ends the download with its reason; what has come is kept for the next one. */
  readonly signal?: AbortSignal | undefined;
  /** Hears how many bytes are there. The number falls where a mirror starts over. */
  readonly onProgress?: ((received: number) => void) | undefined;
  /** Tries a mirror. Default: 5. */
  readonly attempts?: number;
  /** The wait before the second try, in milliseconds; it doubles with each further one. Default: 500. */
  readonly retryDelay?: number;
  /** After so many milliseconds without a byte a try is over. Default: 30,000. */
  readonly stallTimeout?: number;
}

/**
 * Downloads a file, unless it is there with the right checksum. It appears whole, or not at all: its bytes are gathered
 * beside it, checked, and renamed into place. What breaks off is taken up where it ended, also by a later call, and
 * also from another mirror, since the checksum has the last word. Calls at the same time, in one process or several, do
 * not disturb one another.
 *
 * @throws {DownloadError} when every mirror fails
 * @throws {SystemError} when the file cannot be written
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { path, bytes, sha256, urls, signal, instead } = options;
  signal?.throwIfAborted();
  const there = await stat(path).catch(() => undefined);
  if (there?.isFile() && there.size === bytes && (await sha256Of(path)) === sha256) return;
  const found = there ? `${path} is there, but its bytes are not those of the file. ` : '';

  const failures: { url: string; message: string }[] = [];
  const partial = await PartialFile.claim(path);
  try {
    for (const url of urls) {
      try {
        await fetchPatiently(url, partial, options);
        return await partial.commit();
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof MirrorError)) throw error;
        failures.push({ url, message: error.message });
      }
    }
  } finally {
    await partial.release();
  }
  throw new DownloadError(path, failures, found + instead);
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Tries one mirror until the file is there, or trying again is no use. */
async function fetchPatiently(url: string, partial: PartialFile, options: DownloadOptions): Promise<void> {
  const { signal, attempts = 5, retryDelay = 500 } = options;
  const mirror: Mirror = { url };
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchOnce(mirror, partial, options);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof MirrorError) || !error.passing || attempt === attempts) throw error;
      const wait = Math.max(retryDelay * 2 ** (attempt - 1), error.retryAfter);
      await setTimeout(wait, undefined, { signal });
    }
  }
}

interface Mirror {
  readonly url: string;
  /** Names the version of the file that the bytes which are there belong to, where this mirror sent them and told. */
  etag?: string | undefined;
}

async function fetchOnce(mirror: Mirror, partial: PartialFile, options: DownloadOptions): Promise<void> {
  const { bytes, sha256 } = options;
  if (partial.size > bytes) await partial.restart();
  const together = partial.size === bytes || (await receive(mirror, partial, options));
  const actual = await sha256Of(partial.path);
  if (actual === sha256) return;
  await partial.restart();
  mirror.etag = undefined;
  // Where bytes from before are part of it they may be to blame; what came in one piece is simply another file.
  throw new MirrorError(`it sent another file: SHA-256 ${sha256} is expected, got ${actual}`, {
    passing: together,
  });
}

/** Fetches what lacks, or all; true where the bytes that were there before are still a part of the file. */
async function receive(mirror: Mirror, partial: PartialFile, options: DownloadOptions): Promise<boolean> {
  const { bytes, signal, onProgress, stallTimeout = 30_000 } = options;
  const headers = {
    ...(partial.size > 0 && { Range: `bytes=${partial.size}-` }),
    ...(partial.size > 0 && mirror.etag !== undefined && { 'If-Range': mirror.etag }),
  };
  const answer = await get(mirror.url, { headers, stallTimeout, signal });
  try {
    if (answer.statusCode === 416) await partial.restart(); // it has no bytes behind ours
    checkAnswer(answer, partial.size, bytes);
    if (answer.statusCode === 200) await partial.restart();
    const { etag } = answer.headers;
    mirror.etag = etag?.startsWith('W/') ? undefined : etag; // a weak one says nothing about bytes
    for await (const chunk of bodyOf(answer)) {
      if (partial.size + chunk.length > bytes) {
        await partial.restart();
        throw new MirrorError(`it sends more than the ${bytes} bytes of the file`);
      }
      await partial.append(chunk);
      onProgress?.(partial.size);
    }
  } finally {
    answer.destroy();
  }
  if (partial.size < bytes) {
    throw new MirrorError(`it ended after ${partial.size} of ${bytes} bytes`, { passing: true });
  }
  return answer.statusCode === 206;
}

/** Refuses an answer that is not the file, or not its part from `from` on. */
function checkAnswer({ statusCode, headers }: IncomingMessage, from: number, bytes: number): void {
  if (statusCode === 200) {
    const { 'content-length': length } = headers;
    if (length === undefined || Number(length) === bytes) return;
    throw new MirrorError(`it has another file, of ${length} bytes; ${bytes} are expected`);
  }
  if (statusCode === 206) {
    const range = headers['content-range'] ?? '';
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
    if (Number(start) === from && (total === '*' || Number(total) === bytes)) return;
    throw new MirrorError(`it sent '${range}' of the file; bytes ${from}-${bytes - 1}/${bytes} are expected`);
  }
  throw new MirrorError(`it answers with status ${statusCode}`, {
    passing: [408, 416, 425, 429, 500, 502, 503, 504].includes(statusCode!),
    retryAfter: waitAsked(headers['retry-after']),
  });
}

/** `Retry-After`, in seconds or as a date, as milliseconds; a minute at most. */
function waitAsked(header: string | undefined): number {
  if (header === undefined) return 0;
  const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Math.min(Math.max(wait || 0, 0), 60_000);
}
