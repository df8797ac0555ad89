// All rules of tidy, in the order in which they report.
import { deadFiles } from './dead-files.ts';
import { erasable } from './erasable.ts';
import { fileSize } from './file-size.ts';
import { functionSize } from './function-size.ts';
import { importDirection } from './import-direction.ts';
import { invariants } from './invariants.ts';
import { names } from './names.ts';
import { ownPaths } from './own-paths.ts';
import { purity } from './purity.ts';
import { quorumClaims } from './quorum-claims.ts';
import { sharedMemory } from './shared-memory.ts';
import type { Finding, Rule } from './tree.ts';
import { unfinished } from './unfinished.ts';

export const RULES: readonly Rule[] = [
  importDirection,
  purity,
  sharedMemory,
  fileSize,
  functionSize,
  deadFiles,
  names,
  erasable,
  invariants,
  unfinished,
  ownPaths,
  quorumClaims,
];

export function findingLine(finding: Finding): string {
  const place = finding.line === 0 ? finding.path : `${finding.path}:${finding.line}`;
  return `${place}  ${finding.message}`;
}
