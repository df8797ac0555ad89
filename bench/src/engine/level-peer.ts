/**
 * classic-level (LevelDB). Its writes are asynchronous only, single gets are not. The budget is split as
 * ours: a quarter for the block cache, the rest for two write buffers (one is filled while the other
 * is written).
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

type Level = ClassicLevel<Uint8Array, Uint8Array>;

export const levelPeer: PeerModule = { name: 'classic-level', open };

async function open(folder: string, options: PeerOptions): Promise<EnginePeer> {
  const cacheSize = Math.floor(options.memoryBytes / 4);
  const writeBufferSize = Math.floor((options.memoryBytes * 3) / 8);
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
  readonly #write: { readonly sync: boolean };

  constructor(level: Level, isSynced: boolean, notes: readonly string[]) {
    this.#level = level;
    this.#write = { sync: isSynced };
    this.notes = notes;
  }

  putBatch(
    keys: readonly EngineKey[],
    values: readonly Uint8Array[],
    count: number,
  ): Promise<void> {
    const operations: { type: 'put'; key: Uint8Array; value: Uint8Array }[] = [];
    for (let index = 0; index < count; index += 1) {
      operations.push({ type: 'put', key: keys[index]!.bytes, value: values[index]! });
    }
    return this.#level.batch(operations, this.#write);
  }

  put(key: EngineKey, value: Uint8Array): Promise<void> {
    return this.#level.put(key.bytes, value, this.#write);
  }

  get(key: EngineKey): Uint8Array | undefined {
    return this.#level.getSync(key.bytes);
  }

  /** It always copies. */
  getInPlace(key: EngineKey): number {
    return this.#level.getSync(key.bytes)?.length ?? -1;
  }

  async scanAll(): Promise<number> {
    const iterator = this.#level.iterator();
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
