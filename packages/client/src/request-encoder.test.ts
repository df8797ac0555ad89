import { Prng } from '@clockwise/kernel/prng';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { REQUEST_OPCODE } from '@clockwise/protocol/frame';
import { FrameWriter, type FrameBacking } from '@clockwise/protocol/frame-writer';
import { validateRequestFrame } from '@clockwise/protocol/validate-request';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ENCODED, RequestEncoder } from './request-encoder.ts';
import { RequestTable } from './request-table.ts';
import { ScriptedNode, type ScriptedRequest } from './scripted-node.ts';
import { TextCoder } from './text-coder.ts';

/** Memory that is full of old bytes, as transports' memory is. */
class OneFrame implements FrameBacking {
  readonly words: Int32Array = new Int32Array(64 * 1024).fill(-1);
  readonly offset = 0;
  readonly wordCountMax: number = 64 * 1024;
  wordCount = 0;
  isFull = false;

  acquire(): boolean {
    return !this.isFull;
  }

  complete(wordCount: number): void {
    this.wordCount = wordCount;
  }
}

const LIMITS = { keyBytesMax: 1024, valueBytesMax: 10 * 1024, contextEntriesMax: 2 };

function start(coder: TextCoder): {
  table: RequestTable;
  backing: OneFrame;
  sent: (key: string | Uint8Array, value: string | Uint8Array) => number | ScriptedRequest;
} {
  const table = new RequestTable(16, () => ({ high: 1, low: 2 }));
  const encoder = new RequestEncoder(table, coder);
  const backing = new OneFrame();
  const sent = (key: string | Uint8Array, value: string | Uint8Array): number | ScriptedRequest => {
    const slot = table.open();
    table.opcode[slot] = REQUEST_OPCODE.put;
    table.key[slot] = key;
    table.value[slot] = value;
    const writer = new FrameWriter(backing, 1024);
    const encoded = encoder.encode(slot, 1, LIMITS, writer);
    writer.flush();
    table.free(slot);
    if (encoded !== ENCODED.written) return encoded;
    const { words, wordCount } = backing;
    assert.is(validateRequestFrame(words, 0, wordCount, DEFAULT_LIMITS), 0);
    const node = new ScriptedNode();
    node.receive(words, wordCount, () => undefined);
    return node.requests[0]!;
  };
  return { table, backing, sent };
}

for (const useBuffer of [true, false]) {
  const name = useBuffer ? 'with Buffer' : 'without Buffer';

  test(`${name}: [TC1] keys and values of every length arrive byte for byte, padding zero`, () => {
    const { sent } = start(new TextCoder(useBuffer));
    const prng = new Prng(`encoder ${useBuffer}`);
    const letters = ['a', 'z', '0', 'é', '中', '😀', '\u0000', '\u007f', '\u0080', '\uffff'];
    for (let round = 0; round < 2000; round += 1) {
      const alphabet = prng.chance(0.5) ? letters.slice(0, 3) : letters;
      const key = Array.from({ length: prng.between(1, 90) }, () => prng.pick(alphabet)).join('');
      const text = Array.from({ length: prng.between(0, 300) }, () => prng.pick(alphabet)).join('');
      const value = prng.chance(0.3) ? new TextEncoder().encode(text) : text;
      const request = sent(key, value);
      assert.ok(typeof request === 'object');
      assert.ok(Buffer.from(key).equals(request.key), `key, round ${round}`);
      assert.ok(Buffer.from(text).equals(request.value), `value, round ${round}`);
    }
  });

  test(`${name}: [RE1] the limits hold to the byte`, () => {
    const { sent } = start(new TextCoder(useBuffer));
    assert.type(sent('k'.repeat(1024), ''), 'object');
    assert.type(sent('é'.repeat(512), ''), 'object');
    assert.is(sent('k'.repeat(1025), ''), ENCODED.keyTooLarge);
    assert.is(sent(`${'é'.repeat(512)}k`, ''), ENCODED.keyTooLarge);
    assert.type(sent('k', 'v'.repeat(10 * 1024)), 'object');
    assert.is(sent('k', 'v'.repeat(10 * 1024 + 1)), ENCODED.valueTooLarge);
    assert.is(sent('k', '中'.repeat(3414)), ENCODED.valueTooLarge);
  });
}

test('[RE1] too long a context and a full transport write nothing', () => {
  const { table, backing } = start(new TextCoder());
  const encoder = new RequestEncoder(table, new TextCoder());
  const writer = new FrameWriter(backing, 1024);
  const slot = table.open();
  table.opcode[slot] = REQUEST_OPCODE.delete;
  table.key[slot] = 'k';
  table.context[slot] = Array.from({ length: 12 }, () => 1);
  assert.is(encoder.encode(slot, 1, LIMITS, writer), ENCODED.contextTooLarge);
  table.context[slot] = [];
  backing.isFull = true;
  assert.is(encoder.encode(slot, 1, LIMITS, writer), ENCODED.full);
  writer.flush();
  assert.is(backing.wordCount, 0);
});

test('[RE2] another try writes the same operation but for its request id', () => {
  const { table } = start(new TextCoder());
  const encoder = new RequestEncoder(table, new TextCoder());
  const slot = table.open();
  table.opcode[slot] = REQUEST_OPCODE.put;
  table.assignOperationId(slot);
  table.key[slot] = 'k';
  table.value[slot] = 'v';
  const tries = [1, 2].map(() => {
    const backing = new OneFrame();
    const writer = new FrameWriter(backing, 1024);
    encoder.encode(slot, 1, LIMITS, writer);
    writer.flush();
    table.beginTry(slot);
    return [...backing.words.subarray(0, backing.wordCount)];
  });
  const [first, second] = tries as [number[], number[]];
  const differing = first.filter((word, index) => word !== second[index]);
  assert.is(first.length, second.length);
  assert.is(differing.length, 1);
});

test.run();
