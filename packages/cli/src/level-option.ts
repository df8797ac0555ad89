/** --r and --w: a number of replicas, or a name that the cluster resolves. */
import type { ConsistencyLevel } from '@clockwise/client';
import { textOption, UsageError, type Call, type OptionDefinition } from './command.ts';

const NAMES = ['one', 'quorum', 'all', 'local-quorum', 'each-quorum'] as const;

export function levelDefinition(help: string): OptionDefinition {
  return { type: 'string', value: 'N', help: `${help}: a number, or a name such as quorum` };
}

export function levelOption(call: Call, name: 'r' | 'w'): ConsistencyLevel | undefined {
  const text = textOption(call, name);
  if (text === undefined) return undefined;
  const named = NAMES.find((one) => one === text);
  if (named !== undefined) return named;
  if (/^[1-9]\d{0,1}$/.test(text)) return Number(text);
  throw new UsageError(
    `--${name} is a number from 1, or one of ${NAMES.join(', ')}; not "${text}"`,
  );
}
