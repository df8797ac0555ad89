/** What a process wrote, what a folder takes, and how much memory is resident: as the system says. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

export interface WrittenBytes {
  /** Bytes given to write calls. */
  readonly given: number;
  /** Bytes that came to a device, as far as pages were dirtied; 0 where the system does not say. */
  readonly toDevice: number;
}

/** Of this process with all its threads. Zeros where there is no /proc. */
export function writtenBytes(): WrittenBytes {
  const fields = procFields('/proc/self/io', /^(\w+): (\d+)$/);
  return { given: fields.get('wchar') ?? 0, toDevice: fields.get('write_bytes') ?? 0 };
}

export function bytesOnDisk(folder: string): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    // Blocks that are allocated: a sparse file takes less than its size.
    sum += entry.isDirectory() ? bytesOnDisk(name) : statSync(name).blocks * 512;
  }
  return sum;
}

export interface ResidentBytes {
  readonly now: number;
  readonly highest: number;
  /** Of `now`, what is mapped from files: the system can take it back. */
  readonly ofFiles: number;
}

export function residentBytes(): ResidentBytes {
  const fields = procFields('/proc/self/status', /^(\w+):\s+(\d+) kB$/);
  const now = fields.has('VmRSS') ? fields.get('VmRSS')! * 1024 : process.memoryUsage.rss();
  const highest = (fields.get('VmHWM') ?? 0) * 1024;
  return { now, highest: Math.max(now, highest), ofFiles: (fields.get('RssFile') ?? 0) * 1024 };
}

function procFields(file: string, pattern: RegExp): Map<string, number> {
  const fields = new Map<string, number>();
  if (process.platform !== 'linux') return fields;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const match = pattern.exec(line);
    if (match !== null) fields.set(match[1]!, Number(match[2]));
  }
  return fields;
}
