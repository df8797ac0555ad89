// runner: test limit 60s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runRingStory } from './ring-story.ts';

test('A7 a partition changes hands under writes and crashes, and nothing is lost or covered', () => {
  for (const seed of ['story-a', 'story-b']) {
    assert.equal(runRingStory(seed), [], seed);
  }
});

test.run();
