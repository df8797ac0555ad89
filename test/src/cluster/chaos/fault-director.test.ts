// The director with a cluster that only writes down what it is told.
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FaultDirector } from './fault-director.ts';
import type { ChaosFault } from './fault-plan.ts';

test('[FD1] when the plan is carried out, every fault has ended', async () => {
  const told: string[] = [];
  let open = 0;
  const begun = (what: string) => (): void => {
    told.push(what);
    open += 1;
  };
  const ended = (): void => {
    open -= 1;
  };
  const node = (name: string) => {
    let busy = Promise.resolve();
    const over = async (what: string): Promise<void> => {
      begun(`${what} ${name}`)();
      await sleep(20);
      ended();
    };
    return {
      settle: () => busy,
      kill: () => void (busy = busy.then(() => over('kill'))),
      stop: () => void (busy = busy.then(() => over('stop'))),
    };
  };
  const plan: readonly ChaosFault[] = [
    { kind: 'kill', gapMs: 1, nodes: [0, 1], downMs: 0, againAfterMs: 5 },
    { kind: 'cut', gapMs: 1, directions: [{ from: 0, to: 1 }], forMs: 30 },
    { kind: 'isolate', gapMs: 1, node: 2, forMs: 10 },
    { kind: 'full-disk', gapMs: 1, node: 2, isKilledMeanwhile: false },
    { kind: 'stop', gapMs: 1, nodes: [2], forMs: 3 },
  ];
  const director = new FaultDirector({
    cluster: {
      nodes: [node('n1'), node('n2'), node('n3')],
      network: {
        cut: begun('cut'),
        mendCut: ended,
        refuse: begun('refuse'),
        mendRefusal: ended,
        isolate: begun('isolate'),
        mendIsolation: ended,
        slow: begun('slow'),
        mendSlowness: ended,
      },
    },
    log: () => undefined,
    fillDisk: () => {
      assert.is(open, 0, 'a full disk has the cluster to itself');
      told.push('full disk');
      return Promise.resolve({
        violations: [],
        refusals: new Map([['DISK_FAILED unknown', 1]]),
        reasons: [],
        readsWhileFull: 1,
        neededRestart: true,
      });
    },
  });
  await director.run(plan);
  assert.is(open, 0);
  assert.equal(told.toSorted(), ['cut', 'full disk', 'isolate', 'kill n1', 'kill n2', 'stop n3']);
  assert.equal(
    [...director.counts],
    [
      ['kill', 4],
      ['cut', 1],
      ['isolate', 1],
      ['full-disk', 1],
      ['restart-after-full-disk', 1],
      ['stop', 1],
    ],
  );
});

test.run();
