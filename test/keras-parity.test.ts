import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { activations } from '../src/activations/activations.ts';
import * as constraints from '../src/constraints/constraints.ts';
import { camelCase } from '../src/core/options.ts';
import { initializers, initializerTable } from '../src/initializers/initializers.ts';
import { layerClasses } from '../src/layers/layers.ts';
import { losses } from '../src/losses/losses.ts';
import { lossTable } from '../src/losses/table.ts';
import { metrics } from '../src/metrics/metrics.ts';
import { metricTable } from '../src/metrics/table.ts';
import * as optimizers from '../src/optimizers/optimizers.ts';
import { scheduleTable } from '../src/optimizers/schedule-table.ts';
import { schedules } from '../src/optimizers/schedules.ts';
import * as optimizerJson from '../src/optimizers/serializing.ts';
import { optimizerTable } from '../src/optimizers/table.ts';
import * as layers from '../src/public/layers.ts';
import * as models from '../src/public/models.ts';
import * as regularizers from '../src/regularizers/regularizers.ts';
import { History } from '../src/training/callbacks/history.ts';
import { callbacks } from '../src/training/callbacks/table.ts';
import { goldenJson } from './support/goldens.ts';

interface Row {
  /** Keras' names, the first of which is that of the class. */
  readonly keras: readonly string[];
  readonly isAbsent: boolean;
  /** Names here. */
  readonly fovea: readonly string[];
  readonly golden: string;
}

const namesIn = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);

/** The rows of each table by the title that stands over it. */
function tablesOf(markdown: string): ReadonlyMap<string, readonly Row[]> {
  const sections = markdown.split(/^## /m).slice(1);
  return new Map(
    sections.map((section) => {
      const lines = section.split('\n').filter((line) => line.startsWith('| '));
      const rows = lines.slice(2).map((line) => {
        const cells = line
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim());
        expect(cells.length, line).toBe(4);
        const [keras, fovea, golden] = cells as [string, string, string];
        return { keras: namesIn(keras), isAbsent: fovea === 'absent', fovea: namesIn(fovea), golden };
      });
      return [section.slice(0, section.indexOf('\n')), rows];
    }),
  );
}

const document = readFileSync(new URL('../docs/keras-parity.md', import.meta.url), 'utf8');
const tables = tablesOf(document);
const rowsOf = (title: string) => tables.get(title)!;

interface Part {
  readonly title: string;
  /** What fovea has, by Keras' names, or its own. */
  readonly classes: readonly string[];
  /** Where the names of the second column are. */
  readonly functions: object;
  /** The classes that have goldens of Keras. */
  readonly golden: ReadonlySet<string>;
  /** The module of Keras whose names the table has. */
  readonly module: string;
}

const classNames = (rows: readonly { readonly class_name: string }[]) =>
  new Set(rows.map(({ class_name }) => class_name));

const rules = goldenJson<{ spec: { class_name: string }; value?: string }[]>('rules');
const ruleNames = classNames(rules.filter(({ value }) => value !== undefined).map(({ spec }) => spec));
const optimizerRows = goldenJson<{ json: { class_name: string } }[]>('optimizers');
const optimizerNames = classNames(optimizerRows.map(({ json }) => json));
const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const parts: readonly Part[] = [
  {
    title: 'Layers',
    classes: [...layerClasses.keys()],
    functions: { ...layers, ...models },
    golden: classNames(goldenJson<{ layer: { class_name: string } }[]>('layers').map(({ layer }) => layer)),
    module: 'layers',
  },
  {
    title: 'Activations',
    classes: Object.keys(activations).map(snakeCase),
    functions: activations,
    golden: new Set(
      goldenJson<{ activation: string }[]>('activations').map(({ activation }) => snakeCase(activation)),
    ),
    module: 'activations',
  },
  {
    title: 'Initializers',
    classes: Object.keys(initializerTable),
    functions: initializers,
    golden: ruleNames,
    module: 'initializers',
  },
  {
    title: 'Regularizers',
    classes: Object.keys(regularizers.regularizerTable),
    functions: regularizers,
    golden: ruleNames,
    module: 'regularizers',
  },
  {
    title: 'Constraints',
    classes: Object.keys(constraints.constraintTable),
    functions: constraints,
    golden: ruleNames,
    module: 'constraints',
  },
  {
    title: 'Losses',
    classes: Object.keys(lossTable),
    functions: losses,
    golden: new Set(goldenJson<{ className: string }[]>('losses').map(({ className }) => className)),
    module: 'losses',
  },
  {
    title: 'Metrics',
    classes: Object.keys(metricTable),
    functions: metrics,
    golden: new Set(goldenJson<{ className: string }[]>('metrics').map(({ className }) => className)),
    module: 'metrics',
  },
  {
    title: 'Optimizers',
    classes: Object.keys(optimizerTable),
    functions: { ...optimizers, ...optimizerJson },
    golden: optimizerNames,
    module: 'optimizers',
  },
  {
    title: 'Learning rate schedules',
    classes: Object.keys(scheduleTable),
    functions: schedules,
    golden: optimizerNames,
    module: 'optimizers/schedules',
  },
  {
    title: 'Callbacks',
    classes: Object.keys(callbacks),
    functions: { ...callbacks, History },
    golden: new Set(
      goldenJson<{ runs: { callbacks: [string, object][] }[] }>('callbacks').runs.flatMap(({ callbacks }) =>
        callbacks.map(([className]) => className),
      ),
    ),
    module: 'callbacks',
  },
];

