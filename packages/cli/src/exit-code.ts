/** What the command's exit code says. People's scripts rely on it: numbers are never given anew. */

export const EXIT = {
  ok: 0,
  negative: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
  unknownOutcome: 5,
  fault: 70,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_TEXTS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, 'done; for status: the cluster is ready and healthy'],
  [EXIT.negative, 'not found; unhealthy; damaged; not all records or nodes'],
  [EXIT.usage, 'the command line is wrong; nothing was done'],
  [EXIT.unreachable, 'cannot connect, or too little of the cluster answers; nothing was written'],
  [EXIT.refused, 'the cluster or the command refused; nothing was written'],
  [EXIT.unknownOutcome, 'no answer that tells: a write may have happened'],
  [EXIT.fault, 'a fault of this program'],
];
