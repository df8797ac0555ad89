// Finds the functions of a source file and how many lines each takes, from its blanked code: a brace
// opens a function when an arrow, a parameter list or a parameter list with a return type precedes
// it, and the parameter list is not that of `if`, `for` and their like.
import { lineAt } from './tree.ts';

export interface FunctionSpan {
  readonly name: string;
  readonly firstLine: number;
  readonly lineCount: number;
  readonly start: number;
  readonly end: number;
}

const CONTROL = new Set(['if', 'for', 'while', 'switch', 'catch', 'with']);
const CLOSERS: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

export function functionSpans(code: string): readonly FunctionSpan[] {
  const pairs = matchBrackets(code);
  const spans: FunctionSpan[] = [];
  for (const [open, close] of pairs.closeOf) {
    if (code[open] !== '{') continue;
    const head = functionHead(code, open, pairs.openOf);
    if (head === undefined) continue;
    const firstLine = lineAt(code, head.start);
    const lineCount = lineAt(code, close) - firstLine + 1;
    spans.push({ name: head.name, firstLine, lineCount, start: head.start, end: close });
  }
  return spans.toSorted((one, other) => one.start - other.start);
}

interface Pairs {
  readonly closeOf: ReadonlyMap<number, number>;
  readonly openOf: ReadonlyMap<number, number>;
}

function matchBrackets(code: string): Pairs {
  const closeOf = new Map<number, number>();
  const openOf = new Map<number, number>();
  const stack: number[] = [];
  for (let index = 0; index < code.length; index += 1) {
    const character = code.charAt(index);
    if (character === '(' || character === '[' || character === '{') stack.push(index);
    const opener = CLOSERS[character];
    if (opener === undefined) continue;
    const open = stack.pop();
    if (open === undefined || code[open] !== opener) continue;
    closeOf.set(open, index);
    openOf.set(index, open);
  }
  return { closeOf, openOf };
}

interface Head {
  readonly name: string;
  readonly start: number;
}

function functionHead(
  code: string,
  brace: number,
  openOf: ReadonlyMap<number, number>,
): Head | undefined {
  const before = lastSolid(code, brace - 1);
  if (code.slice(before - 1, before + 1) === '=>') return arrowHead(code, before - 2, openOf);
  const close = code[before] === ')' ? before : beforeReturnType(code, before, openOf);
  const open = close === undefined ? undefined : openOf.get(close);
  if (open === undefined) return undefined;
  const name = wordBefore(code, skipTypeParameters(code, lastSolid(code, open - 1)));
  if (CONTROL.has(name.text)) return undefined;
  return {
    name: name.text === 'function' || name.text === '' ? 'anonymous' : name.text,
    start: name.start,
  };
}

function arrowHead(code: string, index: number, openOf: ReadonlyMap<number, number>): Head {
  const last = lastSolid(code, index);
  const close = code[last] === ')' ? last : beforeReturnType(code, last, openOf);
  const open = close === undefined ? undefined : openOf.get(close);
  const start = open ?? wordBefore(code, last).start;
  const assigned = /([\w$#]+)\s*(?:=|:[^=;{}]*=|:)\s*(?:async\s*)?(?:<[^>]*>\s*)?$/.exec(
    code.slice(Math.max(0, start - 300), start),
  );
  return { name: assigned?.[1] ?? 'anonymous', start };
}

/** Walks back over a return type to the `)` of its parameter list, if that is what it is. */
function beforeReturnType(
  code: string,
  from: number,
  openOf: ReadonlyMap<number, number>,
): number | undefined {
  if (!/[\w$>\]}'"]/.test(code.charAt(from))) return undefined; // No type ends like this.
  let index = from;
  while (index >= 0) {
    const character = code.charAt(index);
    if (character === ':') {
      const close = lastSolid(code, index - 1);
      return code[close] === ')' ? close : undefined;
    }
    const open = openOf.get(index);
    if (character === '}' && !isTypeLiteral(code, open)) return undefined;
    if (open !== undefined) index = open - 1;
    else if (character === '>' && code[index - 1] !== '=') index = skipAngles(code, index);
    else if (/[\w$.|&\s'"=>]/.test(character)) index -= 1;
    else return undefined;
  }
  return undefined;
}

/** A `}` inside a type closes an object type; a block before this brace has nothing to do with it. */
function isTypeLiteral(code: string, open: number | undefined): boolean {
  return open !== undefined && /[:|&<,([]/.test(code.charAt(lastSolid(code, open - 1)));
}

function skipTypeParameters(code: string, index: number): number {
  return code[index] === '>' ? lastSolid(code, skipAngles(code, index)) : index;
}

/** From a `>` to before its `<`. */
function skipAngles(code: string, from: number): number {
  let depth = 0;
  for (let index = from; index >= 0; index -= 1) {
    if (code[index] === '>' && code[index - 1] !== '=') depth += 1;
    if (code[index] === '<') depth -= 1;
    if (depth === 0) return index - 1;
  }
  return -1;
}

function lastSolid(code: string, from: number): number {
  let index = from;
  while (index >= 0 && code.charAt(index).trim() === '') index -= 1;
  return index;
}

function wordBefore(code: string, last: number): { text: string; start: number } {
  let start = last;
  while (start >= 0 && /[\w$#]/.test(code.charAt(start))) start -= 1;
  return { text: code.slice(start + 1, last + 1), start: start + 1 };
}