const site = new URL('../.python/lib/', import.meta.url);
const python = (() => {
  try {
    return readdirSync(site).find((name) => name.startsWith('python3'));
  } catch {
    return undefined;
  }
})();

/** The public names of a module of Keras. */
function kerasNames(module: string): string[] {
  const source = readFileSync(new URL(`${python}/site-packages/keras/${module}/__init__.py`, site), 'utf8');
  const names = [...source.matchAll(/\b\w+ as (\w+)/g)].map(([, name]) => name!);
  // Under each name of a class Keras has the function, or the class again.
  const isShort = (name: string) => module !== 'activations' && module !== 'layers' && /^[a-z]/.test(name);
  return names.filter((name) => !isShort(name) && name !== 'schedules');
}

/** Interfaces, of which nothing is there when it runs. */
const interfaces = ['Optimizer', 'Callback'];

describe.each(parts.map((part) => [part.title, part] as const))('%s', (title, part) => {
  const rows = rowsOf(title);
  const present = rows.filter(({ isAbsent }) => !isAbsent);
  const documented = new Set(present.flatMap(({ keras, fovea }) => [...keras, ...fovea]));

  test('the document has what fovea has', () => {
    expect(part.classes.length).toBeGreaterThan(0);
    expect(part.classes.filter((name) => !documented.has(name))).toEqual([]);
  });

  test('what it calls absent is not there', () => {
    const absent = rows.filter(({ isAbsent }) => isAbsent).flatMap(({ keras }) => keras);
    const known = part.classes.map((name) => name.toLowerCase());
    expect(absent.filter((name) => known.includes(name.toLowerCase()))).toEqual([]);
  });

  test('what it calls present is there', () => {
    const known = [...Object.keys(part.functions), ...part.classes, ...interfaces];
    expect(present.flatMap(({ fovea }) => fovea).filter((name) => !known.includes(name))).toEqual([]);
  });

  test('has goldens where it says so', () => {
    const says = present.filter(({ golden }) => golden.includes('yes'));
    const ofClasses = says.filter(({ keras }) => !keras.includes('serialize'));
    expect(ofClasses.filter(({ keras }) => !part.golden.has(keras[0]!))).toEqual([]);
    // The goldens of sparsemax are its paper's.
    const saysNot = present.filter((row) => !says.includes(row) && row.keras[0] !== 'sparsemax');
    expect(saysNot.filter(({ keras }) => part.golden.has(keras[0]!))).toEqual([]);
    expect(rows.filter(({ golden }) => !/^(yes|laws|yes, laws|–)$/.test(golden))).toEqual([]);
    expect(rows.filter(({ golden, isAbsent }) => isAbsent !== (golden === '–'))).toEqual([]);
  });

  test('names each thing once', () => {
    const names = rows.flatMap(({ keras }) => keras);
    expect(names.filter((name, i) => names.indexOf(name) < i)).toEqual([]);
  });

  // What Keras has in version 3.15 is in .python, which a clone need not have.
  test.skipIf(!python)('names all that Keras has, and nothing else', () => {
    const names = new Set(rows.flatMap(({ keras }) => keras));
    const kerasHas = kerasNames(part.module);
    expect(kerasHas.length).toBeGreaterThan(4);
    const lookups = ['get', 'serialize', 'deserialize'];
    expect(kerasHas.filter((name) => !names.has(name) && !lookups.includes(name))).toEqual([]);
    expect([...names].filter((name) => !kerasHas.includes(name) && !lookups.includes(name))).toEqual([]);
  });
});

describe.each(['Models', 'Saving'])('%s', (title) => {
  test('what the document calls present is there', () => {
    const has = (name: string) =>
      name in models ||
      name in layers ||
      name in models.Functional.prototype ||
      name in models.Sequential.prototype;
    const present = rowsOf(title).filter(({ isAbsent, fovea }) => !isAbsent && fovea[0] !== 'customObjects');
    expect(present.length).toBeGreaterThan(5);
    expect(present.flatMap(({ fovea }) => fovea).filter((name) => !has(name))).toEqual([]);
  });

  test('what it calls absent is not there', () => {
    const absent = rowsOf(title).flatMap(({ isAbsent, keras }) => (isAbsent ? keras : []));
    expect(absent.length).toBeGreaterThan(1);
    const has = (name: string) => name in models || name in models.Functional.prototype;
    expect(absent.map(camelCase).filter(has)).toEqual([]);
  });
});
