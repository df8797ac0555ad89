/**
 * Frames: messages of many operations, walked in place (docs/formats/wire.md). A frame is a header
 * and operations; each operation begins with its own word count, so that it can be skipped.
 * Between hosts a frame is the payload of one binary WebSocket message; inside a process it is a
 * record of a ring.
 *
 * data plane
 */

export const PROTOCOL_VERSION = 1;

/** What a frame's operations are. Wire format: append-only. */
export const TAG = {
  /** client -> coordinator, and coordinator -> coordinator when it proxies: REQUEST layout. */
  request: 1,
  /** The answers: RESPONSE layout. */
  response: 2,
  /** coordinator -> replica, by ring, or by way of the peer's coordinator: REPLICA_REQUEST layout. */
  replicaRequest: 3,
  /** The answers of replicas: REPLICA_REPLY layout. */
  replicaReply: 4,
  /** One control message (control-messages.ts): hello, welcome, goodbye, status and so on. */
  control: 5,
} as const;

export const FRAME_HEADER_WORDS = 6;
export const FRAME = {
  /** Words of the whole frame, header included. */
  wordCount: 0,
  /** tag | protocol version << 8 | priority << 16 | flags << 24 */
  tag: 1,
  operationCount: 2,
  /** The sender's ring epoch. */
  epoch: 3,
  /** Milliseconds that the sender still waits for the operations in this frame; 0: no bound named. */
  remainingMs: 4,
  /**
   * Within a node: the instant at which the sender stops waiting, as `dueWord` (frame-due.ts) writes
   * it; 0: none. On sockets: zero, for instants of two processes do not compare.
   */
  due: 5,
} as const;

export const PRIORITY = { foreground: 0, repair: 1, background: 2 } as const;

/** Every operation starts with its word count, then its opcode in the low 8 bits of the next word. */
export const OPERATION = { wordCount: 0, opcode: 1 } as const;

/** Operations of clients. Wire format: append-only. */
export const REQUEST_OPCODE = { get: 1, put: 2, delete: 3, scan: 4 } as const;

export const REQUEST_FLAG = {
  /** The context in this operation is meant, even an empty one; without it a put overwrites. */
  contextGiven: 1,
  /** The answer to a put or delete carries the new context. */
  wantContext: 2,
  /** Only primaries may answer. */
  strict: 4,
  /** Only of a get: no later get with this flag answers with less than this one. */
  monotonic: 8,
  /** Only of a put or delete: an earlier try under this operation id may have happened. */
  retry: 16,
  /** Not of a scan: the answer ends in an account of how it came about. */
  explain: 32,
} as const;

/** REQUEST layout: header | key | context entries | value. */
export const REQUEST_HEADER_WORDS = 14;
export const REQUEST = {
  wordCount: 0,
  /** opcode | REQUEST_FLAG << 8 | level << 16 (R of a read, W of a write; LEVEL) | value codec << 24 */
  opcode: 1,
  /** Chosen by the client, unique among its requests in flight on this connection. */
  requestId: 2,
  bucketId: 3,
  /** bytes of the key | context entries << 16 */
  keyAndContext: 4,
  valueBytes: 5,
  /** The operation id, equal over retries: the client's session, then a sequence. */
  sessionLow: 6,
  sessionHigh: 7,
  sequence: 8,
  /** Seconds until the value expires; 0: never. */
  timeToLiveSeconds: 9,
  /** The highest hybrid time that the session had seen when it first sent this; 0: none. */
  seenLow: 10,
  seenHigh: 11,
  /** Milliseconds since the first try; 0: this is the first. */
  ageMs: 12,
  /** Zero. */
  reserved: 13,
} as const;

/** A consistency level in 8 bits: 0 the bucket's, 1 to 32 that many replicas, then the named ones. */
export const LEVEL = {
  bucketDefault: 0,
  numberMax: 32,
  one: 1,
  quorum: 64,
  all: 65,
  localQuorum: 66,
  eachQuorum: 67,
} as const;

/**
 * A scan's position, in the value's place of a REQUEST: one page of one partition, in token order.
 * The key in the operation is the last one seen; hasPosition 0 starts at the partition's beginning.
 */
