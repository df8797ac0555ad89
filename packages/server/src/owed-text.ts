/** What a node owes another one, as a sentence for people. */
import type { OwedReport } from './status-report.ts';

/** What was owed for less long than this is nothing to look at: a slow answer is owed for a moment. */
const SECONDS_MIN = 30;

export function isOwedForLong({ oldestSeconds }: OwedReport): boolean {
  return oldestSeconds >= SECONDS_MIN;
}

/** Without who owes it: `owes n2 1,204 objects for 41 s`. */
export function owedText({ nodeId, copies, marks, dirty, oldestSeconds }: OwedReport): string {
  const objects = copies + marks;
  const parts = [
    ...(objects > 0 || dirty === 0 ? [counted(objects, 'object')] : []),
    ...(dirty > 0 ? [counted(dirty, 'whole partition')] : []),
  ];
  return `owes ${nodeId} ${parts.join(' and ')} for ${oldestSeconds.toLocaleString('en-US')} s`;
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
