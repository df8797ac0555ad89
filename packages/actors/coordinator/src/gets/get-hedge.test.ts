import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import { REPLY_KIND, REQUEST_FLAG } from '@clockwise/protocol/frame';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Sent, WorldOptions } from '../coordinator-world.ts';
import { GetWorld } from './get-world.ts';
import { HEDGES_AHEAD_MAX } from './hedge-budget.ts';
import { record } from '../requests/sample-requests.ts';

const OLD = record({ dots: [[9, 1]] });
const NEW = record({ dots: [[9, 2]] });
/** Nodes 3 and 4 stand in, in this order. */
const FIVE: WorldOptions = { nodeCount: 5, replicas: [0, 1, 2] };
const PAUSE_MS = DEFAULT_LIMITS.hedgeMsMax + 10;

/** A get that begins while a primary is believed down and has a link. */
function withSuspected(node: number): GetWorld {
  const message = { kind: 'peer-state', nodeId: `node-${node}`, state: 'down' } as const;
  return new GetWorld(FIVE, 0, {
    before: (world) => world.step([{ kind: 'told', from: 'gossiper', message }]),
  });
}

/** Lets the world's bucket have gets that were all answered by the own replica and node 1 at once. */
function quickGets(one: GetWorld, count: number): void {
  for (let get = 0; get < count; get += 1) {
    one.ask({});
    for (const node of one.asked) one.answers(node, OLD);
  }
  one.shown();
}

test('[GA2] a get is hedged after the recent p99 of its bucket', () => {
  const one = new GetWorld();
  quickGets(one, 20);
  one.ask({});
  assert.is(one.asked.length, 2);
  one.passes(DEFAULT_LIMITS.hedgeMsMin + 5);
  assert.is(one.asked.length, 3);
  one.answers(0, OLD);
  one.answers(2, OLD);
  assert.equal(one.shown(), [[STATUS_OK, 'v9.1']]);
});

test('[GA2] beyond the budget hedges wait until the get is as late as hedgeMsMax', () => {
  const one = new GetWorld();
  quickGets(one, 20);
  const hedges = (): number => one.world.figures()['hedges'] as number;
  const silent = 2 * HEDGES_AHEAD_MAX;
  for (let get = 0; get < silent; get += 1) one.ask({ level: 1 });
  one.passes(DEFAULT_LIMITS.hedgeMsMin + 5);
  const early = hedges();
  assert.ok(early >= HEDGES_AHEAD_MAX, `${early} hedges`);
  assert.ok(early <= HEDGES_AHEAD_MAX + (silent + 20) / 10, `${early} hedges`);
  one.passes(DEFAULT_LIMITS.hedgeMsMax);
  assert.ok(hedges() >= silent, `${hedges()} hedges`);
});

/** Gets that were all answered after so long, and the hedges of as many that are not, second by second. */
function hedgesWhereUsual(usualMs: number): (milliseconds: number) => number {
  const one = new GetWorld();
  const asked: [node: number, sent: Sent][] = [];
  for (let get = 0; get < 20; get += 1) {
    one.ask({ level: 1 });
    asked.push(...one.reads);
  }
  one.passes(usualMs);
  for (const [node, sent] of asked) {
    one.replies(node, sent, { kind: REPLY_KIND.read, status: STATUS_NOT_FOUND });
  }
  const hedges = (): number => one.world.figures()['hedges'] as number;
  for (let get = 0; get < 4 * HEDGES_AHEAD_MAX; get += 1) one.ask({ level: 1 });
  const before = hedges();
  return (milliseconds) => {
    one.passes(milliseconds);
    return hedges() - before;
  };
}

test('[GA2] where all gets are slow, hedges beyond the budget wait as long as gets take, but not for ever', () => {
  const { hedgeMsMax } = DEFAULT_LIMITS;
  const within = HEDGES_AHEAD_MAX + (4 * HEDGES_AHEAD_MAX + 20) / 10;
  for (const [usualMs, lateMs] of [
    [2 * hedgeMsMax, 2 * hedgeMsMax],
    [30 * hedgeMsMax, 4 * hedgeMsMax],
  ] as const) {
    const after = hedgesWhereUsual(usualMs);
    assert.ok(after(hedgeMsMax + 10) <= within, `${usualMs} ms: one in ten at first`);
    assert.ok(after(lateMs - hedgeMsMax - 20) <= within, `${usualMs} ms: until that is late`);
    assert.ok(after(lateMs / 2) >= 4 * HEDGES_AHEAD_MAX, `${usualMs} ms: then all`);
  }
});

test('[GA2] a get that asks all has nobody to be hedged to', () => {
  const one = new GetWorld({}, 3);
  one.passes(DEFAULT_LIMITS.hedgeMsMax + 10);
  assert.equal(one.asked, [0, 1, 2]);
  assert.is(one.world.figures()['hedges'], 0);
});

test('[GA3] with one primary suspected and one silent, the suspected one is asked, then its stand-in', () => {
  const one = withSuspected(2);
  one.answers(0, OLD);
  assert.equal(one.asked, [0, 1]);
  one.passes(PAUSE_MS);
  assert.equal(one.asked, [0, 1, 2]);
  assert.is(one.hinted.get(2), false);
  one.passes(PAUSE_MS);
  assert.equal(one.asked, [0, 1, 2, 3]);
  assert.is(one.hinted.get(3), true);
  one.answers(3, NEW);
  assert.equal(one.shown(), [[STATUS_OK, 'v9.2']]);
  one.answers(2, OLD);
  one.answers(1, OLD);
  assert.is(one.inFlight(), 0);
});

test('[GA3] what the suspected primary says counts, before its stand-in or after it', () => {
  for (const isStandInAsked of [false, true]) {
    const one = withSuspected(2);
    one.answers(0, 'nothing');
    one.passes(PAUSE_MS);
    if (isStandInAsked) one.passes(PAUSE_MS);
    one.answers(2, 'nothing');
    assert.equal(one.shown(), [[STATUS_NOT_FOUND]]);
    assert.equal(one.accounts, [{ answered: 2, primaries: 2, sloppy: false }]);
    one.passes(DEFAULT_LIMITS.requestTimeoutMs);
    assert.is(one.inFlight(), 0);
  }
});

test('[GA3] of one that has no link its stand-in is asked, but for a strict get', () => {
  for (const flags of [0, REQUEST_FLAG.strict]) {
    const one = new GetWorld(FIVE, 0, { flags, before: (world) => world.linkDown(2) });
    one.answers(0, OLD);
    one.passes(PAUSE_MS);
    assert.equal(one.asked, flags === 0 ? [0, 1, 3] : [0, 1]);
    if (flags === 0) one.answers(3, 'nothing');
    else one.answers(1, OLD);
    assert.equal(one.shown(), [[STATUS_OK, 'v9.1']]);
  }
});

test.run();
