/** The disk contract on both worlds: node:fs, and the simulated disk with and without short transfers. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Prng } from '@clockwise/kernel/prng';
import { NodeDisk } from '@clockwise/runtime/disk/node-disk';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diskContract } from './disk-contract.ts';

const contract = suite('disk');
const folders: string[] = [];

diskContract(contract, 'node:fs', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'clockwise-disk-'));
  folders.push(folder);
  return new NodeDisk(folder);
});

diskContract(contract, 'simulated', () => new SimulatedDisk({ prng: new Prng('disk-1') }));

diskContract(
  contract,
  'simulated, short transfers',
  () => new SimulatedDisk({ prng: new Prng('disk-2'), shortTransferProbability: 0.5 }),
);

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
