import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readScalars } from '../src/training/summaries/event-folder.ts';
import { eventOf, eventsOf, fovea, startFovea } from './support/cli.ts';
import { idxBytes } from './support/idx.ts';
import { writeClasses, writeFiles } from './support/labelled-images.ts';

let root: string;
/** A short training of both stages: 5 steps of the head, 6 of fine-tuning. */
let call: readonly string[];
let whole: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fovea-resuming-'));
  await writeClasses(join(root, 'data'), 10);
  const short = ['--image-size', '32', '--views', '1', '--head-epochs', '5', '--threads', '2'];
  const stages = ['--fine-tune', '--epochs', '2', '--batch-size', '4', '--validation-split', '0.2'];
  call = ['train', join(root, 'data'), ...short, ...stages, '--json'];
  whole = join(root, 'whole');
  const { status, stderr } = await fovea([...call, '--out', whole]);
  expect(status, stderr).toBe(0);
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Of large files: comparing their bytes one by one takes minutes. */
async function sha256Of(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** All of a run that must not depend on how often it was stopped. */
async function resultOf(run: string): Promise<unknown[]> {
  const history = (await readFile(join(run, 'history.jsonl'), 'utf8')).trim().split('\n');
  const epochs = history.map((line) => {
    const { imagesPerSecond: _, seconds: __, ...event } = JSON.parse(line) as Record<string, unknown>;
    return event;
  });
  const files = ['weights.safetensors', 'metrics.json', 'model.onnx'];
  return [epochs, ...(await Promise.all(files.map((name) => sha256Of(join(run, name)))))];
}

async function scalarsOf(run: string): Promise<unknown[]> {
  const parts = ['', 'validation', 'eval'].map((part) => readScalars(join(run, part)));
  return (await Promise.all(parts)).map((scalars) =>
    scalars.map(({ step, tag, value }) => [step, tag, value]),
  );
}

it('killed in either stage and while the run is written, ends as if it had not been', async () => {
  const out = join(root, 'killed');
  const again = [...call, '--out', out, '--save-every', '2'];
  const kills: [fault: string, noted: string][] = [
    ['rename SIGKILL model.ckpt 2', ''], // of step 4, in the head's stage
    ['rename SIGKILL model.ckpt 4', 'going on from step 2,'], // those of 4, 5, 6, and 8
    ['rename SIGKILL metrics.json', 'going on from step 6,'],
  ];
  for (const [fault, noted] of kills) {
    const killed = await fovea(again, { fault });
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    expect(killed.stderr).toContain(noted);
  }
  const unfinished = await fovea(['runs', root, '--json']);
  const states = eventsOf(unfinished).map((event) => event.event === 'run' && [event.run, event.state]);
  expect(states).toEqual([
    [out, 'unfinished'],
    [whole, 'finished'],
  ]);
  const ended = await fovea(again);
  expect(ended.status, ended.stderr).toBe(0);
  expect(await resultOf(out)).toEqual(await resultOf(whole));
  expect(await scalarsOf(out)).toEqual(await scalarsOf(whole));
  expect((await readdir(out)).filter((name) => /partial|lock/.test(name))).toEqual([]);
});

it('stopped by SIGTERM, and with its newest checkpoint damaged, ends alike', async () => {
  const out = join(root, 'stopped');
  const again = [...call, '--out', out, '--save-every', '1', '--keep', '2'];
  const command = startFovea(again);
  await command.saying('"stage":"fine-tune"');
  command.child.kill('SIGSTOP'); // it lives, and is not far from its end
  const second = await fovea(again);
  expect([second.status, second.stdout]).toEqual([2, '']);
  expect(second.stderr).toMatch(/^fovea: .*training is under way here since .*, by process \d+ .*\n$/);
  command.child.kill('SIGTERM');
  command.child.kill('SIGCONT');
  const stopped = await command.ended;
  expect(stopped.status, stopped.stderr).toBe(143);
  const { interrupted, step } = eventOf(stopped, 'saved');
  expect(interrupted).toBe(true);

  const newest = join(out, `model.ckpt-${step}.safetensors`);
  const bytes = await readFile(newest);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(newest, bytes);
  const listed = await fovea(['checkpoints', out]);
  expect(listed.stdout).toMatch(
    new RegExp(`^ *${step! - 1} +fine-tune .* whole\n *${step} +– .* damaged$`, 'm'),
  );
  expect(listed.stdout).toContain('is damaged: the SHA-256 of');

  const ended = await fovea(again);
  expect(ended.status, ended.stderr).toBe(0);
  expect(ended.stderr).toContain('is damaged: the SHA-256 of');
  expect(ended.stderr).toContain(`going on from step ${step! - 1},`);
  expect(await resultOf(out)).toEqual(await resultOf(whole));
  const left = await fovea(['checkpoints', out, '--json']);
  const states = eventsOf(left).map((event) => event.event === 'checkpoint' && [event.step, event.state]);
  expect(states).toEqual([
    [step, 'damaged'],
    [10, 'whole'],
    [11, 'whole'],
  ]);
});

it('ends after --max-steps, says how to go on, and then does', async () => {
  const out = join(root, 'limited');
  const limited = await fovea([...call.slice(0, -1), '--max-steps', '5', '--out', out]);
  expect(limited.status, limited.stderr).toBe(0);
  expect(limited.stdout).toBe('');
  expect(limited.stderr).toContain(`\nStopped after step 5; what was learned is in ${out}\nNext: `);
  expect(limited.stderr).toMatch(/\nTo go on: node .*main\.js train .*\n$/);
  expect(limited.stderr).toContain(` --out ${out}\n`);
  const runs = await fovea(['runs', root]);
  expect(runs.stdout).toMatch(/limited .* vgg16 +default +unfinished at step 5 +– +–/);
  expect(runs.stdout).toMatch(/whole .* vgg16 +default +finished +[01]\.\d\d \[.*\]/);
  const ended = await fovea([...call, '--out', out]);
  expect(ended.status, ended.stderr).toBe(0);
  expect(await resultOf(out)).toEqual(await resultOf(whole));
});

describe('a listing', () => {
  it.each<[string, string, string]>([
    ['checkpoints', 'absent', 'there is no such folder'],
    ['checkpoints', 'data', 'holds no checkpoints: give the folder of a training'],
    ['checkpoints', 'data/left/0.png', 'is a file: a folder is expected'],
    ['runs', 'absent', 'there is no such folder'],
    ['runs', 'data', 'holds no runs: give the folder that runs lie in'],
  ])('%s of %s is refused in one line', async (command, path, message) => {
    const { status, stdout, stderr } = await fovea([command, join(root, path)]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^fovea: .*\n$/);
    expect(stderr).toContain(message);
  });
});

describe('fashion-mnist', () => {
  const [images, held] = [300, 40];
  let train: readonly string[];
  beforeAll(async () => {
    const path = join(root, 'fashion');
    const labels = (count: number) => Uint8Array.from({ length: count }, (_, i) => i % 10);
    const pixels = (count: number) =>
      Uint8Array.from({ length: count * 784 }, (_, i) => {
        const [label, row] = [Math.floor(i / 784) % 10, Math.floor((i % 784) / 28)];
        return (row >> 1) % 10 === label ? 250 - (i % 60) : i % 50;
      });
    await writeFiles(path, {
      'train-images-idx3-ubyte': idxBytes(8, [images, 28, 28], pixels(images)),
      'train-labels-idx1-ubyte': idxBytes(8, [images], labels(images)),
      't10k-images-idx3-ubyte': idxBytes(8, [held, 28, 28], pixels(held)),
      't10k-labels-idx1-ubyte': idxBytes(8, [held], labels(held)),
    });
    train = [
      'train',
      'fashion-mnist',
      '--path',
      path,
      '--epochs',
      '2',
      '--batch-size',
      '40',
      '--threads',
      '2',
    ];
  });

  it('is trained, tested, saved, and gone on with after a kill', async () => {
    const [plain, killed] = [join(root, 'clothes'), join(root, 'clothes killed')];
    const trained = await fovea([...train, '--out', plain, '--json']);
    expect(trained.status, trained.stderr).toBe(0);
    const kinds = eventsOf(trained).map(({ event }) => event);
    expect(kinds).toEqual(['epoch', 'epoch', 'evaluation', 'saved']);
    expect(eventOf(trained, 'evaluation').images).toBe(held);
    expect(eventOf(trained, 'evaluation').accuracy).toBeGreaterThan(0.3);

    const again = [...train, '--save-every', '4', '--out', killed];
    const { signal } = await fovea(again, { fault: 'rename SIGKILL model.ckpt 3' });
    expect(signal).toBe('SIGKILL');
    const { status, stdout, stderr } = await fovea(again);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^40 images, each counted by itself; [\s\S]*\nAnkle boot /);
    expect(stderr).toContain('going on from step 8');
    for (const name of ['weights.safetensors', 'metrics.json'])
      expect(await sha256Of(join(killed, name)), name).toBe(await sha256Of(join(plain, name)));

    const told = await fovea([...again, '--json']);
    expect(eventsOf(told).map(({ event }) => event)).toEqual(['evaluation', 'saved']);
    const other = await fovea([...train, '--leaky-relu', '--out', plain]);
    expect([other.status, other.stdout]).toEqual([2, '']);
    expect(other.stderr).toContain('is of another training: leakyRelu was false and is true');
  });

  it('says in one line which file is missing', async () => {
    const { status, stderr } = await fovea([
      'train',
      'fashion-mnist',
      '--path',
      root,
      '--out',
      join(root, 'none'),
    ]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^fovea: .*train-images-idx3-ubyte.*\n$/);
    expect(await readdir(root)).not.toContain('none');
  });
});
