// Node runs TypeScript by erasing types: what needs more than erasing is refused, and so is
// `export *`, which hides where a name comes from.
import { lineAt, type Finding, type Rule, type Tree } from './tree.ts';

const REFUSED: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/(?<![.\w$])enum\s+\w+\s*\{/g, 'enum: write `{ ... } as const`'],
  [/(?<![.\w$])(?:namespace|module)\s+[\w.]+\s*\{/g, 'namespace: a file is a namespace'],
  [
    /\bconstructor\s*\((?:[^(){}]*,)?\s*(?:private|public|protected|readonly|override)\s/g,
    'parameter property: declare the field',
  ],
  [/\bexport\s*\*/g, 'export *: export names'],
];

export const erasable: Rule = {
  name: 'erasable',
  check(tree: Tree): readonly Finding[] {
    return tree.sources.flatMap((file) =>
      REFUSED.flatMap(([pattern, why]) =>
        [...file.code.matchAll(pattern)].map((match) => ({
          path: file.path,
          line: lineAt(file.code, match.index),
          message: why,
        })),
      ),
    );
  },
};
