/** How a thread dies when a test asks for it (scenario H4). Reached only by Supervisor.fail. */
import { unreachable } from '@clockwise/kernel/assert';
import type { FailureMode } from '../thread-messages.ts';

export function failOnPurpose(mode: FailureMode): void {
  switch (mode) {
    case 'throw':
      throw new Error('a test asked for this failure');
    case 'exit':
      process.exit(1);
      return;
    case 'hang':
      for (;;);
    case 'memory':
      fillMemory();
      return;
    default:
      unreachable(mode);
  }
}

function fillMemory(): void {
  const kept: number[][] = [];
  for (;;) kept.push(new Array<number>(1_000_000).fill(kept.length));
}
