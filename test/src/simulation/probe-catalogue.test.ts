// The catalogue of marks, as it is read from sources.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { marksOf, readCatalogue, repeatsOf } from './probe-catalogue.ts';

const IMPORT = "import { reachable, sometimes } from '@clockwise/kernel/probe';\n";

test('marks are found with their kind and line, over line breaks and brackets', () => {
  const text = `${IMPORT}
reachable('a: one');
sometimes(f(a, [1, ')']) && b, 'a: two (again)');
  sometimes(
    a === b,
    'a: three',
  );
if (x || buggify('a: four')) unreachable('a: no');
// reachable('a: comment');
 * sometimes(true, 'a: comment');
`;
  const { marks, faults } = marksOf('x.ts', text);
  assert.equal(faults, []);
  assert.equal(
    marks.map(({ name, kind, line }) => [name, kind, line]),
    [
      ['a: one', 'reachable', 3],
      ['a: two (again)', 'sometimes', 4],
      ['a: three', 'sometimes', 5],
      ['a: four', 'buggify', 9],
    ],
  );
});

test('[PC1] a name that is no literal, has another form, or comes without its condition is a fault', () => {
  for (const call of [
    'reachable(name);',
    'reachable(`a: one`);',
    "reachable('a: ' + one);",
    "reachable('no form');",
    "reachable('a: ends.');",
    "sometimes('a: one');",
    "reachable(true, 'a: one');",
  ]) {
    const { marks, faults } = marksOf('x.ts', `${IMPORT}${call}`);
    assert.is(faults.length, 1, call);
    assert.is(marks.length, 0, call);
    assert.match(faults[0]!, /^x\.ts:2 {2}/);
  }
});

test('[PC1] a name that is used twice is a fault', () => {
  const mark = { name: 'a: one', kind: 'reachable', file: 'x.ts', line: 1 } as const;
  assert.equal(repeatsOf([mark, { ...mark, name: 'a: two' }]), []);
  assert.equal(repeatsOf([mark, { ...mark, line: 9 }]), ["x.ts:9  'a: one' is also at x.ts:1"]);
});

test('a function of the same name in a file that imports no marks is none', () => {
  assert.equal(marksOf('x.ts', "reachable('a: one');").marks, []);
});

test('[PC1] the marks of this checkout are literals, each used once', () => {
  const catalogue = readCatalogue();
  const count = (kind: string): number => catalogue.filter((mark) => mark.kind === kind).length;
  assert.ok(count('sometimes') + count('reachable') >= 60, 'at least 60 marks');
  assert.ok(count('buggify') >= 12, 'at least 12 sites');
});

test.run();
