/** The disk that syncs ahead, over a disk and a background that are lists of what was asked. */
import type { DiskFailure } from '@clockwise/kernel/effects';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeDisk } from './node-disk.ts';
import { type BackgroundSync, SyncAheadDisk } from './sync-ahead-disk.ts';
import { SyncThread } from './sync-thread.ts';

const AHEAD_BYTES = 100;

class Background implements BackgroundSync {
  readonly asked: string[] = [];
  busy = false;
  failure: DiskFailure | undefined = undefined;

  begin(file: number): boolean {
    if (this.busy) return false;
    this.asked.push(`sync ${file}`);
    this.busy = true;
    return true;
  }

  settle(): DiskFailure | undefined {
    this.asked.push('settle');
    this.busy = false;
    const { failure } = this;
    this.failure = undefined;
    return failure;
  }
}

function withDisk(run: (disk: SyncAheadDisk, background: Background, file: number) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-ahead-'));
  try {
    const background = new Background();
    const disk = new SyncAheadDisk(new NodeDisk(folder), background, AHEAD_BYTES);
    const file = disk.open('log', 'create');
    assert.ok(file.ok);
    run(disk, background, file.value);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a sync is begun each time enough was written, and not while one is under way', () => {
  withDisk((disk, background, file) => {
    const part = new Uint8Array(60);
    disk.write(file, [part], 0);
    assert.equal(background.asked, []);
    disk.write(file, [part], 60);
    assert.equal(background.asked, [`sync ${file}`]);
    disk.write(file, [part, part], 120);
    assert.equal(background.asked, [`sync ${file}`]);
    background.busy = false;
    disk.write(file, [part], 240);
    assert.equal(background.asked, [`sync ${file}`, `sync ${file}`]);
    disk.close(file);
  });
});

test('[SA1] F5 a sync waits for the background, and has its error for ever', () => {
  withDisk((disk, background, file) => {
    disk.write(file, [new Uint8Array(200)], 0);
    assert.ok(disk.datasync(file).ok);
    assert.equal(background.asked, [`sync ${file}`, 'settle']);
    background.failure = 'EIO';
    for (let time = 0; time < 2; time += 1) {
      const synced = disk.datasync(file);
      assert.ok(!synced.ok && synced.code === 'EIO');
    }
    disk.close(file);
  });
});

test('[SA2] a file is closed when nobody syncs it', () => {
  withDisk((disk, background, file) => {
    disk.write(file, [new Uint8Array(200)], 0);
    assert.ok(background.busy);
    disk.close(file);
    assert.not(background.busy);
  });
});

test('the thread syncs what it is asked for, and tells of an error once', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-ahead-'));
  const disk = new NodeDisk(folder);
  const thread = new SyncThread();
  const file = disk.open('log', 'create');
  assert.ok(file.ok);
  disk.write(file.value, [new Uint8Array(100)], 0);
  assert.ok(thread.begin(file.value));
  assert.is(thread.settle(), undefined);
  disk.close(file.value);
  assert.ok(thread.begin(1_000_000));
  assert.is(thread.settle(), 'OTHER');
  assert.is(thread.settle(), undefined);
  rmSync(folder, { recursive: true });
});

test.run();
