/** Where a local cluster's data is: --data, or .clockwise in the root of the checkout. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  /** As the user would put it: relative where that is shorter. */
  readonly shown: string;
  /** What --data must say so that it is found again; undefined for the default. */
  readonly argument: string | undefined;
}

/** `from`: where the user stands. */
export function dataFolderOf(given: string | undefined, from: string): DataFolder {
  const folder = given === undefined ? path.join(ROOT, '.clockwise') : path.resolve(from, given);
  return {
    path: folder,
    shown: shorter(path.relative(from, folder), folder),
    argument: given === undefined ? undefined : folder,
  };
}

export function shownPath(file: string, from: string): string {
  return shorter(path.relative(from, file), file);
}

function shorter(relative: string, absolute: string): string {
  return relative !== '' && relative.length < absolute.length ? relative : absolute;
}
