/** Merges of random tables, cut into beats anywhere, against a model; and merges whose disk fails. */
import { Prng } from '@clockwise/kernel/prng';
import { compareRecordPositions } from '@clockwise/record/compare';
import { HEADER } from '@clockwise/record/layout';
import { SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { TABLE_CODECS } from '@clockwise/storage/block-codec';
import { addCounts, lostRecords, noCounts } from '@clockwise/storage/compaction/merge-counts';
import {
  mergeBeat,
  type MergeInput,
  type MergeOutput,
} from '@clockwise/storage/compaction/merge-job';
import type { DropHorizon } from '@clockwise/storage/compaction/version-merge';
import { tableName } from '@clockwise/storage/file-names';
import type { RangeDrop, TableMetadata } from '@clockwise/storage/manifest';
import { comparePlaces } from '@clockwise/storage/table-extent';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Expected,
  expectedMerge,
  type MergeRules,
  randomRuns,
  readTable,
  runMerge,
  tokenOf,
  toolsFor,
  writeTable,
} from './merge-fixture.ts';
import { STORE_ID } from './store-fixture.ts';

type MergePlan = Omit<MergeInput, 'after' | 'fileNumber'>;

const NO_HORIZON: DropHorizon = {
  expiredBeforeSeconds: 0,
  partitionBits: 1,
  tombstonesBeforeSeconds: undefined,
};

function randomRules(prng: Prng): MergeRules {
  const rangeDrops: RangeDrop[] = [];
  while (prng.chance(0.4)) {
    const [from, to] = [tokenOf(prng.below(64)), tokenOf(prng.below(64))];
    const [first, last] = from.high >>> 0 <= to.high >>> 0 ? [from, to] : [to, from];
    const ends = { fromHigh: first.high, fromLow: prng.below(9), toHigh: last.high, toLow: -1 };
    rangeDrops.push({ bucketId: 1, ...ends, sequence: prng.between(5, 140) });
  }
  const horizon: DropHorizon = {
    expiredBeforeSeconds: prng.pick([0, 99, 100]),
    partitionBits: 1,
    tombstonesBeforeSeconds: prng.pick([undefined, Float64Array.of(0, 20), Float64Array.of(41, 0)]),
  };
  return { horizon, rangeDrops, isBottom: prng.chance(0.5) };
}

function planOf(prng: Prng, inputs: readonly TableMetadata[], rules: MergeRules): MergePlan {
  return {
    inputs,
    outputLevel: prng.below(2),
    outputBytesMax: prng.pick([1, 200, 700, 2000, 100_000]),
    ...STORE_ID,
    blockBytes: prng.pick([256, 512, 4096]),
    codec: prng.pick(TABLE_CODECS),
    bloomBitsPerKey: 10,
    combine: 'addUp',
    ...rules,
  };
}

/** [MJ4] [MJ5] [MJ6] */
function assertSoundTables(outputs: readonly MergeOutput[], plan: MergePlan): void {
  let before: TableMetadata | undefined;
  let after = undefined as MergeOutput['next'];
  for (const { parts, next } of outputs) {
    const table = parts?.footer.table;
    if (table !== undefined) {
      if (after !== undefined) assert.ok(compareFirst(table, after) > 0, 'MJ5 nothing up to after');
      if (next !== undefined) assert.ok(compareLast(table, next) <= 0, 'MJ5 nothing behind next');
      if (before !== undefined) {
        const { lastBucketId: bucketId, lastTokenHigh: tokenHigh, lastTokenLow: tokenLow } = before;
        assert.ok(compareFirst(table, { bucketId, tokenHigh, tokenLow }) > 0, 'MJ4');
      }
      assert.is(table.level, plan.outputLevel);
      assert.is(table.lastSequence, Math.max(...plan.inputs.map((each) => each.lastSequence)));
      for (const drop of plan.rangeDrops.filter(({ sequence }) => sequence >= table.lastSequence)) {
        const { bucketId } = drop;
        const from = { bucketId, tokenHigh: drop.fromHigh, tokenLow: drop.fromLow };
        const to = { bucketId, tokenHigh: drop.toHigh, tokenLow: drop.toLow };
        const isBeside = compareLast(table, from) < 0 || compareFirst(table, to) > 0;
        assert.ok(isBeside, 'MJ6 a table lies beside the ranges that were dropped');
      }
      before = table;
    }
    after = next;
  }
}

