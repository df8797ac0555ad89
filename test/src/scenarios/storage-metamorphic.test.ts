/** Equal operations on stores of any configuration: nobody notices what differs (B9, F11). */
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { drawConfiguration } from './local-configurations.ts';
import { drawOperations, runOperations } from './metamorphic-run.ts';

const CONFIGURATIONS = 50;
const OPERATIONS = 400;

function runMany(list: string, configurations: number): Record<string, number> {
  const operations = drawOperations(new Prng(`operations ${list}`), OPERATIONS);
  const sums: Record<string, number> = { crashes: 0, snapshotsCompared: 0 };
  for (let index = 0; index < configurations; index += 1) {
    const seed = `${list}-${index}`;
    const configuration = drawConfiguration(new Prng(`configuration ${seed}`));
    const outcome = runOperations(operations, configuration, seed);
    sums['crashes']! += outcome.crashes;
    sums['snapshotsCompared']! += outcome.snapshotsCompared;
    for (const [name, value] of Object.entries(outcome.figures)) {
      sums[name] = (sums[name] ?? 0) + value;
    }
  }
  return sums;
}

test('B9 F11 F24 [LST4] [LSN1] [SN2] one list of operations gives the same on fifty configurations', () => {
  const sums = runMany('list', CONFIGURATIONS);
  for (const [name, least] of [
    ['flushes', 200],
    ['mergesEnded', 100],
    ['recordsDroppedOlder', 1000],
    ['crashes', 50],
    ['snapshotsCompared', 50],
  ] as const) {
    assert.ok(sums[name]! >= least, `${name}: ${sums[name]}`);
  }
});

test.run();
