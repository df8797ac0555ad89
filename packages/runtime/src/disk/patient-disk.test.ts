import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DiskFailure } from '@clockwise/kernel/effects';
import type { DiskResult, FileHandle, OpenMode } from '@clockwise/storage/disk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeDisk } from './node-disk.ts';
import { PatientDisk } from './patient-disk.ts';

/** Calls that need a descriptor fail for so many times. */
class ScarceDisk extends NodeDisk {
  failures = 0;
  code: DiskFailure = 'EMFILE';
  tries = 0;

  override open(name: string, mode: OpenMode): DiskResult<FileHandle> {
    return this.#refused() ?? super.open(name, mode);
  }

  override syncDirectory(): DiskResult<null> {
    return this.#refused() ?? super.syncDirectory();
  }

  override list(): DiskResult<readonly string[]> {
    return this.#refused() ?? super.list();
  }

  #refused(): DiskResult<never> | undefined {
    this.tries += 1;
    if (this.failures === 0) return undefined;
    this.failures -= 1;
    return { ok: false, code: this.code, detail: 'refused' };
  }
}

interface Context {
  folder: string;
  below: ScarceDisk;
  disk: PatientDisk;
  waitedMs: number;
}

const patient = suite<Context>('patient disk');
patient.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'clockwise-patient-'));
  context.below = new ScarceDisk(context.folder);
  context.waitedMs = 0;
  context.disk = new PatientDisk({
    disk: context.below,
    waitMsMax: 100,
    pause: (milliseconds) => (context.waitedMs += milliseconds),
  });
});
patient.after.each(({ folder }) => rmSync(folder, { recursive: true }));

patient('[PD1] F18 what needs a descriptor is done when there is one', (context) => {
  const { below, disk } = context;
  below.failures = 3;
  const file = disk.open('a', 'create');
  assert.ok(file.ok);
  assert.equal([below.tries, context.waitedMs], [4, 60]);
  below.failures = 1;
  assert.ok(disk.syncDirectory().ok);
  below.failures = 5;
  assert.equal(disk.list(), { ok: true, value: ['a'] });
  assert.is(context.waitedMs, 60 + 20 + 100);
  if (file.ok) disk.close(file.value);
});

patient('[PD2] F18 it does not wait for ever, and says why', (context) => {
  const { below, disk } = context;
  below.failures = 100;
  const file = disk.open('a', 'create');
  assert.ok(!file.ok && file.code === 'EMFILE');
  assert.equal([below.tries, context.waitedMs], [6, 100]);
});

patient('[PD1] any other error is told at once', (context) => {
  const { below, disk } = context;
  below.failures = 1;
  below.code = 'ENOSPC';
  const file = disk.open('a', 'create');
  assert.ok(!file.ok && file.code === 'ENOSPC');
  assert.equal([below.tries, context.waitedMs], [1, 0]);
});

patient.run();
