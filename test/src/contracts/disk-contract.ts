/**
 * What every `Disk` does (storage/disk, DK1 to DK4), as one suite: run on node:fs and on the
 * simulated disk. Crashes are the simulated disk's own test.
 */
import type { Disk } from '@clockwise/storage/disk';
import { readWhole, writeNewFile, writeWhole } from '@clockwise/storage/whole-transfer';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';

/** `make` gives an empty folder for each test. */
export function diskContract(test: Test, world: string, make: () => Disk): void {
  const rule = (name: string, body: (disk: Disk) => void): void => {
    test(`${world}: ${name}`, () => body(make()));
  };

  rule('[DK3] a file gives back what was written, at any position, from several parts', (disk) => {
    const file = must(disk.open('log-1', 'create'));
    must(writeWhole(disk, file, [bytes(1, 2, 3), bytes(), bytes(4), bytes(5, 6)], 0));
    must(writeWhole(disk, file, [bytes(9)], 2));
    must(disk.datasync(file));
    assert.is(must(disk.size(file)), 6);
    assert.equal(contents(disk, file, 8), [1, 2, 9, 4, 5, 6]);
    disk.close(file);
    const again = must(disk.open('log-1', 'read'));
    assert.equal(contents(disk, again, 6), [1, 2, 9, 4, 5, 6]);
    disk.close(again);
  });

  rule('[DK3] a write past the end leaves zeros, a read past it nothing', (disk) => {
    const file = must(disk.open('a', 'create'));
    must(writeWhole(disk, file, [bytes(7)], 5));
    assert.equal(contents(disk, file, 10), [0, 0, 0, 0, 0, 7]);
    assert.is(must(disk.read(file, new Uint8Array(4), 6)), 0);
    disk.close(file);
  });

  rule('[DK3] views of shared memory are written and read in place, in many parts', (disk) => {
    const shared = new Uint8Array(new SharedArrayBuffer(9000));
    for (let index = 0; index < shared.length; index += 1) shared[index] = index % 251;
    const parts = Array.from({ length: 3000 }, (_, index) =>
      shared.subarray(index * 3, index * 3 + 3),
    );
    const file = must(disk.open('a', 'create'));
    must(writeWhole(disk, file, parts, 0));
    const back = new Uint8Array(new SharedArrayBuffer(9000));
    assert.is(must(readWhole(disk, file, back, 0)), 9000);
    assert.equal([...back], [...shared]);
    disk.close(file);
  });

  rule('[DK4] a missing file, and a name that exists, are values', (disk) => {
    must(writeNewFile(disk, 'a', [bytes(1)]));
    assert.is(codeOf(disk.open('b', 'read')), 'ENOENT');
    assert.is(codeOf(disk.open('b', 'write')), 'ENOENT');
    assert.is(codeOf(disk.remove('b')), 'ENOENT');
    assert.is(codeOf(disk.rename('b', 'c')), 'ENOENT');
    assert.is(codeOf(disk.open('a', 'create')), 'OTHER');
    assert.is(codeOf(disk.link('b', 'c')), 'ENOENT');
    assert.is(codeOf(disk.link('a', 'a')), 'OTHER');
  });

  rule('[DK4] a file open for reading takes no writes', (disk) => {
    must(writeNewFile(disk, 'a', [bytes(1)]));
    const file = must(disk.open('a', 'read'));
    assert.not.ok(disk.write(file, [bytes(2)], 0).ok);
    assert.equal(contents(disk, file, 2), [1]);
    disk.close(file);
  });

  rule('[DK2] the folder lists what was created, renamed, linked and not removed', (disk) => {
    for (const name of ['a', 'b', 'c']) must(writeNewFile(disk, name, [bytes(name.charCodeAt(0))]));
    must(disk.rename('b', 'a'));
    must(disk.link('c', 'd'));
    must(disk.remove('c'));
    must(disk.syncDirectory());
    assert.equal(must(disk.list()).toSorted(), ['a', 'd']);
    const file = must(disk.open('a', 'read'));
    assert.equal(contents(disk, file, 1), ['b'.charCodeAt(0)]);
    disk.close(file);
  });

  rule('a removed file stays readable for whoever has it open', (disk) => {
    must(writeNewFile(disk, 'a', [bytes(1, 2)]));
    const file = must(disk.open('a', 'read'));
    must(disk.remove('a'));
    assert.equal(contents(disk, file, 2), [1, 2]);
    disk.close(file);
  });
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

function must<Value>(
  result:
    { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly detail: string },
): Value {
  if (!result.ok) throw new Error(result.detail);
  return result.value;
}

function codeOf(
  result: { readonly ok: true } | { readonly ok: false; readonly code: string },
): string {
  return result.ok ? 'ok' : result.code;
}

function contents(disk: Disk, file: number, byteCount: number): number[] {
  const buffer = new Uint8Array(byteCount);
  const count = must(readWhole(disk, file, buffer, 0));
  return [...buffer.subarray(0, count)];
}
