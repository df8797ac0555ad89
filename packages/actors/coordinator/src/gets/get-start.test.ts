import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { LEVEL, REPLY_KIND, REQUEST_FLAG } from '@clockwise/protocol/frame';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { WorldOptions } from '../coordinator-world.ts';
import { type Answer, GetWorld } from './get-world.ts';
import { PROBE_EVERY } from './replica-preference.ts';
import { record } from '../requests/sample-requests.ts';

const { UNAVAILABLE, READ_FAILED, NOT_READY } = ERRORS;
const OLD = record({ dots: [[9, 1]] });
const NEW = record({ dots: [[9, 2]] });
/** Nodes 3 and 4 stand in, in this order. */
const FIVE: WorldOptions = { nodeCount: 5, replicas: [0, 1, 2] };

function withoutLinks(nodes: readonly number[], options: WorldOptions = FIVE, level = 0): GetWorld {
  return new GetWorld(options, level, {
    before: (world) => {
      for (const node of nodes) world.linkDown(node);
    },
  });
}

test('[GA1] stand-ins are asked for hinted copies, and only where too few primaries can be used', () => {
  const one = withoutLinks([1]);
  assert.equal(one.asked, [0, 2]);
  const two = withoutLinks([1, 2]);
  assert.equal(two.asked, [0, 3]);
  assert.equal(
    [...two.hinted.entries()],
    [
      [0, false],
      [3, true],
    ],
  );
  const three = withoutLinks([1, 2], FIVE, 3);
  assert.equal(three.asked, [0, 3, 4]);
  const believed = new GetWorld(FIVE);
  believed.suspect(1);
  believed.suspect(2);
  believed.ask({});
  assert.equal(believed.asked, [0, 3]);
});

test('[GA1] a strict get asks nobody outside the list, but those that are only believed down', () => {
  const one = new GetWorld(FIVE);
  one.suspect(2);
  one.cut(1);
  one.ask({ flags: REQUEST_FLAG.strict });
  assert.equal(one.asked, [0, 2]);
  one.cut(2);
  one.shown();
  one.ask({ flags: REQUEST_FLAG.strict });
  assert.equal(one.shown(), [[UNAVAILABLE.code]]);
});

interface SloppyRow {
  readonly own: Answer;
  readonly three: Answer;
  readonly four?: Answer;
  readonly shown: readonly [number, ...string[]];
}

const SLOPPY_ROWS: readonly SloppyRow[] = [
  { own: OLD, three: OLD, shown: [STATUS_OK, 'v9.1'] },
  { own: OLD, three: NEW, shown: [STATUS_OK, 'v9.2'] },
  { own: 'nothing', three: NEW, shown: [STATUS_OK, 'v9.2'] },
  { own: OLD, three: 'nothing', shown: [STATUS_OK, 'v9.1'] },
  { own: 'nothing', three: 'nothing', four: NEW, shown: [STATUS_OK, 'v9.2'] },
  { own: 'nothing', three: 'nothing', four: 'nothing', shown: [UNAVAILABLE.code] },
  { own: 'failed', three: NEW, four: NEW, shown: [STATUS_OK, 'v9.2'] },
  // Without a primary's word an empty stand-in is no witness.
  { own: 'failed', three: NEW, four: 'nothing', shown: [READ_FAILED.code] },
  { own: 'failed', three: 'nothing', shown: [READ_FAILED.code] },
];

test('[G4] "not found" needs R votes without stand-ins that hold nothing', () => {
  for (const { own, three, four, shown } of SLOPPY_ROWS) {
    const one = withoutLinks([1, 2]);
    one.answers(3, three);
    assert.equal(one.shown(), []);
    one.answers(0, own);
    if (four !== undefined) {
      assert.equal(one.shown(), []);
      assert.is(one.hinted.get(4), true);
      one.answers(4, four);
    }
    assert.equal(one.shown(), [shown]);
    // It was asked, and is not waited for.
    if (four === undefined && one.reads.has(4)) one.answers(4, 'nothing');
    assert.is(one.inFlight(), 0);
  }
});

