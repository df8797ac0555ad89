// The plan of an availability run, and when its faults were on.
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FaultDirector } from '../chaos/fault-director.ts';
import { drawSchedule, FaultSpans } from './fault-schedule.ts';

const OPTIONS = { families: ['kill', 'stop', 'cut'], nodeCount: 5, seconds: 60 } as const;

test('[AS1] equal seeds draw equal plans, of each family as many, but for one', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const plan = drawSchedule(new Prng(seed), OPTIONS);
    assert.equal(plan, drawSchedule(new Prng(seed), OPTIONS));
    const counts = OPTIONS.families.map((kind) => plan.filter((one) => one.kind === kind).length);
    assert.ok(Math.min(...counts) >= 4, counts.join(' '));
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
    assert.ok(plan.reduce((sum, { gapMs }) => sum + gapMs, 0) < 60_000);
  }
});

test('[AS2] a span lasts until its fault is over', async () => {
  let now = 0;
  const spans = new FaultSpans(() => now);
  const director = new FaultDirector({
    cluster: {
      nodes: [
        {
          settle: async () => {
            now += 10;
            await Promise.resolve();
          },
          kill: () => undefined,
          stop: () => undefined,
        },
      ],
      network: undefined,
    },
    log: () => undefined,
    fillDisk: () => Promise.reject(new Error('nothing is filled')),
    watch: (text) => spans.begin(text),
  });
  await director.run([{ kind: 'stop', gapMs: 1, nodes: [0], forMs: 3 }]);
  assert.is(spans.spans.length, 1);
  const [span] = spans.spans;
  assert.match(span!.text, 'stop n1');
  assert.ok(span!.to > span!.from && span!.to < Infinity);
});

test.run();
