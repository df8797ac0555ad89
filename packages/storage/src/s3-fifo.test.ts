import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  Ghosts,
  QUEUE,
  SeenOnce,
  SegmentQueue,
  smallSegmentsMax,
  survivingCounter,
} from './s3-fifo.ts';

const SEED = 's3-fifo-1';

test(`[SF1] ghosts equal a list of the last hashes, for few and for many different ones (seed ${SEED})`, () => {
  for (const countMax of [1, 2, 7, 64, 100]) {
    for (const [name, hashOf] of [
      ['few', (key: number) => key % 5],
      ['colliding', (key: number) => key << 24],
      ['many', (key: number) => Math.imul(key, 0x9e3779b1)],
    ] as const) {
      const prng = new Prng(`${SEED}/${countMax}/${name}`);
      const ghosts = new Ghosts(countMax);
      // What was added, in order; a taken one keeps its place, as `undefined`.
      let model: (number | undefined)[] = [];
      for (let step = 0; step < 5000; step += 1) {
        const hash = hashOf(prng.below(countMax * 3));
        const wanted = model.includes(hash);
        const taken = prng.chance(0.5);
        if (taken) assert.is(ghosts.take(hash), wanted, `step ${step} of ${name} ${countMax}`);
        else ghosts.add(hash);
        model = model.map((held) => (held === hash ? undefined : held));
        if (!taken) model = [...model, hash].slice(-countMax);
      }
    }
  }
});

test('[SF2] a queue gives back what came, in order, however often it goes round', () => {
  const prng = new Prng(`${SEED}/queue`);
  const queue = new SegmentQueue(5);
  const model: number[] = [];
  for (let step = 0; step < 1000; step += 1) {
    if (model.length < 5 && prng.chance(0.5)) {
      queue.push(step);
      model.push(step);
    } else if (model.length > 0) assert.is(queue.shift(), model.shift());
    assert.is(queue.count, model.length);
  }
});

test('[SF3] what comes twice is known the second time, unless too much came between', () => {
  const prng = new Prng(`${SEED}/seen`);
  const seen = new SeenOnce(1000);
  assert.is(seen.byteCount, 4096);
  let forgottenCount = 0;
  for (let round = 0; round < 2000; round += 1) {
    const hash = prng.word();
    assert.not.ok(seen.isSecond(hash));
    for (let other = 0; other < 20; other += 1) seen.isSecond(prng.word());
    if (!seen.isSecond(hash)) forgottenCount += 1;
    assert.ok(seen.isSecond(hash));
  }
  // 20 others in 1,024 places.
  assert.ok(forgottenCount < 80, `${forgottenCount} forgotten`);
});

test('what was asked for once more survives; in the main queue as often as it was asked for', () => {
  assert.is(survivingCounter(QUEUE.small, 0), -1);
  assert.is(survivingCounter(QUEUE.small, 1), 0);
  assert.is(survivingCounter(QUEUE.small, 3), 0);
  assert.is(survivingCounter(QUEUE.main, 0), -1);
  assert.is(survivingCounter(QUEUE.main, 1), 0);
  assert.is(survivingCounter(QUEUE.main, 3), 2);
  assert.is(smallSegmentsMax(4), 1);
  assert.is(smallSegmentsMax(64), 6);
});

test.run();
