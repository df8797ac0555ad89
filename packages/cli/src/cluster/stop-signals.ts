/** SIGINT, SIGTERM and SIGHUP as values: the first asks to stop, the second to be quick about it. */
import process from 'node:process';

export interface StopSignals {
  /** Resolves with the name of the first. */
  readonly first: Promise<string>;
  readonly wanted: string | undefined;
  readonly isUrgent: boolean;
  /** Waits, but not longer than to the first. */
  pause(timeoutMs: number): Promise<void>;
  /** Signals mean again what they mean by themselves. */
  release(): void;
}

const NAMES = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function stopSignals(): StopSignals {
  const seen: string[] = [];
  let settle: (name: string) => void = () => undefined;
  const first = new Promise<string>((resolve) => {
    settle = resolve;
  });
  const listener = (name: NodeJS.Signals): void => {
    seen.push(name);
    settle(name);
  };
  for (const name of NAMES) process.on(name, listener);
  return {
    first,
    get wanted() {
      return seen[0];
    },
    get isUrgent() {
      return seen.length > 1;
    },
    pause: (timeoutMs) => pause(first, timeoutMs),
    release: () => {
      for (const name of NAMES) process.off(name, listener);
    },
  };
}

async function pause(first: Promise<string>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const time = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([first, time]);
  clearTimeout(timer);
}
