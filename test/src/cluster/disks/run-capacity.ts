/**
 * A real node at capacity (F17): its disk is filled by what clients write, stays full under load for as
 * long as one likes, and is given room again.
 *
 *     fill   until puts are refused
 *     hold   gets, deletes and puts for `seconds`: gets and deletes are answered, puts refused as DISK_FULL
 *     free   room again: puts are taken, by the same process; all is there, also after `kill -9`
 *
 * Invariants:
 *   CAP1 a get is answered, and rightly, throughout
 *   CAP2 a delete is taken as long as the reserve lasts, and a put is refused as DISK_FULL or taken
 *   CAP3 with room again the same process takes puts and calls itself healthy
 *   CAP4 nothing acknowledged is lost, and no file is damaged or left behind
 */
import { setTimeout as sleep } from 'node:timers/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { connect, type Database } from '@clockwise/client';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { explainStore } from '@clockwise/storage/store-verify';
import { SMALL_LIMITS, type TestNode } from '../test-node.ts';
import { DiskLoad, type Told } from './disk-load.ts';
import { type DiskRunOptions, type DiskRunResult, type DiskWorld, runOnDisk } from './run-disk.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 64 * MIB;
/** What somebody else has of the disk, and gives back. */
const HELD_BYTES = 20 * MIB;
const LIMITS = { ...SMALL_LIMITS, tableBytes: 2 * MIB, levelBytes1: 8 * MIB };
/** Deletes at a full disk live on it: some for each second, a group of the log each. */
const RESERVE_MIN_BYTES = 2 * MIB;
const RESERVE_BYTES_PER_SECOND = 4096;
const CLIENTS = 4;
const REFUSALS = 5;
const VALUE_BYTES = 4000;
const TIMEOUT_MS = 3000;
const PUT_TIMEOUT_MS = 300;
const MIX = { puts: 3, deletes: 1, pauseMs: 50 };
const PUTS_AGAIN = 50;
const AGAIN_WITHIN_MS = 60_000;
const FAILED_GETS_SHARE = 0.001;
/** What a put may be answered while the disk is full, and the SDK has tried it again for its time. */
const REFUSED: ReadonlySet<string> = new Set([
  'DISK_FULL not-applied',
  'OVERLOADED not-applied',
  'TIMEOUT not-applied',
  'TIMEOUT unknown',
]);

export function runCapacity(options: DiskRunOptions): Promise<DiskRunResult> {
  const reserveBytes = Math.max(RESERVE_MIN_BYTES, options.seconds * RESERVE_BYTES_PER_SECOND);
  const limits = { ...LIMITS, diskReserveBytes: reserveBytes };
  const settings = { limits };
  return runOnDisk({ nodes: 1, diskBytes: DISK_BYTES, settings }, async (world) => {
    const { cluster, disk } = world;
    disk.hold(HELD_BYTES);
    await cluster.start();
    const database = await connect({ servers: cluster.addresses, timeoutMs: TIMEOUT_MS });
    try {
      await new CapacityRun(options, world, database).run();
    } finally {
      database.close();
    }
  });
}

class CapacityRun {
  readonly #options: DiskRunOptions;
  readonly #world: DiskWorld;
  readonly #load: DiskLoad;

