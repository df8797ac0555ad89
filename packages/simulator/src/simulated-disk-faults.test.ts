/** Each fault of a simulated disk does what it says, as long as it says, and nothing besides. */
import { Prng } from '@clockwise/kernel/prng';
import type { DiskResult, FileHandle } from '@clockwise/storage/disk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SimulatedDisk } from './simulated-disk.ts';
import type { ArmedWrite, DiskCondition } from './simulated-disk-faults.ts';
import { tearPages } from './torn-write.ts';

const LOST: ArmedWrite = {
  files: 'log-',
  fate: 'lost',
  toOther: false,
  sectors: 1,
  evicts: false,
};

function newDisk(seed = 'faults'): SimulatedDisk {
  return new SimulatedDisk({ prng: new Prng(seed) });
}

function must<Value>(result: DiskResult<Value>): Value {
  if (!result.ok) throw new Error(result.detail);
  return result.value;
}

function codeOf(result: DiskResult<unknown>): string {
  return result.ok ? 'ok' : result.code;
}

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

/** A durable file of these bytes, open for writing. */
function durable(disk: SimulatedDisk, name: string, length: number, value: number): FileHandle {
  const file = must(disk.open(name, 'create'));
  must(disk.write(file, [filled(length, value)], 0));
  must(disk.datasync(file));
  must(disk.syncDirectory());
  return file;
}

/** The values that stand in the file, each once, in ascending order. */
function values(disk: SimulatedDisk, name: string): number[] {
  return [...new Set(disk.contents(name))].toSorted(ascending);
}

function ascending(left: number, right: number): number {
  return left - right;
}

test('a lost write is called done, is seen while it is cached, and is gone with the cache', () => {
  for (const evicts of [false, true]) {
    const disk = newDisk();
    const file = durable(disk, 'log-1', 1024, 1);
    disk.faults.arm({ ...LOST, evicts });
    must(disk.write(file, [filled(1024, 2)], 0));
    assert.equal(values(disk, 'log-1'), [2]);
    assert.ok(disk.datasync(file).ok);
    assert.equal(values(disk, 'log-1'), evicts ? [1] : [2]);
    disk.crash('drop-all');
    assert.equal(values(disk, 'log-1'), [1]);
  }
});

test('a fate is for one write, and for files of its kind', () => {
  const disk = newDisk();
  const other = durable(disk, 'table-1', 512, 1);
  const file = durable(disk, 'log-1', 512, 1);
  disk.faults.arm(LOST);
  must(disk.write(other, [filled(512, 2)], 0));
  must(disk.write(file, [filled(512, 2)], 0));
  must(disk.write(file, [filled(512, 3)], 512));
  must(disk.datasync(other));
  must(disk.datasync(file));
  disk.crash('drop-all');
  assert.equal(values(disk, 'table-1'), [2]);
  assert.equal(values(disk, 'log-1'), [1, 3]);
});

test('a torn write changes some of its sectors', () => {
  const disk = newDisk();
  const file = durable(disk, 'log-1', 16 * 512, 1);
  disk.faults.arm({ ...LOST, fate: 'torn' });
  must(disk.write(file, [filled(16 * 512, 2)], 0));
  must(disk.datasync(file));
  disk.crash('drop-all');
  const held = disk.contents('log-1');
  const sectors = Array.from({ length: 16 }, (_, sector) => held[sector * 512]!);
  assert.equal([...new Set(sectors)].toSorted(ascending), [1, 2]);
  for (let at = 0; at < held.length; at += 1) assert.is(held[at], sectors[at >> 9]);
});

test('a misdirected write goes to another place of the file, or to another file of the kind', () => {
  const disk = newDisk();
  const file = durable(disk, 'log-1', 2048, 1);
  durable(disk, 'log-2', 600, 5);
  disk.faults.arm({ ...LOST, fate: 'misdirected', sectors: 2 });
  must(disk.write(file, [filled(512, 2)], 0));
  must(disk.datasync(file));
  disk.faults.arm({ ...LOST, fate: 'misdirected', toOther: true });
  must(disk.write(file, [filled(512, 3)], 512));
  must(disk.datasync(file));
  disk.crash('drop-all');
  const first = disk.contents('log-1');
  assert.equal([first[0], first[600], first[1024], first[1535], first[1536]], [1, 1, 2, 2, 1]);
  const second = disk.contents('log-2');
  assert.equal([second[511], second[512], second[599], second.length], [5, 3, 3, 600]);
});

