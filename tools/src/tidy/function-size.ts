// Functions stop at 70 lines, on the data plane at 120. A longer one stands in the ratchet with its
// present length, as `path#name`: it may shrink, and then its figure follows; it never grows.
// In test code the callbacks inside a function do not count as its lines: a contract suite is a
// function that lists tests.
import { functionSpans, type FunctionSpan } from './function-spans.ts';
import { RATCHET_PATH, type Finding, type Rule, type SourceFile, type Tree } from './tree.ts';

export const FUNCTION_LINES_MAX = 70;
export const DATA_PLANE_FUNCTION_LINES_MAX = 120;

interface Measured {
  readonly path: string;
  readonly line: number;
  readonly lineCount: number;
  readonly lineCountMax: number;
}

export const functionSize: Rule = {
  name: 'function-size',
  check(tree: Tree): readonly Finding[] {
    const longest = measure(tree.sources);
    const known = tree.ratchet.functions;
    const grown = [...longest].flatMap(([key, measured]) => checkOne(key, measured, known[key]));
    const gone = Object.keys(known)
      .filter((key) => !longest.has(key))
      .map((key) => ({ path: RATCHET_PATH, line: 0, message: `${key} is gone: remove it here` }));
    return [...grown, ...gone];
  },
};

function measure(sources: readonly SourceFile[]): ReadonlyMap<string, Measured> {
  const longest = new Map<string, Measured>();
  for (const file of sources) {
    const lineCountMax = file.isDataPlane ? DATA_PLANE_FUNCTION_LINES_MAX : FUNCTION_LINES_MAX;
    const isTestCode = file.isTest || file.folder === 'test';
    const spans = functionSpans(file.code);
    for (const span of spans) {
      const key = `${file.path}#${span.name}`;
      const lineCount = isTestCode ? ownLines(span, spans) : span.lineCount;
      if ((longest.get(key)?.lineCount ?? 0) >= lineCount) continue;
      longest.set(key, { path: file.path, line: span.firstLine, lineCount, lineCountMax });
    }
  }
  return longest;
}

function ownLines(span: FunctionSpan, spans: readonly FunctionSpan[]): number {
  let lineCount = span.lineCount;
  let coveredTo = span.start;
  for (const inner of spans) {
    if (inner.start <= coveredTo || inner.end >= span.end) continue;
    lineCount -= inner.lineCount - 1;
    coveredTo = inner.end;
  }
  return lineCount;
}

function checkOne(key: string, measured: Measured, known: number | undefined): Finding[] {
  const { path, line, lineCount, lineCountMax } = measured;
  const find = (message: string): Finding[] => [{ path, line, message }];
  if (known === undefined) {
    if (lineCount <= lineCountMax) return [];
    return find(`${key} has ${lineCount} lines, above ${lineCountMax}`);
  }
  if (lineCount > known) return find(`${key} grew from ${known} to ${lineCount} lines`);
  if (lineCount <= lineCountMax) return find(`${key} is short now: remove it from the ratchet`);
  return lineCount < known ? find(`${key} shrank: lower its figure to ${lineCount}`) : [];
}
