/**
 * What is done to each peer, in this order, and what is taken down of it. Throughput is of loops that
 * look at the clock only at their ends; latencies are of loops of their own that look at it around each
 * call. The order of keys is the same for every peer.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Prng } from '@clockwise/kernel/prng';
import { bytesOnDisk, type WrittenBytes, writtenBytes } from './disk-bytes.ts';
import { type EngineKey, type EnginePeer, KEY_BYTES, newKey } from './engine-peer.ts';
import type { KeySpace } from './key-space.ts';
import { LatencyHistogram } from './latency-histogram.ts';

export const BATCH_COUNT = 100;
/** Keys that are read again and again. */
const HOT_KEYS = 10_000;
const REST_WAIT_MS_MAX = 600_000;

export interface Sizes {
  /** Keys put before the first write buffer of any peer can be full. */
  readonly firstKeys: number;
  readonly overwrites: number;
  /** Keys put at once before the mixed load, so that there is much to compact. */
  readonly burstPuts: number;
  readonly hotGets: number;
  readonly randomGets: number;
  readonly mixedOperations: number;
  /** A peer rests when it has written nothing for this long. */
  readonly restMs: number;
}

/** What a workload gave: `perSecond`, and latencies in microseconds where they were taken. */
export interface Figures {
  readonly [name: string]: number;
}

export class Workloads {
  readonly #peer: EnginePeer;
  readonly #folder: string;
  readonly #keys: KeySpace;
  readonly #valueBytes: number;
  readonly #batchKeys: readonly EngineKey[] = Array.from({ length: BATCH_COUNT }, newKey);
  readonly #batchValues: Uint8Array[] = [];
  readonly #key: EngineKey = newKey();
  #writtenInAll = 0;
  #userBytesInAll = 0;

  constructor(peer: EnginePeer, folder: string, keys: KeySpace, valueBytes: number) {
    this.#peer = peer;
    this.#folder = folder;
    this.#keys = keys;
    this.#valueBytes = valueBytes;
  }

  /** All keys in random order, in batches. */
  async fill({ firstKeys, restMs }: Sizes): Promise<Figures> {
    const { count } = this.#keys;
    const batches = new LatencyHistogram();
    // What a store makes ahead of all writes is none of theirs.
    await this.#rest(restMs);
    const before = writtenBytes();
    const recordBytes = this.#peer.recordBytes();
    const processor = process.cpuUsage();
    const startMs = performance.now();
    let firstMs = 0;
    for (let place = 0; place < count; place += BATCH_COUNT) {
      const batchStartMs = performance.now();
      await this.#putBatch(place, Math.min(count, place + BATCH_COUNT));
      const nowMs = performance.now();
      batches.addMs(nowMs - batchStartMs);
      if (place + BATCH_COUNT <= firstKeys) firstMs = nowMs - startMs;
    }
    const elapsedMs = performance.now() - startMs;
    const restedMs = await this.#rest(restMs);
    const processorUs = processorUsSince(processor, count);
    const whole = Math.floor(Math.min(firstKeys, count) / BATCH_COUNT) * BATCH_COUNT;
    return {
      firstPerSecond: perSecond(whole, firstMs),
      perSecond: perSecond(count, elapsedMs),
      restedMs,
      processorUs,
      ...percentiles('batch', batches),
      ...this.#amplification(before, count, recordBytes),
    };
  }

  /** Random ones of them again. */
  async overwrite({ overwrites, restMs }: Sizes): Promise<Figures> {
    const prng = new Prng('overwrite');
    const before = writtenBytes();
    const recordBytes = this.#peer.recordBytes();
    const startMs = performance.now();
    for (let done = 0; done < overwrites; done += BATCH_COUNT) {
      await this.#putRandomBatch(prng);
    }
    const elapsedMs = performance.now() - startMs;
    const restedMs = await this.#rest(restMs);
    const figures = this.#amplification(before, overwrites, recordBytes);
    return { perSecond: perSecond(overwrites, elapsedMs), restedMs, ...figures };
  }

