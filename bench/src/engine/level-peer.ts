/**
 * classic-level (LevelDB). Its writes are asynchronous only, single gets are not. Of the budget two write
 * buffers are taken (one is filled while the other is written), the rest is block cache.
 *
 * Batches are chained ones, written without options: an array of operations with options is copied
 * operation by operation, options and all, which takes three times as long (10 us an operation for 3).
 */
import { ClassicLevel } from 'classic-level';
import {
  type EngineKey,
  type EnginePeer,
  type PeerModule,
  type PeerOptions,
} from './engine-peer.ts';

const MIB = 1024 * 1024;
const SCAN_BATCH = 1000;
/** Of one `nextv`; its own 16 KiB are for consumers that stop early. */
const SCAN_BYTES = 256 * 1024;
/** Bytes of one write buffer: LevelDB's own, and shares of the budget. */
const WRITE_BUFFERS: readonly ((memoryBytes: number) => number)[] = [
  (memoryBytes) => Math.min(4 * MIB, memoryBytes / 4),
  (memoryBytes) => memoryBytes / 8,
  (memoryBytes) => (memoryBytes * 3) / 8,
];

const SYNCED = { sync: true } as const;

type Level = ClassicLevel<Uint8Array, Uint8Array>;

export const levelPeer: PeerModule = {
  name: 'classic-level',
  settings: [
    'write buffers of 4 MiB, the default',
    'write buffers of an eighth of the budget',
    'write buffers of three eighths of the budget',
  ],
  open,
};

async function open(folder: string, options: PeerOptions): Promise<EnginePeer> {
  const writeBufferSize = Math.floor(WRITE_BUFFERS[options.setting]!(options.memoryBytes));
  const cacheSize = options.memoryBytes - 2 * writeBufferSize;
  const level: Level = new ClassicLevel(folder, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: true,
    compression: true,
    cacheSize,
    writeBufferSize,
  });
  await level.open();
  return new LevelPeer(level, options.isSynced, [
    `two write buffers of ${(writeBufferSize / MIB).toFixed(1)} MiB, cache ${(cacheSize / MIB).toFixed(1)} MiB`,
    'compression on (snappy), filter of 10 bits a key',
    options.isSynced ? 'each batch synced' : 'batches and logs not synced, tables are',
  ]);
}

class LevelPeer implements EnginePeer {
  readonly notes: readonly string[];
  readonly #level: Level;
  readonly #isSynced: boolean;

  constructor(level: Level, isSynced: boolean, notes: readonly string[]) {
    this.#level = level;
    this.#isSynced = isSynced;
    this.notes = notes;
  }

  putBatch(
    keys: readonly EngineKey[],
    values: readonly Uint8Array[],
    count: number,
  ): Promise<void> {
    const batch = this.#level.batch();
    for (let index = 0; index < count; index += 1) batch.put(keys[index]!.bytes, values[index]!);
    return this.#isSynced ? batch.write(SYNCED) : batch.write();
  }

  put(key: EngineKey, value: Uint8Array): Promise<void> {
    return this.#isSynced
      ? this.#level.put(key.bytes, value, SYNCED)
      : this.#level.put(key.bytes, value);
  }

  get(key: EngineKey): Uint8Array | undefined {
    return this.#level.getSync(key.bytes);
  }

  /** It always copies. */
  getInPlace(key: EngineKey): number {
    return this.#level.getSync(key.bytes)?.length ?? -1;
  }

  async scanAll(): Promise<number> {
    const iterator = this.#level.iterator({ highWaterMarkBytes: SCAN_BYTES });
    let count = 0;
    for (;;) {
      const entries = await iterator.nextv(SCAN_BATCH);
      if (entries.length === 0) break;
      count += entries.length;
    }
    await iterator.close();
    return count;
  }

  /** It compacts by itself and does not say when it rests; whoever waits looks at what is written. */
  settle(): void {}

  recordBytes(): number {
    return 0;
  }

  isBusy(): undefined {
    return undefined;
  }

  close(): Promise<void> {
    return this.#level.close();
  }
}
