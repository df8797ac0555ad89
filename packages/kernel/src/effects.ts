/**
 * What cores ask of their world, and what the world tells them: plain data on both ways. The world
 * carries effects out after the step, in order, and never looks into a message to decide anything.
 *
 * Targets and sources of frames are numbers: 0 to 255 name the other end of an in-process channel (a
 * replica shard as a coordinator sees it, a coordinator as a replica sees it); from
 * CONNECTION_TARGET on, a connection.
 */
import type { Instant } from './core.ts';

/** 'main', 'coordinator-0', 'replica-0', 'gossiper', 'ring-manager', 'compactor', 'anti-entropy'. */
export type ActorName = string;

export const CONNECTION_TARGET = 256;

/** A store's disk error as a value; the names of the operating system's codes that we act on. */
export type DiskFailure = 'EIO' | 'ENOSPC' | 'EMFILE' | 'ENOENT' | 'EROFS' | 'OTHER';

export type Effect<Message, Job> =
  /** Wake me with the event of the same number, not before `at`. Setting it again moves it. */
  | { readonly kind: 'timer'; readonly timer: number; readonly at: Instant }
  /** A control message to another actor of this node. Lost only with the actor. */
  | { readonly kind: 'tell'; readonly to: ActorName; readonly message: Message }
  /** Read of a file in this shard's folder. */
  | {
      readonly kind: 'read';
      readonly read: number;
      readonly file: string;
      readonly offset: number;
      readonly byteCount: number;
    }
  /** Work for the pool. */
  | { readonly kind: 'job'; readonly job: number; readonly input: Job }
  /** The log's segments whose records are all at or below this sequence may be recycled. */
  | { readonly kind: 'log-floor'; readonly sequence: number }
  /** Open a connection; answered by `connected` or `dial-failed` with the same peer. */
  | { readonly kind: 'dial'; readonly peer: number; readonly address: string }
  /** Close a connection (after what was written to it), with a WebSocket close code. */
  | {
      readonly kind: 'hang-up';
      readonly connection: number;
      readonly code: number;
      readonly reason: string;
    };

export type WorldEvent<Message, JobOutput> =
  | { readonly kind: 'timer'; readonly timer: number }
  | { readonly kind: 'told'; readonly from: ActorName; readonly message: Message }
  /** `words` holds the bytes read from a word boundary on; borrowed until the step returns. */
  | { readonly kind: 'read-done'; readonly read: number; readonly words: Int32Array }
  | { readonly kind: 'read-failed'; readonly read: number; readonly failure: DiskFailure }
  | { readonly kind: 'job-done'; readonly job: number; readonly output: JobOutput }
  | { readonly kind: 'job-failed'; readonly job: number; readonly failure: DiskFailure }
  /** The log writer could not write or sync: final for this opening of the store. */
  | { readonly kind: 'log-failed'; readonly failure: DiskFailure }
  /**
   * The log found the disk full and went on in the room of its reserve: so many reserve files are
   * gone since this opening of the store. Told again only when more are.
   */
  | { readonly kind: 'log-full'; readonly reserveUsed: number }
  /** `peer` is the one that was dialled, or -1 where the other side dialled us. */
  | { readonly kind: 'connected'; readonly connection: number; readonly peer: number }
  | { readonly kind: 'dial-failed'; readonly peer: number; readonly reason: string }
  | { readonly kind: 'disconnected'; readonly connection: number; readonly reason: string }
  /** A message on a connection that is not even shaped like a frame. */
  | { readonly kind: 'malformed'; readonly connection: number; readonly reason: string }
  /** A channel's other end is there, or is gone with all that it had not answered. */
  | { readonly kind: 'channel-up'; readonly target: number }
  | { readonly kind: 'channel-down'; readonly target: number };

/**
 * What a replica reads from shared memory: single writer each, possibly a little old. In a recording
 * each read is an input.
 */
export interface ReplicaPublished {
  /** Highest sequence that the log writer has released. */
  releasedSequence(): number;
  /** Position up to which operations were written to a lane so far, monotonic ... */
  written(target: number, lane: number): number;
  /** ... and up to which the other end has let go of them. A dead end has let go of all. */
  consumed(target: number, lane: number): number;
}

/** A shard's memory as its readers see it: the words of chunk number `chunk`. */
export interface ShardMemory {
  readonly chunks: readonly Int32Array[];
}
