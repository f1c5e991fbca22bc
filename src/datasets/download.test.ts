import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Answer,
  breaksOff,
  serves,
  stalls,
  startMirror,
  status,
  type TestMirror,
} from '../../test/support/mirror.ts';
import { SystemError } from '../core/errors.ts';
import { DownloadError, type DownloadOptions, download } from './download.ts';

const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 3);
const other = content.map((byte) => byte ^ 1);
const sha256 = createHash('sha256').update(content).digest('hex');

let folder: string;
let path: string;
let mirrors: TestMirror[];
let received: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-download-'));
  path = join(folder, 'cache', 'file.gz');
  mirrors = [];
  received = 0;
});
afterEach(async () => {
  for (const mirror of mirrors) await mirror.close();
  await rm(folder, { recursive: true, force: true });
});

async function mirror(...answers: Answer[]): Promise<TestMirror> {
  const started = await startMirror(...answers);
  mirrors.push(started);
  return started;
}

const get = (from: readonly TestMirror[], options: Partial<DownloadOptions> = {}) =>
  download({
    urls: from.map(({ url }) => `${url}file.gz`),
    path,
    bytes: content.length,
    sha256,
    instead: 'Fetch it by hand',
    attempts: 3,
    retryDelay: 1,
    onProgress: (count) => {
      received = count;
    },
    ...options,
  });

/** Breaks off once all that it sent has arrived: what a broken connection still holds is lost. */
const breaking = (bytes: Uint8Array, count: number, etag?: string): Answer =>
  breaksOff(bytes, count, {
    ...(etag !== undefined && { etag }),
    arrived: (end) => vi.waitUntil(() => received === end, { interval: 1, timeout: 30_000 }),
  });

/** The error of a download that fails. */
async function failure(
  from: readonly TestMirror[],
  options?: Partial<DownloadOptions>,
): Promise<DownloadError> {
  const error = await get(from, options).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DownloadError);
  return error as DownloadError;
}

const entries = () => readdir(join(folder, 'cache'));
async function expectFileAlone(): Promise<void> {
  expect(Buffer.compare(await readFile(path), content)).toBe(0);
  expect(await entries()).toEqual(['file.gz']);
  for (const each of mirrors) await each.idle();
}

