// Nothing is left half done: no marks for later in code, no test that is kept from running.
import { lineAt, type Finding, type Rule, type TextFile, type Tree } from './tree.ts';

// Spelt in parts, so that this file does not find itself.
const MARKS = ['TO DO', 'FIX ME', 'X XX', 'HA CK'].map((mark) => mark.replace(' ', ''));
const MARK = new RegExp(`\\b(?:${MARKS.join('|')})\\b`, 'g');
const KEPT_OUT = /\b\w+\s*\.\s*(?:only|skip)\s*\(\s*['"`]/g;
const CODE = /\.(?:ts|tsx|js|mjs|json|yaml|yml|sh|css|html)$|^\.ci\//;

export const unfinished: Rule = {
  name: 'unfinished',
  check(tree: Tree): readonly Finding[] {
    const marks = tree.texts
      .filter((file) => CODE.test(file.path))
      .flatMap((file) => find(file, file.text, MARK, 'a mark for later: do it, or say why not'));
    const keptOut = tree.sources
      .filter((file) => file.isTest || file.folder === 'test')
      .flatMap((file) => find(file, file.code, KEPT_OUT, 'a test runs or goes'));
    return [...marks, ...keptOut];
  },
};

function find(file: TextFile, text: string, pattern: RegExp, message: string): Finding[] {
  return [...text.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(text, match.index),
    message,
  }));
}
