/** The disk contract on both worlds: node:fs, and the simulated disk with and without short transfers. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Prng } from '@clockwise/kernel/prng';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { PatientDisk } from '@clockwise/runtime/disk/patient-disk';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import type { Disk } from '@clockwise/storage/disk';
import { writeNewFile } from '@clockwise/storage/whole-transfer';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diskContract } from './disk-contract.ts';

const contract = suite('disk');
const folders: string[] = [];

const WORLDS: readonly (readonly [string, () => Disk])[] = [
  ['node:fs', newNodeDisk],
  ['node:fs, patient', () => new PatientDisk({ disk: newNodeDisk(), waitMsMax: 100 })],
  ['simulated', () => new SimulatedDisk({ prng: new Prng('disk-1') })],
  [
    'simulated, short transfers',
    () => new SimulatedDisk({ prng: new Prng('disk-2'), shortTransferProbability: 0.5 }),
  ],
];
for (const [world, make] of WORLDS) diskContract(contract, world, make);

function newNodeDisk(): Disk {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'clockwise-disk-'));
  folders.push(folder);
  return new NodeDisk(folder);
}

contract('simulated: [DK1] [DK2] bytes and names that were synced outlive a loss of power', () => {
  const disk = new SimulatedDisk({ prng: new Prng('disk-3') });
  assert.ok(writeNewFile(disk, 'kept', [Uint8Array.of(1, 2, 3)]).ok);
  assert.ok(disk.syncDirectory().ok);
  assert.ok(writeNewFile(disk, 'unnamed', [Uint8Array.of(4)]).ok);
  disk.crash('drop-all');
  assert.equal(disk.list(), { ok: true, value: ['kept'] });
  assert.equal([...disk.contents('kept')], [1, 2, 3]);
});

contract('every world: [DK3] short transfers, and [DK4] errors, are values', () => {
  for (const [, make] of WORLDS) {
    const disk = make();
    const missing = disk.open('missing', 'read');
    assert.is(missing.ok ? 'ok' : missing.code, 'ENOENT');
    const file = disk.open('a', 'create');
    assert.ok(file.ok);
    if (!file.ok) continue;
    const written = disk.write(file.value, [new Uint8Array(100)], 0);
    assert.ok(written.ok && written.value >= 1 && written.value <= 100);
    disk.close(file.value);
  }
});

contract('node:fs: [ND1] a name leads nowhere but into the folder', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'clockwise-disk-'));
  folders.push(folder);
  for (const name of ['../a', '/etc/a', 'a/b', '..', '.', '', 'a\0']) {
    assert.throws(() => new NodeDisk(folder).open(name, 'create'), /ND1/);
  }
});

contract.after(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});
contract.run();
