/**
 * What a case is made of: a few nodes, a few operations of clients, and at most a few faults, each of
 * which may happen at any moment or not at all. Plain data (cases.ts lists them).
 */

export type OperationContext =
  /** Overwrites what its replica holds. */
  | { readonly kind: 'overwrite' }
  /** What another operation's answer carried; where that has none, this operation is left out. */
  | { readonly kind: 'answer-of'; readonly operation: string };

export interface OperationPlan {
  /** 'A1': the first of client A. Unique in the case. */
  readonly name: string;
  readonly kind: 'put' | 'get' | 'delete';
  readonly key: string;
  /** Of a put; unique in the case. */
  readonly value: string;
  /** The node whose coordinator is asked, from 0. */
  readonly via: number;
  /** LEVEL. */
  readonly level: number;
  readonly context: OperationContext;
  /** Operations that have ended before this one begins. */
  readonly after: readonly string[];
  /** The client may ask here as well, at any moment after it began, under the same operation id. */
  readonly retryVia: number | undefined;
  /** But not before these have ended. */
  readonly retryAfter: readonly string[];
}

export interface CrashPlan {
  readonly node: number;
  /**
   * `unsynced-lost`: while something is not synced, which is lost; `unsynced-kept`: while something is
   * not synced, which survives (the process is killed, the machine lives); `all-synced`: while
   * something of this opening is on the disk, and nothing waits; `nothing-waits`: whatever is on it.
   */
  readonly when: 'unsynced-lost' | 'unsynced-kept' | 'all-synced' | 'nothing-waits';
}

/** How often each may happen in a schedule. */
export interface FaultBudget {
  readonly crashes: number;
  /** A frame between nodes, or an answer to a client, is lost. */
  readonly losses: number;
  /** A frame between nodes, or a request, arrives again, at once or late. */
  readonly doubles: number;
  /** A coordinator's timer fires although something else could happen. */
  readonly timers: number;
}

export interface ExplorerCase {
  readonly name: string;
  readonly what: string;
  readonly nodeCount: number;
  /** Of each object. */
  readonly copies: number;
  /** Whether nodes hand off what they keep for others; else it stays with them. */
  readonly handsOff: boolean;
  readonly operations: readonly OperationPlan[];
  /** Done one after the other before anything is explored; frames between `cut` nodes are lost then. */
  readonly prelude: readonly OperationPlan[];
  readonly cut: readonly (readonly [from: number, to: number])[];
  /** Nodes that are down during the prelude, and are back with all that was kept for them when it ends. */
  readonly down: readonly number[];
  readonly crashes: readonly CrashPlan[];
  readonly budget: FaultBudget;
  /** States after which it stops. */
  readonly statesMax: number;
}
