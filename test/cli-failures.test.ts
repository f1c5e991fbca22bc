import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventOf, eventsOf, fovea, main, small, startFovea } from './support/cli.ts';
import { writeClasses } from './support/labelled-images.ts';

let root: string;
let data: string;
let run: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fovea-failures-'));
  data = join(root, 'data');
  run = join(root, 'run');
  await writeClasses(data, 8);
  const { status, stderr } = await fovea(['train', data, ...small, '--out', run]);
  expect([status, stderr]).toEqual([0, expect.stringContaining('Saved in')]);
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('a run folder that cannot be used', () => {
  async function expectRefused(path: string, message: string): Promise<void> {
    for (const args of [
      ['evaluate', path, data],
      ['predict', path, data],
    ]) {
      const { status, stdout, stderr } = await fovea(args);
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^fovea: .*\n$/);
      expect(stderr).toContain(message);
    }
  }

  it('is none', async () => {
    await expectRefused(join(root, 'absent'), 'absent cannot be read as a run: config.json is not there');
    await expectRefused(data, 'data cannot be read as a run: config.json is not there');
    await expectRefused(join(data, 'left', '0.png'), '0.png cannot be read as a run');
  });

  it('has weights that were cut short', async () => {
    const cut = join(root, 'cut');
    await cp(run, cut, { recursive: true });
    await truncate(join(cut, 'weights.safetensors'), 1_000_000);
    await expectRefused(cut, 'weights.safetensors is not the file that training wrote');
  });

  it('has weights of which one bit was altered', async () => {
    const altered = join(root, 'altered');
    await cp(run, altered, { recursive: true });
    const path = join(altered, 'weights.safetensors');
    const bytes = await readFile(path);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(path, bytes);
    await expectRefused(altered, 'weights.safetensors is not the file that training wrote');
  });

  it.each([
    ['not JSON', 'config.json is not JSON', () => '{'],
    ['of a later format', 'format 99', (text: string) => text.replace('"format": 1', '"format": 99')],
    ['without classes', 'classNames', (text: string) => text.replace('"classNames"', '"names"')],
  ])('has a description that is %s', async (name, message, alter) => {
    const path = join(root, name);
    await mkdir(path);
    for (const file of ['weights.safetensors', 'model.json']) await cp(join(run, file), join(path, file));
    await writeFile(join(path, 'config.json'), alter(await readFile(join(run, 'config.json'), 'utf8')));
    await expectRefused(path, message);
  });

  it('knows other classes than the data', async () => {
    const { status, stderr } = await fovea(['evaluate', run, 'sample']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^fovea: .* but the model knows only left, right: rename or remove it\n$/);
  });
});

it('stops at a loss that is no number, says at which step, and saves nothing', async () => {
  const args = ['--recipe', 'tutorial', '--learning-rate', '1e30', '--epochs', '5', '--image-size', '32'];
  const { status, stderr } = await fovea(['train', data, ...args, '--out', join(root, 'nan')]);
  expect(stderr).toMatch(
    /\nfovea: the loss is (NaN|Infinity) at step [1-5] \(epoch [1-5]\): training has diverged/,
  );
  expect(status).toBe(1);
  expect(await readdir(root)).not.toContain('nan');
});

