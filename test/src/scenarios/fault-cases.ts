/** Which calls of a disk fail, and how: the loops over the n-th call of each kind. */
import type { DiskFault } from '@clockwise/simulator/simulated-disk-faults';
import { CRASHING } from './crash-run.ts';
import type { FaultCase } from './fault-run.ts';

const KINDS: readonly Pick<DiskFault, 'operation' | 'code'>[] = [
  { operation: 'open', code: 'EMFILE' },
  { operation: 'open', code: 'EIO' },
  { operation: 'create', code: 'EMFILE' },
  { operation: 'create', code: 'ENOSPC' },
  { operation: 'create', code: 'EIO' },
  { operation: 'read', code: 'EIO' },
  { operation: 'write', code: 'EIO' },
  { operation: 'write', code: 'ENOSPC' },
  { operation: 'datasync', code: 'EIO' },
  { operation: 'datasync', code: 'ENOSPC' },
  { operation: 'syncDirectory', code: 'EIO' },
  { operation: 'list', code: 'EIO' },
  { operation: 'remove', code: 'EIO' },
  { operation: 'rename', code: 'EIO' },
  { operation: 'rename', code: 'ENOSPC' },
  { operation: 'link', code: 'EIO' },
  { operation: 'link', code: 'ENOSPC' },
];
const PAGES = ['new', 'old'] as const;
const MEDIUM = ['none', 'some', 'all'] as const;

export interface FaultKind {
  readonly name: string;
  /** The run whose `nth` call of the kind fails. */
  readonly caseOf: (nth: number, writes: number) => FaultCase;
}

/** `forever`: so do all later calls of the kind. */
export function faultKinds(seed: string, forever: boolean): readonly FaultKind[] {
  return KINDS.map(({ operation, code }) => {
    const name = `${operation} ${code}${forever ? ' from then on' : ''}`;
    const caseOf = (nth: number, writes: number): FaultCase => ({
      seed: `${seed} ${name}`,
      writes,
      fault: {
        operation,
        code,
        nth,
        forever,
        pages: PAGES[nth % PAGES.length]!,
        medium: MEDIUM[nth % MEDIUM.length]!,
      },
      shortTransferProbability: nth % 2 === 0 ? 0 : 0.1,
      losesPower: nth % 4 < 2,
      configuration: { ...CRASHING, diskReserveBytes: nth % 3 === 0 ? 0 : 16 * 1024 },
    });
    return { name, caseOf };
  });
}