test('[G4] the answer says how many primaries were among those that answered', () => {
  const rows: readonly (readonly [Answer, Answer, number, number])[] = [
    [OLD, NEW, 2, 1],
    [OLD, 'nothing', 2, 1],
  ];
  for (const [own, three, answered, primaries] of rows) {
    const one = withoutLinks([1, 2]);
    one.answers(0, own);
    one.answers(3, three);
    one.shown();
    assert.equal(one.accounts, [{ answered, primaries, sloppy: true }]);
  }
  const plain = new GetWorld(FIVE);
  plain.answers(0, OLD);
  plain.answers(1, OLD);
  plain.shown();
  assert.equal(plain.accounts, [{ answered: 2, primaries: 2, sloppy: false }]);
});

test('[G5] nothing is repaired into stand-ins; what they hold mends primaries', () => {
  const behind = withoutLinks([1, 2]);
  behind.answers(0, OLD);
  behind.answers(3, NEW);
  assert.equal([...behind.mended], [[0, [NEW]]]);
  const ahead = withoutLinks([1, 2]);
  ahead.answers(3, OLD);
  ahead.answers(0, NEW);
  assert.is(ahead.mended.size, 0);
});

test('[GA1] where links break under a get, stand-ins take the places of their primaries', () => {
  const one = new GetWorld(FIVE);
  one.cut(1);
  assert.equal(one.asked, [0, 1, 2]);
  one.cut(2);
  assert.equal(one.asked, [0, 1, 2, 3]);
  one.cut(3);
  assert.equal(one.asked, [0, 1, 2, 3, 4]);
  one.answers(4, NEW);
  one.answers(0, OLD);
  assert.equal(one.shown(), [[STATUS_OK, 'v9.2']]);
  assert.is(one.inFlight(), 0);
});

test('[GA1] where shards of primaries are down, stand-ins take their places as they do for puts', () => {
  const one = new GetWorld(FIVE);
  const isDown = { kind: REPLY_KIND.read, status: NOT_READY.code };
  one.replies(1, one.reads.get(1)!, isDown);
  assert.equal(one.asked, [0, 1, 2]);
  one.replies(2, one.reads.get(2)!, isDown);
  assert.equal(one.asked, [0, 1, 2, 3]);
  assert.is(one.hinted.get(3), true);
  one.answers(0, OLD);
  one.answers(3, NEW);
  assert.equal(one.shown(), [[STATUS_OK, 'v9.2']]);
  assert.equal(one.accounts, [{ answered: 2, primaries: 1, sloppy: true }]);
  assert.is(one.inFlight(), 0);
  const strict = new GetWorld(FIVE, 0, { flags: REQUEST_FLAG.strict });
  for (const node of [1, 2]) strict.replies(node, strict.reads.get(node)!, isDown);
  assert.equal(strict.shown(), [[NOT_READY.code]]);
});

test('[GA1] nodes that are believed down under a get are not waited for where others can be asked', () => {
  const one = new GetWorld(FIVE);
  one.suspect(1);
  assert.equal(one.asked, [0, 1, 2]);
  one.suspect(2);
  assert.equal(one.asked, [0, 1, 2, 3]);
  one.answers(0, OLD);
  // It lives after all, and its word is as good.
  one.answers(2, NEW);
  assert.equal(one.shown(), [[STATUS_OK, 'v9.2']]);
  for (const node of [1, 3]) one.answers(node, OLD);
  assert.is(one.inFlight(), 0);
});

test('[G4] a stand-in that holds nothing does not outvote its primary, which answers after all', () => {
  const one = new GetWorld(FIVE);
  for (const node of [1, 2]) one.suspect(node);
  assert.equal(one.asked, [0, 1, 2, 3]);
  one.answers(0, 'nothing');
  one.answers(3, 'nothing');
  assert.equal(one.shown(), []);
  one.answers(1, NEW);
  assert.equal(one.shown(), [[STATUS_OK, 'v9.2']]);
  assert.equal(one.accounts, [{ answered: 2, primaries: 2, sloppy: false }]);
});

test('where nobody else can be asked, a get waits for one that is believed down', () => {
  const one = new GetWorld();
  one.answers(0, OLD);
  for (const node of [1, 2]) one.suspect(node);
  assert.equal(one.shown(), []);
  one.answers(2, NEW);
  assert.equal(one.shown(), [[STATUS_OK, 'v9.2']]);
});