function compareFirst(table: TableMetadata, place: NonNullable<MergeOutput['next']>): number {
  const { firstBucketId, firstTokenHigh, firstTokenLow } = table;
  const { bucketId, tokenHigh, tokenLow } = place;
  return comparePlaces(firstBucketId, firstTokenHigh, firstTokenLow, bucketId, tokenHigh, tokenLow);
}

function compareLast(table: TableMetadata, place: NonNullable<MergeOutput['next']>): number {
  const { lastBucketId, lastTokenHigh, lastTokenLow } = table;
  const { bucketId, tokenHigh, tokenLow } = place;
  return comparePlaces(lastBucketId, lastTokenHigh, lastTokenLow, bucketId, tokenHigh, tokenLow);
}

function assertResult(
  disk: SimulatedDisk,
  outputs: readonly MergeOutput[],
  plan: MergePlan,
  expected: Expected,
): void {
  assertSoundTables(outputs, plan);
  const counts = noCounts();
  for (const output of outputs) {
    assert.is(
      output.counts.inputRecords,
      output.counts.outputRecords + lostRecords(output.counts),
      'MJ1 of each beat',
    );
    addCounts(counts, output.counts);
  }
  const tables = outputs.flatMap(({ parts }) => (parts === undefined ? [] : [parts.footer.table]));
  const records = tables.flatMap((table) => readTable(disk, table));
  assert.is(records.length, expected.records.length);
  for (const [index, record] of records.entries()) {
    const text = `record ${index}, key ${record[HEADER.tokenHigh]}`;
    assert.equal(record, expected.records[index], text);
  }
  const inputRecords = plan.inputs.reduce((sum, table) => sum + table.recordCount, 0);
  const outputRecords = expected.records.length;
  assert.equal(counts, { inputRecords, outputRecords, ...expected.counts }, 'MJ2 over all beats');
}

test('[MJ1] [MJ2] [MJ4] [MJ5] [MJ6] [VM1] [VM2] [VM3] [MR1] [MR2] [RU1] [TW3] merges against a model, whatever the beats', () => {
  const sum = noCounts();
  let beatCount = 0;
  for (let seed = 0; seed < 400; seed += 1) {
    const prng = new Prng(`merge-${seed}`);
    const disk = new SimulatedDisk({ prng: prng.stream('disk'), shortTransferProbability: 0.02 });
    const { tables, keys } = randomRuns(disk, prng);
    const rules = randomRules(prng);
    const plan = planOf(prng, tables, rules);
    const merged = runMerge(toolsFor(disk), plan, 1000);
    assert.ok(merged.ok, `seed ${seed}`);
    assertResult(disk, merged.value, plan, expectedMerge(keys, rules));
    for (const { counts } of merged.value) addCounts(sum, counts);
    beatCount += merged.value.length;
    assert.is(disk.openFileCount, 0, 'a beat closes what it opened');
  }
  // Each rule had something to do.
  assert.ok(beatCount > 2000, `${beatCount} beats`);
  for (const [name, count] of Object.entries(sum)) assert.ok(count > 300, `${name}: ${count}`);
});

test('a merge of nothing but what goes writes no table, and says that it came to the end', () => {
  const disk = new SimulatedDisk({ prng: new Prng('empty') });
  const prng = new Prng('empty-runs');
  const { tables } = randomRuns(disk, prng);
  const rangeDrops = [
    { bucketId: 1, fromHigh: 0, fromLow: 0, toHigh: -1, toLow: -1, sequence: 1000 },
  ];
  const plan = planOf(prng, tables, { horizon: NO_HORIZON, rangeDrops, isBottom: false });
  const before = disk.names();
  const merged = runMerge(toolsFor(disk), { ...plan, outputBytesMax: 100_000 }, 1000);
  assert.ok(merged.ok);
  assert.is(merged.value.length, 1);
  assert.is(merged.value[0]!.parts, undefined);
  assert.equal(disk.names(), before);
});

test('a merge by a function that nobody knows fails, and writes nothing', () => {
  const disk = new SimulatedDisk({ prng: new Prng('unknown') });
  const prng = new Prng('unknown-runs');
  const { tables } = randomRuns(disk, prng);
  const rules = { horizon: NO_HORIZON, rangeDrops: [], isBottom: false };
  const before = disk.names();
  for (const combine of ['multiply', 'toString']) {
    const plan = { ...planOf(prng, tables, rules), combine };
    const merged = runMerge(toolsFor(disk), plan, 1000);
    assert.ok(!merged.ok && merged.code === 'OTHER');
  }
  assert.equal(disk.names(), before);
});

