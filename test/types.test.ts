import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const repository = dirname(fileURLToPath(new URL('.', import.meta.url)));
const file = fileURLToPath(new URL('support/types.ts', import.meta.url));

test('types allow what is right, and refuse what is wrong', () => {
  const { config } = ts.readConfigFile(`${repository}/tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [file] }, ts.sys, repository);
  const program = ts.createProgram([file], options);
  const found = program.getSemanticDiagnostics(program.getSourceFile(file));
  const shown = found.map(({ start, messageText }) => {
    const { line } = program.getSourceFile(file)!.getLineAndCharacterOfPosition(start!);
    return `line ${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
  expect(shown).toEqual([]);
});
