/**
 * Configuration: all that a node is told from outside, as one validated value. Defaults stand here
 * and nowhere else; the effective value can be printed (`--print-config`).
 *
 * Boundary: values in, a value or a list of faults out. Reading flags, environment and file is
 * configuration-sources.
 *
 * Invariants:
 *   CF1 a configuration that comes out is whole: nobody downstream fills in a default
 *   CF2 whatever is wrong is said in sentences, all of it at once
 *   CF3 a node listens on loopback only, unless `insecure` is set
 */
import { isIP } from 'node:net';
import {
  type BucketDefinition,
  copiesOf,
  defaultBucket,
  type ReplicationClass,
} from '@clockwise/placement/ring';
import type { RingConfiguration } from '@clockwise/placement/ring';
import { partitionCountDefault } from '@clockwise/placement/ring-limits';
import { DEFAULT_LIMITS, type Limits } from '@clockwise/kernel/limits';
import {
  ENTRY_WORDS,
  HEADER_WORDS,
  PREFIX_WORDS,
  RECENT_WORDS,
  SIBLING_HEADER_WORDS,
} from '@clockwise/record/layout';
import {
  DEFAULT_RUNTIME_LIMITS,
  SHARED_THREAD_LIMITS,
  type RuntimeLimits,
} from '@clockwise/runtime/runtime-limits';
import { TABLE_CODECS } from '@clockwise/storage/block-codec';
import { CHUNK_HEADER_WORDS } from '@clockwise/storage/chunk';
import { longestSegmentBytes, SEGMENT_BYTES_MAX } from '@clockwise/storage/log-format';
import { type GivenConfiguration, type Member, parseGiven } from './configuration-schema.ts';

export interface Configuration {
  readonly nodeId: string;
  /** Absolute. */
  readonly dataFolder: string;
  readonly insecure: boolean;
  /** The host and ports of this node, from its own entry among the members. */
  readonly self: Member;
  readonly ring: RingConfiguration;
  readonly shardCount: number;
  /** Whether someone asked for that many; if not, a data folder that has another number keeps it. */
  readonly shardCountIsGiven: boolean;
  /** Whether ring-manager, compactor and anti-entropy have a thread each. */
  readonly actors: 'apart' | 'together';
  readonly pace: Pace;
  readonly limits: Limits;
  readonly runtimeLimits: RuntimeLimits;
  /** Null: nothing is recorded. */
  readonly record: Recordings | null;
  readonly log: { readonly level: LogLevel; readonly file: string | null };
  /** Browser origins that may connect. */
  readonly originsAllowed: readonly string[];
}

/** How often nodes look after each other. Shorter notices sooner and costs more. */
export interface Pace {
  /** Milliseconds between heartbeats; after three and a half of them without a word a peer is down. */
  readonly heartbeatMs: number;
  /** Milliseconds between comparisons of hash trees, with one peer after the other. */
  readonly compareMs: number;
}

