/**
 * SIGINT, SIGTERM and SIGHUP as values: the first asks to stop, a later one to be quick about it. What
 * comes together with the first is the same wish: a terminal's Ctrl-C reaches this process from the
 * terminal and once more from npm.
 */
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

const TOGETHER_MS = 1000;
const NAMES = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function stopSignals(now: () => number = () => performance.now()): StopSignals {
  let wanted: string | undefined;
  let wantedAtMs = 0;
  let isUrgent = false;
  let settle: (name: string) => void = () => undefined;
  const first = new Promise<string>((resolve) => {
    settle = resolve;
  });
  const listener = (name: NodeJS.Signals): void => {
    if (wanted !== undefined) {
      isUrgent ||= now() > wantedAtMs + TOGETHER_MS;
      return;
    }
    wanted = name;
    wantedAtMs = now();
    settle(name);
  };
  for (const name of NAMES) process.on(name, listener);
  return {
    first,
    get wanted() {
      return wanted;
    },
    get isUrgent() {
      return isUrgent;
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
