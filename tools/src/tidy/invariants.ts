// An invariant that a header promises is named by a test: a line of the header that begins with an
// id, such as `P1 one answer`, asks for a test whose title holds `[P1]`. Such a test stands beside
// the file (x.test.ts); or elsewhere in its package, or in test/ in a file that imports the package,
// when no other file of the package declares the same id.
import { referencesOf } from './imports.ts';
import { lineAt, type Finding, type Rule, type SourceFile, type Tree } from './tree.ts';

interface Declared {
  readonly id: string;
  readonly file: SourceFile;
  readonly line: number;
}

const DECLARATION = /^[ \t]*([A-Z]{1,4}[0-9]+)(?:[:.]?[ \t]+)\S/gm;
const MENTION = /\[([A-Z]{1,4}[0-9]+(?:[, ]+[A-Z]{1,4}[0-9]+)*)\]/g;

export const invariants: Rule = {
  name: 'invariants',
  check(tree: Tree): readonly Finding[] {
    const declared = tree.sources.filter((file) => !file.isTest).flatMap(declaredBy);
    const tests = tree.sources.filter((file) => file.isTest);
    const mentions = new Map(tests.map((file) => [file, mentionedBy(file)]));
    return declared
      .filter((one) => {
        const shared = declared.some((other) => isClash(one, other));
        const witnesses = tests.filter((test) => mayProve(test, one.file, shared));
        return !witnesses.some((test) => mentions.get(test)?.has(one.id));
      })
      .map(({ id, file, line }) => ({
        path: file.path,
        line,
        message: `no test names [${id}]`,
      }));
  },
};

function declaredBy(file: SourceFile): Declared[] {
  return [...file.header.matchAll(DECLARATION)].map((match) => ({
    id: match[1] ?? '',
    file,
    line: lineAt(file.header, match.index),
  }));
}

function isClash(one: Declared, other: Declared): boolean {
  return one.id === other.id && one.file !== other.file && one.file.folder === other.file.folder;
}

function mayProve(test: SourceFile, file: SourceFile, idIsShared: boolean): boolean {
  if (test.path === file.path.replace(/\.ts$/, '.test.ts')) return true;
  if (idIsShared) return false;
  if (test.folder === file.folder) return true;
  const scope = `@clockwise/${file.folder.split('/').at(-1)}/`;
  return (
    test.folder === 'test' &&
    referencesOf(test).some((reference) => reference.specifier.startsWith(scope))
  );
}

/** The ids in the strings of a test file: where the code is blank and the text is not. */
function mentionedBy(file: SourceFile): ReadonlySet<string> {
  const inStrings = [...file.withStrings.matchAll(MENTION)].filter(
    (match) => file.code[match.index] !== '[',
  );
  return new Set(inStrings.flatMap((match) => (match[1] ?? '').split(/[, ]+/)));
}
