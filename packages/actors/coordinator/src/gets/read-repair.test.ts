import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { LEVEL, REQUEST_FLAG } from '@clockwise/protocol/frame';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { WorldOptions } from '../coordinator-world.ts';
import { GetWorld } from './get-world.ts';
import { record } from '../requests/sample-requests.ts';

const OLD = record({ dots: [[9, 1]] });
const NEW = record({ dots: [[9, 2]] });
const OTHER = record({ dots: [[8, 1]] });
const BOTH = record({
  dots: [
    [8, 1],
    [9, 1],
  ],
});
const { TIMEOUT, UNAVAILABLE, OVERLOADED } = ERRORS;
const FOUND_NEW = [STATUS_OK, 'v9.2'] as const;

function monotonic(options: WorldOptions = {}, level = 0): GetWorld {
  return new GetWorld(options, level, { flags: REQUEST_FLAG.monotonic });
}

test('[G6] where N-R+1 primaries hold the same, a monotonic get answers at once and mends nobody', () => {
  const one = monotonic();
  one.answers(0, NEW);
  assert.equal(one.shown(), []);
  one.answers(1, NEW);
  assert.equal(one.shown(), [FOUND_NEW]);
  assert.is(one.mended.size, 0);
});

test('[G6] a monotonic get has those behind and those not asked take it, and answers at N-R+1', () => {
  for (const acknowledging of [0, 2]) {
    const one = monotonic();
    one.answers(0, OLD);
    one.answers(1, NEW);
    assert.equal(one.shown(), []);
    assert.equal(
      [...one.mended.entries()],
      [
        [0, [NEW]],
        [2, [NEW]],
      ],
    );
    one.acknowledges(acknowledging);
    assert.equal(one.shown(), [FOUND_NEW]);
  }
});

test('[G6] what is joined of two is held by nobody: two have to take it', () => {
  const one = monotonic();
  one.answers(0, OLD);
  one.answers(1, OTHER);
  assert.equal(
    [...one.mended.entries()].toSorted(([left], [right]) => left - right),
    [0, 1, 2].map((node) => [node, [BOTH]]),
  );
  one.acknowledges(1);
  assert.equal(one.shown(), []);
  one.acknowledges(2);
  assert.equal(one.shown(), [[STATUS_OK, 'v8.1', 'v9.1']]);
});

test('[G6] with R = 1 all of N hold what is answered, with R = N one of them', () => {
  const first = monotonic({}, 1);
  first.answers(0, NEW);
  assert.equal(first.shown(), []);
  first.acknowledges(1);
  assert.equal(first.shown(), []);
  first.acknowledges(2);
  assert.equal(first.shown(), [FOUND_NEW]);
  const all = monotonic({}, 3);
  all.answers(0, OLD);
  all.answers(1, OLD);
  all.answers(2, NEW);
  assert.equal(all.shown(), [FOUND_NEW]);
  assert.equal([...all.mended.keys()], [0, 1]);
});

test('[G6] a store that is refused, a link that breaks: the answer waits for another, or is refused', () => {
  const refused = monotonic();
  refused.answers(0, OLD);
  refused.answers(1, NEW);
  refused.acknowledges(0, OVERLOADED.code);
  assert.equal(refused.shown(), []);
  refused.acknowledges(2);
  assert.equal(refused.shown(), [FOUND_NEW]);
  const cut = monotonic();
  cut.answers(0, OLD);
  cut.answers(1, NEW);
  cut.cut(2);
  assert.equal(cut.shown(), []);
  cut.acknowledges(0, OVERLOADED.code);
  assert.equal(cut.shown(), [[OVERLOADED.code]]);
  const late = monotonic();
  late.answers(0, OLD);
  late.answers(1, NEW);
  late.passes(5000);
  assert.equal(late.shown().at(-1), [TIMEOUT.code]);
});

test('[G6, GA1] too few primaries: nobody stands in for a monotonic get, nor under it', () => {
  const options: WorldOptions = { nodeCount: 5, replicas: [0, 1, 2] };
  const one = new GetWorld(options);
  one.cut(1);
  one.cut(2);
  one.shown();
  one.ask({ flags: REQUEST_FLAG.monotonic });
  assert.equal(one.shown(), [[UNAVAILABLE.code]]);
  const under = monotonic(options);
  under.cut(1);
  under.cut(2);
  assert.equal(under.asked, [0, 1, 2]);
  assert.equal(under.shown(), [[UNAVAILABLE.code]]);
});

test('[G6] a late reading that holds it spares the wait; one that holds less does not', () => {
  const later = record({ dots: [[9, 3]] });
  for (const [reading, shown] of [
    [NEW, [FOUND_NEW]],
    [later, [FOUND_NEW]],
    [OLD, []],
  ] as const) {
    const one = monotonic();
    one.passes(60);
    assert.equal(one.asked, [0, 1, 2]);
    one.answers(0, OLD);
    one.answers(1, NEW);
    assert.equal(one.shown(), []);
    one.answers(2, reading);
    assert.equal(one.shown(), shown);
  }
});

