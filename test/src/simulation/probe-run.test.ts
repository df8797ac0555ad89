// What a run tells of marks and forces at sites.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buggify } from '@clockwise/kernel/buggify';
import { reachable } from '@clockwise/kernel/probe';
import { ProbeRun } from './probe-run.ts';

const SITES = Array.from({ length: 40 }, (_, index) => `site ${index}`);

function decisions(run: ProbeRun, sites: readonly string[]): string {
  return run
    .observe(() =>
      Array.from({ length: 200 }, () => sites.map((name) => (buggify(name) ? '1' : '0')).join('')),
    )
    .join('\n');
}

test('[BR1] equal seeds force the same, other seeds something else', () => {
  const run = (seed: string): string =>
    decisions(new ProbeRun({ seed, siteProbability: 0.25 }), SITES);
  assert.is(run('7'), run('7'));
  assert.is.not(run('7'), run('8'));
});

test('[BR1] what a site does is the same whatever other sites are asked', () => {
  const options = { seed: '7', siteProbability: 1 };
  const alone = decisions(new ProbeRun(options), ['site 3']);
  const among = decisions(new ProbeRun(options), SITES);
  assert.is(
    alone,
    among
      .split('\n')
      .map((line) => line[3])
      .join('\n'),
  );
});

test('about a quarter of the sites are on, and each of them fires at least now and then', () => {
  const run = new ProbeRun({ seed: '1', siteProbability: 0.25 });
  const sites = Array.from({ length: 400 }, (_, index) => `site ${index}`);
  decisions(run, sites);
  assert.ok(run.hits.size > 60 && run.hits.size < 140, `${run.hits.size} of 400 sites fired`);
});

test('[BR2] after calm no site fires, nor in a run that forces nothing', () => {
  const run = new ProbeRun({ seed: '1', siteProbability: 1 });
  run.calm();
  assert.not(decisions(run, SITES).includes('1'));
  assert.not(decisions(new ProbeRun({ seed: '1', siteProbability: 0 }), SITES).includes('1'));
});

test('hits are counted, and nobody listens when the run has ended, however it ended', () => {
  const run = new ProbeRun({ seed: '1', siteProbability: 0 });
  assert.throws(() =>
    run.observe(() => {
      reachable('a mark');
      reachable('a mark');
      throw new Error('a violation');
    }),
  );
  reachable('a mark');
  assert.equal([...run.hits], [['a mark', 2]]);
});

test.run();