/** Two runs and a level 1, of a few blocks each. */
function smallMerge(disk: SimulatedDisk): { readonly input: MergeInput; readonly names: string[] } {
  const tables = [2, 1, 0].map((run) =>
    writeTable(disk, {
      fileNumber: 3 - run,
      level: run === 0 ? 1 : 0,
      firstSequence: run * 10 + 1,
      lastSequence: run * 10 + 10,
      blockBytes: 512,
      codec: 0,
      versions: Array.from({ length: 12 }, (_, index) => ({
        kind: 'full' as const,
        key: index * (run + 1),
        value: run,
        expiries: [0],
        hybridSeconds: 1,
      })),
    }),
  );
  const rules = { horizon: NO_HORIZON, rangeDrops: [], isBottom: true };
  const plan = planOf(new Prng('small'), tables, rules);
  const input = { ...plan, outputBytesMax: 100_000, after: undefined, fileNumber: 1000 };
  return { input, names: tables.map(({ fileNumber }) => tableName(fileNumber)) };
}

test('[MJ3] [MR3] [RU2] F12 each read of a merge fails once: no output counts, and the inputs stay', () => {
  let failed = 0;
  for (const code of ['EIO', 'EMFILE'] as const) {
    for (const operation of ['read', 'open'] as const) {
      for (let nth = 1; ; nth += 1) {
        const disk = new SimulatedDisk({ prng: new Prng('f12') });
        const { input, names } = smallMerge(disk);
        const before = names.map((name) => disk.contents(name));
        disk.inject({ operation, nth, code });
        const merged = mergeBeat(toolsFor(disk), input);
        disk.clearFaults();
        assert.equal(
          names.map((name) => disk.contents(name)),
          before,
        );
        assert.is(disk.openFileCount, 0);
        if (merged.ok) break;
        failed += 1;
        assert.is(merged.code, code);
      }
    }
  }
  assert.ok(failed > 20, `${failed} failed`);
});

test('[MJ3] F12 any damaged byte of an input fails the merge, or changes nothing of what it writes', () => {
  const sound = new SimulatedDisk({ prng: new Prng('f12') });
  const { input } = smallMerge(sound);
  const merged = mergeBeat(toolsFor(sound), input);
  assert.ok(merged.ok);
  const expected = sound.contents(tableName(1000));
  let refused = 0;
  for (const { fileNumber, byteCount } of input.inputs) {
    for (let at = 0; at < byteCount; at += 3) {
      const disk = new SimulatedDisk({ prng: new Prng('f12') });
      smallMerge(disk);
      const name = tableName(fileNumber);
      disk.corrupt(name, at, disk.contents(name)[at]! ^ 0x21);
      const again = mergeBeat(toolsFor(disk), input);
      assert.is(disk.openFileCount, 0);
      if (again.ok) {
        // The filter, which a merge does not read.
        assert.equal(disk.contents(tableName(1000)), expected);
      } else {
        refused += 1;
        assert.is(again.code, 'EIO');
        assert.not(disk.names().includes(tableName(1000)), 'half an output is taken away');
      }
    }
  }
  assert.ok(refused > 1000, `${refused} refused`);
});

test('the write of an output fails at each call: the merge fails, and the inputs stay', () => {
  for (const operation of ['open', 'write', 'datasync', 'syncDirectory'] as const) {
    const disk = new SimulatedDisk({ prng: new Prng('output') });
    const { input, names } = smallMerge(disk);
    disk.inject({ operation, nth: operation === 'open' ? 7 : 1, code: 'ENOSPC' });
    const merged = mergeBeat(toolsFor(disk), input);
    assert.ok(!merged.ok && merged.code === 'ENOSPC', operation);
    assert.is(disk.openFileCount, 0);
    for (const name of names) assert.ok(disk.names().includes(name));
  }
});

test('[MR1] what compares equal is one key: the order of merges is that of records', () => {
  const disk = new SimulatedDisk({ prng: new Prng('order') });
  const { input } = smallMerge(disk);
  const merged = mergeBeat(toolsFor(disk), input);
  assert.ok(merged.ok && merged.value.parts !== undefined);
  const records = readTable(disk, merged.value.parts.footer.table);
  for (const [index, record] of records.entries()) {
    const before = records[index - 1];
    assert.ok(before === undefined || compareRecordPositions(before, 0, record, 0) < 0);
  }
});

test.run();
