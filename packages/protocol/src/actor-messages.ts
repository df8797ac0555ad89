/**
 * Control messages between the actors of one node: plain objects over a MessagePort, declared once.
 * Each says who sends it to whom and what happens when it is lost (it is lost only when an actor
 * dies).
 */

export type PeerState = 'up' | 'down';

export type ActorMessage =
  /** gossiper -> coordinator, anti-entropy, main: a peer changed. Lost: repeated at the next change; links notice by themselves. */
  | { readonly kind: 'peer-state'; readonly nodeId: string; readonly state: PeerState }
  /** gossiper -> coordinator: pass a probe through a replica shard. Lost: the data path counts as silent. */
  | { readonly kind: 'probe'; readonly probe: number }
  /** coordinator -> gossiper: the probe came back. */
  | { readonly kind: 'probe-answer'; readonly probe: number }
  /** replica -> compactor: a chunk is full and waits. Lost: asked for again when the compactor is back. */
  | {
      readonly kind: 'chunk-frozen';
      readonly shard: number;
      readonly chunk: number;
      readonly frozenCount: number;
    }
  /** compactor -> replica: flush it now. Lost: the compactor asks again. */
  | { readonly kind: 'flush-chunk'; readonly chunk: number }
  /** replica -> compactor: done, or failed and waiting again. */
  | {
      readonly kind: 'chunk-flushed';
      readonly shard: number;
      readonly chunk: number;
      readonly ok: boolean;
    }
  /** compactor -> replica, at its start: tell me what waits. */
  | { readonly kind: 'frozen-wanted' }
  /**
   * replica -> main, compactor: the store is open (or cannot serve, with the reason).
   * main -> compactor: the shard was given up.
   */
  | {
      readonly kind: 'shard-state';
      readonly shard: number;
      readonly state: 'ready' | 'fenced';
      readonly reason: string;
    }
  /** coordinator -> main and back: the node's status as JSON, asked for by a client. Lost: the client times out. */
  | { readonly kind: 'status-wanted'; readonly request: number }
  | { readonly kind: 'status'; readonly request: number; readonly json: string }
  /** coordinator -> ring-manager and back: the ring as it is encoded on disk. Lost: the client times out. */
  | { readonly kind: 'ring-wanted'; readonly request: number }
  | { readonly kind: 'ring'; readonly request: number; readonly bytes: Uint8Array }
  /** main -> any actor and back: figures for status. */
  | { readonly kind: 'figures-wanted'; readonly request: number }
  | {
      readonly kind: 'figures';
      readonly request: number;
      readonly figures: Readonly<Record<string, number | string>>;
    }
  /** anti-entropy -> replica and back: roots of partitions, low and high word each, as of a sequence. */
  | {
      readonly kind: 'roots-wanted';
      readonly request: number;
      readonly partitions: readonly number[];
    }
  | {
      readonly kind: 'roots';
      readonly request: number;
      readonly sequence: number;
      readonly partitions: readonly number[];
      readonly words: readonly number[];
    }
  /** anti-entropy -> main: what the last comparison found. */
  | {
      readonly kind: 'differences';
      readonly nodeId: string;
      readonly partitionsCompared: number;
      readonly partitionsDiffering: number;
    };
