// Hosts and small disks where the machine lets us have them; elsewhere that it says why not.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { lockFolder } from '@clockwise/server/data-folder';
import { makeReserve, takeReserve } from '@clockwise/storage/reserve';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Cleanup } from './cleanup.ts';
import { makeHostNetwork } from './host-network.ts';
import { missingForSmallDisks, SmallDisk } from './small-disk.ts';

const namespaces = (): string => spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;

test('[HN1] hosts are made and removed, or it is said why there are none', () => {
  const cleanup = new Cleanup();
  const answer = makeHostNetwork(2, cleanup);
  if (!answer.ok) {
    assert.ok(answer.reason.length > 0);
    cleanup.close();
    return;
  }
  const { network } = answer;
  const own = `cw${process.pid}n`;
  assert.ok(namespaces().includes(`${own}1`) && namespaces().includes(`${own}2`));
  const there = { from: 0, to: 1 };
  network.cut(there);
  network.mendCut(there);
  network.refuse(there);
  network.mendRefusal(there);
  network.isolate(1);
  network.mendIsolation(1);
  network.slow(0, { delayMs: 5, lossPercent: 1, kilobitsPerSecond: 512 });
  network.mendSlowness(0);
  cleanup.close();
  assert.not.ok(namespaces().includes(own));
});

test('[SD1] [DF4] F17 a small disk fills, has room again, and is unmounted; or it is said why there is none', () => {
  const missing = missingForSmallDisks();
  if (missing !== undefined) {
    assert.ok(missing.length > 0);
    return;
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-small-disk-'));
  const cleanup = new Cleanup();
  const disk = new SmallDisk(folder, 1024 * 1024, cleanup);
  disk.fill();
  const file = path.join(folder, 'file');
  assert.throws(() => writeFileSync(file, 'x'.repeat(8192)), /ENOSPC/);
  disk.free();
  writeFileSync(file, 'x'.repeat(8192));
  locksWhenFull(folder, disk);
  cleanup.close();
  assert.not.ok(readFileSync('/proc/mounts', 'utf8').includes(folder));
  rmSync(folder, { recursive: true });
});

/** [DF4] F17: a node that was killed while its disk was full comes up on it. */
function locksWhenFull(folder: string, disk: SmallDisk): void {
  const shard = path.join(folder, 'shard-0');
  mkdirSync(shard);
  const reserve = new NodeDisk(shard);
  assert.equal(makeReserve(reserve, 2, 65_536), { ok: true, value: 2 });
  disk.fill();
  lockFolder(folder).release();
  assert.equal(readdirSync(shard), ['reserve-00000001']);
  disk.fill();
  takeReserve(reserve);
  disk.fill();
  assert.throws(() => lockFolder(folder), /ENOSPC/);
  assert.not.ok(readdirSync(folder).some((name) => name.startsWith('lock')));
}

test.run();
