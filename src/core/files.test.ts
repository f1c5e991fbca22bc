import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemError, UsageError } from './errors.ts';
import { createFile, createFolderWhole, removePartialFiles, writeFileWhole } from './files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-files-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('writeFileWhole', () => {
  it('writes and replaces a file, and leaves nothing beside it', async () => {
    const path = join(folder, 'a.txt');
    await writeFileWhole(path, 'first');
    await writeFileWhole(path, Uint8Array.of(0x62));
    expect(await readFile(path, 'utf8')).toBe('b');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('keeps the old file and leaves nothing behind where it fails', async () => {
    await mkdir(join(folder, 'a'));
    await writeFile(join(folder, 'a', 'inside'), '');
    await expect(writeFileWhole(join(folder, 'a'), 'text')).rejects.toThrow(SystemError); // a folder is in the way
    expect(await readdir(folder)).toEqual(['a']);
  });

  it('says why, and what to do', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(writeFileWhole(join(folder, 'file', 'a'), '')).rejects.toThrow(
      `cannot write ${join(folder, 'file', 'a')}: a part of that path is a file, not a folder: choose another place`,
    );
    await expect(writeFileWhole(join(folder, 'absent', 'a'), '')).rejects.toThrow(SystemError);
  });
});

describe('writeFileWhole with beforeCommit', () => {
  it('shows the file only after it, and never when it fails', async () => {
    const path = join(folder, 'a.txt');
    await writeFileWhole(path, 'first');
    const seen: string[] = [];
    const beforeCommit = async (): Promise<void> => {
      seen.push(await readFile(path, 'utf8'));
      if (seen.length === 2) throw new UsageError('not now');
    };
    await writeFileWhole(path, 'second', { beforeCommit });
    await expect(writeFileWhole(path, 'third', { beforeCommit })).rejects.toThrow(new UsageError('not now'));
    expect(seen).toEqual(['first', 'second']);
    expect(await readFile(path, 'utf8')).toBe('second');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });
});

describe('removePartialFiles', () => {
  it('removes what was left half written, and nothing else', async () => {
    await writeFile(join(folder, 'a.01234567-89ab-cdef-0123-456789abcdef.partial'), '');
    await writeFile(join(folder, 'a.host.partial'), '');
    await removePartialFiles(folder);
    await removePartialFiles(join(folder, 'absent'));
    expect(await readdir(folder)).toEqual(['a.host.partial']);
  });
});

describe('createFile', () => {
  it('creates a file for one of many', async () => {
    const path = join(folder, 'a');
    const tries = await Promise.all(['one', 'two', 'three'].map((text) => createFile(path, text)));
    const created = tries.filter((handle) => handle !== undefined);
    expect(created).toHaveLength(1);
    await created[0]!.close();
    expect(await readFile(path, 'utf8')).toBe(['one', 'two', 'three'][tries.indexOf(created[0])]);
    await expect(createFile(join(folder, 'absent', 'a'), '')).rejects.toThrow(SystemError);
  });
});

describe('createFolderWhole', () => {
  it('shows the folder only when it is complete', async () => {
    const path = join(folder, 'model');
    const writer = await createFolderWhole(path);
    await writer.write('a', 'one');
    await writer.write('b', [Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2)]);
    expect(await readdir(folder)).not.toContain('model');
    await writer.commit();
    await writer.discard();
    expect(await readdir(folder)).toEqual(['model']);
    expect(await readdir(path)).toEqual(['a', 'b']);
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('one');
    expect(await readFile(join(path, 'b'))).toEqual(Buffer.of(1, 2));
  });

  it('removes everything when discarded', async () => {
    const writer = await createFolderWhole(join(folder, 'model'));
    await writer.write('a', 'one');
    await writer.discard();
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes the place of an empty folder', async () => {
    const path = join(folder, 'model');
    await mkdir(path);
    const writer = await createFolderWhole(path);
    await writer.write('a', 'one');
    await writer.commit();
    expect(await readdir(path)).toEqual(['a']);
  });

  it('refuses a folder that is not empty, also one that filled meanwhile, and keeps it', async () => {
    const path = join(folder, 'model');
    const writer = await createFolderWhole(path);
    await writer.write('a', 'new');
    await mkdir(path);
    await writeFile(join(path, 'a'), 'old');
    await expect(writer.commit()).rejects.toThrow(UsageError);
    await expect(createFolderWhole(path)).rejects.toThrow(`${path} exists and is not empty`);
    await writer.discard();
    expect(await readdir(folder)).toEqual(['model']);
    expect(await readFile(join(path, 'a'), 'utf8')).toBe('old');
  });

  it('refuses at once where it could never be written', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(createFolderWhole(join(folder, 'file'))).rejects.toThrow('is a file: choose another folder');
    await expect(createFolderWhole(join(folder, 'file', 'model'))).rejects.toThrow(
      /^(cannot write|.* is a file)/,
    );
  });

  it('says which file of the folder could not be written', async () => {
    const path = join(folder, 'model');
    const writer = await createFolderWhole(path);
    await expect(writer.write(join('absent', 'a'), '')).rejects.toThrow(
      `cannot write ${join(path, 'absent', 'a')}`,
    );
    await writer.discard();
  });
});
