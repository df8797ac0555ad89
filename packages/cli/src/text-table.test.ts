import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { paintFor } from './style.ts';
import { clean, cut, tableText } from './text-table.ts';

const paint = paintFor(false, {});

test('columns line up, numbers to the right, nothing trails', () => {
  const columns = [{ title: 'NODE' }, { title: 'KEYS', align: 'right' as const }, { title: 'X' }];
  const rows = [
    ['n1', '1', 'a'],
    ['node-12', '1234567', ''],
  ];
  const text = tableText(columns, rows, { paint });
  assert.is(text, ['NODE        KEYS  X', 'n1             1  a', 'node-12  1234567'].join('\n'));
});

test('[TT1] no line is longer than the columns given', () => {
  const rows = fc.array(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 3, maxLength: 3 }));
  fc.assert(
    fc.property(rows, fc.integer({ min: 20, max: 100 }), (cells, columnsMax) => {
      const titles = ['FIRST', 'SECOND', 'THIRD'].map((title) => ({ title }));
      const lines = tableText(titles, cells, { paint, columnsMax }).split('\n');
      assert.is(lines.length, cells.length + 1);
      for (const line of lines) assert.ok(Array.from(line).length <= columnsMax, line);
    }),
  );
});

test('[TT1] the widest column gives way first, and what is cut says so', () => {
  const columns = [{ title: 'A' }, { title: 'B' }];
  const text = tableText(columns, [['short', 'x'.repeat(50)]], { paint, columnsMax: 20 });
  assert.is(text.split('\n')[1], `short  ${'x'.repeat(12)}…`);
  assert.is(cut('abc', 3), 'abc');
  assert.is(cut('abcd', 3), 'ab…');
});

test('[TT2] control characters are shown as blanks', () => {
  assert.is(clean('a\u001b[31mb\nc\u0007d'), 'a [31mb c d');
  const text = tableText([{ title: 'V' }], [['x\n\u001b[2Jy']], { paint });
  assert.is(text.split('\n').length, 2);
  assert.not.ok(text.includes('\u001b'));
});

test('colours: only on a terminal, and never against NO_COLOR', () => {
  assert.is(paintFor(true, {})('bad', 'x'), '\u001b[31mx\u001b[39m');
  assert.is(paintFor(true, {})('plain', 'x'), 'x');
  assert.is(paintFor(false, {})('bad', 'x'), 'x');
  assert.is(paintFor(true, { NO_COLOR: '1' })('bad', 'x'), 'x');
  assert.is(paintFor(true, { TERM: 'dumb' })('bad', 'x'), 'x');
  const painted = tableText(
    [{ title: 'A' }, { title: 'B' }],
    [[{ text: 'x', style: 'bad' }, 'y']],
    {
      paint: paintFor(true, {}),
    },
  );
  assert.ok(painted.endsWith('\u001b[31mx\u001b[39m  y'), 'colours take no room');
});

test.run();
