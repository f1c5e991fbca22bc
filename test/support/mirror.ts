import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on this machine that plays a mirror. */
export interface TestMirror {
  /** With a slash at the end. */
  readonly url: string;
  /** The headers of every request that came. */
  readonly requests: readonly IncomingHttpHeaders[];
  /** Resolves once no connection is open. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Answers its requests one after another so, and all further ones like the last. */
export async function startMirror(...answers: Answer[]): Promise<TestMirror> {
  const requests: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)]!;
    requests.push(request.headers);
    answer(request, response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const connections = () =>
    new Promise<number>((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    async idle() {
      while ((await connections()) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The first byte that a request asks for. */
const rangeStart = ({ headers }: IncomingMessage): number =>
  Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);

/** A server that knows ranges. `If-Range` with another entity tag gets the whole file. */
export function serves(bytes: Uint8Array, { etag, ...headers }: Record<string, string> = {}): Answer {
  return (request, response) => {
    if (etag !== undefined) response.setHeader('ETag', etag);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const condition = request.headers['if-range'];
    const from = condition === undefined || condition === etag ? rangeStart(request) : 0;
    if (from === 0) {
      response.writeHead(200, { 'Content-Length': bytes.length }).end(bytes);
    } else if (from >= bytes.length) {
      response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end();
    } else {
      const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
      response.writeHead(206, { 'Content-Range': range, 'Content-Length': bytes.length - from });
      response.end(bytes.subarray(from));
    }
  };
}

/** Sends a part of what `serves` would send, then does something else to the connection. */
function interrupted(
  bytes: Uint8Array,
  count: number,
  etag: string | undefined,
  then: (response: ServerResponse, end: number) => void,
): Answer {
  return (request, response) => {
    const from = rangeStart(request);
    if (etag !== undefined) response.setHeader('ETag', etag);
    response.setHeader('Content-Length', bytes.length - from);
    if (from > 0) response.setHeader('Content-Range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
    response.writeHead(from > 0 ? 206 : 200);
    response.write(bytes.subarray(from, from + count), () => then(response, from + count));
  };
}

/** Breaks off after so many bytes, once those up to `end` have arrived where that can be told. */
export const breaksOff = (
  bytes: Uint8Array,
  count: number,
  { etag, arrived }: { etag?: string; arrived?: (end: number) => Promise<unknown> } = {},
): Answer =>
  interrupted(bytes, count, etag, async (response, end) => {
    await arrived?.(end);
    response.destroy();
  });

/** Sends nothing more after so many bytes, and leaves the connection open. */
export const stalls = (bytes: Uint8Array, count: number): Answer =>
  interrupted(bytes, count, undefined, () => {});

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(code, headers).end();
  };
