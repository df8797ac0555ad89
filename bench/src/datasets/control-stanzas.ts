/**
 * Debian's control format, as `apt-cache dumpavail` prints it: stanzas of `Name: value` fields,
 * separated by empty lines. A line that begins with a blank goes on with the field before it.
 *
 * Invariants:
 *   CT1 a field's value is the text of its lines, joined by line feeds, as they stand behind the colon
 *   CT2 stanzas are the same, whatever the chunks they come in
 */

/** Field names and values in the order of the file. */
export type Stanza = readonly (readonly [name: string, value: string])[];

export class ControlSyntaxError extends Error {
  override readonly name = 'ControlSyntaxError';
}

/** `lines`: without their line ends. */
export async function* stanzasOf(lines: AsyncIterable<string>): AsyncGenerator<Stanza, void, void> {
  let fields: [string, string][] = [];
  let lineNumber = 0;
  for await (const line of lines) {
    lineNumber += 1;
    if (line === '') {
      if (fields.length > 0) yield fields;
      fields = [];
    } else {
      addLine(fields, line, lineNumber);
    }
  }
  if (fields.length > 0) yield fields;
}

/** Lines out of text in chunks; the last one may lack its end. */
export async function* textLines(
  chunks: AsyncIterable<string>,
): AsyncGenerator<string, void, void> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function addLine(fields: [string, string][], line: string, lineNumber: number): void {
  const last = fields.at(-1);
  if (/^[ \t]/.test(line)) {
    if (last === undefined) throw new ControlSyntaxError(`line ${lineNumber} continues no field`);
    last[1] += `\n${line}`;
    return;
  }
  const colon = line.indexOf(':');
  if (colon < 1) throw new ControlSyntaxError(`line ${lineNumber} is no field: ${line}`);
  const name = line.slice(0, colon);
  if (fields.some(([other]) => other === name)) {
    throw new ControlSyntaxError(`line ${lineNumber}: ${name} stands twice in one stanza`);
  }
  fields.push([name, line.slice(colon + 1).replace(/^ /, '')]);
}
