// Cores are deterministic: input is values, output is values (DESIGN.md, section 2). What the
// compiler cannot refuse there, this does. State at module level is refused too: two nodes in one
// simulator would share it.
import { PURE_FOLDERS } from './layers.ts';
import { lineAt, type Finding, type Rule, type SourceFile, type Tree } from './tree.ts';

const IMPURE: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/(?<![.\w$])Date\b/g, 'Date: `now` is an argument'],
  [/\bMath\s*\.\s*random\b/g, 'Math.random: draw from the seeded Prng'],
  [/(?<![.\w$])performance\s*\./g, 'performance: `now` is an argument'],
  [/(?<![.\w$])(?:async|await)\b/g, 'async and await: a core is synchronous'],
  [/(?<![.\w$])Promise\b/g, 'Promise: a core is synchronous'],
  [/(?<![.\w$])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/g, 'timers are effects'],
  [/(?<![.\w$])console\b/g, 'console: a core is silent'],
  [/(?<![.\w$])process\s*\./g, 'process: a core knows no process'],
  [/(?<![.\w$])globalThis\b/g, 'globalThis: what a core needs is handed in'],
  [/^(?:export )?(?:let|var)\b/gm, 'state at module level: it belongs to the core'],
];
const NODE_MODULE = /\b(?:from|import)\s*\(?\s*['"]node:/g;

export const purity: Rule = {
  name: 'purity',
  check(tree: Tree): readonly Finding[] {
    return tree.sources
      .filter((file) => PURE_FOLDERS.has(file.folder) && !file.isTest)
      .flatMap((file) => [
        ...IMPURE.flatMap(([pattern, why]) => matches(file, file.code, pattern, why)),
        ...matches(file, file.withStrings, NODE_MODULE, 'node: modules are handed in as functions'),
      ]);
  },
};

function matches(file: SourceFile, text: string, pattern: RegExp, why: string): Finding[] {
  return [...text.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(text, match.index),
    message: why,
  }));
}
