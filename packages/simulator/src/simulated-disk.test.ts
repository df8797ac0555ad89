/** The simulated disk keeps what was synced, loses the rest as its crash model says, and is replayable. */
import { Prng } from '@clockwise/kernel/prng';
import type { FileHandle } from '@clockwise/storage/disk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CRASH_MODELS, SimulatedCrash, SimulatedDisk } from './simulated-disk.ts';

function bytes(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

function create(disk: SimulatedDisk, name: string): FileHandle {
  const file = disk.open(name, 'create');
  if (!file.ok) throw new Error(file.detail);
  return file.value;
}

function names(disk: SimulatedDisk): string[] {
  const listed = disk.list();
  return listed.ok ? listed.value.toSorted() : [];
}

for (const model of CRASH_MODELS) {
  test(`[SD1] [DK1] [SF2] synced bytes and entries outlive a crash, ${model}`, () => {
    const disk = new SimulatedDisk({ prng: new Prng(`crash-${model}`) });
    const file = create(disk, 'a');
    disk.write(file, [bytes(10_000, 1)], 0);
    disk.datasync(file);
    disk.syncDirectory();
    disk.write(file, [bytes(10_000, 2)], 5000);
    create(disk, 'b');
    disk.crash(model);
    const held = disk.contents('a');
    for (let at = 0; at < 5000; at += 1) assert.is(held[at], 1);
    assert.ok(held.length >= 10_000 && held.length <= 15_000);
    assert.ok(names(disk).includes('a'));
    if (model === 'drop-all') {
      assert.equal(names(disk), ['a']);
      assert.ok(held.every((byte) => byte === 1));
    }
    if (model === 'keep-all') assert.is(held[14_999], 2);
  });
}

test('[SD2] equal seeds and calls give equal disks', () => {
  const play = (): unknown[] => {
    const disk = new SimulatedDisk({ prng: new Prng('same'), shortTransferProbability: 0.3 });
    const seen: unknown[] = [];
    const file = create(disk, 'a');
    for (let round = 0; round < 20; round += 1) {
      seen.push(disk.write(file, [bytes(3000, round)], round * 1000));
      if (round === 10) disk.datasync(file);
    }
    disk.syncDirectory();
    disk.crash('torn');
    return [...seen, [...disk.contents('a')]];
  };
  assert.equal(play(), play());
});

test('[SF1] a failed sync leaves the pages clean: new ones are seen and lost, old ones come back', () => {
  for (const pages of ['new', 'old'] as const) {
    const disk = new SimulatedDisk({ prng: new Prng('sync') });
    const file = create(disk, 'a');
    disk.write(file, [bytes(8, 1)], 0);
    disk.datasync(file);
    disk.syncDirectory();
    disk.write(file, [bytes(8, 2)], 0);
    disk.inject({ operation: 'datasync', nth: 1, code: 'EIO', pages });
    assert.not.ok(disk.datasync(file).ok);
    assert.is(disk.contents('a')[0], pages === 'new' ? 2 : 1);
    assert.ok(disk.datasync(file).ok, 'a later sync says all is well');
    disk.crash('drop-all');
    assert.is(disk.contents('a')[0], 1, 'what it called clean never reached the medium');
  }
});

test('faults come at the n-th call, a full disk takes what fits, descriptors run out', () => {
  const disk = new SimulatedDisk({ prng: new Prng('n'), capacityBytes: 10, openFilesMax: 2 });
  const file = create(disk, 'a');
  assert.equal(disk.write(file, [bytes(8, 1)], 0), { ok: true, value: 8 });
  assert.equal(disk.write(file, [bytes(8, 1)], 8), { ok: true, value: 2 });
  const full = disk.write(file, [bytes(8, 1)], 10);
  assert.is(full.ok ? '' : full.code, 'ENOSPC');
  disk.inject({ operation: 'read', nth: 2, code: 'EIO' });
  assert.ok(disk.read(file, bytes(1, 0), 0).ok);
  assert.not.ok(disk.read(file, bytes(1, 0), 0).ok);
  assert.ok(disk.read(file, bytes(1, 0), 0).ok);
  create(disk, 'b');
  const third = disk.open('a', 'read');
  assert.is(third.ok ? '' : third.code, 'EMFILE');
  disk.crashAt = disk.operationCount + 1;
  assert.throws(
    () => disk.list(),
    (error: unknown) => error instanceof SimulatedCrash,
  );
});

test.run();
