/**
 * All marks and sites of the sources: file, line, name and kind. Read from the sources themselves
 * whenever a report or a test needs it, not written by the build (decision 0006): it takes some milliseconds, any
 * checkout that can run the simulator has the sources, and a file that is not there cannot be stale. A
 * mark in the catalogue that no run tells of was never hit, also where nothing ever came near it.
 *
 * Invariants:
 *   PC1 every name is a literal, of the form 'who: what', and is used once
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export type MarkKind = 'sometimes' | 'reachable' | 'buggify';

export interface Mark {
  readonly name: string;
  readonly kind: MarkKind;
  readonly file: string;
  readonly line: number;
}

export interface MarkReading {
  readonly marks: readonly Mark[];
  /** What is wrong with marks of this file, each with its place. */
  readonly faults: readonly string[];
}

const ROOT = path.resolve(fileURLToPath(new URL('../../..', import.meta.url)));
const IMPORT = /from '@clockwise\/kernel\/(?:probe|buggify)'/;
const CALL = /(?<![.\w$])(sometimes|reachable|buggify)\(/g;
const COMMENT = /^\s*(?:\*|\/\/|\/\*)/;
const NAME = /^[a-z][a-z -]*: \S.*[^.\s]$/;

/** The catalogue of a checkout. Throws where a name breaks [PC1]: nothing could be said of its hits. */
export function readCatalogue(root: string = ROOT): readonly Mark[] {
  const readings = sourceFiles(path.join(root, 'packages')).map((file) =>
    marksOf(path.relative(root, file), readFileSync(file, 'utf8')),
  );
  const marks = readings.flatMap((reading) => reading.marks);
  const faults = [...readings.flatMap((reading) => reading.faults), ...repeatsOf(marks)];
  if (faults.length > 0) throw new Error(`marks in the sources:\n  ${faults.join('\n  ')}`);
  return marks.toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

/** The marks of one source; only a file that imports them can have any. */
export function marksOf(file: string, text: string): MarkReading {
  if (!IMPORT.test(text)) return { marks: [], faults: [] };
  const marks: Mark[] = [];
  const faults: string[] = [];
  for (const match of text.matchAll(CALL)) {
    const lineStart = text.lastIndexOf('\n', match.index) + 1;
    if (COMMENT.test(text.slice(lineStart, match.index))) continue;
    const kind = match[1] as MarkKind;
    const line = text.slice(0, match.index).split('\n').length;
    const parts = argumentsFrom(text, match.index + match[0].length);
    const name = /^'([^'\\]*)'$/.exec(parts.at(-1) ?? '')?.[1];
    const wanted = kind === 'sometimes' ? 2 : 1;
    if (name === undefined) faults.push(`${file}:${line}  the name of a mark is a literal`);
    else if (parts.length !== wanted)
      faults.push(`${file}:${line}  ${kind} has ${wanted} arguments`);
    else if (!NAME.test(name)) faults.push(`${file}:${line}  '${name}' is not 'who: what'`);
    else marks.push({ name, kind, file, line });
  }
  return { marks, faults };
}

export function repeatsOf(marks: readonly Mark[]): string[] {
  const firsts = new Map<string, Mark>();
  const faults: string[] = [];
  for (const mark of marks) {
    const first = firsts.get(mark.name);
    if (first === undefined) firsts.set(mark.name, mark);
    else {
      const place = `${first.file}:${first.line}`;
      faults.push(`${mark.file}:${mark.line}  '${mark.name}' is also at ${place}`);
    }
  }
  return faults;
}

/** The texts of a call's arguments, from behind its opening bracket on. */
function argumentsFrom(text: string, from: number): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = from;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at]!;
    if (character === "'" || character === '"' || character === '`') {
      at = endOfString(text, at);
    } else if ('([{'.includes(character)) {
      depth += 1;
    } else if (depth > 0 && ')]}'.includes(character)) {
      depth -= 1;
    } else if (depth === 0 && (character === ',' || character === ')')) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
      if (character === ')') break;
    }
  }
  return parts.filter((part) => part !== '');
}

function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== text[from]) at += text[at] === '\\' ? 2 : 1;
  return at;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return [];
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(name);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts') ? [name] : [];
  });
}
