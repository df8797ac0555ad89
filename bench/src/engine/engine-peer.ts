/**
 * What the engine benchmark asks of a store: the same keys, values and durability for each. A peer is
 * synchronous where its store is; what it gives may be a promise only where the store has nothing else.
 *
 * Boundary: a peer chooses its store's settings from the options and says in `notes` what they are; it
 * measures nothing.
 */

export const KEY_BYTES = 16;

/** One key in both forms, over the same memory; written anew before each call. */
export interface EngineKey {
  readonly bytes: Buffer;
  readonly words: Int32Array;
}

export interface PeerOptions {
  /** One of the module's settings, by its place. */
  readonly setting: number;
  /** All caches and write buffers together. */
  readonly memoryBytes: number;
  /**
   * A write is on the disk when its call ends (fdatasync); else when the system writes it: it outlives
   * the process, and a power loss takes the last ones. What a peer syncs all the same is in its notes.
   */
  readonly isSynced: boolean;
  readonly valueBytes: number;
  /** Of our blocks, a BLOCK_CODEC; the others have settings of their own. */
  readonly codec: number;
}

export interface EnginePeer {
  /** How it is set, for the reader of the figures. */
  readonly notes: readonly string[];
  /** The first `count` of each, as one batch. Keys and values are borrowed until the call ends. */
  putBatch(
    keys: readonly EngineKey[],
    values: readonly Uint8Array[],
    count: number,
  ): Promise<void> | void;
  put(key: EngineKey, value: Uint8Array): Promise<void> | void;
  /** A copy of the value, for the caller to keep. */
  get(key: EngineKey): Uint8Array | undefined;
  /** The value's length, its bytes read in place if the store can; -1: absent. */
  getInPlace(key: EngineKey): number;
  /** How many records there are, each key and value handed out once, in the store's order. */
  scanAll(): Promise<number> | number;
  /** Until what it does behind the caller's back is done, as far as it can say. */
  settle(): Promise<void> | void;
  /** Bytes that writes gave it, in its own form of records; 0: it has no other than the caller's. */
  recordBytes(): number;
  /** Work behind the caller's back is under way; undefined: it does not say. */
  isBusy(): boolean | undefined;
  close(): Promise<void> | void;
}

export interface PeerModule {
  readonly name: PeerName;
  /**
   * Ways to set the store within the budget, each as its documentation has it; where there are several
   * the benchmark tries them and takes the one that does best.
   */
  readonly settings: readonly string[];
  open(folder: string, options: PeerOptions): Promise<EnginePeer>;
}

export const PEER_NAMES = ['clockwise', 'classic-level', 'lmdb'] as const;
export type PeerName = (typeof PEER_NAMES)[number];

export function newKey(): EngineKey {
  const bytes = Buffer.alloc(KEY_BYTES);
  return { bytes, words: new Int32Array(bytes.buffer, bytes.byteOffset, KEY_BYTES / 4) };
}
