import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLogStatus, LogStatusReader, LogStatusWriter } from './log-status.ts';

test('a sequence beyond 32 bits is whole', () => {
  const buffer = createLogStatus();
  const writer = new LogStatusWriter(buffer);
  const reader = new LogStatusReader(buffer);
  for (const sequence of [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 2 ** 32, 2 ** 52 + 3]) {
    writer.release(sequence);
    assert.is(reader.released(0), sequence);
  }
});

test('[LS1] H6 torn reads: a reader in another thread sees only sequences that were stored', async () => {
  const buffer = createLogStatus();
  // Both words of every stored sequence are equal, so that halves of two are found out.
  const source = `
    const { workerData } = require('node:worker_threads');
    import(workerData.module).then(({ LogStatusWriter }) => {
      const writer = new LogStatusWriter(workerData.buffer);
      for (let word = 1; word <= 1000000; word += 1) writer.release(word * 0x100000000 + word);
    });`;
  const module = new URL('./log-status.js', import.meta.url).href;
  const worker = new Worker(source, { eval: true, workerData: { buffer, module } });
  const exits: number[] = [];
  worker.once('exit', (code) => exits.push(code));
  const reader = new LogStatusReader(buffer);
  let latest = 0;
  while (exits.length === 0) {
    for (let count = 0; count < 10_000; count += 1) {
      const sequence = reader.released(latest);
      assert.ok(sequence >= latest, 'never back');
      assert.is(sequence % 0x1_0000_0000, Math.floor(sequence / 0x1_0000_0000));
      latest = sequence;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.is(reader.released(0) % 0x1_0000_0000, 1_000_000);
});

test('a writer that was ended within a store does not hold its reader', () => {
  const buffer = createLogStatus();
  new LogStatusWriter(buffer).release(7);
  Atomics.add(new Int32Array(buffer), 0, 1);
  assert.is(new LogStatusReader(buffer).released(5), 5);
});

test.run();
