import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventOf, eventsOf, fovea, type Outcome, small, startFovea } from './support/cli.ts';
import { barImage, writeClasses, writeFiles } from './support/labelled-images.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a call', () => {
  it('prints help on standard output', async () => {
    for (const args of [['--help'], ['help'], ['-h']]) {
      const { status, stdout, stderr } = await fovea(args);
      expect([status, stderr]).toEqual([0, '']);
      for (const command of ['train', 'evaluate', 'predict', 'runs', 'checkpoints'])
        expect(stdout).toContain(`  ${command} `);
    }
    const { stdout } = await fovea(['train', '--help']);
    expect(stdout).toContain('--validation-split <x>');
  });

  it('prints the version', async () => {
    expect(await fovea(['--version'])).toMatchObject({ status: 0, stdout: '0.1.0\n', stderr: '' });
  });

  it('without a command prints help on standard error', async () => {
    const { status, stdout, stderr } = await fovea([]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: fovea');
  });

  it.each<[args: string[], message: string]>([
    [['fit', 'x'], "unknown command 'fit'"],
    [['trian', 'x'], "unknown command 'trian' (Did you mean train?)"],
    [['--fast'], "unknown option '--fast'"],
    [['train'], "missing required argument 'data'"],
    [['evaluate', 'run'], "missing required argument 'data'"],
    [['predict', 'run'], "missing required argument 'images'"],
    [['train', 'a', 'b'], "too many arguments for 'train'. Expected 1 argument but got 2."],
    [['train', ''], "<data> must be a name, got ''"],
    [['predict', 'run', 'a', ''], "<images> must be a name, got ''"],
    [['train', 'x', '--epoch', '1'], "unknown option '--epoch' (Did you mean --epochs?)"],
    [['train', 'x', '--epochs'], "option '--epochs <n>' argument missing"],
    [
      ['train', 'x', '--head-only', '--fine-tune'],
      "option '--head-only' cannot be used with option '--fine-tune'",
    ],
    [
      ['train', 'x', '--backbone', 'vgg61'],
      "option '--backbone <name>' argument 'vgg61' is invalid. Allowed",
    ],
    [['train', 'x', '--recipe', 'secret'], "option '--recipe <name>' argument 'secret' is invalid. Allowed"],
    [['train', 'x', '--epochs', '0'], "--epochs must be a whole number from 1 to 100000, got '0'"],
    [['train', 'x', '--head-epochs', '1.5'], '--head-epochs must be a whole number from 1 to 100000'],
    [['train', 'x', '--batch-size', '1025'], '--batch-size must be a whole number from 1 to 1024'],
    [['train', 'x', '--image-size', '31'], '--image-size must be a whole number from 32 to 1024'],
    [['train', 'x', '--views', '101'], '--views must be a whole number from 1 to 100'],
    [['train', 'x', '--max-steps', '0'], '--max-steps must be a whole number from 1 to'],
    [['train', 'x', '--save-every', '0'], '--save-every must be a whole number from 1 to'],
    [['train', 'x', '--keep', '0'], '--keep must be a whole number from 1 to 1000000'],
    [['train', 'x', '--leaky-relu'], '--leaky-relu is for fashion-mnist only'],
    [['train', 'fashion-mnist', '--image-size', '32'], '--image-size has no use for fashion-mnist'],
    [['checkpoints'], "missing required argument 'run'"],
    [['runs', ''], "[folder] must be a name, got ''"],
    [['train', 'x', '--seed', '-1'], '--seed must be a whole number from 0 to 9007199254740991'],
    [['train', 'x', '--threads', 'two'], '--threads must be a whole number from 1 to 1024'],
    [['evaluate', 'run', 'x', '--threads', '0'], '--threads must be a whole number from 1 to 1024'],
    [['predict', 'run', 'x', '--threads', '1e3'], '--threads must be a whole number from 1 to 1024'],
    [['train', 'x', '--learning-rate', '0'], "--learning-rate must be a number above 0, got '0'"],
    [['train', 'x', '--learning-rate', 'NaN'], "--learning-rate must be a number above 0, got 'NaN'"],
    [['train', 'x', '--validation-split', '1'], '--validation-split must be a number from 0 to below 1'],
  ])('%j is refused in one line', async (args, message) => {
    const { status, stdout, stderr } = await fovea(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      /^fovea: .*\(see fovea (train |evaluate |predict |runs |checkpoints )?--help\)\n$/,
    );
    expect(stderr).toContain(message);
  });
});

