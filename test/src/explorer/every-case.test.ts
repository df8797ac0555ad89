// runner: full
// runner: limit 1800s
// runner: test limit 900s
// Every case of the explorer to its end.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CASES } from './cases.ts';
import { ExploredWorld } from './explored-world.ts';
import { search } from './search.ts';

for (const explorerCase of CASES) {
  test(`${explorerCase.name} holds in every schedule`, () => {
    const result = search(new ExploredWorld(explorerCase), explorerCase.statesMax);
    process.stdout.write(`${explorerCase.name}: ${result.states} states\n`);
    assert.is(result.found, undefined);
    assert.ok(result.isComplete, `stopped at ${result.states} states`);
  });
}

test.run();
