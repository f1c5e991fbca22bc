/**
 * Writes event files, of a training and of its evaluations, and checks that TensorBoard reads all that was written, as
 * it was written: `npm run build && node scripts/check-event-files.mjs`. Read three times: by its EventAccumulator, and
 * by its server over HTTP, with either of its two loaders. Ends with status 1 at a difference.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import sharp from 'sharp';
import { python } from '../bench/python-env.mjs';
import { tensor } from '../dist/modules/core/tensor.js';
import { confusionImage, confusionTable } from '../dist/modules/training/summaries/confusion-image.js';
import { purgeEvents } from '../dist/modules/training/summaries/event-folder.js';
import { histogramBuckets } from '../dist/modules/training/summaries/histogram-buckets.js';
import { SummaryWriter } from '../dist/modules/training/summaries/summary-writer.js';

const tensorboardVersion = '2.21.0';
const interpreter = python();
try {
  execFileSync(interpreter, ['-c', 'import tensorboard'], { stdio: 'ignore' });
} catch {
  console.error(`installing TensorBoard ${tensorboardVersion} in .python`);
  execFileSync(interpreter, ['-m', 'pip', 'install', '-q', `tensorboard==${tensorboardVersion}`], {
    stdio: 'inherit',
  });
}

/** What is to be read, by run, plugin and tag: each a list of [step, wall time, value]. */
const written = { '.': {}, eval: {} };
let milliseconds = 1_700_000_000_000;
const now = () => milliseconds;
const classNames = ['CNV', 'DME', 'a_b|c', 'NORMAL'];
const counts = [
  [9, 1, 0, 0],
  [2, 8, 0, 0],
  [0, 0, 0, 0],
  [0, 1, 1, 8],
];

/** Writes, and remembers under the names by which TensorBoard knows it. */
async function recorder(run, folder) {
  const writer = await SummaryWriter.open(folder, { now });
  const remember = (plugin, tag, step, value) => {
    written[run][`${plugin} ${tag}`] ??= [];
    written[run][`${plugin} ${tag}`].push([step, milliseconds / 1000, value]);
  };
  return {
    flush: () => writer.flush(),
    close: () => writer.close(),
    scalars(step, values) {
      writer.scalars(step, values);
      for (const tag in values) remember('scalars', tag, step, Math.fround(values[tag]));
    },
    histogram(step, tag, values) {
      writer.histogram(step, tag, values);
      const buckets = histogramBuckets(values);
      const rows = Array.from({ length: 30 }, (_, i) => [...buckets.subarray(i * 3, i * 3 + 3)]);
      remember('histograms', tag, step, rows);
    },
    async image(step, tag, images) {
      await writer.image(step, tag, images);
      remember('images', tag, step, images);
    },
    text(step, tag, markdown) {
      writer.text(step, tag, markdown);
      remember('text', tag, step, markdown);
    },
  };
}

const logs = await mkdtemp(join(tmpdir(), 'fovea-tensorboard-'));
const folders = { '.': logs, eval: join(logs, 'eval') };
const noise = (count, seed) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * i + seed) * 3);
const picture = (channels) =>
  tensor(
    'uint8',
    [20, 30, channels],
    Uint8Array.from({ length: 600 * channels }, (_, i) => i * 7),
  );

async function writeAll() {
  const train = await recorder('.', folders['.']);
  const evaluation = await recorder('eval', folders.eval);
  train.text(0, 'configuration', '| seed | 3 |\n| --- | --- |\n| größe | **224** |');
  for (let step = 10; step <= 60; step += 10) {
    milliseconds += 1234;
    train.scalars(step, { loss: 1 / step, 'layers/conv1 µ': step, epoch_accuracy: 0.1 });
    train.histogram(step, 'conv1/kernel', noise(1000, step));
    if (step % 20 === 0) evaluation.scalars(step, { loss: 2 / step, accuracy: step / 100 });
  }
  train.scalars(60, { large: 3e38, small: -1e-40, odd: Number.NaN, lost: -Infinity });
  train.histogram(20, 'equal', new Float64Array(7).fill(-2.5));
  train.histogram(20, 'none', new Float32Array(0));
  await train.image(20, 'input', [picture(3), picture(3)]);
  await train.image(40, 'input', [picture(3)]);
  await train.image(20, 'grey', [picture(1)]);
  await evaluation.image(60, 'confusion', [confusionImage(counts)]);
  evaluation.text(60, 'confusion/table', confusionTable(counts, classNames));
  await train.close();
  await evaluation.close();

  // A training that went further than its last checkpoint and goes on from there.
  const lost = await SummaryWriter.open(folders['.'], { now });
  for (const step of [70, 80]) lost.scalars(step, { loss: 1e6, gone: 1 });
  await lost.close();
  await purgeEvents(folders['.'], 60);
  milliseconds += 5000;
  const resumed = await recorder('.', folders['.']);
  for (const step of [70, 80, 90]) resumed.scalars(step, { loss: 1 / step });
  await resumed.close();
}

