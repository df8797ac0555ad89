/**
 * NodeData: what every worker of a node is told at its start, as plain data that can be copied from
 * thread to thread. Actors take from it what is theirs.
 */
import type { RingView } from '@clockwise/coordinator/ring-view';
import type { Word64 } from '@clockwise/protocol/control-messages';
import type { Pace, Recordings } from './configuration.ts';

export interface NodeData {
  readonly ring: RingView;
  /** The ring as it is stored, for those who ask for it. */
  readonly ringBytes: Uint8Array;
  /** host:port by node index, of the ports that gossipers and anti-entropy dial. */
  readonly gossiperAddresses: readonly string[];
  readonly controlAddresses: readonly string[];
  /** Names this opening of the node; random. */
  readonly bootId: Word64;
  /** Names the store, from the data folder's identity. */
  readonly storeId: Word64;
  readonly shardCount: number;
  readonly pace: Pace;
  /** Where each actor's steps are recorded; null: nowhere. */
  readonly record: Recordings | null;
  /** Absolute, of the shard that the thread is for; empty elsewhere. */
  readonly folder: string;
  /** The shards have held data: an empty folder is damage. */
  readonly mustExist: boolean;
}
