import { createDoorbell } from '@clockwise/sharedarraybuffer-ring/doorbell';
import { isSideClosed } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import type { RingHandle } from '@clockwise/sharedarraybuffer-ring/ring-layout';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_RUNTIME_LIMITS } from '../runtime-limits.ts';
import type { ToThread } from '../thread-messages.ts';
import { ChannelMaker } from './channel-maker.ts';
import type { CoordinatorEnd, ShardEnd } from './channel-maker.ts';

const LIMITS = { ...DEFAULT_RUNTIME_LIMITS, requestRingWords: 256, replyRingWords: 256 };

function ends(
  log: string[],
  rings: RingHandle[],
): {
  readonly coordinator: (index: number) => CoordinatorEnd;
  readonly shard: (index: number) => ShardEnd;
} {
  const post =
    (name: string) =>
    (message: ToThread): void => {
      if (message.kind === 'attach') {
        rings.push(...message.ends.sends, ...message.ends.receives);
        log.push(`${name} attach ${message.ends.target}`);
      } else if (message.kind === 'detach') log.push(`${name} detach ${message.target}`);
    };
  return {
    coordinator: (index) => ({
      coordinator: index,
      actor: `c${index}`,
      doorbell: createDoorbell(),
      post: post(`c${index}`),
    }),
    shard: (index) => ({
      shard: index,
      actor: `s${index}`,
      doorbell: createDoorbell(),
      chunks: [],
      post: post(`s${index}`),
      nameLane: (coordinator, ring) => {
        rings.push(ring);
        log.push(`log${index} lane ${coordinator}`);
      },
    }),
  };
}

test('[CH2] the log writer is told of a ring first; both ends of every pair are attached', () => {
  const log: string[] = [];
  const make = ends(log, []);
  const maker = new ChannelMaker(LIMITS);
  maker.shardUp(make.shard(0));
  maker.coordinatorUp(make.coordinator(0));
  maker.shardUp(make.shard(1));
  assert.equal(log, [
    'log0 lane 0',
    's0 attach 0',
    'c0 attach 0',
    'log1 lane 0',
    's1 attach 0',
    'c0 attach 1',
  ]);
});

test('[CH1] a new life gets new rings of a higher generation; the old ones are closed', () => {
  const log: string[] = [];
  const rings: RingHandle[] = [];
  const make = ends(log, rings);
  const maker = new ChannelMaker(LIMITS);
  maker.shardUp(make.shard(0));
  maker.coordinatorUp(make.coordinator(0));
  const before = rings.splice(0);
  log.length = 0;
  maker.shardDown(0);
  assert.equal(log, ['c0 detach 0', 's0 detach 0']);
  assert.ok(before.every((ring) => isSideClosed(ring, 'producer')));
  assert.ok(before.every((ring) => isSideClosed(ring, 'consumer')));
  maker.shardUp(make.shard(0));
  const latest = Math.max(...before.map(({ generation }) => generation));
  assert.ok(rings.every(({ generation }) => generation > latest));
  assert.ok(rings.every((ring) => !before.includes(ring)));
  maker.coordinatorDown(0);
  assert.equal(log.slice(-2), ['c0 detach 0', 's0 detach 0']);
});

test.run();