describe('a place that cannot be written', () => {
  const faults: [what: string, fault: string, message: string][] = [
    [
      'is full',
      'open ENOSPC weights.safetensors',
      'the disk is full: free some space, or choose another place',
    ],
    ['fills up at the last file', 'open ENOSPC metrics.json', 'the disk is full: free some space'],
    ['is foreign from the start', 'mkdir EACCES run', 'no permission to write there: choose another place'],
    ['becomes foreign', 'open EACCES model.onnx', 'no permission to write there: choose another place'],
    ['refuses the name', 'rename EROFS .partial', 'that file system is read-only: choose another place'],
  ];
  // The full disk is Linux' own.
  const possible = faults.filter(([, fault]) => !fault.includes('ENOSPC') || existsSync('/dev/full'));
  it.each(possible)('%s: one line says so, and there is no run', async (_, fault, message) => {
    if (fault.includes('ENOSPC') && !existsSync('/dev/full'))
      return expect(process.platform).not.toBe('linux');
    const place = await mkdtemp(join(root, 'place-'));
    const out = join(place, 'run');
    const { status, stdout, stderr } = await fovea(['train', data, ...small, '--out', out, '--json'], {
      fault,
    });
    expect(stderr).toMatch(/(^|\n)fovea: cannot write .*\n$/);
    expect(stderr).toContain(`cannot write ${join(out)}`);
    expect(stderr).toContain(message);
    expect([status, stdout.includes('"saved"')]).toEqual([1, false]);
    const left = existsSync(out) ? await readdir(out) : [];
    expect(left.filter((name) => /config\.json|lock|partial/.test(name))).toEqual([]);
  });
});

it.skipIf(!existsSync('/dev/full'))('says so when standard output is a full disk', async () => {
  const script = '"$0" "$@" > /dev/full';
  const args = ['-c', script, process.execPath, main, 'evaluate', run, data, '--json'];
  const { status, stderr } = spawnSync('sh', args, { encoding: 'utf8' });
  expect(stderr).toMatch(/^fovea: cannot write to standard output: ENOSPC.*\n$/);
  expect(status).toBe(1);
});

describe('an interruption', () => {
  const endless = [
    '--fine-tune',
    '--epochs',
    '100000',
    '--head-epochs',
    '1',
    '--views',
    '1',
    '--image-size',
    '32',
  ];

  it.each([
    ['Ctrl-C', 'SIGINT', 130],
    ['SIGTERM', 'SIGTERM', 143],
  ] as const)('by %s ends after the step, and keeps what is learned', async (name, signal, exitStatus) => {
    const out = join(root, name);
    const command = startFovea(['train', data, ...endless, '--out', out, '--json']);
    await command.saying('"stage":"fine-tune"');
    command.child.kill(signal);
    await setTimeout(50);
    command.child.kill(signal); // as npm hands it on a second time
    const outcome = await command.ended;
    expect(outcome).toMatchObject({ status: exitStatus, signal: null });
    expect(outcome.stderr).toMatch(/\nStopping after this step; Ctrl-C again ends at once\.\n$/);
    expect(eventOf(outcome, 'saved')).toEqual({
      event: 'saved',
      run: out,
      interrupted: true,
      step: expect.any(Number),
    });
    expect(eventsOf(outcome).some(({ event }) => event === 'evaluation')).toBe(false);
    const predicted = await fovea(['predict', out, join(data, 'left', '0.png'), '--json']);
    expect(eventOf(predicted, 'prediction').probabilities).toHaveProperty('left');
  });

  it('before anything is learned saves nothing', async () => {
    const out = join(root, 'early');
    const command = startFovea(['train', 'sample', '--image-size', '32', '--out', out]);
    await command.saying('checking the images');
    command.child.kill('SIGINT');
    const { status, stdout, stderr } = await command.ended;
    expect([status, stdout]).toEqual([130, '']);
    expect(stderr).toMatch(/\nStopped before anything was learned; nothing is saved\.\n$/);
    expect((await readdir(root)).filter((name) => name === 'early' || name.endsWith('.partial'))).toEqual([]);
  });

  it('by a second Ctrl-C ends at once, also while a graph is running, without a word of it', async () => {
    const command = startFovea(['train', 'sample', '--threads', '1', '--out', join(root, 'twice')]);
    await command.saying('computing features'); // by now the second batch is on its way: seconds of work in one run
    command.child.kill('SIGINT');
    await command.saying('Stopping after this step');
    await setTimeout(600);
    command.child.kill('SIGINT');
    const { status, signal, stdout, stderr } = await command.ended;
    expect([status, signal, stdout]).toEqual([null, 'SIGINT', '']);
    expect(stderr).toMatch(/\nStopping after this step; Ctrl-C again ends at once\.\n$/);
    expect(await readdir(join(root, 'twice'))).not.toContain('config.json');
  });
});