test('a stale read goes back to before the last write that it meets, and ends with its condition', () => {
  const disk = newDisk();
  const file = durable(disk, 'log-1', 512, 1);
  must(disk.write(file, [filled(512, 2)], 512));
  const condition: DiskCondition = { kind: 'stale-reads', files: 'log-' };
  disk.faults.begin(condition);
  const bytes = new Uint8Array(1024);
  assert.is(must(disk.read(file, bytes, 0)), 1024);
  assert.equal([bytes[511], bytes[512]], [1, 0]);
  disk.faults.end(condition);
  must(disk.read(file, bytes, 0));
  assert.is(bytes[512], 2);
});

test('a lost sector fails each read of it, before and after a crash, until it is written', () => {
  const disk = newDisk();
  const file = durable(disk, 'log-1', 2048, 1);
  disk.loseSector('log-1', 600);
  const bytes = new Uint8Array(2048);
  assert.is(must(disk.read(file, bytes, 0)), 512, 'what comes before it can be read');
  assert.is(codeOf(disk.read(file, bytes, 512)), 'EIO');
  assert.is(must(disk.read(file, bytes, 1024)), 1024);
  disk.crash('drop-all');
  disk.clearFaults();
  const again = must(disk.open('log-1', 'write'));
  assert.is(codeOf(disk.read(again, bytes, 700)), 'EIO');
  must(disk.write(again, [filled(512, 4)], 512));
  assert.is(must(disk.read(again, bytes, 512)), 1536);
});

test('[SF1] F5 a failed sync may have reached the medium all the same, in part or not at all', () => {
  for (const medium of ['none', 'some', 'all'] as const) {
    for (const pages of ['new', 'old'] as const) {
      const disk = newDisk(`sync ${medium} ${pages}`);
      const file = durable(disk, 'log-1', 64 * 1024, 1);
      must(disk.write(file, [filled(64 * 1024, 2)], 0));
      disk.inject({ operation: 'datasync', nth: 1, code: 'EIO', pages, medium });
      assert.is(codeOf(disk.datasync(file)), 'EIO');
      const reached = { none: [1], some: [1, 2], all: [2] }[medium];
      assert.equal(values(disk, 'log-1'), pages === 'new' ? [2] : reached);
      assert.ok(disk.datasync(file).ok, 'the next one finds clean pages');
      disk.crash('drop-all');
      assert.equal(values(disk, 'log-1'), reached);
    }
  }
});

test('F17 a full disk takes what fits and then nothing, and takes again what is freed', () => {
  const disk = newDisk();
  const file = durable(disk, 'log-1', 1000, 1);
  durable(disk, 'log-2', 500, 1);
  const full: DiskCondition = { kind: 'full', capacityBytes: 1600 };
  disk.faults.begin(full);
  assert.is(must(disk.write(file, [filled(300, 2)], 1000)), 100);
  assert.is(codeOf(disk.write(file, [filled(300, 2)], 1100)), 'ENOSPC');
  assert.is(must(disk.write(file, [filled(300, 2)], 0)), 300, 'what grows nothing is taken');
  must(disk.remove('log-2'));
  assert.is(must(disk.write(file, [filled(300, 2)], 1100)), 300);
  disk.faults.end(full);
  assert.is(must(disk.write(file, [filled(3000, 2)], 1400)), 3000);
});

test('F18 without descriptors nothing opens; read-only nothing changes; both end', () => {
  const disk = newDisk();
  const file = durable(disk, 'log-1', 100, 1);
  const conditions: readonly DiskCondition[] = [
    { kind: 'descriptors', openFilesMax: disk.openFileCount },
    { kind: 'read-only' },
  ];
  disk.faults.begin(conditions[0]!);
  assert.is(codeOf(disk.open('log-1', 'read')), 'EMFILE');
  assert.is(codeOf(disk.open('log-2', 'create')), 'EMFILE');
  disk.faults.end(conditions[0]!);
  disk.faults.begin(conditions[1]!);
  assert.ok(disk.open('log-1', 'read').ok);
  assert.is(codeOf(disk.open('log-1', 'write')), 'EROFS');
  assert.is(codeOf(disk.open('log-2', 'create')), 'EROFS');
  assert.is(codeOf(disk.write(file, [filled(1, 2)], 0)), 'EROFS');
  assert.is(codeOf(disk.remove('log-1')), 'EROFS');
  assert.is(codeOf(disk.rename('log-1', 'log-3')), 'EROFS');
  disk.clearFaults();
  assert.ok(disk.open('log-2', 'create').ok);
});

