import { type ConfigOf, flag, optional, resolveOptions } from '../core/options.ts';
import type { Layer } from '../layers/layer.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import type { Model } from './model.ts';
import { callsOf, kerasShape } from './summary.ts';

const mermaidOptions = {
  /** Writes the shape of each layer's output. Default true. */
  shapes: optional(flag, true),
  /** Draws the layers of models in the model, each model as a frame around them. Default false: a model is one box. */
  expandNested: optional(flag, false),
};

export type MermaidOptions = ConfigOf<typeof mermaidOptions>;

/**
 * A drawing of a model's layers in the language of https://mermaid.js.org, which GitHub shows in a `mermaid` block.
 *
 * @returns the text of a `flowchart TD`
 * @throws {UsageError} when the shapes of the model's inputs are not known yet, or an option is wrong
 * @example await writeFile('net.mmd', toMermaid(net));
 */
export function toMermaid(model: Model, options: MermaidOptions = {}): string {
  const { shapes, expandNested } = resolveOptions(
    mermaidOptions,
    options,
    `model '${model.name}': toMermaid`,
  );
  const lines: string[] = [];
  const edges: string[] = [];
  let boxes = 0;

  /** Draws a model's layers, and says which box a tensor of it comes from, and which its inputs lead to. */
  const draw = (within: Model, indent: string) => {
    const drawn = new Map<Layer, { into: (input: number) => string; from: (output: number) => string }>();
    const calls = callsOf(within);
    const outputs = new Set(within.inputs.map(({ layer }) => layer));
    for (const layer of new Set([...outputs, ...within.layers])) {
      const id = `n${boxes++}`;
      const [call] = calls.get(layer)!;
      const sizes = shapes ? call!.outputs.map(kerasShape) : [];
      if (expandNested && layer.nested) {
        lines.push(`${indent}subgraph ${id}["${escaped(layer.name)}"]`);
        drawn.set(layer, draw(layer as Model, `${indent}  `));
        lines.push(`${indent}end`);
      } else {
        const label = [layer.name, layer.className, ...sizes].map(escaped).join('<br/>');
        lines.push(`${indent}${id}["${label}"]`);
        drawn.set(layer, { into: () => id, from: () => id });
      }
    }
    const source = ({ layer, index }: SymbolicTensor) => drawn.get(layer)!.from(index);
    for (const [layer, nodes] of calls) {
      for (const { inputs } of nodes) {
        for (const [i, input] of inputs.entries())
          edges.push(`  ${source(input)} --> ${drawn.get(layer)!.into(i)}`);
      }
    }
    return {
      into: (input: number) => source(within.inputs[input]!),
      from: (output: number) => source(within.outputs[output]!),
    };
  };
  draw(model, '  ');
  return ['flowchart TD', ...lines, ...new Set(edges)].join('\n');
}

/** Mermaid reads `#35;` as the character of that number. */
function escaped(text: string): string {
  return text.replace(/[^\w ,.()/-]/gu, (character) => `#${character.codePointAt(0)};`);
}
