import { UsageError } from './errors.ts';

/** Layer classes and functions that a saved model may name beside fovea's own. */
export type CustomObjects = Readonly<
  Record<string, (abstract new (...args: never[]) => object) | ((...args: never[]) => unknown)>
>;

const registered = new Map<string, CustomObjects[string]>();
let scope: CustomObjects = {};

/**
 * Makes a class or function of one's own known by its name, for saving and loading.
 * https://keras.io/api/models/model_saving_apis/serialization_utils/#registerkerasserializable-function
 *
 * @throws {UsageError} when something else has this name
 * @example registerCustomObjects({ Scale, swish: (x) => mul(x, sigmoid(x)) });
 */
export function registerCustomObjects(objects: CustomObjects): void {
  for (const [name, object] of Object.entries(objects)) {
    const known = registered.get(name);
    if (known && known !== object) throw new UsageError(`there is another custom object '${name}'`);
    registered.set(name, object);
  }
}

/** Runs with further objects known, as `loadModel(path, { customObjects })` does. */
export function withCustomObjects<T>(objects: CustomObjects, run: () => T): T {
  const before = scope;
  scope = { ...before, ...objects };
  try {
    return run();
  } finally {
    scope = before;
  }
}

export function customObject(name: string): CustomObjects[string] | undefined {
  return Object.hasOwn(scope, name) ? scope[name] : registered.get(name);
}

/** The name under which a class or function is known. */
export function customName(object: unknown): string | undefined {
  for (const [name, known] of [...Object.entries(scope), ...registered]) if (known === object) return name;
  return undefined;
}
