/**
 * The data folder of a node: who may open it, and whose it is.
 *
 *     lock            the process that has it open: pid, and when that process started
 *     identity.json   node id, cluster id, shard count, a random id of this disk's copy
 *     ring-1          the ring of epoch 1 (stored-ring)
 *     snapshots.json  the names of snapshots (snapshots/snapshot-index)
 *     shard-0 ...     the stores of the shards
 *
 * Invariants:
 *   DF1 of two processes that open one folder, one is refused
 *   DF2 a lock whose process is gone is taken over
 *   DF3 a folder of another node, another cluster or another number of shards is refused
 *   DF4 a full disk does not keep a node from its folder while a shard has a reserve left (F17)
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import path from 'node:path';
import { assert } from '@clockwise/kernel/assert';
import { diskFailure, NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { takeReserve } from '@clockwise/storage/reserve';
import { replaceFile } from './durable-file.ts';
import { StartError } from './start-error.ts';

export interface Identity {
  readonly format: 1;
  readonly nodeId: string;
  readonly clusterId: string;
  readonly shardCount: number;
  /** A wiped disk is another disk: it gets another id. */
  readonly diskId: string;
  /** All shards have been open: from then on one without files is damage, not new. */
  readonly opened: boolean;
}

interface Holder {
  readonly pid: number;
  /** Distinguishes a process from a later one with the same number. */
  readonly startedAt: string;
}

export interface FolderLock {
  release(): void;
}

