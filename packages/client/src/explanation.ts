/**
 * How an answer came about, replica by replica: what a coordinator tells where `explain` asked for it.
 *
 * Invariants:
 *   XP1 an account that cannot be read is left out: it never fails the operation that it explains
 */

/** One replica, or stand-in, that was asked for an operation. */
export interface ExplainedReplica {
  readonly node: string;
  readonly dataCentre: string;
  /** Its place in the partition's list of replicas. */
  readonly position: number;
  /**
   * `read`; `recall`: to say whether it knows a write that may have happened before; `make` the new
   * version; `store` it.
   */
  readonly task: string;
  /** The node in whose place this one was asked. */
  readonly standsInFor?: string;
  /** Milliseconds after the request came. */
  readonly askedMs: number;
  readonly answeredMs?: number;
  /** `ok`, `not found`, `silent` (until the answer was given), or the name of an error. */
  readonly outcome: string;
  /** The context of what it holds, shortened; where it stored something, of that. */
  readonly version?: string;
}

export interface Explanation {
  /** The coordinator that tells. */
  readonly node: string;
  /** The coordinator that passed the request on to it. */
  readonly via?: string;
  readonly epoch: number;
  readonly partition: number;
  readonly level: string;
  /** Replicas that had to answer. */
  readonly required: number;
  readonly strict: boolean;
  readonly sloppy: boolean;
  readonly replicas: readonly ExplainedReplica[];
  /** Nodes that hold a hinted copy since. */
  readonly hinted: readonly string[];
  /** Nodes to which a newer version was sent. */
  readonly repaired: readonly string[];
  /** Nodes that are noted as lacking it. */
  readonly owed: readonly string[];
  readonly totalMs: number;
}

/** [XP1] The JSON of an answer. */
export function parseExplanation(bytes: Uint8Array): Explanation | undefined {
  try {
    const parsed = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
    const isAccount = typeof parsed === 'object' && parsed !== null && 'replicas' in parsed;
    return isAccount ? (parsed as Explanation) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
