/**
 * Small files that are there whole or not at all: written aside, synced, renamed, folder synced.
 */
import * as fs from 'node:fs';
import path from 'node:path';

export function replaceFile(file: string, content: string | Uint8Array): void {
  const aside = `${file}.new`;
  const handle = fs.openSync(aside, 'w');
  try {
    fs.writeFileSync(handle, content);
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
  fs.renameSync(aside, file);
  syncFolder(path.dirname(file));
}

export function syncFolder(folder: string): void {
  const handle = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}
