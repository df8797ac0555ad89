// A file fits on a few screens. No exceptions: a second concept is a second file.
import type { Finding, Rule, Tree } from './tree.ts';

export const FILE_LINES_MAX = 500;

export const fileSize: Rule = {
  name: 'file-size',
  check(tree: Tree): readonly Finding[] {
    return tree.texts
      .filter((file) => /\.(?:ts|tsx|js|mjs)$/.test(file.path))
      .map((file) => ({ path: file.path, lines: file.text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > FILE_LINES_MAX)
      .map(({ path, lines }) => ({
        path,
        line: 0,
        message: `${lines} lines, above ${FILE_LINES_MAX}: split it by concept`,
      }));
  },
};