/** For `npm run replay`: each actor's input, kept from its start until the bound is reached. */
export interface Recordings {
  /** Absolute. What is in it may be read by whoever may read keys and values. */
  readonly folder: string;
  /** Of all recordings of one actor in the folder. A loaded actor fills some 100 MB a second. */
  readonly bytesMax: number;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type ConfigurationResult =
  | { readonly ok: true; readonly configuration: Configuration }
  | { readonly ok: false; readonly faults: readonly string[] };

/** What the machine says; handed in, so that tests do not depend on theirs. */
export interface Machine {
  readonly processorCount: number;
}

const PORTS = { coordinator: 7400, gossiper: 7401, control: 7402, admin: 7403 } as const;
const REPLICAS = 3;
const PACE: Pace = { heartbeatMs: 1000, compareMs: 5000 };
/** From this many processors on each actor has a thread of its own. */
const PROCESSORS_FOR_APART = 4;
const RECORD_BYTES_MAX = 256 * 1024 * 1024;
const CHUNKS_MIN = 4;
const SHARDS_MAX = 64;
/** Chunks are named by 16 bits, of which answers use all. */
const CHUNKS_MAX = 4096;
/** Files that the reserve of a shard's disk is made of. */
const RESERVE_FILES = 4;
/** Words by which a run of bytes in a record may be rounded up. */
const PADDING_WORDS = 2;

/** The effective configuration from what was given by whichever source. */
export function validateConfiguration(given: unknown, machine: Machine): ConfigurationResult {
  const parsed = parseGiven(given);
  if (!parsed.ok) return parsed;
  const { wanted } = parsed;
  const members = membersOf(wanted);
  const self = members.find((member) => member.id === wanted.nodeId);
  const shardCount = wanted.shards ?? Math.max(1, machine.processorCount - 1);
  const limits = limitsOf(wanted, shardCount);
  const faults = [
    ...memberFaults(wanted, members, self),
    ...limitFaults(limits),
    ...joinFaults(limits, ringOf(wanted, members)),
    ...(shardCount > SHARDS_MAX ? [`shards must be at most ${SHARDS_MAX}, not ${shardCount}`] : []),
  ];
  if (faults.length > 0 || self === undefined) return { ok: false, faults };
  const apart = machine.processorCount >= PROCESSORS_FOR_APART;
  const actors = wanted.actors ?? (apart ? 'apart' : 'together');
  return {
    ok: true,
    configuration: {
      nodeId: wanted.nodeId,
      dataFolder: wanted.dataFolder,
      insecure: wanted.insecure ?? false,
      self,
      ring: ringOf(wanted, members),
      shardCount,
      shardCountIsGiven: wanted.shards !== undefined,
      actors,
      pace: {
        heartbeatMs: wanted.heartbeatMs ?? PACE.heartbeatMs,
        compareMs: wanted.compareMs ?? PACE.compareMs,
      },
      limits,
      runtimeLimits: {
        ...DEFAULT_RUNTIME_LIMITS,
        ...(actors === 'together' ? SHARED_THREAD_LIMITS : {}),
        ...wanted.runtimeLimits,
      },
      record: recordOf(wanted),
      log: { level: wanted.logLevel ?? 'info', file: wanted.logFile ?? null },
      originsAllowed: wanted.originsAllowed ?? [],
    },
  };
}

function recordOf({ record, recordBytes }: GivenConfiguration): Recordings | null {
  if (record === undefined) return null;
  return { folder: record, bytesMax: recordBytes ?? RECORD_BYTES_MAX };
}

/** host:port, with brackets around an IPv6 host. */
export function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The member list, or this node alone. */
function membersOf(wanted: GivenConfiguration): readonly Member[] {
  if (wanted.members !== undefined) return wanted.members;
  return [
    {
      id: wanted.nodeId,
      host: wanted.host ?? '127.0.0.1',
      ports: {
        coordinator: wanted.coordinatorPort ?? PORTS.coordinator,
        gossiper: wanted.gossiperPort ?? PORTS.gossiper,
        control: wanted.controlPort ?? PORTS.control,
        admin: wanted.adminPort ?? PORTS.admin,
      },
      dataCentre: wanted.dataCentre ?? 'dc-1',
      rack: wanted.rack ?? wanted.nodeId,
      weight: wanted.weight ?? 1,
    },
  ];
}

const OWN_SETTINGS = [
  'host',
  'coordinatorPort',
  'gossiperPort',
  'controlPort',
  'adminPort',
  'dataCentre',
  'rack',
  'weight',
] as const;

function memberFaults(
  wanted: GivenConfiguration,
  members: readonly Member[],
  self: Member | undefined,
): string[] {
  const faults: string[] = [];
  if (self === undefined) {
    const known = members.map((member) => member.id).join(', ');
    faults.push(`nodeId "${wanted.nodeId}" is not among the members (${known})`);
  }
  if (wanted.members !== undefined) {
    for (const setting of OWN_SETTINGS) {
      if (wanted[setting] === undefined) continue;
      faults.push(`${setting} is for a node that is alone; among members it stands in the list`);
    }
  }
  for (const { id, host } of members) {
    if (isIP(host) === 0) faults.push(`the host of "${id}" must be an IP address, not "${host}"`);
  }
  if (self !== undefined && !isLoopback(self.host) && wanted.insecure !== true) {
    faults.push(
      `"${self.host}" is not a loopback address, and there is no TLS yet: anyone who reaches it ` +
        'can read and write; set insecure (--insecure) if that is meant',
    );
  }
  return [...faults, ...portFaults(members)];
}

function portFaults(members: readonly Member[]): string[] {
  const faults: string[] = [];
  const owners = new Map<string, string>();
  for (const { id, host, ports } of members) {
    for (const [name, port] of Object.entries(ports)) {
      const address = addressOf(host, port);
      const owner = owners.get(address);
      if (owner !== undefined) faults.push(`${address} is used by ${owner} and by ${id} ${name}`);
      owners.set(address, `${id} ${name}`);
    }
  }
  return faults;
}

function limitsOf(wanted: GivenConfiguration, shardCount: number): Limits {
  const limits = { ...DEFAULT_LIMITS, ...wanted.limits };
  if (wanted.memoryBytes === undefined) return limits;
  // A quarter is for blocks of tables, less what the tables' indexes and filters take of it.
  const shardBytes = wanted.memoryBytes / shardCount;
  const blockCacheBytes = wanted.limits?.blockCacheBytes ?? Math.floor(shardBytes / 4);
  const chunks = Math.floor((shardBytes - blockCacheBytes) / limits.memtableChunkBytes);
  const memtableChunksMax = Math.min(Math.max(chunks, CHUNKS_MIN), CHUNKS_MAX);
  const memtableFrozenMax = Math.min(limits.memtableFrozenMax, memtableChunksMax - 2);
  return { ...limits, memtableChunksMax, memtableFrozenMax, blockCacheBytes };
}

function limitFaults(limits: Limits): string[] {
  const faults: string[] = [];
  const must = (holds: boolean, rule: string): void => {
    if (!holds) faults.push(`limits: ${rule}`);
  };
  const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value));
  // What a node keeps for others has keys that are 4 bytes longer, and 16 bits for their bytes.
  must(limits.keyBytesMax <= 65_531, 'keyBytesMax must be at most 65531');
  must(limits.valueBytesMax <= 1024 * 1024, 'valueBytesMax must be at most 1048576');
  must(isPowerOfTwo(limits.memtableChunkBytes), 'memtableChunkBytes must be a power of two');
  must(limits.memtableChunkBytes <= 2 ** 30, 'memtableChunkBytes must be at most 2^30');
  must(
    longestSegmentBytes(limits) <= SEGMENT_BYTES_MAX,
    'logSegmentBytes and logGroupBytesMax must leave segments shorter than 4 GiB',
  );
  must(isPowerOfTwo(limits.requestsInFlightMax), 'requestsInFlightMax must be a power of two');
  must(limits.memtableChunksMax <= CHUNKS_MAX, `memtableChunksMax must be at most ${CHUNKS_MAX}`);
  must(
    limits.memtableFrozenMax + 2 <= limits.memtableChunksMax,
    'memtableFrozenMax must leave two of memtableChunksMax: one active, one for reads',
  );
  must(
    limits.valueBytesMax + limits.keyBytesMax < limits.frameBytesMax / 2,
    'frameBytesMax must be more than twice the greatest key and value',
  );
  must(
    limits.socketLowWaterBytes < limits.socketHighWaterBytes,
    'socketLowWaterBytes must be below socketHighWaterBytes',
  );
  return [...faults, ...storeLimitFaults(limits), ...replicationFaults(limits)];
}

