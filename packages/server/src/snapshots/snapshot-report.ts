/**
 * What a node says of its snapshots, as JSON in answers to operators' commands (control messages
 * `adminRequest` and `adminReply`).
 *
 * Boundary: values only. The command line and people's scripts read it, so fields are added and never
 * renamed or removed; so are codes.
 */

export interface ShardSnapshotReport {
  readonly shard: number;
  /** What the names of its files begin with; `clockwise store` takes it for a folder. */
  readonly path: string;
  /** Of the last record in it. */
  readonly sequence: number;
  readonly fileCount: number;
  readonly byteCount: number;
}

/**
 * `made`: whole, every byte was read. `making`: under way. `dropping`: it failed or was dropped, and goes
 * as soon as every shard can do it. `incomplete`: a shard has not what was made.
 */
export type SnapshotState = 'made' | 'making' | 'dropping' | 'incomplete';

export interface SnapshotReport {
  readonly nodeId: string;
  readonly name: string;
  readonly number: number;
  readonly state: SnapshotState;
  /** ISO 8601; null: it was not made by a command. */
  readonly createdAt: string | null;
  /** For `clockwise store copy-snapshot`. */
  readonly path: string;
  readonly byteCount: number;
  readonly shards: readonly ShardSnapshotReport[];
}

export interface SnapshotListReport {
  readonly nodeId: string;
  readonly snapshots: readonly SnapshotReport[];
  /** What goes when all of them are dropped. */
  readonly pinnedBytes: number;
  /** Sentences: shards that did not answer. */
  readonly reasons: readonly string[];
}

export interface SnapshotDropReport {
  readonly nodeId: string;
  readonly name: string;
  readonly number: number;
}

export type AdminRefusal =
  | 'BAD_REQUEST'
  | 'WRONG_NODE'
  | 'NAME_TAKEN'
  | 'NO_SUCH_SNAPSHOT'
  | 'BUSY'
  | 'TOO_MANY'
  | 'SHARD_DOWN'
  | 'DISK_FULL'
  | 'FAILED';

/** The answer to a command. `reasons`: sentences. */
export type AdminAnswer<Result> =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly code: AdminRefusal; readonly reasons: readonly string[] };

/** Of `snapshot-create`, `snapshot-list` and `snapshot-drop`: as JSON in the request. */
export interface SnapshotArgument {
  /** Who is meant: a client may have reached another node than it dialled. */
  readonly nodeId: string;
  /** Empty for `snapshot-list`. */
  readonly name: string;
}