describe('download', () => {
  it('fetches a file, and nothing where it is there', async () => {
    const good = await mirror(serves(content));
    const seen: number[] = [];
    await get([good], { onProgress: (received) => seen.push(received) });
    await expectFileAlone();
    expect(seen.at(-1)).toBe(content.length);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    await get([good]);
    expect(good.requests.length).toBe(1);
    expect(good.requests[0]).toMatchObject({ 'accept-encoding': 'identity', connection: 'close' });
  });

  it('fetches again what is there and damaged', async () => {
    await mkdir(join(folder, 'cache'));
    await writeFile(path, other);
    await get([await mirror(serves(content))]);
    await expectFileAlone();
  });

  it('takes up what broke off where it ended, if the file is still the same', async () => {
    const broken = await mirror(
      breaking(content, 100_000, '"v1"'),
      breaking(content, 50_000, '"v1"'),
      serves(content, { etag: '"v1"' }),
    );
    await get([broken]);
    await expectFileAlone();
    const asked = broken.requests.map((headers) => [headers.range, headers['if-range']]);
    expect(asked).toEqual([
      [undefined, undefined],
      ['bytes=100000-', '"v1"'],
      ['bytes=150000-', '"v1"'],
    ]);
  });

  it('starts over where the file has changed meanwhile', async () => {
    const changing = await mirror(breaking(other, 100_000, '"v1"'), serves(content, { etag: '"v2"' }));
    await get([changing]);
    await expectFileAlone();
    expect(changing.requests.length).toBe(2);
  });

  it('does not ask about bytes by a weak entity tag', async () => {
    const weak = await mirror(breaking(content, 100_000, 'W/"v1"'), serves(content));
    await get([weak]);
    await expectFileAlone();
    expect(weak.requests[1]).toMatchObject({ range: 'bytes=100000-' });
    expect(weak.requests[1]).not.toHaveProperty('if-range');
  });

  it('takes the whole file from a server that ignores ranges', async () => {
    const plain: Answer = (_, response) => response.writeHead(200).end(content);
    const simple = await mirror(breaking(content, 100_000), plain);
    await get([simple]);
    await expectFileAlone();
    expect(simple.requests[1]!.range).toBe('bytes=100000-');
  });

  it('goes on with the next mirror where the first ended', async () => {
    const broken = await mirror(breaking(content, 100_000), status(404));
    const good = await mirror(serves(content));
    await get([broken, good]);
    await expectFileAlone();
    expect(good.requests.map(({ range }) => range)).toEqual(['bytes=100000-']);
  });

  it('does without the bytes of a mirror that had another file', async () => {
    const broken = await mirror(breaking(other, 100_000), status(404));
    const good = await mirror(serves(content));
    await get([broken, good]);
    await expectFileAlone();
    expect(good.requests.map(({ range }) => range)).toEqual(['bytes=100000-', undefined]);
  });

  it('starts over where the server has nothing behind what is there', async () => {
    const odd = await mirror(breaking(content, 100_000), status(416), serves(content));
    await get([odd]);
    await expectFileAlone();
    expect(odd.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=100000-', undefined]);
  });

  it('tries again after 503, and waits as long as it is asked to', async () => {
    const busy = await mirror(
      status(503, { 'Retry-After': '0' }),
      status(429, { 'Retry-After': 'Thu, 01 Jan 1970 00:00:00 GMT' }),
      serves(content),
    );
    await get([busy]);
    await expectFileAlone();
    expect(busy.requests.length).toBe(3);
  });

  it('does not wait for ever for a server that sends nothing more', async () => {
    const silent: Answer = () => {};
    const stalling = await mirror(silent, stalls(content, 100_000), serves(content));
    await get([stalling], { stallTimeout: 500 });
    await expectFileAlone();
    expect(stalling.requests.map(({ range }) => range)).toEqual([undefined, undefined, 'bytes=100000-']);
  });

  it('follows redirections', async () => {
    const good = await mirror(serves(content));
    await get([await mirror(status(302, { Location: `${good.url}elsewhere` }))]);
    await expectFileAlone();
  });

  it('takes the bytes as they are, whatever Content-Encoding says', async () => {
    await get([await mirror(serves(content, { 'Content-Encoding': 'gzip' }))]);
    await expectFileAlone();
  });

  const chunked =
    (bytes: Uint8Array): Answer =>
    (_, response) => {
      response.writeHead(200).end(bytes);
    };
  const lying =
    (length: number): Answer =>
    (_, response) => {
      response.writeHead(200, { 'Content-Length': length });
      response.end(content, () => response.destroy());
    };
  const ranged =
    (range: string): Answer =>
    (_, response) => {
      response.writeHead(206, { 'Content-Range': range }).end(content);
    };
  it.each<[name: string, answer: Answer, message: string, requests: number]>([
    ['has no such file', status(404), 'it answers with status 404', 1],
    ['refuses', status(403), 'it answers with status 403', 1],
    ['is always busy', status(503), 'it answers with status 503', 3],
    [
      'has another file of that size',
      serves(other),
      `it sent another file: SHA-256 ${sha256} is expected, got ${createHash('sha256').update(other).digest('hex')}`,
      1,
    ],
    [
      'has a page for everything',
      serves(Buffer.from('<html>')),
      'it has another file, of 6 bytes; 300000 are expected',
      1,
    ],
    ['promises too much', lying(300_001), 'it has another file, of 300001 bytes', 1],
    ['promises too little', lying(299_999), 'it has another file, of 299999 bytes', 1],
    [
      'sends more than the file',
      chunked(Buffer.concat([content, content])),
      'it sends more than the 300000 bytes',
      1,
    ],
    ['sends less than the file', chunked(content.subarray(0, 100)), 'it ended after 100 of 300000 bytes', 3],
    ['sends another part', ranged('bytes 5-300004/300005'), "it sent 'bytes 5-300004/300005' of the file", 1],
    [
      'sends a part of no range',
      ranged('all'),
      "it sent 'all' of the file; bytes 0-299999/300000 are expected",
      1,
    ],
    ['redirects in a circle', status(301, { Location: '/file.gz' }), 'it redirects more than 5 times', 6],
    [
      'redirects to a file',
      status(302, { Location: 'file:///etc/passwd' }),
      "it leads to 'file:///etc/passwd'",
      1,
    ],
    ['redirects nowhere', status(302, { Location: 'http://[' }), "it leads to 'http://['", 1],
    [
      'speaks no HTTP',
      ({ socket }) => {
        socket.end('hello\r\n\r\n');
      },
      'Parse Error',
      1,
    ],
    ['breaks off at once', (_, response) => response.destroy(), 'the connection broke', 3],
    ['never answers', () => {}, 'it sent nothing for 0.3 seconds', 3],
  ])('leaves a mirror for the next that %s', async (_, answer, message, requests) => {
    const bad = await mirror(answer);
    const good = await mirror(serves(content));
    const error = await failure([bad], { stallTimeout: 300 });
    expect(error.failures).toEqual([{ url: `${bad.url}file.gz`, message: expect.stringContaining(message) }]);
    expect(error.message).toMatch(/^cannot download file\.gz: http.*\. Fetch it by hand$/);
    expect(bad.requests.length).toBe(requests);
    expect((await entries()).filter((name) => name !== 'file.gz.partial')).toEqual([]);
    await get([bad, good], { stallTimeout: 300 });
    await expectFileAlone();
  });

  it('keeps no wrong file, and tells every reason', async () => {
    const gone = await mirror(status(404));
    await gone.close();
    const { failures, message } = await failure([await mirror(serves(other)), gone]);
    expect(failures.map(({ message }) => message)).toEqual([
      expect.stringContaining('it sent another file'),
      'it refuses connections',
    ]);
    for (const each of failures) expect(message).toContain(`${each.url}: ${each.message}`);
    expect(await entries()).toEqual([]);
  });

  it('says so where a damaged file is in its place', async () => {
    await mkdir(join(folder, 'cache'));
    await writeFile(path, 'short');
    const { message } = await failure([await mirror(status(404))]);
    expect(message).toContain(`${path} is there, but its bytes are not those of the file. Fetch it by hand`);
    expect(await readFile(path, 'utf8')).toBe('short');
  });

  it.each([
    ['a body', stalls(content, 100_000)],
    ['an answer', () => {}],
    ['the next try', status(503, { 'Retry-After': '60' })],
  ])('ends with the reason of its signal while it waits for %s', async (_, answer) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const stalling = await mirror((request, response) => {
      (answer as Answer)(request, response);
      setTimeout(() => controller.abort(reason), 50);
    });
    await expect(get([stalling], { signal: controller.signal })).rejects.toBe(reason);
    await stalling.idle();
    expect(stalling.requests.length).toBe(1);
  });

  it('keeps what came before it was ended, for the next call', async () => {
    const controller = new AbortController();
    const half = await mirror(stalls(content, 100_000), serves(content));
    const onProgress = (received: number) => received === 100_000 && controller.abort();
    await expect(get([half], { signal: controller.signal, onProgress })).rejects.toThrow('abort');
    expect(await entries()).toEqual(['file.gz.partial']);
    await get([half]);
    await expectFileAlone();
    expect(half.requests[1]!.range).toBe('bytes=100000-');
  });

  it('does nothing for a signal that has ended', async () => {
    await expect(get([], { signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early');
    expect(await readdir(folder)).toEqual([]);
  });

  it('ends with what a listener throws', async () => {
    const good = await mirror(serves(content));
    const onProgress = () => {
      throw new RangeError('my own');
    };
    await expect(get([good], { onProgress })).rejects.toThrow(RangeError);
    await good.idle();
  });

  it('says why a file cannot be written', async () => {
    await writeFile(join(folder, 'cache'), '');
    const error = await get([await mirror(serves(content))]).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(SystemError);
    expect((error as SystemError).message).toMatch(/^cannot write .*file\.gz: .*XDG_CACHE_HOME$/);
  });

  it('leaves nothing open or half done where a folder is in the way of the file', async () => {
    await mkdir(join(path, 'inside'), { recursive: true });
    await expect(get([await mirror(serves(content))])).rejects.toThrow(SystemError);
    expect(await entries()).toEqual(['file.gz', 'file.gz.partial']);
  });

  it('lets several at once each have the whole file', async () => {
    const broken = await mirror(breaksOff(content, 100_000), breaksOff(content, 20_000), serves(content));
    await Promise.all(Array.from({ length: 4 }, () => get([broken])));
    await expectFileAlone();
  });
});

describe('what other downloads left', () => {
  const uuid = '00000000-0000-4000-8000-000000000000';
  const deadPid = 2 ** 22 + 1; // beyond what Linux gives
  const half = content.subarray(0, 150_000);
  const hour = 3_600_000;

  it.each<[what: string, name: string, age: number]>([
    ['one that was given up', 'file.gz.partial', 0],
    ['one of a dead process', `file.gz.${hostname()}.${deadPid}.${uuid}.partial`, 0],
    ['one that nobody wrote to for hours', `file.gz.${hostname()}.${process.pid}.${uuid}.partial`, 2 * hour],
    ['one of another machine, hours ago', `file.gz.elsewhere.1.${uuid}.partial`, 2 * hour],
  ])('is taken up: %s', async (_, name, age) => {
    await mkdir(join(folder, 'cache'));
    const left = join(folder, 'cache', name);
    await writeFile(left, half);
    await writeFile(join(folder, 'cache', `file.gz.host.${uuid}.partial`), ''); // none of ours
    const then = (Date.now() - age) / 1000;
    await utimes(left, then, then);
    const good = await mirror(serves(content));
    await get([good]);
    expect(good.requests.map(({ range }) => range)).toEqual(['bytes=150000-']);
    expect(await entries()).toEqual(['file.gz', `file.gz.host.${uuid}.partial`]);
  });

  it.each([
    ['one of a living process', `file.gz.${hostname()}.${process.pid}.${uuid}.partial`],
    ['one of another machine', `file.gz.elsewhere.1.${uuid}.partial`],
    ['one of another file', 'file.gz2.partial'],
  ])('is left alone: %s', async (_, name) => {
    await mkdir(join(folder, 'cache'));
    await writeFile(join(folder, 'cache', name), half);
    const good = await mirror(serves(content));
    await get([good]);
    expect(good.requests.map(({ range }) => range)).toEqual([undefined]);
    expect(Buffer.compare(await readFile(join(folder, 'cache', name)), half)).toBe(0);
  });

  it('is used as far as it goes: the largest is taken, the rest removed', async () => {
    await mkdir(join(folder, 'cache'));
    await writeFile(join(folder, 'cache', 'file.gz.partial'), content.subarray(0, 10));
    await writeFile(join(folder, 'cache', `file.gz.${hostname()}.${deadPid}.${uuid}.partial`), half);
    const good = await mirror(serves(content));
    await get([good]);
    expect(good.requests.map(({ range }) => range)).toEqual(['bytes=150000-']);
    await expectFileAlone();
  });

  it.each<[string, Uint8Array, number]>([
    ['all of it', content, 0],
    ['damaged', other, 1],
    ['too long', Buffer.concat([content, half]), 1],
  ])('is checked: %s', async (_, bytes, requests) => {
    await mkdir(join(folder, 'cache'));
    await writeFile(join(folder, 'cache', 'file.gz.partial'), bytes);
    const good = await mirror(serves(content));
    await get([good]);
    expect(good.requests.length).toBe(requests);
    await expectFileAlone();
  });
});
