import { Buffer } from 'node:buffer';
import { Prng } from '@clockwise/kernel/prng';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CLOSE_CODE, MESSAGE_FRAGMENTS_MAX, READ, WebSocketReader } from './websocket-reader.ts';

const MESSAGE_BYTES_MAX = 80_000;

interface Frame {
  readonly first: number;
  readonly payload: Uint8Array;
}

interface Event {
  readonly event: number;
  readonly payload: string;
  readonly reason: string;
}

/** RFC 6455, section 5.2, by the book. `mask` 0: none but a zero one; -1: no mask at all. */
function encode({ first, payload }: Frame, mask: number): Buffer {
  const maskBit = mask === -1 ? 0 : 0x80;
  const { length } = payload;
  let header = Buffer.of(first, maskBit | length);
  if (length >= 65_536) {
    header = Buffer.concat([Buffer.of(first, maskBit | 127), Buffer.alloc(8)]);
    header.writeBigUInt64BE(BigInt(length), 2);
  } else if (length >= 126) {
    header = Buffer.of(first, maskBit | 126, length >> 8, length & 0xff);
  }
  if (mask === -1) return Buffer.concat([header, payload]);
  const key = Buffer.alloc(4);
  key.writeUInt32BE(mask);
  return Buffer.concat([header, key, payload.map((byte, index) => byte ^ key[index & 3]!)]);
}

function randomBytes(prng: Prng, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => prng.between(0, 255));
}

/** Feeds the chunks; what came out, unmasked byte by byte. */
function read(chunks: readonly Uint8Array[], masked = true): Event[] {
  const reader = new WebSocketReader({ masked, messageBytesMax: MESSAGE_BYTES_MAX });
  const events: Event[] = [];
  for (const chunk of chunks) {
    reader.feed(chunk);
    for (let event = reader.next(); event !== READ.more; event = reader.next()) {
      const { bytes, start, byteCount, mask, closeCode } = reader;
      const ending = event === READ.close || event === READ.failed;
      const payload = Buffer.from(bytes.subarray(start, start + byteCount));
      payload.forEach((byte, index) => (payload[index] = byte ^ (mask >>> ((index & 3) * 8))));
      events.push({
        event,
        payload: ending ? String(closeCode) : payload.toString('base64'),
        reason: ending ? reader.reason : '',
      });
    }
  }
  return events;
}

function cut(bytes: Buffer, prng: Prng): Buffer[] {
  const chunks: Buffer[] = [];
  for (let position = 0; position < bytes.length;) {
    const size = prng.pick([1, 2, 3, 7, 50, 1000, 20_000]);
    chunks.push(bytes.subarray(position, position + size));
    position += size;
  }
  return chunks;
}

interface Stream {
  readonly bytes: Buffer;
  readonly expected: Event[];
}

/** Messages, whole and in fragments with control frames in between; the expected events beside. */
function randomStream(prng: Prng, sizes: readonly number[], messageCount: number): Stream {
  const parts: Buffer[] = [];
  const expected: Event[] = [];
  const put = (first: number, payload: Uint8Array): void => {
    parts.push(encode({ first, payload }, prng.pick([0, 1, 0x80_00_00_00, 0xde_ad_be_ef])));
  };
  const expect = (event: number, payload: Uint8Array): void => {
    expected.push({ event, payload: Buffer.from(payload).toString('base64'), reason: '' });
  };
  const control = (): void => {
    const opcode = prng.pick([READ.ping, READ.pong]);
    const payload = randomBytes(prng, prng.pick([0, 1, 125]));
    put(0x80 | opcode, payload);
    expect(opcode, payload);
  };
  for (let message = 0; message < messageCount; message += 1) {
    const opcode = prng.pick([READ.binary, READ.binary, READ.text]);
    const fragmentCount = prng.pick([1, 1, 1, 2, 5]);
    const payloads: Uint8Array[] = [];
    for (let fragment = 0; fragment < fragmentCount; fragment += 1) {
      const payload = randomBytes(prng, prng.pick(sizes));
      const final = fragment === fragmentCount - 1 ? 0x80 : 0;
      put(final | (fragment === 0 ? opcode : 0), payload);
      payloads.push(payload);
      if (final === 0 && prng.between(0, 2) === 0) control();
    }
    expect(opcode, Buffer.concat(payloads));
    if (prng.between(0, 3) === 0) control();
  }
  return { bytes: Buffer.concat(parts), expected };
}

