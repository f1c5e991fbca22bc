/**
 * Kills trainings and looks whether they go on as if they had never been stopped: `npm run chaos`. Each of 200 rounds
 * (`--rounds N`) has a training of its own (chaos-training.mjs), which is interrupted up to four times, in between some of its
 * checkpoints are damaged, and which then comes to its end. By what its seed says (`--seed N`, default 1; round N+1 has the seed
 * after it), it is killed between two steps, while it starts, where it opens, syncs, renames or removes a certain file; it is told to
 * end by SIGTERM; or its disk is full, or fails. Looked at is
 *
 * - where each start goes on: at the newest checkpoint that is whole,
 * - that steps are lost only since the last checkpoint that was due, and none by SIGTERM,
 * - that all weights, and what the optimizer keeps, are the bits of a training that was never stopped,
 * - that the summaries of both are the same, all of them there, each once; times and rates aside.
 *
 * Ends with status 1 and the seed of the round when one fails; its folder is left then.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';

const modules = new URL('../dist/modules/', import.meta.url).href;
const { RandomStream, deriveKey } = await import(`${modules}core/random.js`);
const { readEventFile } = await import(`${modules}codecs/event-file.js`);
const { CheckpointStore } = await import(`${modules}training/checkpoints/checkpoint-store.js`);

const training = fileURLToPath(new URL('chaos-training.mjs', import.meta.url));
const faults = new URL('../test/support/faults.mjs', import.meta.url).href;
const maxSteps = 60;
const mostSeconds = 60;
/** Rounds at a time: they often wait for the disk. */
const atOnce = 2 * availableParallelism();

const { values: given } = parseArgs({ options: { rounds: { type: 'string' }, seed: { type: 'string' } } });
const [rounds, firstSeed] = [Number(given.rounds ?? 200), Number(given.seed ?? 1)];
const figures = { starts: 0, interruptions: 0, killed: 0, terminated: 0, refused: 0, damaged: 0, anew: 0 };
const base = await mkdtemp(join(tmpdir(), 'fovea-chaos-'));

/** What may happen to a file of a training: see faults.mjs. Beside it, how many such calls there are at least, about. */
const killingFaults = [
  ['open SIGKILL model\\.ckpt', 5],
  ['sync SIGKILL model\\.ckpt', 5],
  ['rename SIGKILL model\\.ckpt', 5],
  ['rename SIGKILL /checkpoint\\.', 5],
  ['rm SIGKILL model\\.ckpt', 4],
  ['rm SIGKILL backup$', 1],
  ['rm SIGKILL lock', 2],
  ['open SIGKILL lock', 2],
  ['sync SIGKILL tfevents', 5],
  ['open SIGKILL tfevents', 3],
  ['rename SIGKILL tfevents', 1],
];
const refusingFaults = [
  ['open ENOSPC model\\.ckpt', 5],
  ['sync EIO model\\.ckpt', 5],
  ['sync ENOSPC model\\.ckpt', 5],
  ['rename EACCES model\\.ckpt', 5],
  ['open ENOSPC /checkpoint\\.', 5],
  ['sync EIO tfevents', 5],
  ['open ENOSPC tfevents', 2],
];

const oneOf = (random, list) => list[random.below(list.length)];

/** What a training is by its round's seed. Those that differ only in when they are saved end alike. */
function specOf(random) {
  const kind = oneOf(random, ['train', 'turns', 'fit']);
  const optimizer = oneOf(random, [
    'adam',
    'adam by a schedule',
    'sgd with averages',
    'sgd by three batches',
  ]);
  const learned =
    kind === 'fit'
      ? { kind, optimizer, patience: oneOf(random, [4, 20]) }
      : { kind, optimizer, ...(random.below(2) === 0 && { passes: 13 }) };
  const saveFreq = random.below(2) === 0 ? 'epoch' : 2 + random.below(7);
  const saved = kind === 'fit' ? { saveFreq } : { saveSteps: 2 + random.below(8) };
  const failsAt = random.below(8) === 0 ? 1 + random.below(150) : undefined;
  return { learned, saved, failsAt };
}

function interruptionOf(random, { kind }, from) {
  const which = random.below(10);
  const step = from + 1 + random.below(Math.max(1, (maxSteps - from) / 2));
  if (which < 3) return { what: 'kill', step, wait: random.below(6) };
  if (which < 4) return { what: 'kill', wait: 50 + random.below(500) };
  if (which < 5) return { what: 'kill', evaluates: true, wait: random.below(4) };
  if (which < 6 && kind !== 'fit') return { what: 'term', step, wait: random.below(4) };
  const [fault, below] = oneOf(random, which < 8 ? killingFaults : refusingFaults);
  return { what: which < 8 ? 'fault' : 'refuse', fault: `${fault} ${1 + random.below(below)}` };
}

