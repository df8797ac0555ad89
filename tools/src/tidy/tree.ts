// What the rules look at: the workspace's packages, their sources, and every other text file.
// Rules get it as a value, so that their tests can hand in trees that never were on a disk.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { headerOf } from '../runner/header.ts';
import { blank } from './blank.ts';

export interface TextFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface SourceFile extends TextFile {
  /** The folder of its package, such as `packages/actors/replica`. */
  readonly folder: string;
  readonly isTest: boolean;
  readonly header: string;
  readonly isDataPlane: boolean;
  readonly code: string;
  readonly withStrings: string;
}

export interface Manifest {
  readonly path: string;
  readonly folder: string;
  readonly dependencies: readonly string[];
  readonly binaries: readonly string[];
  readonly scripts: readonly string[];
}

export interface Ratchet {
  readonly functions: Readonly<Record<string, number>>;
}

export interface Tree {
  /** Every `.ts` file below a `src` folder. */
  readonly sources: readonly SourceFile[];
  readonly texts: readonly TextFile[];
  readonly manifests: readonly Manifest[];
  readonly ratchet: Ratchet;
}

export interface Finding {
  readonly path: string;
  /** From 1; 0 when the finding is about the whole file. */
  readonly line: number;
  readonly message: string;
}

export interface Rule {
  readonly name: string;
  check(tree: Tree): readonly Finding[];
}

export const RATCHET_PATH = 'tools/tidy-ratchet.json';
/** `data plane` as a line or a sentence of its own; to mention it in another one declares nothing. */
const DATA_PLANE = /(?:^|[.:] )\s*[Dd]ata plane\s*(?:[.:]|$)/m;
const SKIPPED = new Set(['node_modules', 'dist', '.git', '.clockwise', 'results']);
const TEXT =
  /\.(?:ts|tsx|mts|cts|js|mjs|cjs|json|md|yaml|yml|sh|html|css|txt)$|^\.ci\/|Dockerfile$/;

export function readTree(root: string): Tree {
  const texts = listFiles(root, '')
    .filter((name) => TEXT.test(name) && name !== 'pnpm-lock.yaml')
    .map((name) => ({ path: name, text: readFileSync(path.join(root, name), 'utf8') }));
  return makeTree(texts);
}

export function makeTree(texts: readonly TextFile[]): Tree {
  const ratchet = texts.find((file) => file.path === RATCHET_PATH);
  return {
    texts,
    sources: texts.filter((file) => /^.+\/src\/.+\.ts$/.test(file.path)).map(sourceFile),
    manifests: texts.filter((file) => /(?:^|\/)package\.json$/.test(file.path)).map(manifest),
    ratchet: ratchet === undefined ? { functions: {} } : (JSON.parse(ratchet.text) as Ratchet),
  };
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function listFiles(root: string, folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : listFiles(root, name);
    return entry.isFile() ? [name] : [];
  });
}

function sourceFile(file: TextFile): SourceFile {
  const header = headerOf(file.text).replace(/^[ \t]*(?:\/\/|\/\*\*?|\*\/|\*)/gm, '');
  return {
    ...file,
    ...blank(file.text),
    folder: file.path.slice(0, file.path.indexOf('/src/')),
    isTest: file.path.endsWith('.test.ts'),
    header,
    isDataPlane: DATA_PLANE.test(header),
  };
}

function manifest(file: TextFile): Manifest {
  const json = JSON.parse(file.text) as {
    dependencies?: Record<string, string>;
    devDependencies?: Record<string, string>;
    bin?: string | Record<string, string>;
    scripts?: Record<string, string>;
  };
  return {
    path: file.path,
    folder: file.path.replace(/\/?package\.json$/, ''),
    dependencies: Object.keys({ ...json.dependencies, ...json.devDependencies }),
    binaries: typeof json.bin === 'string' ? [json.bin] : Object.values(json.bin ?? {}),
    scripts: Object.values(json.scripts ?? {}),
  };
}