test('[GA1] with no primary left all that is known is what stand-ins hold', () => {
  const one = new GetWorld(FIVE, 0, {
    before: (world) => {
      for (const node of [1, 2]) world.linkDown(node);
      world.step([{ kind: 'channel-down', target: 0 }]);
    },
  });
  assert.equal(one.asked, [3, 4]);
  one.answers(3, OLD);
  one.answers(4, NEW);
  assert.equal(one.shown(), [[STATUS_OK, 'v9.2']]);
  assert.equal(one.accounts, [{ answered: 2, primaries: 0, sloppy: true }]);
});

test('[GA1] the sole copy of one that is down is asked for at its stand-in, and compared', () => {
  const options: WorldOptions = { nodeCount: 2, replicas: [0], bucket: { readLevel: 1 } };
  const foreign = record({ key: 'another', dots: [[9, 9]] });
  for (const [answer, shown] of [
    [OLD, [STATUS_OK, 'v9.1']],
    ['nothing', [UNAVAILABLE.code]],
    [foreign, [READ_FAILED.code]],
  ] as const) {
    const one = new GetWorld(options, 0, {
      before: (world) => world.step([{ kind: 'channel-down', target: 0 }]),
    });
    assert.equal(one.asked, [1]);
    one.answers(1, answer);
    assert.equal(one.shown(), [shown]);
  }
});

test('[PF2] one get in many asks the last besides, and does not wait for it', () => {
  const one = new GetWorld({}, 1);
  let besides = 0;
  for (let get = 1; get < 4 * PROBE_EVERY; get += 1) {
    if (one.asked.length === 2) besides += 1;
    one.answers(0, OLD);
    assert.equal(one.shown(), [[STATUS_OK, 'v9.1']]);
    one.ask({ level: 1 });
  }
  assert.is(besides, 3);
});

test('[LV2] local-quorum asks the own data centre, each-quorum a quorum of each', () => {
  const options: WorldOptions = {
    nodeCount: 6,
    dataCentres: ['one', 'two', 'one', 'two', 'one', 'two'],
  };
  const local = new GetWorld(options, LEVEL.localQuorum);
  assert.equal(local.asked, [0, 2]);
  local.answers(0, 'nothing');
  assert.equal(local.shown(), []);
  local.answers(2, 'nothing');
  assert.equal(local.shown(), [[STATUS_NOT_FOUND]]);
  const each = new GetWorld(options, LEVEL.eachQuorum);
  assert.equal(each.asked, [0, 1, 2, 3]);
  for (const node of [0, 2, 1]) each.answers(node, OLD);
  assert.equal(each.shown(), []);
  each.answers(3, OLD);
  assert.equal(each.shown(), [[STATUS_OK, 'v9.1']]);
  const slow = new GetWorld(options, LEVEL.localQuorum);
  slow.passes(DEFAULT_LIMITS.hedgeMsMax + 10);
  assert.equal(slow.asked, [0, 2, 4]);
});

test('[LV2] no get at local-quorum is read in another data centre: not to learn of it, nor late', () => {
  const options: WorldOptions = {
    nodeCount: 6,
    dataCentres: ['one', 'two', 'one', 'two', 'one', 'two'],
  };
  const one = new GetWorld(options, LEVEL.localQuorum);
  let besides = 0;
  for (let count = 0; count < 3 * PROBE_EVERY; count += 1) {
    one.ask({ level: LEVEL.localQuorum });
    assert.equal(
      one.asked.filter((node) => node % 2 === 1),
      [],
    );
    if (one.asked.length > 2) besides += 1;
    for (const node of one.asked) one.answers(node, OLD);
  }
  assert.is(besides, 3, 'the last of the own data centre is asked besides');
  for (const node of [2, 4]) one.cut(node);
  one.shown();
  one.ask({ level: LEVEL.localQuorum });
  assert.equal(one.shown(), [[UNAVAILABLE.code]]);
  assert.equal(
    one.asked.filter((node) => node % 2 === 1),
    [],
  );
});

test.run();