  constructor(options: DiskRunOptions, world: DiskWorld, database: Database) {
    this.#options = options;
    this.#world = world;
    this.#load = new DiskLoad(database.bucket(), {
      seed: options.seed,
      clients: CLIENTS,
      valueBytes: VALUE_BYTES,
      timeoutMs: TIMEOUT_MS,
      putTimeoutMs: PUT_TIMEOUT_MS,
    });
  }

  async run(): Promise<void> {
    const { pid } = this.#node;
    await this.#fill();
    await this.#hold();
    await this.#free();
    if (this.#node.pid !== pid) this.#world.violate('the process was started anew');
    await this.#readBack('with room again');
    await this.#node.signal('SIGKILL');
    this.#verify();
    await this.#node.start();
    await this.#readBack('after kill -9');
    for (const text of this.#load.wrong) this.#world.violate(`O8: ${text}`);
  }

  get #node(): TestNode {
    return this.#world.cluster.nodes[0]!;
  }

  async #fill(): Promise<void> {
    const load = this.#load;
    await load.fill(REFUSALS);
    this.#log(`full: ${load.keyCount} keys, ${this.#freeText()}; puts: ${load.puts.text}`);
    this.#onlyRefused(load.puts);
    const { reasons } = await this.#node.status();
    this.#log(`it says: ${reasons.join('; ')}`);
    if (!reasons.some((reason) => reason.includes('is full'))) {
      this.#world.violate('a full disk is no reason');
    }
  }

  async #hold(): Promise<void> {
    const load = this.#load;
    load.count();
    const endMs = performance.now() + this.#options.seconds * 1000;
    while (performance.now() < endMs) {
      await load.work(Math.min(endMs, performance.now() + 60_000), MIX);
      this.#log(`puts: ${load.puts.text}; gets: ${load.gets.text}; deletes: ${load.deletes.text}`);
    }
    this.#onlyRefused(load.puts);
    const { gets, deletes, puts } = load;
    const failedGets = [...gets.others.values()].reduce((sum, count) => sum + count, 0);
    // [CAP1] [CAP2]
    if (gets.ok === 0 || failedGets > gets.ok * FAILED_GETS_SHARE) {
      this.#world.violate(`gets on a full disk: ${gets.text}`);
    }
    if (deletes.ok === 0 || deletes.others.size > 0) {
      this.#world.violate(`deletes on a full disk: ${deletes.text}`);
    }
    if (puts.others.size === 0) this.#world.violate('no put was refused');
  }

  /** [CAP3] */
  async #free(): Promise<void> {
    const load = this.#load;
    this.#world.disk.free();
    const begunMs = performance.now();
    load.count();
    for (let taken = 0; taken < PUTS_AGAIN;) {
      if (await load.put(taken % CLIENTS, true)) taken += 1;
      else await sleep(20);
      if (performance.now() < begunMs + AGAIN_WITHIN_MS) continue;
      this.#world.violate(`there is room again, and puts are not taken: ${load.puts.text}`);
      return;
    }
    const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
    this.#log(`room again: ${PUTS_AGAIN} puts within ${seconds} s (${load.puts.text})`);
    const { reasons } = await this.#node.statusWhen(
      ({ healthy }) => healthy || performance.now() > begunMs + AGAIN_WITHIN_MS,
    );
    if (reasons.length > 0) this.#world.violate(`with room again: ${reasons.join('; ')}`);
  }

  /** [CAP4] */
  async #readBack(when: string): Promise<void> {
    const load = this.#load;
    load.count();
    await load.readAll();
    this.#log(`${when}: gets: ${load.gets.text}; wrong: ${load.wrong.length}`);
    if (load.gets.others.size > 0) this.#world.violate(`gets ${when}: ${load.gets.text}`);
  }

  /** [CAP4] REQUIRES: no process has the folder open. */
  #verify(): void {
    const disk = new NodeDisk(path.join(this.#node.folder, 'shard-0'));
    const checksum = (bytes: Uint8Array, seed: number): number => crc32(bytes, seed);
    const explained = explainStore(disk, { checksum, codecs: NODE_BLOCK_CODECS }, true);
    if (!explained.ok) {
      this.#world.violate(`the folder cannot be read: ${explained.detail}`);
      return;
    }
    const { files, faults, orphans } = explained.value;
    const found = [...files.flatMap((file) => file.faults), ...faults];
    this.#log(`verify: ${files.length} files, ${found.length} faults, ${orphans.length} of nobody`);
    for (const fault of found) this.#world.violate(`verify: ${fault}`);
  }

  #onlyRefused(puts: Told): void {
    for (const what of puts.others.keys()) {
      if (!REFUSED.has(what)) this.#world.violate(`puts on a full disk: ${puts.text}`);
    }
  }

  #freeText(): string {
    return `${Math.floor(this.#world.disk.freeBytes / 1024)} KiB free`;
  }

  #log(line: string): void {
    this.#options.log(line);
  }
}
