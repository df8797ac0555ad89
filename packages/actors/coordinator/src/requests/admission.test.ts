import { Prng } from '@clockwise/kernel/prng';
import { ERRORS, STATUS_NOT_FOUND } from '@clockwise/protocol/errors';
import { REPLY_KIND } from '@clockwise/protocol/frame';
import { responseRetryAfterMs } from '@clockwise/protocol/response-reader';
import type { FrameWriter } from '@clockwise/protocol/frame-writer';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Admission } from './admission.ts';
import { CoordinatorWorld, statusOf, type Sent } from '../coordinator-world.ts';
import { get } from './sample-requests.ts';

const LIMITS = { requestsInFlightMax: 16_384, admissionLatencyMs: 100 };

function admission(): Admission {
  return new Admission(LIMITS, new Prng('admission'));
}

/** Windows in which so many ask, with so many unanswered, and each answer takes so long. */
function pass(
  one: Admission,
  from: number,
  windows: number,
  { elapsedMs, unanswered }: { elapsedMs: number; unanswered: number },
): number {
  const until = from + windows * 100;
  for (let now = from; now < until; now += 5) {
    one.takes(unanswered, now);
    one.answered(elapsedMs, now);
  }
  return until;
}

test('[AD2] long answers take the limit down to its least, quick ones up to its most', () => {
  const one = admission();
  assert.is(one.limit, LIMITS.requestsInFlightMax);
  let now = pass(one, 0, 5, { elapsedMs: 5, unanswered: 20 });
  now = pass(one, now, 4, { elapsedMs: 600, unanswered: 3000 });
  assert.ok(one.limit <= 3000, 'what was in flight counts, not what might have been');
  now = pass(one, now, 60, { elapsedMs: 600, unanswered: 3000 });
  assert.is(one.limit, 64);
  now = pass(one, now, 150, { elapsedMs: 5, unanswered: 64 });
  assert.is(one.limit, LIMITS.requestsInFlightMax);
});

test('[AD2] a stall is no overload, nor are few requests that take a little long', () => {
  const one = admission();
  let now = pass(one, 0, 5, { elapsedMs: 5, unanswered: 1600 });
  for (let round = 0; round < 10; round += 1) {
    now = pass(one, now, 2, { elapsedMs: 400, unanswered: 1600 });
    now = pass(one, now, 2, { elapsedMs: 5, unanswered: 1600 });
  }
  const cold = admission();
  pass(cold, 0, 20, { elapsedMs: 300, unanswered: 256 });
  for (const { limit } of [one, cold]) assert.is(limit, LIMITS.requestsInFlightMax);
});

test('[AD3] after the worst the limit opens again within 30 s, however few come', () => {
  for (const unanswered of [1, 40, 64, 5000]) {
    const one = admission();
    let now = pass(one, 0, 5, { elapsedMs: 5, unanswered: 20 });
    now = pass(one, now, 100, { elapsedMs: 2000, unanswered: 16_384 });
    assert.is(one.limit, 64);
    pass(one, now, 300, { elapsedMs: 3, unanswered });
    assert.is(one.limit, LIMITS.requestsInFlightMax);
  }
});

test('[AD1] what is slow by nature is not taken for overload', () => {
  const one = admission();
  let now = pass(one, 0, 100, { elapsedMs: 160, unanswered: 900 });
  now = pass(one, now, 100, { elapsedMs: 170, unanswered: 2000 });
  assert.is(one.limit, LIMITS.requestsInFlightMax);
  pass(one, now, 30, { elapsedMs: 700, unanswered: 8000 });
  assert.ok(one.limit < 2000, `${one.limit}`);
});

test('[AD1] equal counts and instants give equal admission; one in ten may be slow', () => {
  const draw = (): number[] => {
    const one = admission();
    const prng = new Prng('load');
    return Array.from({ length: 4000 }, (_, step) => {
      one.takes(prng.below(3000), step * 3);
      one.answered(step % 20 === 0 ? 1500 : prng.below(60), step * 3);
      return one.limit;
    });
  };
  assert.equal(draw(), draw());
  assert.is(Math.min(...draw()), LIMITS.requestsInFlightMax);
});

test('[AD4] who is refused is told to come later while many are refused, sooner again while few are', () => {
  const one = admission();
  const from = pass(one, 0, 5, { elapsedMs: 5, unanswered: 20 });
  let now = pass(one, from, 40, { elapsedMs: 600, unanswered: 3000 });
  /** Hints after so many windows, in which so many of a hundred are refused. */
  const hints = (windows: number, refused: number): number[] => {
    for (let left = windows; left > 0; left -= 1) {
      now += 100;
      for (let count = 0; count < 100; count += 1) one.takes(count < refused ? 16_384 : 10, now);
    }
    return Array.from({ length: 50 }, () => one.retryAfterMs(now));
  };
  const within = (drawn: readonly number[], least: number, most: number): void => {
    assert.ok(Math.min(...drawn) >= least && Math.max(...drawn) <= most, drawn.join(' '));
  };
  within(hints(20, 0), 8, 13);
  const some = hints(8, 30);
  within(some, 100, 300);
  assert.ok(new Set(some).size > 10, 'who was refused together does not come back together');
  within(hints(30, 30), 750, 1250);
  within(hints(5, 8), 750, 1250);
  within(hints(30, 3), 8, 13);
  hints(30, 30);
  now += 1000;
  within(hints(0, 0), 8, 13);
});

