/** The operating system's error codes as the values that cores act on. */
import type { DiskFailure } from '@clockwise/kernel/effects';

const KNOWN: ReadonlySet<string> = new Set<DiskFailure>([
  'EIO',
  'ENOSPC',
  'EMFILE',
  'ENOENT',
  'EROFS',
]);

export function diskFailure(error: unknown): DiskFailure {
  const code = (error as { readonly code?: unknown } | null)?.code;
  if (code === 'ENFILE') return 'EMFILE';
  if (code === 'EDQUOT') return 'ENOSPC';
  return typeof code === 'string' && KNOWN.has(code) ? (code as DiskFailure) : 'OTHER';
}
