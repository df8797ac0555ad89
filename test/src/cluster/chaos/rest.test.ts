// Rest with readers that answer from a table.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { A, B, dot, first, read } from './hand-made-history.ts';
import type { ClientRead } from './client-history.ts';
import { comeToRest, type Reader, type RestOutcome } from './rest.ts';

const reader = (answer: ClientRead): Reader => ({ perform: () => Promise.resolve(answer) });
const good = read(5, [dot(A, 1)], [['v1', dot(A, 1)]]);
const other = read(5, [dot(A, 1), dot(B, 1)], [['v1', dot(A, 1)]]);
const failed: ClientRead = { ...good, values: undefined, code: 'TIMEOUT' };

function rest(answers: readonly ClientRead[], partitionsDiffering = 0): Promise<RestOutcome> {
  const nodes = ['n1', 'n2'].map((id) => ({
    id,
    node: {
      status: () =>
        Promise.resolve({
          nodeId: id,
          differences: [{ nodeId: 'other', partitionsCompared: 1, partitionsDiffering }],
        }),
    },
  }));
  const [all, ...each] = answers;
  return comeToRest({
    nodes,
    history: [first],
    client: reader(all!),
    clientOfNode: each.map(reader),
    liveMs: 1,
  });
}

test('[O4] nodes that answer differently, or find trees that differ, are told', async () => {
  assert.equal((await rest([good, good, good])).violations, []);
  const { violations } = await rest([good, good, other]);
  assert.equal(
    violations.map(({ oracle }) => oracle),
    ['O4'],
  );
  assert.match((await rest([good, good, good], 3)).violations[0]!.text, '3 from other');
});

test('[O11] a key that cannot be read, by all or through one, is told', async () => {
  assert.is((await rest([failed, good, good])).violations[0]!.oracle, 'O11');
  assert.is((await rest([good, good, failed])).violations[0]!.oracle, 'O11');
});

test.run();