test('[AD5] answers may wait for one another only where many wait long, for a part of that', () => {
  const patience = (elapsedMs: number, unanswered: number, windows = 3): number => {
    const one = admission();
    const from = pass(one, 0, 5, { elapsedMs: 5, unanswered: 20 });
    pass(one, from, windows, { elapsedMs, unanswered });
    return one.patienceMs;
  };
  assert.is(patience(100, 400), 0);
  assert.is(patience(4, 600), 0);
  assert.is(patience(40, 600), 8);
  assert.is(patience(1000, 3000), 20);
  assert.is(patience(1000, 3000, 10), 50, 'more than are taken in');
  assert.is(patience(96, 3000, 10), 20, 'none is kept out');
  const left = admission();
  const now = pass(left, 0, 5, { elapsedMs: 40, unanswered: 600 });
  left.takes(1, now + 500);
  assert.is(left.patienceMs, 0, 'those who waited are gone');
});

/** One shard that answers one operation a millisecond, in their order, whether they expired or not. */
class LoadedWorld {
  readonly world: CoordinatorWorld = CoordinatorWorld.linked({
    replicas: [0],
    bucket: { readLevel: 1 },
  });
  readonly #queue: Sent[] = [];
  #nextRequestId = 1;
  good = 0;
  refused = 0;
  late = 0;
  hintMsMax = 0;

  /** So many milliseconds, each with so many requests: whole ones, the rest now and then. */
  run(milliseconds: number, requestsEach: number): void {
    const { world } = this;
    let owed = 0;
    for (let passed = 0; passed < milliseconds; passed += 1) {
      owed += requestsEach;
      const count = Math.floor(owed);
      owed -= count;
      if (count > 0) world.ask(1, (writer) => this.#ask(writer, count));
      this.#queue.push(...world.sentToShard());
      const [next] = this.#queue.splice(0, 1);
      if (next !== undefined) {
        world.shardReplies([[next, { kind: REPLY_KIND.read, status: STATUS_NOT_FOUND }]]);
      }
      for (const sent of world.sentTo(1)) this.#count(sent);
      world.passes(1);
    }
  }

  #ask(writer: FrameWriter, count: number): void {
    for (let left = count; left > 0; left -= 1) {
      get(this.#nextRequestId, 'k')(writer);
      this.#nextRequestId += 1;
    }
  }

  #count(sent: Sent): void {
    const status = statusOf(sent);
    if (status === STATUS_NOT_FOUND) this.good += 1;
    else if (status === ERRORS.OVERLOADED.code) {
      this.refused += 1;
      this.hintMsMax = Math.max(this.hintMsMax, responseRetryAfterMs(sent.words, sent.offset));
    } else this.late += 1;
  }
}

test('H1 ten times what can be served: seven tenths of that still are, and 30 s later nobody is refused', () => {
  const loaded = new LoadedWorld();
  loaded.run(2000, 0.5);
  assert.is(loaded.refused, 0);
  loaded.good = 0;
  const overloadMs = 6000;
  loaded.run(overloadMs, 10);
  assert.ok(loaded.good >= overloadMs * 0.7, `${loaded.good} of ${overloadMs} were served in time`);
  assert.ok(loaded.refused > overloadMs * 5, 'the rest was refused at once');
  assert.ok(loaded.hintMsMax > 300, `${loaded.hintMsMax} ms at the most`);
  loaded.run(5000, 0.5);
  loaded.refused = 0;
  loaded.late = 0;
  loaded.run(3000, 0.9);
  assert.is(loaded.refused + loaded.late, 0);
});

test('one silent replica keeps out nobody who does not need it', () => {
  const world = CoordinatorWorld.linked();
  const nothing = { kind: REPLY_KIND.read, status: STATUS_NOT_FOUND };
  let asked = 0;
  let good = 0;
  for (let passed = 0; passed < 6000; passed += 1) {
    const level = passed % 5 === 0 ? 3 : 1;
    if (level === 1) asked += 1;
    world.ask(1, get(passed + 1, 'k', { level }));
    world.shardReplies(world.sentToShard().map((sent) => [sent, nothing] as const));
    for (const sent of world.sentToNode(1)) world.nodeReplies(1, sent, nothing);
    world.sentToNode(2);
    for (const sent of world.sentTo(1)) if (statusOf(sent) === STATUS_NOT_FOUND) good += 1;
    world.passes(1);
  }
  assert.ok(good > asked * 0.9, `${good} of ${asked}`);
});

test.run();