test('[G6] that nothing is there needs no mending', () => {
  const one = monotonic();
  one.answers(0, 'nothing');
  one.answers(1, 'nothing');
  assert.equal(one.shown(), [[STATUS_NOT_FOUND]]);
});

test('[G6] for levels of a data centre the primaries of the own one count', () => {
  const options: WorldOptions = {
    nodeCount: 6,
    dataCentres: ['one', 'two', 'one', 'two', 'one', 'two'],
  };
  const one = monotonic(options, LEVEL.localQuorum);
  one.answers(0, OLD);
  one.answers(2, NEW);
  assert.equal([...one.mended.keys()], [0, 4]);
  one.acknowledges(4);
  assert.equal(one.shown(), [FOUND_NEW]);
});

test('C8 fast: a later read may go back, where the one before mended nobody in time', () => {
  const one = new GetWorld();
  one.answers(1, NEW);
  one.answers(0, OLD);
  assert.equal(one.shown(), [FOUND_NEW]);
  one.cut(1);
  one.ask({});
  one.answers(0, OLD);
  one.answers(2, OLD);
  assert.equal(one.shown(), [[STATUS_OK, 'v9.1']]);
});

/** Which replicas answer reads and stores in a round; a version that reaches one node before it. */
const rounds = fc.array(
  fc.record({
    silent: fc.subarray([0, 1, 2]),
    deaf: fc.subarray([0, 1, 2]),
    written: fc.option(fc.nat(2), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 12 },
);

test('C8 monotonic: what one read showed, every later one shows or more, whoever is silent', () => {
  fc.assert(
    fc.property(rounds, fc.constantFrom(1, 2, 3), (all, level) => {
      const one = new GetWorld({}, level);
      one.passes(5000);
      one.shown();
      const held = [0, 0, 0];
      let last = 0;
      let newest = 0;
      for (const { silent, deaf, written } of all) {
        newest += 1;
        if (written !== undefined) held[written] = newest;
        const found = readOnce(one, level, held, silent, deaf);
        if (found < 0) continue;
        assert.ok(found >= last, `${found} is shown after ${last}`);
        last = found;
      }
    }),
    { numRuns: 60 },
  );
});

/** A monotonic get among replicas that hold versions; the version that it shows, -1: none. */
function readOnce(
  one: GetWorld,
  level: number,
  held: number[],
  silent: readonly number[],
  deaf: readonly number[],
): number {
  one.ask({ level, flags: REQUEST_FLAG.monotonic });
  for (let turn = 0; turn < 4; turn += 1) {
    for (const node of one.asked) {
      if (!silent.includes(node)) {
        const version = held[node]!;
        one.answers(node, version === 0 ? 'nothing' : record({ dots: [[9, version]] }));
      }
      one.reads.delete(node);
    }
    for (const [node, sent] of one.stores) {
      while (sent.length > 0 && !deaf.includes(node)) {
        const version = versionOf(one.mended.get(node)!.at(-sent.length)!);
        held[node] = Math.max(held[node]!, version);
        one.acknowledges(node);
      }
      sent.length = 0;
    }
    one.passes(60);
  }
  one.passes(5000);
  one.stores.clear();
  for (const [status, value] of one.shown()) {
    if (status === STATUS_NOT_FOUND) return 0;
    if (status === STATUS_OK) return Number(value!.split('.')[1]);
  }
  return -1;
}

/** The counter of its one sibling, as the sample's hybrid time has it. */
function versionOf(words: Int32Array): number {
  for (let version = 1; version <= 20; version += 1) {
    if (record({ dots: [[9, version]] }).every((word, index) => word === words[index])) {
      return version;
    }
  }
  throw new Error('a sample');
}

test('[MB1] a node that takes no repairs is sent as many as are admitted, and later again', () => {
  const one = new GetWorld({ limits: { repairsInFlightMax: 2 } });
  const readBehind = (): void => {
    for (const node of one.asked) one.answers(node, node === 1 ? OLD : NEW);
  };
  readBehind();
  for (let get = 0; get < 3; get += 1) {
    one.ask({});
    readBehind();
  }
  assert.is(one.mended.get(1)!.length, 2);
  assert.is(one.world.figures()['repairs'], 2);
  assert.is(one.world.figures()['repairsSkipped'], 2);
  one.acknowledges(1);
  one.ask({});
  readBehind();
  assert.is(one.mended.get(1)!.length, 3);
  one.cut(1);
  one.world.linkUp(1);
  one.ask({});
  readBehind();
  assert.is(one.mended.get(1)!.length, 4);
});

test.run();
