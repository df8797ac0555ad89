import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chunksOf } from '../test-terminal.ts';
import { linesOf, LineSplitter, type Line } from './lines.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

async function read(chunks: readonly Uint8Array[], lineBytesMax = 1000): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of linesOf(chunksOf(chunks), lineBytesMax)) lines.push(line);
  return lines;
}

test('[LN1] lines are the same, whatever the chunks, cut inside a character too', async () => {
  const texts = fc.array(fc.string({ unit: 'binary', maxLength: 30 }), { maxLength: 8 });
  const cuts = fc.array(fc.nat(200), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(texts, cuts, fc.boolean(), async (lines, where, hasEnd) => {
      const clean = lines.map((line) => line.replaceAll('\n', ''));
      const bytes = utf8(clean.join('\n') + (hasEnd ? '\n' : ''));
      const marks = [0, ...where.filter((at) => at < bytes.length), bytes.length];
      const ends = marks.toSorted((one, other) => one - other);
      const chunks = ends.slice(1).map((end, index) => bytes.subarray(ends[index], end));
      const expected = clean
        .map((text, index) => ({ text, number: index + 1 }))
        .filter(({ text }) => text !== '');
      const found = (await read(chunks)).map((line) => {
        assert.is(line.kind, 'text');
        return { text: line.kind === 'text' ? line.text : '', number: line.number };
      });
      assert.equal(found, expected);
    }),
  );
});

test('[LN2] of a line that is too long only the beginning is kept, and the next is whole', async () => {
  const chunks = ['{"a":1}\n', 'x'.repeat(600), 'y'.repeat(600), 'z\nafter', '\n'].map(utf8);
  const [first, second, third] = await read(chunks, 1000);
  assert.is(first?.kind === 'text' ? first.text : '', '{"a":1}');
  assert.is(second?.kind, 'unusable');
  assert.is(second?.bytes, 1201);
  assert.match(second?.kind === 'unusable' ? second.reason : '', /longer than 1000 bytes/);
  assert.is(third?.kind === 'text' ? third.text : '', 'after');
  assert.is(third?.number, 3);
});

test('[LN2] a line of the greatest length passes, one byte more does not', () => {
  const kinds = (length: number): string[] => {
    const splitter = new LineSplitter(10);
    return [...splitter.push(utf8(`${'a'.repeat(length)}\n`))].map((line) => line.kind);
  };
  assert.equal(kinds(10), ['text']);
  assert.equal(kinds(11), ['unusable']);
});

test('[LN1] a line that is no UTF-8 is said to be none, and the others pass', async () => {
  const [bad, good] = await read([Uint8Array.of(0xff, 0xfe, 10), utf8('ok')]);
  assert.match(bad?.kind === 'unusable' ? bad.reason : '', /UTF-8/);
  assert.is(good?.kind === 'text' ? good.text : '', 'ok');
});

test.run();