function replicationFaults(limits: Limits): string[] {
  const faults: string[] = [];
  const must = (holds: boolean, rule: string): void => {
    if (!holds) faults.push(`limits: ${rule}`);
  };
  must(
    limits.contextEntriesMax + limits.siblingsMax <= 65_535,
    'contextEntriesMax and siblingsMax must be at most 65535 together: a context has that many entries',
  );
  must(
    limits.keptRequestBytesMax >= limits.frameBytesMax,
    'keptRequestBytesMax must be at least frameBytesMax: what is merged is held',
  );
  must(limits.hedgeMsMin <= limits.hedgeMsMax, 'hedgeMsMin must be at most hedgeMsMax');
  must(
    limits.handOffPageBytes < limits.frameBytesMax / 2,
    'frameBytesMax must be more than twice handOffPageBytes',
  );
  return faults;
}

function storeLimitFaults(limits: Limits): string[] {
  const faults: string[] = [];
  const must = (holds: boolean, rule: string): void => {
    if (!holds) faults.push(`limits: ${rule}`);
  };
  must(
    TABLE_CODECS.includes(limits.tableCodec),
    'tableCodec is 0 (none), 1 (deflate), 2 (lz4) or 4 (rows)',
  );
  must(limits.runsMin >= 2, 'runsMin must be at least 2: one run alone is merged with nothing');
  must(
    limits.runsMin <= limits.runsSlow && limits.runsSlow < limits.runsMax,
    'runsMin, runsSlow and runsMax must rise: merge, then slow writes, then refuse them',
  );
  must(limits.levelFanout >= 2, 'levelFanout must be at least 2: a level is larger than the last');
  must(
    limits.tableBytes >= limits.tableBlockBytes && limits.tableBytes <= limits.levelBytes1,
    'tableBytes must hold a block at least and levelBytes1 a table',
  );
  must(limits.reserveFilesMin < RESERVE_FILES, 'reserveFilesMin must be below 4');
  return faults;
}

