/**
 * Every queue, map, loop, message and file has its limit here, with its unit in the name and its
 * default. Cores receive limits in the constructor; nobody reads a default directly.
 */

export interface Limits {
  /** Bytes of a key. The wire has 16 bits for it. */
  readonly keyBytesMax: number;
  /** Bytes of one value. May be raised to 1 MiB. */
  readonly valueBytesMax: number;
  /** Entries of a version vector that a client may send and an object may hold. */
  readonly contextEntriesMax: number;
  /** Siblings at which a client's write is refused. Never blocks repair. */
  readonly siblingsMax: number;
  /** Bytes of siblings at which a client's write is refused (or one value, if that is larger). */
  readonly siblingBytesMax: number;
  /** Operation ids that an object remembers, so that a retry is one event. */
  readonly recentOperationsMax: number;
  /** Seconds for which an operation id is remembered. */
  readonly recentOperationsSeconds: number;
  /** Words of one frame on a socket or in a ring; a frame of one large operation may be longer. */
  readonly frameWordsTarget: number;
  /** Bytes of one frame that a gateway accepts. */
  readonly frameBytesMax: number;
  /** Operations of one frame. */
  readonly frameOperationsMax: number;
  /** Connections of one coordinator, clients and peers together. */
  readonly connectionsMax: number;
  /** Requests in flight in one coordinator. A power of two. */
  readonly requestsInFlightMax: number;
  /** Bytes of requests, records and pages that one coordinator keeps until an answer; beyond, OVERLOADED. */
  readonly keptRequestBytesMax: number;
  /** Operations one coordinator has outstanding at one replica shard. */
  readonly replicaOperationsInFlightMax: number;
  /** Operations that wait in a replica for a read from disk. */
  readonly parkedOperationsMax: number;
  /** Bytes that wait to be written to one socket before it counts as blocked, and as free again. */
  readonly socketHighWaterBytes: number;
  readonly socketLowWaterBytes: number;
  /** Records and bytes of one page of a scan. */
  readonly scanRecordsMax: number;
  readonly scanBytesMax: number;
  /** Milliseconds for a request where the client names none, and the most it may name. */
  readonly requestTimeoutMs: number;
  readonly requestTimeoutMsMax: number;
  /** Milliseconds from the connection to the end of the handshake. */
  readonly handshakeTimeoutMs: number;
  /** Bytes of one memtable chunk; a chunk that is full is frozen and flushed. A power of two. */
  readonly memtableChunkBytes: number;
  /** Chunks of one shard, active, frozen and resident after their flush together. */
  readonly memtableChunksMax: number;
  /** Frozen chunks that wait for their flush, beyond which writes are refused as OVERLOADED. */
  readonly memtableFrozenMax: number;
  /** Bytes of one segment of the commit log. */
  readonly logSegmentBytes: number;
  /** Bytes that one group commit gathers at the most. */
  readonly logGroupBytesMax: number;
  /** Milliseconds after which an `interval` bucket's records are synced. */
  readonly logIntervalMs: number;
  /** Bytes of one block of an SSTable before its checksum. */
  readonly tableBlockBytes: number;
  /** Bits per key of a Bloom filter. */
  readonly bloomBitsPerKey: number;
  /** How blocks of tables are stored: 0 as they are, 1 deflate, 2 lz4, 4 rows. */
  readonly tableCodec: number;
  /** Bytes of one table that a merge writes; it ends at the first change of token behind them. */
  readonly tableBytes: number;
  /** Bytes of level 1, beyond which its tables move down. */
  readonly levelBytes1: number;
  /** A level may hold so many times the bytes of the one above. */
  readonly levelFanout: number;
  /** Runs of level 0 at which they are merged. */
  readonly runsMin: number;
  /** Runs of level 0 from which writes are slowed, and at which they are refused as OVERLOADED. */
  readonly runsSlow: number;
  readonly runsMax: number;
  /** Bytes of one shard for blocks of tables that were read; 0: none are kept. */
  readonly blockCacheBytes: number;
  /** Bytes of one shard that lie on its disk for the log to use when the disk is full. */
  readonly diskReserveBytes: number;
  /** Reserve files at which deletes are refused as well while the disk is full. */
  readonly reserveFilesMin: number;
  /** Snapshots that one shard keeps. */
  readonly snapshotsMax: number;
  /** Milliseconds for one job of a snapshot, or of its removal; then whoever asked hears that it failed. */
  readonly snapshotJobMsMax: number;
  /** Milliseconds for which an answered put still waits for late acknowledgements; then it notes. */
  readonly lateAcksMs: number;
  /** Milliseconds after which a get asks another replica: the recent p99 between these two. */
  readonly hedgeMsMin: number;
  readonly hedgeMsMax: number;
  /** Milliseconds of the past that latency percentiles look at. */
  readonly latencyWindowMs: number;
  /** Repairs of stale replicas in flight to one peer; one more is skipped. */
  readonly repairsInFlightMax: number;
  /** Milliseconds after which a coordinator that proxies asks another one, at the most. */
  readonly proxyHedgeMsMax: number;
  /** Bytes that one node holds as a stand-in for others. */
  readonly hintBytesMax: number;
  /** Seconds for which it holds them; beyond, the range is noted as dirty and the copy goes. */
  readonly hintAgeSecondsMax: number;
  /** Keys of which one node remembers to whom they are owed; beyond, ranges. */
  readonly owedMarksMax: number;
  /** Nodes to which one coordinator hands off at once. */
  readonly handOffTargetsMax: number;
  /** Operations and bytes of one hand-off in flight. */
  readonly handOffWindowMax: number;
  readonly handOffBytesMax: number;
  /** Bytes of one page that hand-off reads from its own shard. */
  readonly handOffPageBytes: number;
  /** Milliseconds between two looks for something to hand off. */
  readonly handOffRoundMs: number;
  /** Milliseconds within which a receiver answers while it has room for more. */
  readonly handOffLatencyMs: number;
  /** Milliseconds that nine of ten requests may take before fewer are admitted. */
  readonly admissionLatencyMs: number;
  /** Requests explained at once in one coordinator; beyond, the flag is ignored. */
  readonly explainsMax: number;
}

