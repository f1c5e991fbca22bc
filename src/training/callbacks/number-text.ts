/**
 * Numbers as Python writes them, which file names and logs of Keras have:
 * https://docs.python.org/3/library/string.html#formatspec
 */

/** The shortest digits that give the number again: `0.5`, `1.0`, `1e-05`, `nan`. */
export function shortest(value: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const exponent = value === 0 ? 0 : Number(value.toExponential().split('e')[1]);
  if (exponent < -4 || exponent >= 16) return withLongExponent(value.toExponential());
  const digits = Object.is(value, -0) ? '-0' : String(value);
  return digits.includes('.') ? digits : `${digits}.0`;
}

/** So many digits after the point. `value` is not negative. */
export function fixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  if (value >= 1e21) return `${BigInt(value)}${precision > 0 ? `.${'0'.repeat(precision)}` : ''}`;
  return halfToEven(value.toFixed(precision), value.toFixed(100));
}

/** One digit before the point, so many after it, and an exponent of ten. `value` is not negative. */
export function exponential(value: number, precision: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const [rounded, power] = value.toExponential(precision).split('e') as [string, string];
  const [exact] = value.toExponential(100).split('e') as [string];
  return withLongExponent(`${halfToEven(rounded, exact)}e${power}`);
}

function nonFinite(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  return value > 0 ? 'inf' : '-inf';
}

/** JavaScript rounds what lies just between two numbers up, Python to the even one. */
function halfToEven(rounded: string, exact: string): string {
  const isTie = /^\.?50*$/.test(exact.slice(rounded.length));
  return isTie && /[13579]$/.test(rounded) ? exact.slice(0, rounded.length) : rounded;
}

/** `1e-5` → `1e-05` */
const withLongExponent = (digits: string): string => digits.replace(/e([+-])(\d)$/, 'e$10$2');
