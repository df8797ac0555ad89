/**
 * lmdb (LMDB): a B+ tree in a memory map. The map is what it caches by, so no budget applies; its
 * resident memory is the system's to give and take. Writes are synchronous transactions.
 */
import { open as openLmdb, type RootDatabase } from 'lmdb';
import type { EngineKey, EnginePeer, PeerModule, PeerOptions } from './engine-peer.ts';

const MAP_BYTES = 64 * 1024 ** 3;
/** By setting. A writable map is said to be for stores that nobody syncs. */
const WRITE_MAPS = [true, false] as const;

type Lmdb = RootDatabase<Buffer, Buffer>;

export const lmdbPeer: PeerModule = {
  name: 'lmdb',
  settings: ['writable map where nothing is synced', 'no writable map'],
  open,
};

function open(folder: string, { isSynced, setting }: PeerOptions): Promise<EnginePeer> {
  const useWritemap = !isSynced && WRITE_MAPS[setting]!;
  const lmdb: Lmdb = openLmdb({
    path: folder,
    noSubdir: false,
    keyEncoding: 'binary',
    encoding: 'binary',
    compression: false,
    mapSize: MAP_BYTES,
    noSync: !isSynced,
    useWritemap,
    // A commit is on the disk when it returns.
    overlappingSync: false,
  });
  return Promise.resolve(new LmdbPeer(lmdb, isSynced, useWritemap));
}

class LmdbPeer implements EnginePeer {
  readonly notes: readonly string[];
  readonly #lmdb: Lmdb;

  constructor(lmdb: Lmdb, isSynced: boolean, useWritemap: boolean) {
    this.#lmdb = lmdb;
    this.notes = [
      'no budget: a memory map of all',
      'one transaction a batch or put',
      useWritemap ? 'writable map' : 'no writable map',
      isSynced ? 'each one synced' : 'nothing synced',
    ];
  }

  putBatch(keys: readonly EngineKey[], values: readonly Uint8Array[], count: number): void {
    this.#lmdb.transactionSync(() => {
      for (let index = 0; index < count; index += 1) {
        this.#lmdb.putSync(keys[index]!.bytes, values[index]! as Buffer);
      }
    });
  }

  put(key: EngineKey, value: Uint8Array): void {
    this.#lmdb.putSync(key.bytes, value as Buffer);
  }

  get(key: EngineKey): Uint8Array | undefined {
    return this.#lmdb.getBinary(key.bytes);
  }

  getInPlace(key: EngineKey): number {
    return this.#lmdb.getBinaryFast(key.bytes)?.length ?? -1;
  }

  scanAll(): number {
    let count = 0;
    for (const { key, value } of this.#lmdb.getRange({})) {
      if (key.length > 0 && value.length > 0) count += 1;
    }
    return count;
  }

  settle(): Promise<void> {
    return this.#lmdb.flushed.then(() => undefined);
  }

  recordBytes(): number {
    return 0;
  }

  isBusy(): false {
    return false;
  }

  close(): Promise<void> {
    return this.#lmdb.close();
  }
}
