import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { clock, few, printable, quoted } from './text.ts';

it('leaves nothing that steers a terminal, and ordinary names as they are', () => {
  expect(printable('Größe “1”, 網膜.png')).toBe('Größe “1”, 網膜.png');
  expect(printable('a\nb\u001b[2J\u202egnp')).toBe('a\\nb\\u{1b}[2J\\u{202e}gnp');
  fc.assert(
    fc.property(fc.array(fc.nat(0x2fff)), (codes) => {
      expect(printable(String.fromCharCode(...codes))).not.toMatch(/\p{Cc}/u);
    }),
  );
});

it('quotes for a shell', () => {
  expect(quoted('runs/2026-01-02')).toBe('runs/2026-01-02');
  expect(quoted("it's")).toBe("'it'\\''s'");
  expect(quoted('--odd')).toBe("'--odd'");
  const names = fc.array(
    fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => !name.includes('\0')),
    {
      minLength: 30,
      maxLength: 30,
    },
  );
  fc.assert(
    fc.property(names, (words) => {
      const script = `for word in ${words.map(quoted).join(' ')}; do printf '%s\\0' "$word"; done`;
      expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1)).toEqual(
        words,
      );
    }),
    { numRuns: 10 },
  );
});

it('counts', () => {
  expect(few(['a', 'b', 'c'], 3)).toBe('a, b, c');
  expect(few(['a', 'b', 'c', 'd', 'e'], 3)).toBe('a, b, c and 2 more');
});

it('tells time', () => {
  expect([clock(0.4), clock(65), clock(7389), clock(-1)]).toEqual(['0:00', '1:05', '2:03:09', '0:00']);
});
