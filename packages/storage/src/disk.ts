/**
 * The disk as the store sees it: one folder of flat files, synchronous, errors as values.
 *
 * Implemented by runtime (node:fs) and simulator (a model with faults); one contract suite
 * (test/contracts/disk-contract) runs on both. Names are relative to the shard's folder and hold no
 * separator. Whoever must not wait for a disk (a replica's step) reads by the read effect of
 * kernel/effects instead, which names a file, an offset and a byte count.
 *
 * Invariants (of every implementation):
 *   DK1 what was written before a successful `datasync` is there after a crash
 *   DK2 an entry (create, remove, rename, link) is durable after a successful `syncDirectory`, and
 *       may or may not be there after a crash before it, independently of the file's bytes
 *   DK3 `read` and `write` may transfer fewer bytes than asked for; they say how many
 *   DK4 an error is a value; nothing throws for what a disk does
 */
import type { DiskFailure } from '@clockwise/kernel/effects';

export type DiskResult<Value> = { readonly ok: true; readonly value: Value } | DiskError;

export interface DiskError {
  readonly ok: false;
  readonly code: DiskFailure;
  /** For people: what was tried, on what. */
  readonly detail: string;
  /** Of a job with many tables: the one that cannot be read. */
  readonly fileNumber?: number;
}

/** An open file: meaningful to the disk that gave it only. */
export type FileHandle = number;

/** `create` refuses a name that exists; `write` opens an existing file to read and write. */
export type OpenMode = 'read' | 'write' | 'create';

export interface Disk {
  open(name: string, mode: OpenMode): DiskResult<FileHandle>;
  close(file: FileHandle): void;
  /** Bytes read into `bytes` from `position` on; 0 only at the end of the file. */
  read(file: FileHandle, bytes: Uint8Array, position: number): DiskResult<number>;
  /** One gathered write of all `parts`, in order, at `position`. */
  write(file: FileHandle, parts: readonly Uint8Array[], position: number): DiskResult<number>;
  size(file: FileHandle): DiskResult<number>;
  /** Makes the file's bytes and size durable. After an error: never again on this file. */
  datasync(file: FileHandle): DiskResult<null>;
  /** Makes the folder's entries durable. */
  syncDirectory(): DiskResult<null>;
  list(): DiskResult<readonly string[]>;
  remove(name: string): DiskResult<null>;
  /** Atomic; replaces `to` if it exists. */
  rename(from: string, to: string): DiskResult<null>;
  /** A second name for the same bytes; refuses a name that exists. */
  link(from: string, to: string): DiskResult<null>;
}

export const DONE: { readonly ok: true; readonly value: null } = { ok: true, value: null };

/** The name in the error table (protocol/errors) by which a client hears of a failed write. */
export function writeFailureName(code: DiskFailure): 'DISK_FULL' | 'DISK_FAILED' {
  return code === 'ENOSPC' ? 'DISK_FULL' : 'DISK_FAILED';
}