/**
 * A chunk and a frame must have room for the largest join: each of the copies may have let in siblings up
 * to its limits while it was alone. In a chunk the room reserved is that of both records that are joined.
 */
function joinFaults(limits: Limits, ring: RingConfiguration): string[] {
  const copies = Math.max(...ring.replicationClasses.map(copiesOf));
  const joinBytesMax = copies * recordBytesMax(limits);
  const rows = [
    ['memtableChunkBytes', CHUNK_HEADER_WORDS * 4 + 2 * joinBytesMax],
    ['frameBytesMax', FRAME_ROOM_BYTES + joinBytesMax],
  ] as const;
  return rows.flatMap(([name, bytesMin]) =>
    limits[name] >= bytesMin
      ? []
      : [
          `limits: ${name} must be at least ${bytesMin}, room for a join of ${copies} copies ` +
            'with siblingBytesMax each; raise it or lower siblingBytesMax',
        ],
  );
}

/** Of a frame, beside its one record: headers of frame and operation. */
const FRAME_ROOM_BYTES = 1024;

/** What clients may make of an object at one replica, in bytes. */
function recordBytesMax(limits: Limits): number {
  const { siblingsMax, siblingBytesMax, valueBytesMax, keyBytesMax } = limits;
  const siblingWords = SIBLING_HEADER_WORDS + PADDING_WORDS;
  const words =
    PREFIX_WORDS +
    HEADER_WORDS +
    PADDING_WORDS +
    (limits.contextEntriesMax + siblingsMax) * ENTRY_WORDS +
    limits.recentOperationsMax * RECENT_WORDS +
    siblingsMax * siblingWords;
  return words * 4 + keyBytesMax + Math.max(siblingBytesMax, valueBytesMax);
}

function ringOf(wanted: GivenConfiguration, members: readonly Member[]): RingConfiguration {
  const replicas = wanted.replicas ?? Math.min(REPLICAS, members.length);
  const classes: readonly ReplicationClass[] = wanted.replicationClasses ?? [
    { kind: 'total', copies: replicas },
  ];
  return {
    clusterId: wanted.clusterId ?? 'clockwise',
    partitionCount: wanted.partitions ?? partitionCountDefault,
    nodes: members.map(({ id, host, ports, dataCentre, rack, weight }) => ({
      id,
      dataCentre,
      rack,
      weight,
      host,
      addresses: {
        coordinator: addressOf(host, ports.coordinator),
        gossiper: addressOf(host, ports.gossiper),
        control: addressOf(host, ports.control),
        admin: addressOf(host, ports.admin),
      },
    })),
    buckets: bucketsOf(wanted),
    replicationClasses: classes,
  };
}

/** Buckets by what was given over the default one's definition; bucket 1 is always there. */
function bucketsOf(wanted: GivenConfiguration): readonly BucketDefinition[] {
  const base: BucketDefinition = {
    ...defaultBucket,
    durability: wanted.durability ?? defaultBucket.durability,
  };
  const buckets = (wanted.buckets ?? []).map((bucket) => ({ ...base, ...bucket }));
  return buckets.some((bucket) => bucket.id === base.id) ? buckets : [base, ...buckets];
}
