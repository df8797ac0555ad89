/**
 * StartError: why a node does not start, in sentences for whoever started it. The code is stable; the
 * process ends with the code's exit status.
 */
export const START_ERRORS = {
  /** Something given is wrong. */
  BAD_CONFIGURATION: 64,
  /** Another process has the folder. */
  DATA_FOLDER_LOCKED: 73,
  /** The folder is another node's, or was made for another number of shards. */
  DATA_FOLDER_DIFFERS: 74,
  /** What is configured is not what the stored ring says. */
  RING_DIFFERS: 75,
  /** What is stored cannot be read. */
  RING_DAMAGED: 76,
  /** What the folder says of itself cannot be read. */
  DATA_FOLDER_DAMAGED: 77,
  /** A thread or a port did not come up. */
  START_FAILED: 70,
} as const;

export type StartErrorCode = keyof typeof START_ERRORS;

export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: StartErrorCode;
  readonly reasons: readonly string[];

  constructor(code: StartErrorCode, reasons: readonly string[], options?: ErrorOptions) {
    super(reasons.join('\n'), options);
    this.code = code;
    this.reasons = reasons;
  }
}
