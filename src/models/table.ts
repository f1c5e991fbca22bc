import { UsageError } from '../core/errors.ts';

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right' | 'center';
}

/** A cell is never narrower, so that a word has a chance. */
const narrowest = 8;

/**
 * A table with lines between its rows, as wide as its contents, or as `lineLength`: long cells then take several lines.
 *
 * @throws {UsageError} when so short a line cannot hold the columns
 */
export function tableText(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  lineLength: number,
): string[] {
  const natural = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const widths = narrowed(natural, lineLength - 3 * columns.length - 1);
  if (!widths) {
    const least = columns.length * (narrowest + 3) + 1;
    throw new UsageError(
      `summary: lineLength must be at least ${least} for ${columns.length} columns, got ${lineLength}`,
    );
  }
  const rule = (left: string, middle: string, right: string, line: string) =>
    left + widths.map((width) => line.repeat(width + 2)).join(middle) + right;
  const lines = (cells: readonly string[], bar: string): string[] => {
    const wrapped = cells.map((cell, i) => wrap(cell, widths[i]!));
    const height = Math.max(...wrapped.map(({ length }) => length));
    return Array.from({ length: height }, (_, line) => {
      const shown = wrapped.map((cell, i) => aligned(cell[line] ?? '', widths[i]!, columns[i]!.align));
      return `${bar} ${shown.join(` ${bar} `)} ${bar}`;
    });
  };
  const separator = rule('├', '┼', '┤', '─');
  return [
    rule('┏', '┳', '┓', '━'),
    ...lines(
      columns.map(({ title }) => title),
      '┃',
    ),
    rule('┡', '╇', '┩', '━'),
    ...rows.flatMap((row, i) => [...(i > 0 ? [separator] : []), ...lines(row, '│')]),
    rule('└', '┴', '┘', '─'),
  ];
}

/** The widest give way first. */
function narrowed(natural: readonly number[], room: number): number[] | undefined {
  const widths = [...natural];
  for (;;) {
    const excess = widths.reduce((sum, width) => sum + width, 0) - room;
    if (excess <= 0) return widths;
    const widest = Math.max(...widths);
    if (widest <= narrowest) return undefined;
    const next = Math.max(narrowest, ...widths.filter((width) => width < widest));
    const cut = Math.min(excess, widest - Math.min(next, widest - 1));
    widths[widths.indexOf(widest)] = widest - cut;
  }
}

/** Broken at spaces where there are some, and anywhere else where not. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const end = space > 0 ? space : width;
    lines.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

function aligned(text: string, width: number, align: Column['align']): string {
  if (align === 'left') return text.padEnd(width);
  if (align === 'right') return text.padStart(width);
  return text.padStart(Math.floor((width + text.length) / 2)).padEnd(width);
}