describe('a fault of the program', () => {
  const faults = {
    'is thrown':
      'setInterval(() => { if (process.listenerCount("uncaughtException")) throw new Error("boom") }, 1)',
    'is a promise that nobody waits for':
      'setInterval(() => { if (process.listenerCount("uncaughtException")) Promise.reject(new Error("boom")) }, 1)',
  };
  it.each(Object.entries(faults))('%s: one line says so, and the stack comes on demand', async (_, code) => {
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
    const { status, stderr } = await fovea(['train', folder], { env });
    expect(status).toBe(1);
    expect(stderr).toBe(
      'fovea: a fault of the program: boom; please report it, with what FOVEA_DEBUG=1 shows\n',
    );
    const debug = await fovea(['train', folder], { env: { ...env, FOVEA_DEBUG: '1' } });
    expect(debug.stderr).toMatch(/^fovea: a fault of the program: boom\nError: boom\n {4}at /);
  });

  it('is an end before the work is done', async () => {
    const code = 'process.stdout.write = () => true;';
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
    const { status, stderr } = await fovea(['train', join(folder, 'absent')], { env });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^fovea: a fault of the program: it ended before its work was done; /m);
  });
});

describe('a run', () => {
  let trained: Outcome;
  let run: string;
  beforeAll(async () => {
    run = join(folder, 'run');
    trained = await fovea(['train', 'sample', ...small, '--out', run, '--json']);
  });

  it('is trained with one JSON object a line on standard output', () => {
    expect(trained.status).toBe(0);
    const kinds = eventsOf(trained).map(({ event }) => event);
    expect(kinds).toEqual(['data', ...Array<string>(5).fill('epoch'), 'evaluation', 'saved']);
    expect(eventOf(trained, 'data').parts.map(({ part, images }) => [part, images])).toEqual([
      ['train', 123],
      ['test', 101],
    ]);
    expect(eventOf(trained, 'saved')).toEqual({ event: 'saved', run, interrupted: false });
    expect(trained.stderr).toBe('training the head only, as asked\n');
  });

  it('says of each epoch where its time went', () => {
    const epochs = eventsOf(trained).filter((event) => event.event === 'epoch');
    for (const { seconds } of epochs) {
      expect(Object.keys(seconds)).toEqual(['waiting', 'computing', 'other']);
      for (const part of Object.values(seconds)) expect(part).toBeGreaterThanOrEqual(0);
    }
  });

  it('is learned better than by chance', () => {
    expect(eventOf(trained, 'evaluation').accuracy).toBeGreaterThan(0.4);
  });

  it('is evaluated alike', async () => {
    const evaluated = await fovea(['evaluate', run, 'sample', '--json']);
    expect(evaluated.status).toBe(0);
    const { confusionMatrix, accuracy } = eventOf(evaluated, 'evaluation');
    const before = eventOf(trained, 'evaluation');
    expect([confusionMatrix, accuracy]).toEqual([before.confusionMatrix, before.accuracy]);
  });

  it('shows a person a table on standard output, and the rest on standard error', async () => {
    const { status, stdout, stderr } = await fovea(['evaluate', run, 'sample']);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^101 images of 58 patients; [\s\S]*true \\ predicted {2}CNV {2}DME {2}DRUSEN {2}NORMAL\n/,
    );
    expect(stderr).toContain(
      'images  patients  CNV  DME  DRUSEN  NORMAL\ntest     101        58   39   20      19',
    );
    expect(stderr).not.toMatch(/[^\P{Cc}\n]/u); // no terminal, no control characters
  });

  it('predicts files and folders of odd names', async () => {
    const odd = join(folder, 'odd names');
    const names = ['--json', '-', "it's “Größe” 網膜.png", 'a b\n\u001b[31m.png'];
    await writeFiles(
      odd,
      Object.fromEntries(await Promise.all(names.map(async (n, i) => [n, await barImage(true, i)]))),
    );
    await writeFiles(odd, {
      'in/here/deep.jpg': await barImage(false, 9, 'jpeg'),
      'in/notes.txt': Buffer.from('x'),
    });

    const json = await fovea(['predict', run, '--json', '--', ...names, 'in'], { cwd: odd });
    expect(json.stderr).toContain('left out: ');
    const predictions = eventsOf(json).filter((event) => event.event === 'prediction');
    expect(predictions.map(({ file }) => file)).toEqual([...names, join('in', 'here', 'deep.jpg')]);
    for (const { label, probabilities } of predictions) {
      const sum = Object.values(probabilities).reduce((total, p) => total + p, 0);
      expect(sum).toBeCloseTo(1, 5);
      expect(probabilities[label]).toBe(Math.max(...Object.values(probabilities)));
    }

    const { status, stdout } = await fovea(['predict', run, '--', ...names], { cwd: odd });
    expect(status).toBe(0);
    expect(stdout.split('\n')).toHaveLength(names.length + 1);
    expect(stdout).toMatch(/^(CNV|DME|DRUSEN|NORMAL) +[01]\.\d\d {2}--json$/m);
    expect(stdout).toContain('  a b\\n\\u{1b}[31m.png\n');
  });

  it('ends quietly when its reader has seen enough', async () => {
    const command = startFovea(['predict', run, join(folder, 'odd names'), '--json']);
    command.child.stdout.destroy();
    expect(await command.ended).toMatchObject({ status: 0, signal: null, stdout: '' });
    expect((await command.ended).stderr).not.toMatch(/EPIPE|error|fovea:/i);
  });

  it('is trained on a folder of a name that needs quotes, and says what to do next', async () => {
    const data = join(folder, "a 'quoted' Größe 眼");
    await writeClasses(data, 10, ['has space', 'Ünïcode']);
    const { status, stdout, stderr } = await fovea(['train', data, ...small, '--out', 'my run'], {
      cwd: folder,
    });
    expect([status, stderr]).toEqual([0, expect.stringContaining('Saved in my run\nNext: node ')]);
    expect(stderr).toContain(" predict 'my run' <image or folder>\n");
    expect(stderr).toContain('images  patients  has space  Ünïcode');
    expect(stdout).toMatch(/Ünïcode +\d/);
    const names = (await readdir(join(folder, 'my run'))).sort();
    expect(names.map((name) => name.replace(/(tfevents)\..*/, '$1'))).toEqual([
      'checkpoint',
      'config.json',
      'eval',
      'events.out.tfevents',
      'history.jsonl',
      'metrics.json',
      'model.ckpt-5.safetensors',
      'model.json',
      'model.onnx',
      'training.json',
      'weights.safetensors',
    ]);
  });

  it('is told again when it is trained again, and stays as it is', async () => {
    const before = await readFile(join(run, 'config.json'));
    const again = await fovea(['train', 'sample', ...small, '--out', run, '--json']);
    expect([again.status, again.stderr]).toEqual([
      0,
      `the training in ${run} has ended before: nothing is left to train\n`,
    ]);
    expect(eventOf(again, 'evaluation')).toEqual(eventOf(trained, 'evaluation'));
    expect(eventsOf(again).map(({ event }) => event)).toEqual(['data', 'evaluation', 'saved']);
    expect(await readFile(join(run, 'config.json'))).toEqual(before);
  });

  it('is refused to another training, with what changed', async () => {
    const before = (await readdir(run)).sort();
    const other = await fovea(['train', 'sample', ...small, '--seed', '3', '--views', '2', '--out', run]);
    expect([other.status, other.stdout]).toEqual([2, '']);
    expect(other.stderr).toMatch(/\nfovea: .* is of another training: recipe\.views was 1 and is 2; .*\n$/);
    expect(other.stderr).toContain('seed was 0 and is 3');
    expect((await readdir(run)).sort()).toEqual(before);
  });

  it('does not go where something else is', async () => {
    const place = join(folder, 'occupied');
    await writeFiles(place, { 'notes.txt': Buffer.from('mine') });
    const onFolder = await fovea(['train', 'sample', ...small, '--out', place]);
    expect(onFolder).toMatchObject({ status: 2, stdout: '' });
    expect(onFolder.stderr).toBe(
      `fovea: ${place} exists and is not empty: choose another folder, or remove it\n`,
    );
    expect(await readdir(place)).toEqual(['notes.txt']);
    const file = join(folder, 'file');
    await writeFile(file, '');
    const onFile = await fovea(['train', 'sample', ...small, '--out', file]);
    expect(onFile).toMatchObject({ status: 2, stderr: `fovea: ${file} is a file: choose another folder\n` });
  });
});