export const SCAN_WORDS = 6;
export const SCAN = {
  partition: 0,
  hasPosition: 1,
  tokenHigh: 2,
  tokenLow: 3,
  recordsMax: 4,
  bytesMax: 5,
} as const;

/**
 * RESPONSE layout: header | body. The body of a get that found something is the record's context
 * entries and siblings, word for word; of a write with `wantContext` its context entries; of a scan
 * whole records, as many as `counts` says. Where `explained` is set the body ends in EXPLANATION.
 */
export const RESPONSE_HEADER_WORDS = 8;
export const RESPONSE = {
  wordCount: 0,
  /** status code (errors.ts) | RESPONSE_FLAG << 16 | opcode of the request << 24 */
  status: 1,
  requestId: 2,
  /** context entries | siblings (of a scan: records) << 16 */
  counts: 3,
  /**
   * positions that answered | those that did by their primary << 8 | durability that the
   * acknowledgements had << 16
   */
  answered: 4,
  /** OVERLOADED: milliseconds after which to try again. Otherwise zero. */
  retryAfterMs: 5,
  /** The highest hybrid time of the record that was read, or was made; 0: none. */
  hybridLow: 6,
  hybridHigh: 7,
} as const;

/** What ends the body of an explained answer: header | JSON in UTF-8, padded. */
export const EXPLANATION_HEADER_WORDS = 2;
export const EXPLANATION = {
  byteCount: 0,
  /** Zero. */
  reserved: 1,
} as const;

export const RESPONSE_FLAG = {
  /** A fallback's acknowledgement was counted. */
  sloppy: 1,
  /** A scan's page is merged from as many replicas as were asked for. */
  complete: 2,
  /** The partition holds more after this page. */
  more: 4,
  /** The body ends in EXPLANATION. */
  explained: 8,
  /** A retried write that had happened: this answer made nothing. */
  duplicate: 16,
} as const;

/** Operations between coordinator and replica. Append-only. */
export const REPLICA_OPCODE = {
  /** Answer with the record of a key. */
  read: 1,
  /** Make a dot for a client's put or delete, merge, append. */
  write: 2,
  /** Merge a record that another replica made. */
  store: 3,
  /** A page of one partition. */
  scan: 4,
  /** Answer at once: the data path lives. */
  probe: 5,
  /** Remember which positions are owed a key. Only within a node. */
  note: 6,
  /** Forget positions to which a hidden record was delivered. Only within a node. */
  settle: 7,
} as const;

export const REPLICA_REQUEST_FLAG = {
  contextGiven: 1,
  tombstone: 2,
  /** Send the merged record back at once, on lane `now`, for other replicas. */
  forward: 4,
  /** Of a read, write or store: of the hinted copy that the node holds as a stand-in. */
  hint: 8,
  /** Of a write: an earlier try under this operation id may have happened. */
  retry: 16,
} as const;

/**
 * REPLICA_REQUEST layout. `read`: header of 10 words | key. `write`: header of 20 words | key |
 * context | value. `store`: header of 8 words | record. `scan`: header of 10 words | key | SCAN words.
 * `note`: header of 10 words | key. `settle`: header of 12 words | key; of both the bucket is a hidden
 * one and the key a hidden one (record/hidden.ts).
 */