/** Runs a training until it ends, or is ended. */
async function run(folder, spec, interruption = {}) {
  const { what, step, wait, evaluates, fault } = interruption;
  const preload = fault === undefined ? [] : ['--import', faults];
  const child = spawn(process.execPath, [...preload, training, modules, folder, JSON.stringify(spec)], {
    env: { ...process.env, ...(fault !== undefined && { FOVEA_FAULT: fault }) },
  });
  figures.starts++;
  const seen = { began: undefined, last: 0, isSignalled: false, errors: '' };
  const signal = async () => {
    if (seen.isSignalled) return;
    seen.isSignalled = true;
    await setTimeout(wait);
    if (child.exitCode === null) child.kill(what === 'term' ? 'SIGTERM' : 'SIGKILL');
  };
  const timer = globalThis.setTimeout(() => {
    seen.errors += `it hangs after ${mostSeconds} s`;
    child.kill('SIGKILL');
  }, mostSeconds * 1000);
  child.stderr.on('data', (text) => {
    seen.errors += text;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [word, number] = line.split(' ');
    if (word === 'begin') seen.began ??= Number(number);
    if (word === 'step') seen.last = Number(number);
    if (
      (step !== undefined && word === 'step' && Number(number) >= step) ||
      (evaluates && word === 'evaluates')
    )
      void signal();
  });
  if (what === 'kill' && step === undefined && !evaluates) void signal();
  const [status, ended] = await new Promise((done) => child.once('close', (...how) => done(how)));
  clearTimeout(timer);
  return { ...seen, status, signal: ended };
}

/** The records of the event files of a folder and those within, without their times. Rates are left out. */
async function summariesOf(folder) {
  const found = [];
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.includes('tfevents')) continue;
    const { records } = readEventFile(name, await readFile(join(folder, name)));
    const where = name.slice(0, name.lastIndexOf('/') + 1);
    for (const { event, bytes } of records) {
      if (event.fileVersion !== undefined || event.scalars.some(({ tag }) => /sec$|^time\//.test(tag)))
        continue;
      // A record is its length, a checksum, the event, which begins with the time, and another checksum.
      const rest = Buffer.from(bytes.subarray(8 + 4 + 9, -4)).toString('base64');
      found.push(`${where}${String(event.step).padStart(4, '0')} ${rest}`);
    }
  }
  return found.sort();
}

const references = new Map();
/** What comes of a training that is not interrupted. */
function referenceOf(learned) {
  const key = JSON.stringify(learned);
  if (!references.has(key))
    references.set(key, makeReference(learned, join(base, `reference-${references.size}`)));
  return references.get(key);
}

async function makeReference(learned, folder) {
  await mkdir(folder);
  const { status, errors } = await run(folder, { ...learned, saveSteps: 1000, saveFreq: 'epoch' });
  if (status !== 0) throw new Error(`the uninterrupted training failed: ${errors}`);
  return resultOf(folder);
}

async function resultOf(folder) {
  const result = JSON.parse(await readFile(join(folder, 'result.json'), 'utf8'));
  return { ...result, summaries: await summariesOf(folder) };
}

async function newestWholeStep(store) {
  for (const { path, step } of (await store.list()).reverse())
    if ((await store.check(path)) === 'whole') return step;
  return 0;
}

/** Cuts the newest checkpoints short, or turns a bit of them. */
async function damage(store, random) {
  for (const { path } of (await store.list()).slice(-1 - random.below(2))) {
    const { size } = await stat(path);
    if (random.below(2) === 0) await truncate(path, random.below(size));
    else {
      const bytes = await readFile(path);
      bytes[random.below(size)] ^= 1 << random.below(8);
      await writeFile(path, bytes);
    }
    figures.damaged++;
  }
}

function check(holds, message) {
  if (!holds) throw new Error(message);
}

/** Damaged checkpoints are warned of. */
const isFailure = /Error|hangs/;

/** Whether a run ended as it was made to. */
function checkEnd({ what, fault }, { status, signal, errors }) {
  const says = `status ${status}, ${signal}, ${errors}`;
  if (status === 0) return;
  if (what === 'kill' || what === 'fault')
    check(signal === 'SIGKILL' && !isFailure.test(errors), `killed, but ${says}`);
  else if (what === 'term') check(signal === 'SIGTERM' && !isFailure.test(errors), `SIGTERM, but ${says}`);
  else check(status === 1 && /^SystemError: /m.test(errors), `${fault}, but ${says}`);
}

