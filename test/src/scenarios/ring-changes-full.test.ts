// runner: full
// runner: limit 1800s
// runner: test limit 900s
// C6 with as many puts as the scenario asks for, and many stories of a partition that changes hands.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judgeLeaving, LEAVINGS } from './node-that-left.ts';
import { runRingStory } from './ring-story.ts';

for (const leaving of LEAVINGS) {
  for (const how of ['crash', 'pause'] as const) {
    test(`C6 ${leaving.name}, a thousand puts: all goes to the present owners, whatever step meets a ${how}`, () => {
      assert.equal(judgeLeaving(leaving, 1000, how), []);
    });
  }
}

test('A7 200 stories: a partition changes hands under writes and crashes, and nothing is lost or covered', () => {
  for (let index = 0; index < 200; index += 1) {
    const seed = `story-${index}`;
    assert.equal(runRingStory(seed), [], seed);
  }
});

test.run();
