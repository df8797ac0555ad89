// Which marks were hit, over seeds, and what is newly dead.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judgeProbes, linesOf, listsFrom, readProbeLists, reasonsOf } from './probe-lists.ts';
import { probeLines, ProbeTally } from './probe-tally.ts';

const CATALOGUE = ['a: one', 'a: three', 'a: two'].map((name, index) => ({
  name,
  kind: 'reachable' as const,
  file: 'x.ts',
  line: index + 1,
}));

function tallyOf(...seeds: readonly (readonly string[])[]): ProbeTally {
  const tally = new ProbeTally();
  for (const names of seeds) tally.add(new Map(names.map((name) => [name, 7])));
  return tally;
}

test('[PT1] what no seed told of is listed as never hit, with its place', () => {
  const tally = tallyOf(['a: one'], ['a: one', 'a: two']);
  assert.equal(probeLines(CATALOGUE, tally, false), [
    '2 of 3 marks hit',
    '  never hit: a: three (x.ts:2)',
  ]);
});

test('the whole table says which share of the seeds hit each, the rarest first', () => {
  const tally = tallyOf(['a: one'], ['a: one', 'a: two']);
  assert.equal(probeLines(CATALOGUE, tally, true), [
    '2 of 3 marks hit',
    '    0.0 %  reachable  a: three (x.ts:2)',
    '   50.0 %  reachable  a: two (x.ts:3)',
    '  100.0 %  reachable  a: one (x.ts:1)',
  ]);
});

test('[PL1] each mark is in exactly one list, with a reason where it is missed', () => {
  const tally = tallyOf(['a: one', 'a: two', 'a: three']);
  const judge = (hit: readonly string[], missed: string): readonly string[] =>
    judgeProbes(CATALOGUE, tally, { hit, missed: reasonsOf(missed) });
  assert.equal(judge(['a: one', 'a: two'], 'a: three | rare\n'), []);
  assert.equal(judge(['a: one', 'a: two'], ''), ['in neither list of test/probes: a: three']);
  assert.equal(judge(['a: one', 'a: two', 'a: three'], 'a: three | rare'), [
    'listed twice: a: three',
  ]);
  assert.equal(judge(['a: one', 'a: two'], 'a: three'), ['without reason: a: three']);
  assert.equal(judge(['a: one', 'a: two', 'a: four'], 'a: three | rare'), [
    'listed in test/probes, but in no source: a: four',
  ]);
});

test('[PL2] a mark that the usual seeds used to hit and do not hit any more is a failure', () => {
  const lists = { hit: ['a: one', 'a: two'], missed: reasonsOf('a: three | rare') };
  assert.equal(judgeProbes(CATALOGUE, tallyOf(['a: one'], ['a: three']), lists), [
    'newly dead: a: two',
  ]);
});

test('lists written anew hold what five seeds hit, and keep the reasons for the rest', () => {
  const often = Array.from({ length: 5 }, () => ['a: one']);
  const tally = tallyOf(...often, ['a: two']);
  const lists = listsFrom(CATALOGUE, tally, { hit: [], missed: reasonsOf('a: three | why') });
  assert.equal(lists.hit, ['a: one']);
  assert.equal(
    [...lists.missed],
    [
      ['a: three', 'why'],
      ['a: two', 'rare: hit by 1 of the usual seeds'],
    ],
  );
  const without = listsFrom(CATALOGUE, tally, { hit: [], missed: new Map() });
  assert.equal(judgeProbes(CATALOGUE, tally, without), ['without reason: a: three']);
});

test('lists have comments and blank lines, and those of this checkout can be read', () => {
  assert.equal(linesOf('# for people\n\na: one\n'), ['a: one']);
  const { hit, missed } = readProbeLists();
  assert.ok(hit.length > 0 && missed.size > 0);
});

test.run();