/** REQUIRES: nothing in the folder is read or written without the lock. */
export function lockFolder(folder: string): FolderLock {
  fs.mkdirSync(folder, { recursive: true });
  const lock = path.join(folder, 'lock');
  const own = `${lock}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const holder: Holder = { pid: process.pid, startedAt: startOf(process.pid) };
  try {
    writeOwn(folder, own, JSON.stringify(holder));
    takeLock(lock, own);
  } finally {
    fs.rmSync(own, { force: true });
  }
  return { release: () => fs.rmSync(lock, { force: true }) };
}

/** [DF4] In the room of a reserve file, where there is none else and nobody has the folder. */
function writeOwn(folder: string, own: string, text: string): void {
  try {
    fs.writeFileSync(own, text);
  } catch (error) {
    if (diskFailure(error) !== 'ENOSPC' || folderHolder(folder) !== undefined) throw error;
    if (!giveUpReserve(folder)) throw error;
    fs.writeFileSync(own, text);
  }
}

/** One file of the first shard that has any. */
function giveUpReserve(folder: string): boolean {
  const shards = fs.readdirSync(folder).filter((name) => /^shard-\d+$/.test(name));
  return shards.some((shard) => {
    const taken = takeReserve(new NodeDisk(path.join(folder, shard)));
    return taken.ok && taken.value;
  });
}

/** The process that has the folder open; undefined: none. For whoever only reads. */
export function folderHolder(folder: string): number | undefined {
  const text = readLock(path.join(folder, 'lock'));
  return text === undefined ? undefined : livingHolder(text);
}

/** A link is made by one process only, whatever they all do at once. */
function takeLock(lock: string, own: string): void {
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt += 1) {
    try {
      fs.linkSync(own, lock);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const text = readLock(lock);
    if (text === undefined) continue;
    const pid = livingHolder(text);
    if (pid !== undefined) {
      throw new StartError('DATA_FOLDER_LOCKED', [
        `the data folder ${path.dirname(lock)} is open in process ${pid}; stop that one first`,
      ]);
    }
    setAside(lock, `${own}-stale`, text);
  }
  throw new StartError('DATA_FOLDER_LOCKED', [`${lock} changes hands too often`]);
}

const LOCK_ATTEMPTS = 10;

/** Moves a stale lock away; if another one was put in its place meanwhile, puts that one back. */
function setAside(lock: string, aside: string, text: string): void {
  try {
    fs.renameSync(lock, aside);
    if (fs.readFileSync(aside, 'utf8') !== text) fs.linkSync(aside, lock);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  } finally {
    fs.rmSync(aside, { force: true });
  }
}

function readLock(lock: string): string | undefined {
  try {
    return fs.readFileSync(lock, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function livingHolder(text: string): number | undefined {
  let holder: Partial<Holder>;
  try {
    holder = JSON.parse(text) as Partial<Holder>;
  } catch {
    // A lock is linked whole; what cannot be read was torn by a crash of the machine.
    return undefined;
  }
  const { pid, startedAt } = holder;
  if (pid === undefined || !isAlive(pid)) return undefined;
  return startOf(pid) === startedAt ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, in ticks since the machine did; empty where the system does not say. */
function startOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may hold anything; the start is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

export interface WantedIdentity {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly shardCount: number;
  readonly shardCountIsGiven: boolean;
}

/** The folder's identity, made at the first start and compared at later ones. */
export function openIdentity(folder: string, wanted: WantedIdentity): Identity {
  const file = identityFile(folder);
  const { nodeId, clusterId, shardCount } = wanted;
  if (!fs.existsSync(file)) {
    const diskId = newDiskId();
    const identity: Identity = { format: 1, nodeId, clusterId, shardCount, diskId, opened: false };
    writeIdentity(folder, identity);
    return identity;
  }
  const stored = readIdentity(folder);
  const faults = [
    difference('node id', nodeId, stored.nodeId),
    difference('cluster id', clusterId, stored.clusterId),
    wanted.shardCountIsGiven
      ? difference('number of shards', shardCount, stored.shardCount)
      : undefined,
  ].filter((fault) => fault !== undefined);
  if (faults.length === 0) return stored;
  throw new StartError('DATA_FOLDER_DIFFERS', [
    ...faults,
    `the data folder ${folder} belongs to what it was made for: start it so, or name an empty folder`,
  ]);
}

/** REQUIRES: the folder has one. Throws a StartError where it is damaged. */
export function readIdentity(folder: string): Identity {
  const file = identityFile(folder);
  const fault = (reason: string): StartError =>
    new StartError('DATA_FOLDER_DAMAGED', [
      `${file} cannot be used: ${reason}`,
      'it says whose the data are: restore it from a copy of this folder; without one, the node is given ' +
        'an empty folder and filled by the others',
    ]);
  let stored: Partial<Identity>;
  try {
    stored = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<Identity>;
  } catch (error) {
    if (error instanceof SyntaxError) throw fault('it is not whole');
    throw error;
  }
  if (stored.format !== 1) throw fault(`format ${stored.format}; this build reads format 1`);
  const { nodeId, clusterId, shardCount, diskId, opened } = stored;
  const isWhole =
    typeof nodeId === 'string' &&
    typeof clusterId === 'string' &&
    Number.isInteger(shardCount) &&
    /^[0-9a-f]{32}$/.test(diskId ?? '') &&
    typeof opened === 'boolean';
  if (!isWhole) throw fault('what it must say is missing');
  return stored as Identity;
}

/** For a copy of a node's data: another disk, so that neither is taken for the other. */
export function writeCopiedIdentity(folder: string, original: Identity, diskId: string): void {
  assert(diskId !== original.diskId, 'a copy is another disk');
  writeIdentity(folder, { ...original, diskId, opened: true });
}

/** What the files of the disk's stores name. */
export function storeIdOf(diskId: string): { readonly low: number; readonly high: number } {
  const id = Buffer.from(diskId, 'hex');
  return { low: id.readInt32LE(0), high: id.readInt32LE(4) };
}

export function newDiskId(): string {
  return randomBytes(16).toString('hex');
}

export function markOpened(folder: string, identity: Identity): void {
  writeIdentity(folder, { ...identity, opened: true });
}

function writeIdentity(folder: string, identity: Identity): void {
  replaceFile(identityFile(folder), `${JSON.stringify(identity, null, 2)}\n`);
}

export function identityFile(folder: string): string {
  return path.join(folder, 'identity.json');
}

function difference(
  what: string,
  wanted: string | number,
  stored: string | number,
): string | undefined {
  if (wanted === stored) return undefined;
  return `the ${what} is "${wanted}" in the configuration and "${stored}" in the data folder`;
}
