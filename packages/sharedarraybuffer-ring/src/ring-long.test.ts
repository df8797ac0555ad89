// runner: full
// runner: limit 600s
// runner: test limit 550s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runStress } from './stress-run.ts';

test('[RB1] [RB2] H6 a hundred million records of random sizes, every word looked at', async () => {
  const { written, read } = await runStress({
    seed: 8,
    records: 100_000_000,
    recordWordsMax: 64,
    capacityWords: 4096,
    reader: 'blocking',
  });
  assert.is(read.records, 100_000_000);
  assert.is(read.checksum, written.checksum);
});

test.run();
