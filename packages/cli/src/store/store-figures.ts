/** Numbers of a store as people read them. */
const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function bytesText(byteCount: number): string {
  let value = byteCount;
  let unit = 0;
  while (value >= 10_000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** With a comma after each three digits. */
export function countText(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 file`, `2 files`. */
export function countedText(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
}