test('[WR1] every split position gives the same events', () => {
  const { bytes, expected } = randomStream(new Prng('every split'), [0, 8, 126, 300], 6);
  assert.equal(read([bytes]), expected);
  for (let at = 0; at <= bytes.length; at += 1) {
    assert.equal(read([bytes.subarray(0, at), bytes.subarray(at)]), expected, `cut at ${at}`);
  }
  assert.equal(read([...bytes].map((byte) => Buffer.of(byte))), expected, 'byte by byte');
});

test('[WR1] random streams, cut at random, are what was encoded', () => {
  for (let round = 0; round < 60; round += 1) {
    const prng = new Prng(`random streams ${round}`);
    const { bytes, expected } = randomStream(prng, [0, 1, 125, 126, 4000, 15_000], 5);
    assert.equal(read([bytes]), expected, `round ${round}`);
    assert.equal(read(cut(bytes, prng)), expected, `round ${round}, cut`);
  }
  const { bytes, expected } = randomStream(new Prng('long'), [65_535, 65_536, 80_000], 1);
  assert.equal(read(cut(bytes, new Prng('long cut'))).at(-1)!.event, expected.at(-1)!.event);
});

test('[WR4] lengths on both sides of each form, and of the limit', () => {
  for (const size of [125, 126, 65_535, 65_536, MESSAGE_BYTES_MAX]) {
    const payload = new Uint8Array(size).fill(5);
    const expected = Buffer.from(payload).toString('base64');
    for (const masked of [true, false]) {
      const bytes = encode({ first: 0x82, payload }, masked ? 7 : -1);
      const [event] = read([bytes.subarray(0, 9), bytes.subarray(9)], masked);
      assert.equal(event, { event: READ.binary, payload: expected, reason: '' });
    }
  }
});

const zeros = (count: number): Uint8Array => new Uint8Array(count);
const masked = (first: number, payload: Uint8Array): Buffer => encode({ first, payload }, 0);
const closeWith = (code: number, reason: Uint8Array = zeros(0)): Buffer =>
  masked(0x88, Buffer.concat([Buffer.of(code >> 8, code & 0xff), reason]));