export const REPLICA_READ_HEADER_WORDS = 10;
export const REPLICA_WRITE_HEADER_WORDS = 20;
export const REPLICA_STORE_HEADER_WORDS = 8;
export const REPLICA_NOTE_HEADER_WORDS = 10;
export const REPLICA_SETTLE_HEADER_WORDS = 12;
export const REPLICA_REQUEST = {
  wordCount: 0,
  /** opcode | REPLICA_REQUEST_FLAG << 8 | value codec << 16 | policy (POLICY bits) << 24 */
  opcode: 1,
  /**
   * 0 when the asking coordinator is the one of this node. A coordinator that passes a peer's
   * operation on sets its own connection number + 1 | the connection's generation << 16.
   */
  route: 2,
  /** The asking coordinator's slot and its generation: echoed, so that a late answer is known. */
  slot: 3,
  slotGeneration: 4,
  /** Of a store: REPLICA_STORE.owed instead (the record says its bucket). */
  bucketId: 5,
  tokenHigh: 6,
  tokenLow: 7,
  /** bytes of the key | context entries << 16 */
  keyAndContext: 8,
  valueBytes: 9,
  sessionLow: 10,
  sessionHigh: 11,
  sequence: 12,
  /** Absolute, seconds since 1970; 0: never. */
  expirySeconds: 13,
  /** Milliseconds left. */
  remainingMs: 14,
  replicationClass: 15,
  /** As in REQUEST. */
  seenLow: 16,
  seenHigh: 17,
  ageMs: 18,
  /** Of a write with flag `hint`: the owed word of the hinted copy (record/hidden.ts); else zero. */
  owed: 19,
} as const;

/** What a store has in the place of bucket and token. */
export const REPLICA_STORE = {
  /** With flag `hint`: the owed word of the hinted copy; else zero. */
  owed: 5,
  /**
   * Bits of the positions, of the receiver's data centre, to which its coordinator passes the record on
   * besides; zero with flag `hint`. Only between coordinators: a replica does not look at it.
   */
  fanOut: 6,
  /** Zero. */
  reserved: 7,
} as const;

/** What a note has in the place of the value's bytes. */
export const REPLICA_NOTE = {
  /** The owed word to add. */
  owed: 9,
} as const;

export const REPLICA_SETTLE = {
  /** Bits of the positions that are no longer owed. */
  positions: 9,
  /** Of the hidden record that was delivered (record/hidden.ts). */
  versionLow: 10,
  versionHigh: 11,
} as const;

/** What a replica must know of a bucket, in 8 bits. */
export const POLICY = { lww: 1, durabilityShift: 1, durabilityMask: 0b110 } as const;
export const DURABILITY = { sync: 0, interval: 1, none: 2 } as const;

/**
 * REPLICA_REPLY layout: header | record where `inline` is set. Inside a node a record is named by
 * its place in the shard's memory; on a link it follows the header.
 */
export const REPLICA_REPLY_HEADER_WORDS = 10;
export const REPLICA_REPLY = {
  wordCount: 0,
  /** REPLY_KIND | status code << 8 | REPLY_FLAG << 24 */
  kind: 1,
  route: 2,
  slot: 3,
  slotGeneration: 4,
  /** Memtable chunk and its generation << 16. */
  chunk: 5,
  /** Word offset of the record (not of its prefix) in the chunk. */
  offset: 6,
  /** Words of the record; 0: none. */
  recordWords: 7,
  /** DURABILITY that this acknowledgement has. */
  durability: 8,
  /**
   * Of a scan: records that follow. Of the answer to a store that was passed on: PASSED_ON; to another
   * one zero.
   */
  recordCount: 9,
} as const;

/** Whose answer a coordinator passes back that has passed a store on to others (REPLICA_STORE.fanOut). */
export const PASSED_ON = {
  /** 1 + the position. */
  positionMask: 0xff,
  /** Of a node that stands in there. */
  standIn: 0x100,
} as const;

/** Positions that a replica list has at the most (ring-limits.ts); a word has bits for so many. */
export const LIST_POSITIONS_MAX = 16;

export const REPLY_KIND = {
  /** A read's answer: status ok with a record, or not-found without. */
  read: 1,
  /** A write's acknowledgement, with the merged record. */
  written: 2,
  /** The merged record of a write, to be stored elsewhere. Not an acknowledgement. */
  forward: 3,
  /** A store's acknowledgement. */
  stored: 4,
  scanned: 5,
  probed: 6,
  /** Of a note, which is durable. Only within a node. */
  noted: 7,
  /** Of a settle, which is durable. Only within a node. */
  settled: 8,
} as const;

export const REPLY_FLAG = {
  /** The record follows the header. */
  inline: 1,
  more: 2,
  /** A write whose operation id was known already: nothing was made. */
  duplicate: 4,
  /** The record that is named is a hidden one (record/hidden.ts). Only within a node. */
  hidden: 8,
} as const;
