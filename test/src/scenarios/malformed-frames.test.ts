/**
 * A coordinator under 50,000 damaged frames, from connections that are opened again whenever they are
 * closed, while another client goes on asking.
 *
 * runner: limit 120s
 * runner: test limit 100s
 */
import { CoordinatorWorld, opcodeOf, statusOf } from '@clockwise/coordinator/coordinator-world';
import { get, put } from '@clockwise/coordinator/requests/sample-requests';
import { Prng } from '@clockwise/kernel/prng';
import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { ERRORS, STATUS_NOT_FOUND } from '@clockwise/protocol/errors';
import { REPLICA_OPCODE, REPLY_KIND } from '@clockwise/protocol/frame';
import { frameCorpus } from '@clockwise/protocol/frame-corpus';
import { damagedFrame } from '@clockwise/protocol/frame-damage';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const FRAMES = 50_000;
const FRAMES_BETWEEN_REQUESTS = 50;
const GOOD = 1;
const BAD = 5;

const KIND_OF_OPCODE = {
  [REPLICA_OPCODE.read]: REPLY_KIND.read,
  [REPLICA_OPCODE.write]: REPLY_KIND.written,
  [REPLICA_OPCODE.store]: REPLY_KIND.stored,
  [REPLICA_OPCODE.scan]: REPLY_KIND.scanned,
} as const;

/** The shard answers all that it was sent: reads find nothing, the rest is refused. */
function answerShard(world: CoordinatorWorld): void {
  const sent = world.sentToShard();
  const answers = sent.flatMap((operation) => {
    const kind = KIND_OF_OPCODE[opcodeOf(operation) as 1 | 2 | 3 | 4];
    if (kind === undefined) return [];
    const status = kind === REPLY_KIND.read ? STATUS_NOT_FOUND : ERRORS.OVERLOADED.code;
    return [[operation, { kind, status }] as const];
  });
  if (answers.length > 0) world.shardReplies(answers);
}

/** Whether the coordinator closed the bad connection; it must never close the good one. */
function closedBad(world: CoordinatorWorld): boolean {
  let closed = false;
  for (const effect of world.takeEffects()) {
    if (effect.kind !== 'hang-up') continue;
    assert.is(effect.connection, BAD, 'only the sender of a bad frame is closed');
    closed = true;
  }
  return closed;
}

test('I1 I3 I6 I7 50,000 damaged frames: no exception, no other connection touched', () => {
  const world = CoordinatorWorld.linked({ nodeCount: 1, bucket: { readLevel: 1, writeLevel: 1 } });
  const corpus = frameCorpus();
  const random = new Prng('malformed frames');
  let isOpen = false;
  let closings = 0;
  let answers = 0;
  for (let count = 0; count < FRAMES; count += 1) {
    if (!isOpen) {
      world.greet(BAD, 'client', '');
      isOpen = true;
    }
    const frame = damagedFrame(corpus, random);
    if (frame.length > 0) world.step([], [{ source: CONNECTION_TARGET + BAD, frame }]);
    if (closedBad(world)) {
      world.step([{ kind: 'disconnected', connection: BAD, reason: 'closed' }]);
      isOpen = false;
      closings += 1;
    }
    answerShard(world);
    world.sentTo(BAD);
    if (count % FRAMES_BETWEEN_REQUESTS !== 0) continue;
    world.ask(GOOD, (writer) => {
      get(count, 'k')(writer);
      put(count + 1, 'k', 'value')(writer);
    });
    answerShard(world);
    const statuses = world.sentTo(GOOD).map(statusOf);
    assert.equal(
      statuses.toSorted((left, right) => left - right),
      [STATUS_NOT_FOUND, ERRORS.OVERLOADED.code],
    );
    answers += statuses.length;
    world.passes(10);
  }
  assert.ok(closings > FRAMES / 4, `most damage is noticed: ${closings} of ${FRAMES}`);
  assert.is(answers, (FRAMES / FRAMES_BETWEEN_REQUESTS) * 2);
  world.passes(120_000);
  assert.is(world.figures()['inFlight'], 0, 'nothing is left behind');
});

test.run();