const BROKEN_RULES: readonly (readonly [string, Buffer, number, string])[] = [
  ['a bit of RSV1', masked(0xc2, zeros(8)), 1002, 'WS_ERR_UNEXPECTED_RSV_1'],
  ['a bit of RSV2', masked(0xa2, zeros(8)), 1002, 'WS_ERR_UNEXPECTED_RSV_2_3'],
  ['no mask', encode({ first: 0x82, payload: zeros(8) }, -1), 1002, 'WS_ERR_EXPECTED_MASK'],
  ['opcode 3', masked(0x83, zeros(8)), 1002, 'WS_ERR_INVALID_OPCODE'],
  ['opcode 11', masked(0x8b, zeros(0)), 1002, 'WS_ERR_INVALID_OPCODE'],
  ['a continuation of nothing', masked(0x80, zeros(8)), 1002, 'WS_ERR_INVALID_OPCODE'],
  [
    'a message within a message',
    Buffer.concat([masked(0x02, zeros(8)), masked(0x82, zeros(8))]),
    1002,
    'WS_ERR_INVALID_OPCODE',
  ],
  ['a ping in fragments', masked(0x09, zeros(1)), 1002, 'WS_ERR_EXPECTED_FIN'],
  ['a long ping', masked(0x89, zeros(126)), 1002, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
  ['half a code', masked(0x88, zeros(1)), 1002, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'],
  ['close with 1005', closeWith(1005), 1002, 'WS_ERR_INVALID_CLOSE_CODE'],
  ['close with 999', closeWith(999), 1002, 'WS_ERR_INVALID_CLOSE_CODE'],
  ['close with 5000', closeWith(5000), 1002, 'WS_ERR_INVALID_CLOSE_CODE'],
  ['a reason that is no text', closeWith(1000, Buffer.of(0xff)), 1007, 'WS_ERR_INVALID_UTF8'],
  ['125 in two bytes', Buffer.of(0x82, 0xfe, 0, 125), 1002, 'WS_ERR_LENGTH_NOT_SHORTEST'],
  [
    '65,535 in eight bytes',
    Buffer.of(0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff),
    1002,
    'WS_ERR_LENGTH_NOT_SHORTEST',
  ],
  [
    '2^53 bytes',
    Buffer.of(0x82, 0xff, 0, 0x20, 0, 0, 0, 0, 0, 0),
    1009,
    'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
  ],
  [
    'the highest bit',
    Buffer.of(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0),
    1009,
    'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
  ],
  [
    'one byte over the limit, known from the header',
    masked(0x82, zeros(MESSAGE_BYTES_MAX + 1)).subarray(0, 10),
    1009,
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  ],
  [
    'fragments over the limit',
    Buffer.concat([masked(0x02, zeros(70_000)), masked(0x80, zeros(10_001))]),
    1009,
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  ],
  [
    'too many fragments',
    Buffer.concat([
      masked(0x02, zeros(1)),
      ...Array.from({ length: MESSAGE_FRAGMENTS_MAX }, () => masked(0x00, zeros(1))),
    ]),
    1008,
    'WS_ERR_TOO_MANY_BUFFERED_PARTS',
  ],
];

for (const [name, bytes, code, reason] of BROKEN_RULES) {
  test(`[WR3] refused: ${name}`, () => {
    const expected = [{ event: READ.failed, payload: String(code), reason }];
    const behind = masked(0x82, zeros(8));
    assert.equal(read([Buffer.concat([bytes, behind])]), expected);
    assert.equal(
      read([...Buffer.concat([bytes, behind])].map((byte) => Buffer.of(byte))),
      expected,
    );
  });
}

test('[WR3] a server that masks is refused by a client', () => {
  const [event] = read([masked(0x82, zeros(8))], false);
  assert.is(event!.reason, 'WS_ERR_UNEXPECTED_MASK');
});

test('[WR3] a close is the last event, with its code and reason', () => {
  const behind = masked(0x82, zeros(8));
  const close = (code: number, reason: string): Event[] => [
    { event: READ.close, payload: String(code), reason },
  ];
  const bye = closeWith(4000, Buffer.from('bye — gone'));
  assert.equal(read([Buffer.concat([bye, behind]), behind]), close(4000, 'bye — gone'));
  assert.equal(read([masked(0x88, zeros(0))]), close(CLOSE_CODE.noneGiven, ''));
});

test('[WR2] I1 memory follows what has arrived, whatever length is claimed', () => {
  const reader = new WebSocketReader({ masked: true, messageBytesMax: 1 << 30 });
  const feed = (bytes: Uint8Array): void => {
    reader.feed(bytes);
    assert.is(reader.next(), READ.more);
  };
  feed(Buffer.of(0x82, 0xff, 0, 0, 0, 0, 0x3f, 0, 0, 0, 1, 2, 3, 4));
  let arrived = 14;
  assert.ok(reader.heldBytes <= 512);
  for (let chunk = 0; chunk < 40; chunk += 1) {
    feed(new Uint8Array(10_000));
    arrived += 10_000;
    assert.ok(reader.heldBytes >= arrived && reader.heldBytes <= 2 * arrived);
  }
});

test('[WR2] a long frame leaves no memory behind', () => {
  const reader = new WebSocketReader({ masked: true, messageBytesMax: MESSAGE_BYTES_MAX });
  const bytes = Buffer.concat([masked(0x02, zeros(70_000)), masked(0x80, zeros(8))]);
  reader.feed(bytes.subarray(0, 60_000));
  assert.is(reader.next(), READ.more);
  assert.ok(reader.heldBytes >= 60_000);
  reader.feed(bytes.subarray(60_000));
  assert.is(reader.next(), READ.binary);
  assert.is(reader.next(), READ.more);
  assert.is(reader.heldBytes, 0);
});

/** Bits turned, a piece cut out or the end cut off. */
function damaged(bytes: Buffer, prng: Prng): Buffer {
  const copy = Buffer.from(bytes);
  const at = prng.between(0, bytes.length - 1);
  const kind = prng.between(0, 3);
  if (kind === 0) return copy.subarray(0, at);
  if (kind === 1)
    return Buffer.concat([copy.subarray(0, at), copy.subarray(at + prng.pick([1, 5]))]);
  for (let count = prng.between(1, 4); count > 0; count -= 1) {
    copy[prng.between(0, bytes.length - 1)]! ^= 1 << prng.between(0, 7);
  }
  return copy;
}

test('[WR1] [WR3] I6 20,000 damaged streams never throw, however they are cut', () => {
  const prng = new Prng('damaged streams');
  const good = Array.from({ length: 20 }, () => randomStream(prng, [0, 1, 8, 126], 6).bytes);
  let refusedCount = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const stream = damaged(prng.pick(good), prng);
    const whole = read([stream]);
    const at = prng.between(0, stream.length);
    const parts = read([stream.subarray(0, at), stream.subarray(at)]);
    assert.equal(parts.length, whole.length, `round ${round}`);
    const last = whole.at(-1);
    if (last !== undefined) assert.equal(parts.at(-1), last, `round ${round}`);
    if (last?.event === READ.failed) refusedCount += 1;
    const endings = whole.filter(({ event }) => event === READ.failed || event === READ.close);
    assert.ok(endings.length === 0 || (endings.length === 1 && endings[0] === last));
  }
  assert.ok(refusedCount > 1000, `${refusedCount} refused`);
});

test.run();
