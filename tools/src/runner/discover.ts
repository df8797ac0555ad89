// Finds the test files. The sources decide: a source without its compiled file is a fault of the
// build, and a compiled file without a source is a leftover that is not run.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { readRequest, type RunnerRequest } from './header.ts';
import { propertySeedOf } from './property-seed.ts';

export interface TestFile extends RunnerRequest {
  /** The source, relative to the root, with forward slashes: how messages and patterns name it. */
  readonly name: string;
  readonly compiled: string;
  /** What its properties draw from; undefined: fresh seeds, or there are none. */
  readonly propertySeed: number | undefined;
}

export interface Discovery {
  readonly files: readonly TestFile[];
  /** Each is one reason why the run must fail. */
  readonly faults: readonly string[];
}

const FOLDERS = ['packages', 'test', 'tools', 'bench'];
const SKIPPED = new Set(['node_modules', 'dist', 'fixtures']);
const ALONE_FOLDER = 'test/src/cluster/';

/** `isFull`: also the files that ask for it. A pattern that begins a file's own name is enough, too. */
export function discover(root: string, patterns: readonly string[], isFull = false): Discovery {
  const names = FOLDERS.flatMap((folder) => testSources(root, folder)).toSorted();
  const faults = patterns
    .filter((pattern) => !names.some((name) => name.includes(pattern)))
    .map((pattern) => `the pattern "${pattern}" matches no test file`);
  if (names.length === 0) faults.push('there is no test file at all');
  const chosen =
    patterns.length === 0
      ? names
      : names.filter((name) => patterns.some((pattern) => name.includes(pattern)));
  const files = chosen
    .map((name) => testFile(root, name))
    .filter((file) => !file.full || isFull || isNamed(file.name, patterns));
  for (const file of files) {
    if (!existsSync(file.compiled))
      faults.push(`${file.name} has no compiled file: build it first`);
  }
  return { files: files.filter((file) => existsSync(file.compiled)), faults };
}

function isNamed(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => path.basename(name).startsWith(path.basename(pattern)));
}

function testSources(root: string, folder: string): string[] {
  const directory = path.join(root, folder);
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : testSources(root, name);
    return entry.name.endsWith('.test.ts') ? [name] : [];
  });
}

function testFile(root: string, name: string): TestFile {
  const source = readFileSync(path.join(root, name), 'utf8');
  const request = readRequest(source);
  const compiled = name.replace('/src/', '/dist/').replace(/\.ts$/, '.js');
  return {
    name,
    compiled: path.join(root, compiled),
    propertySeed: propertySeedOf(name, source),
    ...request,
    alone: request.alone || name.startsWith(ALONE_FOLDER),
  };
}
