// The project names no path of a machine it was written on: it must work anywhere.
import { lineAt, type Finding, type Rule, type Tree } from './tree.ts';

// Spelt in parts, so that this file does not find itself.
const FOLDERS = ['wo rk/', 'tm p/cw\\b'].map((folder) => folder.replace(' ', ''));
const MACHINE_PATH = new RegExp(`(?<![\\w.~-])/(?:${FOLDERS.join('|')})`, 'g');

export const ownPaths: Rule = {
  name: 'own-paths',
  check(tree: Tree): readonly Finding[] {
    return tree.texts.flatMap((file) =>
      [...file.text.matchAll(MACHINE_PATH)].map((match) => ({
        path: file.path,
        line: lineAt(file.text, match.index),
        message: `names a path of one machine: ${match[0]}`,
      })),
    );
  },
};
