import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Refusal } from '../command.ts';
import { readClusterFile } from './cluster-file.ts';
import { lockCluster } from './cluster-lock.ts';
import { dataFolderOf, type DataFolder } from './data-folder.ts';
import { openCluster, type ClusterWish } from './local-cluster.ts';

const start = (args: string): string => `npm start -- ${args}`;
const plain: ClusterWish = { nodeCount: undefined, fresh: false, settings: undefined };

async function inFolder(run: (folder: DataFolder) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-local-cluster-'));
  try {
    await run(dataFolderOf('.', folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function refused(run: () => Promise<unknown>, reason: RegExp): Promise<void> {
  try {
    await run();
  } catch (error) {
    assert.instance(error, Refusal);
    assert.match((error as Refusal).message, reason);
    return;
  }
  assert.unreachable('it was not refused');
}

test('the first start chooses distinct ports, a later one finds them again', () =>
  inFolder(async (folder) => {
    const made = await openCluster(folder, { ...plain, nodeCount: 5 }, start);
    assert.equal(
      made.nodes.map((node) => node.id),
      ['n1', 'n2', 'n3', 'n4', 'n5'],
    );
    const ports = [made.lockPort, ...made.nodes.flatMap((node) => Object.values(node.ports))];
    assert.is(new Set(ports).size, 1 + 5 * 4);
    assert.equal(await openCluster(folder, plain, start), made);
    assert.equal(await openCluster(folder, { ...plain, nodeCount: 5 }, start), made);
  }));

test('another number of nodes, other settings and a damaged file are refused with the way out', () =>
  inFolder(async (folder) => {
    await openCluster(folder, plain, start);
    const four = { ...plain, nodeCount: 4 };
    await refused(() => openCluster(folder, four, start), /3 nodes, not 4.*--nodes 4 --fresh$/);
    const other = { ...plain, settings: { durability: 'none' } };
    await refused(() => openCluster(folder, other, start), /other settings.*--fresh$/);
    writeFileSync(path.join(folder.path, 'cluster.json'), '{');
    await refused(() => openCluster(folder, plain, start), /cannot be used.*Next:/);
  }));

test("[LC1] --fresh erases the cluster's files, and no others", () =>
  inFolder(async (folder) => {
    const old = await openCluster(folder, plain, start);
    for (const name of ['n1', 'n2', 'n3', 'logs', 'config', 'mine']) {
      mkdirSync(path.join(folder.path, name));
    }
    const made = await openCluster(folder, { ...plain, nodeCount: 1, fresh: true }, start);
    assert.is.not(made.clusterId, old.clusterId);
    assert.is(made.nodes.length, 1);
    for (const name of ['n1', 'n2', 'n3', 'logs', 'config']) {
      assert.not.ok(existsSync(path.join(folder.path, name)), name);
    }
    assert.ok(existsSync(path.join(folder.path, 'mine')));
  }));

test('[LC1] nothing is erased while somebody runs the cluster, and he is named', () =>
  inFolder(async (folder) => {
    const cluster = await openCluster(folder, plain, start);
    const lock = await lockCluster(cluster);
    assert.is(lock.kind, 'held');
    const again = await lockCluster(cluster);
    assert.equal(again, { kind: 'running', processId: process.pid });
    await refused(() => openCluster(folder, { ...plain, fresh: true }, start), /runs already/);
    assert.is(readClusterFile(folder.path).kind, 'read');
    assert.equal(await lockCluster({ ...cluster, clusterId: 'another' }), { kind: 'foreign' });
    if (lock.kind === 'held') await lock.release();
    const free = await lockCluster(cluster);
    assert.is(free.kind, 'held');
    if (free.kind === 'held') await free.release();
  }));

test.run();