test('[SDF1] errors strike the calls that they name, as often as they say, until they end', () => {
  const disk = newDisk();
  const file = durable(disk, 'log-1', 100, 1);
  const condition: DiskCondition = {
    kind: 'errors',
    operations: ['read'],
    code: 'EIO',
    probability: 0.5,
  };
  disk.faults.begin(condition);
  const read = (): string => codeOf(disk.read(file, new Uint8Array(1), 0));
  const codes = Array.from({ length: 200 }, read);
  const failures = codes.filter((code) => code === 'EIO').length;
  assert.ok(failures > 50 && failures < 150, `${failures} of 200`);
  assert.ok(disk.datasync(file).ok);
  disk.faults.end(condition);
  assert.ok(Array.from({ length: 50 }, read).every((code) => code === 'ok'));
});

test('a file that is lost or cut is so for good; who has it open goes on', () => {
  const disk = newDisk();
  const file = durable(disk, 'log-1', 100, 1);
  durable(disk, 'log-2', 100, 1);
  disk.lose('log-1');
  disk.truncate('log-2');
  must(disk.write(file, [filled(10, 2)], 0));
  disk.crash('data-first');
  assert.equal(disk.names(), ['log-2']);
  assert.is(disk.sizeOf('log-2'), 0);
});

test('a disk set back to an image holds what was durable then; the image stays as it was', () => {
  const disk = newDisk();
  const file = durable(disk, 'log-1', 100, 1);
  must(disk.write(file, [filled(100, 2)], 0));
  const image = disk.image();
  must(disk.datasync(file));
  durable(disk, 'log-2', 100, 3);
  for (let round = 0; round < 2; round += 1) {
    disk.crash('keep-all');
    disk.replace(image);
    assert.equal(disk.names(), ['log-1']);
    assert.equal(values(disk, 'log-1'), [1]);
    const again = must(disk.open('log-1', 'write'));
    must(disk.write(again, [filled(100, 7)], 0));
    must(disk.datasync(again));
  }
});

test('[SX1] F7 a rename may be durable before the bytes it names, and bytes before their name', () => {
  const play = (model: 'entries-first' | 'data-first'): SimulatedDisk => {
    const disk = newDisk();
    const file = durable(disk, 'log-1', 100, 1);
    must(disk.write(file, [filled(100, 2)], 0));
    must(disk.rename('log-1', 'log-2'));
    disk.crash(model);
    return disk;
  };
  const entries = play('entries-first');
  assert.equal(entries.names(), ['log-2']);
  assert.equal(values(entries, 'log-2'), [1]);
  const data = play('data-first');
  assert.equal(data.names(), ['log-1']);
  assert.equal(values(data, 'log-1'), [2]);
});

test('[TW1] a torn write leaves pages right, missing and damaged, sectors half rubbish among them', () => {
  const prng = new Prng('torn');
  const seen = new Set<string>();
  for (let round = 0; round < 200; round += 1) {
    const bytes = filled(3 * 4096 + 700, 9);
    for (const { from, bytes: part } of tearPages(bytes, prng)) {
      assert.ok(from + part.length <= bytes.length);
      if (part.length >= 4096) seen.add('page');
      const isRight = (run: Uint8Array): boolean => run.every((byte) => byte === 9);
      const half = part.length >> 1;
      if (part.length !== 512) continue;
      if (isRight(part)) seen.add('sector');
      else if (isRight(part.subarray(0, half))) seen.add('half a sector');
      else seen.add('rubbish');
    }
  }
  assert.equal([...seen].toSorted(), ['half a sector', 'page', 'rubbish', 'sector']);
});

test.run();