let differences = 0;
function check(what, found, expected) {
  if (isDeepStrictEqual(found, expected)) return;
  differences++;
  console.error(
    `${what}: expected ${JSON.stringify(expected)}\n  got ${JSON.stringify(found)}`.slice(0, 2000),
  );
}

async function checkPng(what, png, image) {
  const [height, width, channels] = image.shape;
  const { format, ...stored } = await sharp(png).metadata();
  check(
    `${what}: size`,
    [format, stored.height, stored.width, stored.channels],
    ['png', height, width, channels],
  );
  const raw = await sharp(png)
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer();
  check(`${what}: pixels`, raw.equals(image.data), true);
}

async function checkAccumulator() {
  const script = fileURLToPath(new URL('check_event_files.py', import.meta.url));
  const output = execFileSync(interpreter, [script, ...Object.values(folders)], {
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const read = JSON.parse(output.toString());
  for (const [i, run] of Object.keys(folders).entries()) {
    check(`accumulator, ${run}: tags`, Object.keys(read[i]).sort(), Object.keys(written[run]).sort());
    for (const [name, events] of Object.entries(written[run])) {
      const [plugin] = name.split(' ');
      const found = read[i][name] ?? [];
      const where = `accumulator, ${run} ${name}`;
      check(`${where}: steps and times`, found.map(head), events.map(head));
      for (const [j, [step, , value]] of events.entries()) {
        const got = found[j]?.[2];
        if (plugin === 'scalars') check(`${where} at ${step}`, number(got), value);
        else if (plugin !== 'images') check(`${where} at ${step}`, got, value);
        else {
          const [height, width] = value[0].shape;
          check(`${where} at ${step}`, got?.length, value.length + 2);
          check(`${where} at ${step}: size`, got?.slice(0, 2), [width, height]);
          for (const [k, image] of value.entries()) {
            await checkPng(`${where} at ${step}, ${k}`, Buffer.from(got[k + 2], 'base64'), image);
          }
        }
      }
    }
  }
}

const head = ([step, wallTime]) => [step, wallTime];
/** Python's `nan` and `inf`, and the server's `NaN` and `Infinity`, are words in JSON. */
const number = (given) => {
  const words = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity };
  return words[given] ?? Number(given);
};

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function checkServer(loadFast) {
  const port = await freePort();
  const server = spawn(
    join(dirname(interpreter), 'tensorboard'),
    ['--logdir', logs, '--port', port, '--host', '127.0.0.1', '--load_fast', String(loadFast)].map(String),
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve, reject) => {
    server.on('exit', resolve);
    server.on('error', reject);
  });
  try {
    const get = (path) => fetch(`http://127.0.0.1:${port}/data/plugin/${path}`);
    await untilLoaded(get, server);
    for (const run in written) await checkRun(get, `server (load_fast ${loadFast})`, run);
  } finally {
    server.kill();
    await ended;
  }
}

const tagsOf = (run, plugin) =>
  Object.keys(written[run])
    .filter((name) => name.startsWith(`${plugin} `))
    .map((name) => name.slice(plugin.length + 1))
    .sort();

async function tagsRead(get, run, plugin) {
  const runs = await (await get(`${plugin}/tags`)).json();
  const tags = runs[run] ?? [];
  return (Array.isArray(tags) ? tags : Object.keys(tags)).sort();
}

