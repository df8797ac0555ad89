// Finds what a source file names of other modules, and which source file that is.
import { lineAt, type SourceFile } from './tree.ts';

export interface Reference {
  readonly specifier: string;
  readonly line: number;
  /** `import`: an import or export. `url`: a string that names a module, as a worker's URL does. */
  readonly kind: 'import' | 'url';
}

const IMPORT = /\b(import|export)\b(?:[^;'"()]*?\bfrom)?\s*\(?\s*(['"])([^'"\n]+)\2/g;
const MODULE_STRING = /(['"`])((?:\.{1,2}\/|@clockwise\/)[\w@./-]+)\1/g;

export function referencesOf(file: SourceFile): readonly Reference[] {
  const imports: Reference[] = [];
  const taken = new Set<number>();
  for (const match of file.withStrings.matchAll(IMPORT)) {
    if (file.code.startsWith(match[1] ?? '', match.index)) {
      const specifier = match[3] ?? '';
      const at = match.index + match[0].length - specifier.length - 2;
      taken.add(at);
      imports.push({ specifier, line: lineAt(file.text, at), kind: 'import' });
    }
  }
  for (const match of file.withStrings.matchAll(MODULE_STRING)) {
    const isString = file.code[match.index] === match[1];
    if (taken.has(match.index) || !isString) continue;
    const line = lineAt(file.text, match.index);
    imports.push({ specifier: match[2] ?? '', line, kind: 'url' });
  }
  return imports;
}

/** The source file that a reference means: its path below the root, whether it exists or not. */
export function targetOf(
  file: SourceFile,
  specifier: string,
  folderOf: (packageName: string) => string | undefined,
): string | undefined {
  if (specifier.startsWith('.')) {
    return asSource(join(file.path.slice(0, file.path.lastIndexOf('/')), specifier));
  }
  const match = /^@clockwise\/([\w-]+)\/(.+)$/.exec(specifier);
  const folder = match === null ? undefined : folderOf(match[1] ?? '');
  return folder === undefined ? undefined : asSource(`${folder}/src/${match?.[2]}`);
}

function asSource(name: string): string {
  return `${name.replace(/\.(?:js|ts)$/, '')}.ts`;
}

function join(folder: string, relative: string): string {
  const parts = folder.split('/');
  for (const part of relative.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
