/** Fields as a line of a CSV file, with its end: https://www.rfc-editor.org/rfc/rfc4180 */
export function csvLine(fields: readonly string[], separator: string): string {
  const quoted = fields.map((field) =>
    [separator, '"', '\r', '\n'].some((special) => field.includes(special))
      ? `"${field.replaceAll('"', '""')}"`
      : field,
  );
  return `${quoted.join(separator)}\r\n`;
}

/** The fields of a text's first line. */
export function firstCsvLine(text: string, separator: string): string[] {
  const fields: string[] = [];
  let [field, isQuoted, previous] = ['', false, ''];
  for (const character of text) {
    if (character === '"') {
      if (!isQuoted && previous === '"') field += '"';
      isQuoted = !isQuoted;
    } else if (isQuoted) field += character;
    else if (character === '\r' || character === '\n') break;
    else if (character === separator) {
      fields.push(field);
      field = '';
    } else field += character;
    previous = character;
  }
  return [...fields, field];
}