async function runRound(seed) {
  const random = new RandomStream(deriveKey(seed, 'chaos round'));
  const folder = join(base, `round-${seed}`);
  await mkdir(folder);
  const { learned, saved, failsAt } = specOf(random);
  const spec = { ...learned, ...saved };
  const expected = await referenceOf(learned);
  const store = new CheckpointStore(learned.kind === 'fit' ? join(folder, 'backup') : folder);
  const count = 1 + random.below(4);
  const told = [JSON.stringify(spec)];
  const start = async (interruption) => {
    told.push(JSON.stringify(interruption));
    const from = await newestWholeStep(store);
    const ended = await run(folder, { ...spec, ...(failsAt !== undefined && { failsAt }) }, interruption);
    if (ended.began !== undefined) {
      check(
        ended.began === from,
        `it began at step ${ended.began}, and the newest whole checkpoint is of ${from}`,
      );
      if (from === 0) figures.anew++;
    }
    return ended;
  };
  try {
    for (let i = 0; i < count; i++) {
      const interruption = interruptionOf(random, learned, await newestWholeStep(store));
      const ended = await start(interruption);
      checkEnd(interruption, ended);
      if (ended.status === 0) break; // it was faster
      figures.interruptions++;
      if (ended.signal === 'SIGKILL') figures.killed++;
      else if (ended.signal === 'SIGTERM') figures.terminated++;
      else figures.refused++;
      // Where `fit` has come to its end, it has removed its backup.
      const isOver =
        ended.last === 5 * expected.history?.length && !(await readdir(folder)).includes('backup');
      if (!isOver) checkLost(spec, ended, await newestWholeStep(store));
      if (random.below(3) === 0) await damage(store, random);
    }
    if (!(await readdir(folder)).includes('result.json')) {
      const { status, errors } = await start({});
      check(status === 0, `it does not go on: ${errors}`);
    }
    const found = await resultOf(folder);
    for (const part of Object.keys(expected))
      check(
        isDeepStrictEqual(found[part], expected[part]),
        `${part} differ: ${differenceOf(found[part], expected[part])}`,
      );
  } catch (error) {
    throw new Error(`round with seed ${seed} in ${folder}: ${error.message}\n${told.join('\n')}`, {
      cause: error,
    });
  }
  await rm(folder, { recursive: true });
}

/** A checkpoint that was due is on the disk when the next one is. */
function checkLost({ kind, saveSteps, saveFreq }, { signal, status, last }, newest) {
  if (last === 0) return;
  if (signal === 'SIGTERM') check(newest >= last, `SIGTERM lost steps: ${last} done, ${newest} saved`);
  const every = kind === 'fit' ? (saveFreq === 'epoch' ? 5 : saveFreq) : saveSteps;
  if (status !== 1) check(newest > last - 2 * every - 1, `steps are lost: ${last} done, ${newest} saved`);
}

function differenceOf(found, expected) {
  if (!Array.isArray(expected))
    return Object.keys(expected)
      .filter((name) => found[name] !== expected[name])
      .join(', ');
  const short = (list) =>
    JSON.stringify(list.slice(0, 5).map((each) => (typeof each === 'string' ? each.slice(0, 60) : each)));
  const counts = new Map();
  for (const each of found) counts.set(each, (counts.get(each) ?? 0) + 1);
  const missing = expected.filter((each) => !counts.has(each));
  const twice = found.filter((each) => counts.get(each) > 1);
  const known = new Set(expected);
  const other = found.filter((each) => !known.has(each));
  return `missing ${short(missing)}, others ${short(other)}, twice ${short(twice)}`;
}

let next = firstSeed;
const failures = [];
async function work() {
  while (next < firstSeed + rounds && failures.length === 0) {
    const seed = next++;
    await runRound(seed).catch((error) => failures.push(error.message));
  }
}
const began = performance.now();
await Promise.all(Array.from({ length: atOnce }, work));
const seconds = Math.round((performance.now() - began) / 1000);
const done = next - firstSeed - failures.length;
const counted = Object.entries(figures).map(([name, count]) => `${count} ${name}`);
process.stdout.write(
  `${done} rounds in ${seconds} s, seeds ${firstSeed} to ${next - 1}: ${counted.join(', ')}\n`,
);
for (const message of failures) process.stderr.write(`${message}\n`);
if (failures.length > 0) process.exit(1);
await rm(base, { recursive: true, force: true });
process.stdout.write(
  '0 steps lost beyond the last checkpoint, 0 wrong resumes, all weights and summaries the same\n',
);
