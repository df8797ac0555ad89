/**
 * `clockwise store copy-snapshot`: a node's snapshot as a data folder of its own, from which the node
 * starts.
 *
 *     TARGET.copying-RANDOM:  shards, checked -> ring-1 -> identity.json -> renamed to TARGET
 *
 * Invariants:
 *   CF1 TARGET is there whole and checked, or not at all; what was begun is removed, unless the process
 *       dies before, and then it is no data folder under its name
 *   CF2 nothing is written over: TARGET is new, or an empty folder
 *   CF3 the copy is another disk: it has an id of its own, and its files name it
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { unreachable } from '@clockwise/kernel/assert';
import { decodeRing } from '@clockwise/placement/ring-codec';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import {
  type Identity,
  identityFile,
  newDiskId,
  readIdentity,
  storeIdOf,
  writeCopiedIdentity,
} from '@clockwise/server/data-folder';
import { replaceFile, syncFolder } from '@clockwise/server/durable-file';
import { indexIn, numberInName } from '@clockwise/server/snapshots/snapshot-index';
import { snapshotPrefix } from '@clockwise/storage/file-names';
import { PrefixDisk } from '@clockwise/storage/prefix-disk';
import { copySnapshot, type SnapshotCopy } from '@clockwise/storage/snapshot-copy';
import { type Call, Refusal, UsageError } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { type Cell, type Column, tableText } from '../text-table.ts';
import { bytesText, countText } from './store-figures.ts';

interface Source {
  readonly dataFolder: string;
  readonly identity: Identity;
  readonly ring: Uint8Array;
  readonly snapshotNumber: number;
  /** As the user typed it. */
  readonly shown: string;
}

type Copied = Extract<SnapshotCopy, { readonly kind: 'copied' }>;

/** `source` is absolute: a data folder and the name of a snapshot. */
export async function copySnapshotTo(
  call: Call,
  source: string,
  shownTarget: string | undefined,
): Promise<ExitCode> {
  const [, shown = ''] = call.positionals;
  if (shownTarget === undefined) throw new UsageError('copy-snapshot takes SNAPSHOT TARGET');
  const target = path.resolve(call.terminal.folder, shownTarget);
  const found = await sourceOf(source, shown);
  refuseIfThere(target, shownTarget);
  const copies = copyAside(found, target, shownTarget);
  const { terminal } = call;
  const rows = copies.map(({ sequence, fileCount, byteCount }, shard): Cell[] => [
    String(shard),
    countText(sequence),
    countText(fileCount),
    bytesText(byteCount),
  ]);
  await terminal.print(tableText(COLUMNS, rows, { paint: terminal.paint }));
  await terminal.print('');
  const { nodeId } = found.identity;
  await terminal.print(`${shownTarget} is node ${nodeId} as of ${shown}, every byte checked.`);
  await terminal.print('Start it in place of its original, never beside it.');
  return EXIT.ok;
}

const COLUMNS: readonly Column[] = [
  { title: 'SHARD', align: 'right' },
  { title: 'SEQUENCE', align: 'right' },
  { title: 'FILES', align: 'right' },
  { title: 'BYTES', align: 'right' },
];

async function sourceOf(source: string, shown: string): Promise<Source> {
  const dataFolder = path.dirname(source);
  if (!existsSync(identityFile(dataFolder))) {
    const ofNode = path.dirname(dataFolder);
    const isShard = existsSync(identityFile(ofNode));
    const hint = isShard
      ? `; a snapshot of the node is ${path.dirname(path.dirname(shown))}/NAME`
      : '';
    throw new UsageError(`${shown} is no snapshot in the data folder of a node${hint}`);
  }
  const snapshotNumber = await numberOf(dataFolder, path.basename(source), shown);
  const file = path.join(dataFolder, 'ring-1');
  const ring = attempt(shown, () => new Uint8Array(readFileSync(file)));
  const decoded = decodeRing(ring, crc32);
  if (!decoded.ok) throw new Refusal(`${file} is damaged: ${decoded.reason}`, EXIT.negative);
  return { dataFolder, identity: readIdentity(dataFolder), ring, snapshotNumber, shown };
}

async function numberOf(dataFolder: string, name: string, shown: string): Promise<number> {
  const numbered = numberInName(name);
  if (numbered !== undefined) return numbered;
  const index = await indexIn(dataFolder).read();
  if (!index.ok) throw new Refusal(index.reasons.join('; '), EXIT.refused);
  const entry = index.value.find((one) => one.name === name);
  if (entry === undefined) throw new UsageError(`there is no snapshot ${shown}`);
  if (entry.state === 'made') return entry.number;
  throw new Refusal(`${shown} was not made as a whole, or is being dropped`, EXIT.refused);
}

/** [CF2] */
function refuseIfThere(target: string, shown: string): void {
  if (!existsSync(target)) return;
  if (isEmptyFolder(target)) return;
  throw new Refusal(
    `${shown} is there, and nothing is written over. Next: name a folder that is not`,
    EXIT.refused,
  );
}

function isEmptyFolder(target: string): boolean {
  try {
    return readdirSync(target).length === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false;
    throw error;
  }
}

/** [CF1] By shard. */
function copyAside(source: Source, target: string, shownTarget: string): readonly Copied[] {
  const aside = `${target}.copying-${randomBytes(4).toString('hex')}`;
  attempt(shownTarget, () => mkdirSync(aside));
  try {
    return attempt(shownTarget, () => {
      const copies = fill(source, aside);
      syncFolder(aside);
      renameSync(aside, target);
      syncFolder(path.dirname(target));
      return copies;
    });
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** [CF3] */
function fill({ dataFolder, identity, ring, ...source }: Source, aside: string): readonly Copied[] {
  const { shardCount } = identity;
  const diskId = newDiskId();
  const { low: storeIdLow, high: storeIdHigh } = storeIdOf(diskId);
  const copies = Array.from({ length: shardCount }, (_, shardIndex): Copied => {
    const name = `shard-${shardIndex}`;
    const from = new NodeDisk(path.join(dataFolder, name));
    const to = path.join(aside, name);
    mkdirSync(to);
    const copied = copySnapshot({
      from: new PrefixDisk(from, snapshotPrefix(source.snapshotNumber)),
      to: new NodeDisk(to),
      checksum: crc32,
      codecs: NODE_BLOCK_CODECS,
      storeIdLow,
      storeIdHigh,
      shardIndex,
      shardCount,
    });
    return copiedOrRefuse(copied, `${source.shown}, shard ${shardIndex}`);
  });
  replaceFile(path.join(aside, 'ring-1'), ring);
  writeCopiedIdentity(aside, identity, diskId);
  return copies;
}

function copiedOrRefuse(copied: SnapshotCopy, what: string): Copied {
  switch (copied.kind) {
    case 'copied':
      return copied;
    case 'damaged':
      throw new Refusal(`${what}: ${copied.reason}. Nothing was kept of the copy`, EXIT.negative);
    case 'failed': {
      const { code, detail } = copied.error;
      throw new Refusal(`${what}: ${code}, ${detail}. Nothing was kept of the copy`, EXIT.refused);
    }
    default:
      return unreachable(copied);
  }
}

/** What the system refuses is told; the rest is a fault of this program. */
function attempt<Value>(shown: string, run: () => Value): Value {
  try {
    return run();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new Refusal(`${shown}: ${message}. Nothing was kept of the copy`, EXIT.refused);
  }
}