  /** A few keys that fit every cache. */
  readHot({ hotGets }: Sizes): Figures {
    const count = Math.min(HOT_KEYS, this.#keys.count);
    for (let number = 0; number < count; number += 1) this.#mustGet(number);
    const order = new Prng('hot');
    const numbers = Int32Array.from({ length: 1 << 16 }, () => order.below(count));
    const processor = process.cpuUsage();
    const copied = this.#timed(hotGets, (index) => this.#mustGet(numbers[index & 0xffff]!));
    const processorUs = processorUsSince(processor, hotGets);
    const inPlace = this.#timed(hotGets, (index) => {
      this.#keys.writeKey(this.#key, numbers[index & 0xffff]!);
      if (this.#peer.getInPlace(this.#key) !== this.#valueBytes) throw new Error('a key is gone');
    });
    const latencies = this.#latencies(Math.ceil(hotGets / 10), (index) =>
      this.#mustGet(numbers[index & 0xffff]!),
    );
    return { perSecond: copied, inPlacePerSecond: inPlace, processorUs, ...latencies };
  }

  /** Any key: most are in no cache. */
  readRandom({ randomGets }: Sizes): Figures {
    const prng = new Prng('random');
    const read = (): void => this.#mustGet(prng.below(this.#keys.count));
    const processor = process.cpuUsage();
    const rate = this.#timed(randomGets, read);
    const processorUs = processorUsSince(processor, randomGets);
    return { perSecond: rate, processorUs, ...this.#latencies(Math.ceil(randomGets / 2), read) };
  }

  readMissing({ randomGets }: Sizes): Figures {
    const prng = new Prng('missing');
    const read = (): void => {
      this.#keys.writeStranger(this.#key, prng.below(this.#keys.count));
      if (this.#peer.get(this.#key) !== undefined)
        throw new Error('a key is there that was not put');
    };
    const processor = process.cpuUsage();
    const rate = this.#timed(randomGets, read);
    const processorUs = processorUsSince(processor, randomGets);
    return { perSecond: rate, processorUs, ...this.#latencies(Math.ceil(randomGets / 2), read) };
  }

  async scan(): Promise<Figures> {
    const processor = process.cpuUsage();
    const startMs = performance.now();
    const count = await this.#peer.scanAll();
    if (count !== this.#keys.count) throw new Error(`a scan gave ${count} of ${this.#keys.count}`);
    const rate = perSecond(count, performance.now() - startMs);
    return { perSecond: rate, processorUs: processorUsSince(processor, count) };
  }

  /** Puts and gets in turn, one key each: at rest, and again when much was just written. */
  async mixed({ firstKeys, burstPuts, mixedOperations, restMs }: Sizes): Promise<Figures> {
    await this.#rest(restMs);
    const before = writtenBytes();
    const recordBytes = this.#peer.recordBytes();
    // Fewer puts than a write buffer takes, so that nothing is compacted.
    const calmOperations = Math.min(mixedOperations, firstKeys);
    const calm = await this.#mix(calmOperations);
    const prng = new Prng('burst');
    for (let done = 0; done < burstPuts; done += BATCH_COUNT) await this.#putRandomBatch(prng);
    const busy = await this.#mix(mixedOperations);
    await this.#rest(restMs);
    const puts = Math.ceil(calmOperations / 2) + burstPuts + Math.ceil(mixedOperations / 2);
    return {
      ...this.#amplification(before, puts, recordBytes),
      perSecond: busy.perSecond,
      busyShare: busy.busyShare,
      ...percentiles('calm', calm.latencies),
      ...percentiles('busy', busy.latencies),
      ...percentiles('busyGet', busy.gets),
    };
  }

  async #mix(operations: number): Promise<Mixed> {
    const prng = new Prng('mixed');
    const [latencies, gets] = [new LatencyHistogram(), new LatencyHistogram()];
    let busyCount = 0;
    const startMs = performance.now();
    for (let index = 0; index < operations; index += 1) {
      const number = prng.below(this.#keys.count);
      const isPut = index % 2 === 0;
      const operationMs = performance.now();
      if (isPut) {
        this.#keys.writeKey(this.#key, number);
        const put = this.#peer.put(this.#key, this.#keys.valueOf(number));
        if (put !== undefined) await put;
      } else {
        this.#mustGet(number);
      }
      const elapsedMs = performance.now() - operationMs;
      latencies.addMs(elapsedMs);
      if (!isPut) gets.addMs(elapsedMs);
      if (index % 64 === 0 && this.#peer.isBusy() === true) busyCount += 1;
    }
    const rate = perSecond(operations, performance.now() - startMs);
    return { perSecond: rate, busyShare: busyCount / (operations / 64), latencies, gets };
  }

  async #putBatch(from: number, to: number): Promise<void> {
    for (let place = from; place < to; place += 1) {
      const number = this.#keys.nth(place);
      this.#keys.writeKey(this.#batchKeys[place - from]!, number);
      this.#batchValues[place - from] = this.#keys.valueOf(number);
    }
    const put = this.#peer.putBatch(this.#batchKeys, this.#batchValues, to - from);
    if (put !== undefined) await put;
  }

  async #putRandomBatch(prng: Prng): Promise<void> {
    for (let index = 0; index < BATCH_COUNT; index += 1) {
      const number = prng.below(this.#keys.count);
      this.#keys.writeKey(this.#batchKeys[index]!, number);
      this.#batchValues[index] = this.#keys.valueOf(number);
    }
    const put = this.#peer.putBatch(this.#batchKeys, this.#batchValues, BATCH_COUNT);
    if (put !== undefined) await put;
  }

  #mustGet(number: number): void {
    this.#keys.writeKey(this.#key, number);
    const value = this.#peer.get(this.#key);
    if (value === undefined || value.length !== this.#valueBytes) {
      throw new Error(`key ${number} is gone`);
    }
  }

  #timed(count: number, call: (index: number) => void): number {
    const startMs = performance.now();
    for (let index = 0; index < count; index += 1) call(index);
    return perSecond(count, performance.now() - startMs);
  }

  #latencies(count: number, call: (index: number) => void): Figures {
    const latencies = new LatencyHistogram();
    for (let index = 0; index < count; index += 1) {
      const startMs = performance.now();
      call(index);
      latencies.addMs(performance.now() - startMs);
    }
    return percentiles('', latencies);
  }

  /** Until the peer has nothing to do and writes nothing; the time it took, less the looking. */
  async #rest(restMs: number): Promise<number> {
    const startMs = performance.now();
    await this.#peer.settle();
    let { given } = writtenBytes();
    let sinceMs = performance.now();
    while (performance.now() - sinceMs < restMs) {
      if (performance.now() - startMs > REST_WAIT_MS_MAX) throw new Error('a peer does not rest');
      await sleep(restMs / 10);
      const now = writtenBytes().given;
      if (now === given && this.#peer.isBusy() !== true) continue;
      given = now;
      sinceMs = performance.now();
    }
    return sinceMs - startMs;
  }

  #amplification(before: WrittenBytes, count: number, recordBytesBefore: number): Figures {
    const after = writtenBytes();
    const userBytes = count * (KEY_BYTES + this.#valueBytes);
    const recordBytes = this.#peer.recordBytes() - recordBytesBefore;
    // A store that does not say stores little more than what it is given.
    const recordFactor = recordBytes === 0 ? 1 : recordBytes / userBytes;
    const allBytes = this.#keys.count * (KEY_BYTES + this.#valueBytes);
    const given = after.given - before.given;
    // Where the system does not say what came to the device: what was given to write calls.
    const written = after.toDevice > 0 ? after.toDevice - before.toDevice : given;
    this.#writtenInAll += written;
    this.#userBytesInAll += userBytes;
    const diskPerByte = bytesOnDisk(this.#folder) / allBytes;
    return {
      writtenPerByte: written / userBytes,
      writtenPerRecordByte: written / userBytes / recordFactor,
      writtenInAllPerByte: this.#writtenInAll / this.#userBytesInAll,
      diskPerByte,
      diskPerRecordByte: diskPerByte / recordFactor,
    };
  }
}

interface Mixed {
  readonly perSecond: number;
  readonly busyShare: number;
  readonly latencies: LatencyHistogram;
  readonly gets: LatencyHistogram;
}

/** Of all threads of the process, what was done behind the caller's back included. */
function processorUsSince(before: NodeJS.CpuUsage, count: number): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

function perSecond(count: number, elapsedMs: number): number {
  return elapsedMs > 0 ? (count / elapsedMs) * 1000 : 0;
}

function percentiles(prefix: string, latencies: LatencyHistogram): Figures {
  const name = (share: string): string => (prefix === '' ? share : `${prefix}-${share}`);
  return {
    [name('p50')]: latencies.percentileUs(0.5),
    [name('p99')]: latencies.percentileUs(0.99),
    [name('p99.9')]: latencies.percentileUs(0.999),
  };
}