/** Until it has all tags and the last step, or a minute is over: what is then missing is a difference. */
async function untilLoaded(get, server) {
  for (let attempt = 0; attempt < 120 && server.exitCode === null; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    try {
      const tags = await tagsRead(get, 'eval', 'text');
      const loss = await (await get('scalars/scalars?run=.&tag=loss')).json();
      if (tags.length > 0 && loss.at(-1)[1] === 90) return;
    } catch {
      // It is not up yet, or has not found the run.
    }
  }
}

async function checkRun(get, reader, run) {
  const query = (tag) => new URLSearchParams({ run, tag });
  const eachTag = async (plugin, read) => {
    const tags = tagsOf(run, plugin);
    check(`${reader}, ${run}: tags of ${plugin}`, await tagsRead(get, run, plugin), tags);
    for (const tag of tags) {
      await read(tag, written[run][`${plugin} ${tag}`], `${reader}, ${run} ${plugin} ${tag}`);
    }
  };
  const json = async (path) => {
    const answer = await get(path);
    return answer.ok ? answer.json() : [];
  };

  await eachTag('scalars', async (tag, events, where) => {
    const found = await json(`scalars/scalars?${query(tag)}`);
    check(
      where,
      found.map(([time, step, value]) => [step, time, number(value)]),
      events,
    );
  });
  await eachTag('histograms', async (tag, events, where) => {
    const found = await json(`histograms/histograms?${query(tag)}`);
    check(
      where,
      found.map(([time, step, buckets]) => [step, time, buckets]),
      events,
    );
  });
  await eachTag('images', async (tag, events, where) => {
    const samples = Math.max(...events.map(([, , images]) => images.length));
    for (let sample = 0; sample < samples; sample++) {
      const given = events.filter(([, , images]) => images.length > sample);
      const found = await json(`images/images?${query(tag)}&sample=${sample}`);
      check(
        `${where}, sample ${sample}`,
        found.map((image) => [image.step, image.wall_time]),
        given.map(head),
      );
      for (const [i, [step, , images]] of given.entries()) {
        const answer = await get(`images/individualImage?${found[i]?.query}`);
        await checkPng(
          `${where}, sample ${sample} at ${step}`,
          Buffer.from(await answer.arrayBuffer()),
          images[sample],
        );
      }
    }
  });
  await eachTag('text', async (tag, events, where) => {
    const found = await json(`text/text?${query(tag)}`);
    check(
      where,
      found.map(({ step, wall_time }) => [step, wall_time]),
      events.map(head),
    );
    for (const [i, [, , markdown]] of events.entries())
      check(where, cellsOf(found[i]?.text), cells(markdown));
  });
}

/** The texts of a table's cells, as HTML shows them. */
function cellsOf(html = '') {
  const entities = { '&amp;': '&', '&lt;': '<', '&gt;': '>' };
  return [...html.matchAll(/<t[hd]\b[^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell]) =>
    cell.replace(/<[^>]*>/g, '').replace(/&\w+;/g, (entity) => entities[entity] ?? entity),
  );
}

/** The same of a table in Markdown. */
function cells(markdown) {
  return markdown
    .split('\n')
    .filter((_, line) => line !== 1)
    .flatMap((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .map((cell) =>
      cell
        .trim()
        .replaceAll('**', '')
        .replace(/\\([|_])/g, '$1'),
    );
}

try {
  await writeAll();
  await checkAccumulator();
  await checkServer(false);
  await checkServer(true);
  const version = execFileSync(interpreter, ['-c', 'import tensorboard; print(tensorboard.__version__)']);
  for (const run in written) {
    const summaries = Object.values(written[run]).reduce((sum, events) => sum + events.length, 0);
    console.log(`run ${run}: ${Object.keys(written[run]).length} tags, ${summaries} summaries`);
  }
  console.log(
    `TensorBoard ${version.toString().trim()}: EventAccumulator, server, server with the fast loader`,
  );
  console.log(differences === 0 ? 'all read as written' : `${differences} differences`);
} finally {
  await rm(logs, { recursive: true, force: true });
}
process.exitCode = differences === 0 ? 0 : 1;
