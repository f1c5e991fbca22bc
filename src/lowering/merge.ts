import { createHash } from 'node:crypto';
import { bytesOf, type Tensor } from '../core/tensor.ts';
import { atOnce, type Steps } from '../core/turns.ts';
import { constantTensor, isConstant, isInput } from '../graph/leaves.ts';
import { topologicalOrder, Value } from '../graph/value.ts';

const identities = new WeakMap<Tensor, string>();
let identity = 0;

/** Equal for tensors of equal content, up to what is cheap to compare; beyond that, for the same tensor. */
function tensorKey(tensor: Tensor, named: boolean): string {
  let key = identities.get(tensor);
  if (key === undefined) {
    // Tables and matrices that lowering makes are hashed; weights, which have names and are large, are not.
    const content = named ? String(++identity) : createHash('sha1').update(bytesOf(tensor)).digest('hex');
    key = `${tensor.dtype}[${tensor.shape}]${content}`;
    identities.set(tensor, key);
  }
  return key;
}

/** What makes two nodes compute the same: operator, attributes, constants, inputs. */
function nodeKey(node: Value, inputs: readonly (Value | undefined)[]): string {
  if (isConstant(node)) return tensorKey(constantTensor(node), node.attributes.name !== undefined);
  const {
    opType = node.op.opType,
    attributes,
    constants = [],
    output,
  } = node.op.onnx(inputs, node.attributes);
  return JSON.stringify([
    opType,
    attributes,
    constants.map((value) => tensorKey(value, false)),
    inputs.map((input) => input?.id),
    output,
  ]);
}

/** The same values, each computed once: equal nodes on equal inputs become one. */
export function mergeCommon(outputs: readonly Value[]): Value[] {
  return atOnce(mergeStepwise(outputs));
}

export function* mergeStepwise(outputs: readonly Value[]): Steps<Value[]> {
  const merged = new Map<Value, Value>();
  const byKey = new Map<string, Value>();
  for (const node of topologicalOrder(outputs)) {
    const inputs = node.inputs.map((input) => input && merged.get(input)!);
    const same = inputs.every((input, i) => input === node.inputs[i]);
    const candidate = same ? node : new Value(node.op, inputs, node.attributes, node);
    if (isInput(node)) {
      merged.set(node, node);
      continue;
    }
    const key = nodeKey(candidate, inputs);
    const known = byKey.get(key) ?? candidate;
    byKey.set(key, known);
    merged.set(node, known);
    yield;
  }
  return outputs.map((output) => merged.get(output)!);
}
