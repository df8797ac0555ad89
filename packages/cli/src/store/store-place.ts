/**
 * What a path on the command line means to `clockwise store`: a node's data folder, the folder of one
 * shard, a snapshot in it, or one file. And who has it open.
 *
 * Invariants:
 *   PL1 nothing here writes, and a folder that a node has open is refused unless the user insists
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { NODE_BLOCK_CODECS } from '@clockwise/runtime/disk/node-block-codecs';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { folderHolder } from '@clockwise/server/data-folder';
import type { Disk } from '@clockwise/storage/disk';
import type { VerifyTools } from '@clockwise/storage/file-explanation';
import { parseFileName } from '@clockwise/storage/file-names';
import { PrefixDisk } from '@clockwise/storage/prefix-disk';
import { Refusal, UsageError } from '../command.ts';
import { EXIT } from '../exit-code.ts';

export const TOOLS: VerifyTools = { checksum: crc32, codecs: NODE_BLOCK_CODECS };

/** A store, under the name that the user knows it by. */
export interface StorePlace {
  readonly title: string;
  readonly disk: Disk;
}

export type Place =
  | {
      readonly kind: 'stores';
      readonly stores: readonly StorePlace[];
      /** The data folder of a node, where that was named. */
      readonly nodeFolder?: string;
    }
  | { readonly kind: 'file'; readonly disk: Disk; readonly name: string };

/** `target` is absolute; `shown` is what the user typed. */
export function placeOf(target: string, shown: string, insists: boolean): Place {
  if (!insists) refuseIfOpen(target, shown);
  if (!existsSync(target)) return snapshotPlace(target, shown);
  if (statSync(target).isFile()) return filePlace(target, shown);
  const shards = shardFolders(target);
  if (shards.length > 0) {
    const stores = shards.map((name) => ({
      title: path.join(shown, name),
      disk: new NodeDisk(path.join(target, name)),
    }));
    return { kind: 'stores', stores, nodeFolder: target };
  }
  const names = readdirSync(target);
  if (!names.some((name) => parseFileName(name) !== undefined)) {
    const node = names.find((name) => existsSync(path.join(target, name, 'identity.json')));
    const hint = node === undefined ? '' : `; a node's data is in ${path.join(shown, node)}`;
    throw new UsageError(`${shown} holds no store, neither shards of a node nor its files${hint}`);
  }
  return { kind: 'stores', stores: [{ title: shown, disk: new NodeDisk(target) }] };
}

function filePlace(target: string, shown: string): Place {
  const name = path.basename(target);
  if (parseFileName(name) === undefined) {
    throw new UsageError(
      `${shown} is no file of a store: these are called manifest-, log-, table-, leaves- or ` +
        'reserve- and a number',
    );
  }
  return { kind: 'file', disk: new NodeDisk(path.dirname(target)), name };
}

/** `shard-0/snapshot-00000001` is no folder: its files have names that begin so. */
function snapshotPlace(target: string, shown: string): Place {
  const folder = path.dirname(target);
  const prefix = `${path.basename(target)}.`;
  const isThere =
    existsSync(folder) && readdirSync(folder).some((name) => isOfSnapshot(name, prefix));
  if (!isThere) throw new UsageError(`there is no ${shown}`);
  const disk = new PrefixDisk(new NodeDisk(folder), prefix);
  return { kind: 'stores', stores: [{ title: shown, disk }] };
}

function isOfSnapshot(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && parseFileName(name)?.kind === 'snapshot';
}

function shardFolders(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => /^shard-\d+$/.test(name));
  return names.toSorted((left, right) => Number(left.slice(6)) - Number(right.slice(6)));
}

/** [PL1] The lock lies in the node's folder: here, above a shard, or above a shard's file. */
function refuseIfOpen(target: string, shown: string): void {
  const above = path.dirname(target);
  for (const folder of [target, above, path.dirname(above)]) {
    const pid = folderHolder(folder);
    if (pid === undefined) continue;
    throw new Refusal(
      `process ${pid} has ${shown} open, and changes it while it is read. Next: stop that node, or ` +
        'say --force to read it all the same (nothing is written; what is missing may be on its way)',
      EXIT.refused,
    );
  }
}