export const DEFAULT_LIMITS: Limits = {
  keyBytesMax: 1024,
  valueBytesMax: 10 * 1024,
  contextEntriesMax: 64,
  siblingsMax: 100,
  siblingBytesMax: 1024 * 1024,
  recentOperationsMax: 2,
  recentOperationsSeconds: 30,
  frameWordsTarget: 8 * 1024,
  frameBytesMax: 8 * 1024 * 1024,
  frameOperationsMax: 4096,
  connectionsMax: 4096,
  requestsInFlightMax: 16 * 1024,
  keptRequestBytesMax: 64 * 1024 * 1024,
  replicaOperationsInFlightMax: 16 * 1024,
  parkedOperationsMax: 16 * 1024,
  socketHighWaterBytes: 8 * 1024 * 1024,
  socketLowWaterBytes: 1024 * 1024,
  scanRecordsMax: 512,
  scanBytesMax: 1024 * 1024,
  requestTimeoutMs: 2000,
  requestTimeoutMsMax: 60_000,
  handshakeTimeoutMs: 10_000,
  memtableChunkBytes: 64 * 1024 * 1024,
  memtableChunksMax: 12,
  memtableFrozenMax: 4,
  logSegmentBytes: 64 * 1024 * 1024,
  logGroupBytesMax: 4 * 1024 * 1024,
  logIntervalMs: 1000,
  tableBlockBytes: 4096,
  bloomBitsPerKey: 10,
  tableCodec: 4,
  tableBytes: 32 * 1024 * 1024,
  levelBytes1: 256 * 1024 * 1024,
  levelFanout: 8,
  runsMin: 4,
  runsSlow: 8,
  runsMax: 16,
  blockCacheBytes: 64 * 1024 * 1024,
  diskReserveBytes: 64 * 1024 * 1024,
  reserveFilesMin: 1,
  snapshotsMax: 4,
  snapshotJobMsMax: 120_000,
  lateAcksMs: 250,
  hedgeMsMin: 2,
  hedgeMsMax: 50,
  latencyWindowMs: 10_000,
  repairsInFlightMax: 256,
  proxyHedgeMsMax: 200,
  hintBytesMax: 1024 * 1024 * 1024,
  hintAgeSecondsMax: 10_800,
  owedMarksMax: 1_000_000,
  handOffTargetsMax: 4,
  handOffWindowMax: 64,
  handOffBytesMax: 4 * 1024 * 1024,
  handOffPageBytes: 256 * 1024,
  handOffRoundMs: 1000,
  handOffLatencyMs: 20,
  admissionLatencyMs: 100,
  explainsMax: 64,
};
