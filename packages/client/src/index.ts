/** The public face of the SDK: everything that people import, and nothing else. */
export { connect } from './connect.ts';
export { ClockwiseError } from './errors.ts';
export type { OperationId } from './errors.ts';
export { Context } from './context.ts';
export type { ConnectOptions } from './options.ts';
export type { ConnectionInfo, Database, RingAnswer } from './database.ts';
export type {
  Bucket,
  BucketOptions,
  CallOptions,
  ContextOption,
  GetOptions,
  PutEntry,
  PutOptions,
  UpdateOptions,
  WriteOptions,
} from './bucket.ts';
export type { ConsistencyLevel } from './consistency-level.ts';
export type { ExplainedReplica, Explanation } from './explanation.ts';
export type { ItemResult } from './many.ts';
export type {
  Durability,
  GetResult,
  Key,
  Resolve,
  ScanRecord,
  SiblingInfo,
  WriteResult,
} from './results.ts';
export type { Scan, ScanOptions } from './scan.ts';
export type { Change } from './update.ts';
export type { Value } from '@clockwise/protocol/value-codec';
export type { ErrorName, Outcome } from '@clockwise/protocol/errors';
