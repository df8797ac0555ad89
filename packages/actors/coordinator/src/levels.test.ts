import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LEVEL } from '@clockwise/protocol/frame';
import { LEVEL_IMPOSSIBLE, replicasRequired } from './levels.ts';

const IMPOSSIBLE = LEVEL_IMPOSSIBLE;
const { bucketDefault, quorum, all, localQuorum, eachQuorum } = LEVEL;

test('[LV1] a level is the replicas it asks for, or impossible', () => {
  const rows: readonly (readonly [level: number, bucketLevel: number, n: number, is: number])[] = [
    [1, 2, 3, 1],
    [3, 2, 3, 3],
    [4, 2, 3, IMPOSSIBLE],
    [32, 2, 3, IMPOSSIBLE],
    [32, 2, 32, 32],
    [2, 1, 1, IMPOSSIBLE],
    [bucketDefault, 2, 3, 2],
    [bucketDefault, quorum, 5, 3],
    [bucketDefault, 4, 3, IMPOSSIBLE],
    [bucketDefault, bucketDefault, 3, IMPOSSIBLE],
    [quorum, 1, 1, 1],
    [quorum, 1, 2, 2],
    [quorum, 1, 3, 2],
    [quorum, 1, 4, 3],
    [quorum, 1, 5, 3],
    [all, 1, 5, 5],
    [localQuorum, 1, 3, 2],
    [eachQuorum, 1, 5, 3],
    [200, 1, 3, IMPOSSIBLE],
  ];
  for (const [level, bucketLevel, replicaCount, expected] of rows) {
    const required = replicasRequired(level, bucketLevel, replicaCount, 1);
    assert.is(required, expected, `${level} of ${replicaCount}`);
  }
});

test('[LV1] a level that counts per data centre is refused where there are several, not lowered', () => {
  for (const level of [localQuorum, eachQuorum]) {
    assert.is(replicasRequired(level, 1, 3, 2), IMPOSSIBLE);
  }
  assert.is(replicasRequired(quorum, 1, 3, 2), 2);
});

test.run();
