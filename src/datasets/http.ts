import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { errorCode, errorMessage } from '../core/errors.ts';

/** What went wrong with one mirror; another may do better. */
export class MirrorError extends Error {
  /** Whether the same one may do better a moment later. */
  readonly passing: boolean;
  /** How many milliseconds it wants to be left alone first. */
  readonly retryAfter: number;

  constructor(message: string, options: ErrorOptions & { passing?: boolean; retryAfter?: number } = {}) {
    super(message, options);
    this.passing = options.passing ?? false;
    this.retryAfter = options.retryAfter ?? 0;
  }
}

export interface RequestOptions {
  readonly headers: OutgoingHttpHeaders;
  /** After so many milliseconds without a byte the mirror is given up. */
  readonly stallTimeout: number;
  readonly signal: AbortSignal | undefined;
}

const maxRedirects = 5;

/**
 * The answer to a GET, redirections followed, its body unread. Unlike with `fetch`, the body's bytes are those of the
 * file whatever `Content-Encoding` says, which servers like to write beside a `.gz`, and the connection ends with the
 * answer.
 *
 * @throws {MirrorError}
 */
export async function get(url: string, options: RequestOptions): Promise<IncomingMessage> {
  let target = targetOf(url);
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const answer = await ask(target, options);
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(answer.statusCode!) || location === undefined) return answer;
    answer.destroy();
    target = targetOf(location, target);
  }
  throw new MirrorError(`it redirects more than ${maxRedirects} times`);
}

function targetOf(url: string, base?: URL): URL {
  const target = URL.canParse(url, base?.href) ? new URL(url, base) : undefined;
  if (target?.protocol === 'https:' || target?.protocol === 'http:') return target;
  throw new MirrorError(`it leads to '${url}', which is no address of the web`);
}

function ask(target: URL, { headers, stallTimeout, signal }: RequestOptions): Promise<IncomingMessage> {
  const { request } = target.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const asked = request(target, {
      agent: false, // no connection is kept for later
      timeout: stallTimeout,
      headers: { 'User-Agent': 'fovea', 'Accept-Encoding': 'identity', ...headers },
      ...(signal && { signal }),
    });
    let answer: IncomingMessage | undefined;
    asked.on('timeout', () => {
      const stalled = `it sent nothing for ${stallTimeout / 1000} seconds`;
      (answer ?? asked).destroy(new MirrorError(stalled, { passing: true }));
    });
    asked.on('response', (message) => {
      answer = message;
      resolve(message);
    });
    asked.on('error', (error) => reject(networkError(error)));
    asked.end();
  });
}

/**
 * The body of an answer in pieces.
 *
 * @throws {MirrorError} when the connection breaks or stalls
 */
export async function* bodyOf(answer: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* answer;
  } catch (error) {
    throw networkError(error);
  }
}

/** Failures by the system's code; the passing ones may be gone with the next try. */
const networkFailures: Record<string, { message?: string; passing: boolean }> = {
  ENOTFOUND: { message: 'its host cannot be found (is there a network?)', passing: false },
  EAI_AGAIN: { message: 'its host cannot be found (is there a network?)', passing: true },
  ECONNREFUSED: { message: 'it refuses connections', passing: false },
  ECONNRESET: { message: 'the connection broke', passing: true },
  ECONNABORTED: { message: 'the connection broke', passing: true },
  EPIPE: { message: 'the connection broke', passing: true },
  ETIMEDOUT: { message: 'it does not answer', passing: true },
};

function networkError(error: unknown): MirrorError {
  if (error instanceof MirrorError) return error;
  const code = errorCode(error) ?? '';
  const { message = errorMessage(error) || code, passing } = networkFailures[code] ?? { passing: false };
  return new MirrorError(message, { passing, cause: error });
}
