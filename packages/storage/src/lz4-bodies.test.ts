import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BodyPacker } from './lz4-bodies.ts';
import { Lz4Decoder } from './lz4-decode.ts';

const body: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.record({ byte: fc.nat(3), count: fc.nat(300) }).map(({ byte, count }) => {
        return new Uint8Array(count).fill(byte);
      }),
      fc.nat(20).map((number) => new TextEncoder().encode(`"name":"somebody","number":${number}`)),
    ),
    { maxLength: 6 },
  )
  .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));

test('[LB1] bodies come back, each behind the first one alone', () => {
  const packer = new BodyPacker();
  const decoder = new Lz4Decoder();
  fc.assert(
    fc.property(body, fc.array(body, { maxLength: 6 }), (first, others) => {
      packer.begin();
      for (const [index, own] of [first, ...others].entries()) {
        const known = index === 0 ? new Uint8Array(0) : first;
        const source = Uint8Array.from([...known, ...own]);
        const out = new Uint8Array(source.length * 2 + 64);
        const end = packer.pack(
          viewOf(source),
          known.length,
          source.length,
          viewOf(out),
          0,
          out.length,
        );
        assert.ok(end >= 0);
        assert.ok(own.length > 0 || end === 0);
        const target = new Uint8Array(source.length + 8);
        target.set(known);
        decoder.begin(out, 0, end, target, 0, source.length, known.length);
        assert.ok(decoder.run(source.length));
        assert.is(decoder.place, end);
        assert.equal(target.subarray(0, source.length), source);
        assert.equal(target.subarray(source.length), new Uint8Array(8));
        if (index === 0) packer.know(viewOf(first), 0, first.length);
      }
    }),
    { numRuns: 500 },
  );
});

test('what all say is stored with the first', () => {
  const packer = new BodyPacker();
  packer.begin();
  const text = new TextEncoder().encode('a fairly long text that says nothing twice: 0123456789');
  packer.know(viewOf(text), 0, text.length);
  const twice = Uint8Array.from([...text, ...text]);
  const out = viewOf(new Uint8Array(200));
  assert.ok(packer.pack(viewOf(twice), text.length, twice.length, out, 0, 200) < 8);
  assert.ok(packer.usesFirst);
  packer.begin();
  assert.ok(packer.pack(viewOf(text), 0, text.length, out, 0, 200) > text.length - 8);
  assert.is(packer.pack(viewOf(text), 0, text.length, out, 0, 20), -1);
});

test('of a long first body what is as long as its steps is found, wherever it stands', () => {
  const packer = new BodyPacker();
  const first = Uint8Array.from(
    { length: 4096 },
    (_, index) => Math.imul(index, 0x9e3779b1) >>> 19,
  );
  for (let place = 0; place < 4000; place += 7) {
    packer.begin();
    packer.know(viewOf(first), 0, first.length);
    const own = first.subarray(place, place + 24);
    const source = Uint8Array.from([...first, ...own]);
    const end = packer.pack(viewOf(source), 4096, source.length, viewOf(new Uint8Array(60)), 0, 60);
    assert.ok(packer.usesFirst && end < 16, `${end} bytes at ${place}`);
  }
});

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

test.run();
