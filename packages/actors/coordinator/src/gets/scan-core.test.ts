import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS, type Limits } from '@clockwise/kernel/limits';
import { ERRORS, STATUS_OK } from '@clockwise/protocol/errors';
import {
  LEVEL,
  REPLICA_OPCODE,
  REPLICA_READ_HEADER_WORDS,
  REPLY_FLAG,
  REPLY_KIND,
  RESPONSE_FLAG,
  SCAN,
} from '@clockwise/protocol/frame';
import { readScan, responseFlags } from '@clockwise/protocol/response-reader';
import { compareRecordPositions } from '@clockwise/record/compare';
import { decodeRecord } from '@clockwise/record/build';
import { RecordJoin } from '@clockwise/versioning/join';
import { CoordinatorWorld, field, opcodeOf, type Sent, statusOf } from '../coordinator-world.ts';
import { record, scan } from '../requests/sample-requests.ts';
import { mergePages, type PageBounds } from './scan-core.ts';

const CLIENT = 1;
const PARTITION = 3;
const { complete, more } = RESPONSE_FLAG;
const ENOUGH: PageBounds = { recordsMax: 100, bytesMax: 100_000 };
/** Keys in the order of their tokens, so that rows can say a, b, c, d, e. */
const KEYS = ['p', 'q', 'r', 's', 't'].toSorted((left, right) =>
  compareRecordPositions(record({ key: left, dots: [] }), 0, record({ key: right, dots: [] }), 0),
);

/** 'a1' is the key a in the version of counter 1. */
function versionOf(name: string): Int32Array {
  const key = KEYS['abcde'.indexOf(name[0]!)]!;
  return record({ key, dots: [[Number(name[1]), 1]] });
}

function page(names: string): { words: Int32Array; recordCount: number; more: boolean } {
  const records = names.replace('+', '').split(' ').filter(Boolean).map(versionOf);
  const words = new Int32Array(records.reduce((sum, one) => sum + one.length, 0));
  let position = 0;
  for (const one of records) {
    words.set(one, position);
    position += one.length;
  }
  return { words, recordCount: records.length, more: names.includes('+') };
}

function nameOf(words: Int32Array): string {
  const { key, siblings } = decodeRecord(words, 0);
  const letter = 'abcde'[KEYS.indexOf(String.fromCharCode(...key))]!;
  return letter + siblings.map(({ dot }) => dot.incarnation).join('');
}

test('[SC1] pages merge up to where the first one that has more ends', () => {
  const rows: readonly (readonly [pages: string[], merged: string])[] = [
    [['a1 b1 c1', 'a1 b1 c1'], 'a1 b1 c1'],
    [['a1 c1', 'b1'], 'a1 b1 c1'],
    [['a1', 'a1 b1 c1'], 'a1 b1 c1'],
    [['', ''], ''],
    [['', 'b1'], 'b1'],
    [['a1+', 'a1 b1 c1'], 'a1 +'],
    [['a1 b1+', 'a1 b1 c1+'], 'a1 b1 +'],
    [['b1+', 'a1 c1'], 'a1 b1 +'],
    [['c1+', 'a1 b1'], 'a1 b1 c1 +'],
    [['a1 b1+', 'c1 d1'], 'a1 b1 +'],
    [['a1 d1+', 'b1 c1+'], 'a1 b1 c1 +'],
    [['a1 e1', 'b1+', 'c1 d1'], 'a1 b1 +'],
    [['a1', 'a2'], 'a12'],
    [['a1 b1', 'a2 c1', 'a1 b2'], 'a12 b12 c1'],
  ];
  for (const [names, merged] of rows) {
    const result = mergePages(names.map(page), new RecordJoin(DEFAULT_LIMITS), ENOUGH);
    const found = [...result.records.map(nameOf), ...(result.more ? ['+'] : [])].join(' ');
    assert.is(found, merged, names.join(' | '));
  }
});

test('[SC3] a merged page is no larger than asked for, and never empty for want of room', () => {
  const size = versionOf('a1').length * 4;
  const rows: readonly (readonly [bounds: PageBounds, merged: string])[] = [
    [{ recordsMax: 2, bytesMax: 1000 }, 'a1 b1 +'],
    [{ recordsMax: 4, bytesMax: 1000 }, 'a1 b1 c1 d1'],
    [{ recordsMax: 3, bytesMax: 1000 }, 'a1 b1 c1 +'],
    [{ recordsMax: 9, bytesMax: size * 3 }, 'a1 b1 c1 +'],
    [{ recordsMax: 9, bytesMax: size * 3 - 1 }, 'a1 b1 +'],
    [{ recordsMax: 9, bytesMax: 1 }, 'a1 +'],
  ];
  for (const [bounds, merged] of rows) {
    const pages = ['a1 b1', 'c1 d1'].map(page);
    const result = mergePages(pages, new RecordJoin(DEFAULT_LIMITS), bounds);
    const found = [...result.records.map(nameOf), ...(result.more ? ['+'] : [])].join(' ');
    assert.is(found, merged, JSON.stringify(bounds));
  }
});

test('[SC3] what the client asked for and what this node allows both bound the page', () => {
  const one = new Scan();
  one.answers(0, 'a1 c1 e1');
  one.answers(1, 'b1 d1');
  assert.equal(one.shown(), ['abcde complete']);
  const world = CoordinatorWorld.linked({ limits: { scanRecordsMax: 2 } });
  world.ask(CLIENT, scan(1, PARTITION));
  const [own] = world.sentToShard();
  const [other] = world.sentToNode(1);
  const { scanned: kind } = REPLY_KIND;
  world.shardReplies([[own!, { kind, records: [versionOf('a1'), versionOf('c1')] }]]);
  world.nodeReplies(1, other!, { kind, records: [versionOf('b1')] });
  const [answer] = world.sentTo(CLIENT);
  assert.is(readScan(answer!.words, answer!.offset).length, 2);
  assert.is(responseFlags(answer!.words, answer!.offset), more | complete);
});

class Scan {
  readonly world: CoordinatorWorld;
  readonly asked: Map<number, Sent> = new Map();

  constructor(
    level = 0,
    prepare: (world: CoordinatorWorld) => void = () => undefined,
    limits: Partial<Limits> = {},
  ) {
    this.world = CoordinatorWorld.linked({ limits });
    prepare(this.world);
    this.ask(level);
  }

  ask(level = 0): void {
    this.asked.clear();
    this.world.ask(CLIENT, scan(1, PARTITION, { level }));
    this.#take();
  }

  answers(node: number, names: string | number): void {
    const { scanned: kind } = REPLY_KIND;
    const sent = this.asked.get(node)!;
    const reply =
      typeof names === 'number'
        ? { kind, status: names }
        : {
            kind,
            flags: names.includes('+') ? REPLY_FLAG.more : 0,
            records: names.replace('+', '').split(' ').filter(Boolean).map(versionOf),
          };
    if (node === 0) this.world.shardReplies([[sent, reply]]);
    else this.world.nodeReplies(node, sent, reply);
    this.#take();
  }

  cut(node: number): void {
    this.world.linkDown(node);
    this.#take();
  }

  passes(milliseconds: number): void {
    this.world.passes(milliseconds);
  }

  /** Each answer as keys and flags, or its status. */
  shown(): string[] {
    return this.world.sentTo(CLIENT).map(({ words, offset, tag }) => {
      const status = statusOf({ words, offset, tag });
      if (status !== STATUS_OK) return `status ${status}`;
      const flags = responseFlags(words, offset);
      const letters = readScan(words, offset).map(
        ({ key }) => 'abcde'[KEYS.indexOf(String.fromCharCode(...key))]!,
      );
      const marks = [flags & more ? 'more' : '', flags & complete ? 'complete' : ''];
      return [letters.join(''), ...marks].filter(Boolean).join(' ');
    });
  }

  #take(): void {
    this.world.ring.nodes.forEach((_, node) => {
      const sent = node === 0 ? this.world.sentToShard() : this.world.sentToNode(node);
      for (const operation of sent) this.asked.set(node, operation);
    });
  }
}

test('a scan is passed to R replicas as it came', () => {
  const { asked } = new Scan();
  assert.equal([...asked.keys()], [0, 1]);
  const sent = asked.get(1)!;
  assert.is(opcodeOf(sent), REPLICA_OPCODE.scan);
  assert.is(field(sent, REPLICA_READ_HEADER_WORDS + SCAN.partition), PARTITION);
  assert.is(field(sent, REPLICA_READ_HEADER_WORDS + SCAN.recordsMax), 10);
});

test('[SC2] a page that R replicas answered is complete', () => {
  const one = new Scan();
  one.answers(0, 'a1 b1');
  assert.equal(one.shown(), []);
  one.answers(1, 'a1 c1+');
  assert.equal(one.shown(), ['abc more complete']);
  assert.is(one.world.figures()['inFlight'], 0);
});

test('[SC2] a replica counts once, and one that was not asked not at all', () => {
  const one = new Scan();
  one.answers(1, 'a1');
  one.answers(1, 'a1');
  one.asked.set(2, one.asked.get(1)!);
  one.answers(2, 'a1');
  assert.equal(one.shown(), []);
  one.answers(0, 'a1');
  assert.equal(one.shown(), ['a complete']);
});

test('[SC2] another replica stands in for one that failed or was lost', () => {
  const failed = new Scan();
  failed.answers(1, ERRORS.READ_FAILED.code);
  assert.equal([...failed.asked.keys()], [0, 1, 2]);
  failed.answers(0, 'a1');
  failed.answers(2, 'a1');
  assert.equal(failed.shown(), ['a complete']);
  const lost = new Scan();
  lost.cut(1);
  lost.answers(0, 'a1');
  lost.answers(2, 'b1');
  assert.equal(lost.shown(), ['ab complete']);
});

test('[SC2] with fewer than R answers what has come is shown, and not called complete', () => {
  const few = new Scan(3);
  few.answers(0, 'a1');
  few.answers(1, 'b1');
  few.answers(2, ERRORS.READ_FAILED.code);
  assert.equal(few.shown(), ['ab']);
  const silent = new Scan();
  silent.answers(0, 'a1+');
  silent.passes(5000);
  assert.equal(silent.shown(), ['a more']);
  assert.is(silent.world.figures()['inFlight'], 0);
  const alone = new Scan(0, (world) => {
    world.linkDown(1);
    world.linkDown(2);
  });
  alone.answers(0, 'a1');
  assert.equal(alone.shown(), ['a']);
});

test('a scan that nobody answered: the status of the last failure, or TIMEOUT', () => {
  const failed = new Scan(3);
  for (const node of [0, 1, 2]) failed.answers(node, ERRORS.READ_FAILED.code);
  assert.equal(failed.shown(), [`status ${ERRORS.READ_FAILED.code}`]);
  const silent = new Scan();
  silent.passes(5000);
  assert.equal(silent.shown(), [`status ${ERRORS.TIMEOUT.code}`]);
  assert.is(silent.world.figures()['inFlight'], 0);
});

test('[LV2] a scan asks whom its level counts, the own data centre first', () => {
  const askedOf = (level: number, cut: readonly number[] = []): number[] => {
    const world = CoordinatorWorld.linked({
      nodeCount: 6,
      dataCentres: ['one', 'two', 'one', 'two', 'one', 'two'],
    });
    for (const node of cut) world.linkDown(node);
    world.ask(CLIENT, scan(1, PARTITION, { level }));
    return world.ring.nodes
      .map((_, node) => node)
      .filter((node) => (node === 0 ? world.sentToShard() : world.sentToNode(node)).length > 0);
  };
  assert.equal(askedOf(LEVEL.localQuorum), [0, 2]);
  assert.equal(askedOf(LEVEL.localQuorum, [2]), [0, 4]);
  assert.equal(askedOf(LEVEL.localQuorum, [2, 4]), [0], 'what it shows then is not complete');
  assert.equal(askedOf(LEVEL.eachQuorum), [0, 1, 2, 3]);
  assert.equal(askedOf(3), [0, 2, 4]);
  assert.equal(askedOf(LEVEL.quorum), [0, 1, 2, 4]);
});

test('a partition that there is not, or that cannot be reached, is refused', () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, scan(1, 8));
  assert.equal(world.sentTo(CLIENT).map(statusOf), [ERRORS.BAD_REQUEST.code]);
  world.linkDown(1);
  world.linkDown(2);
  world.step([{ kind: 'channel-down', target: 0 }]);
  world.ask(CLIENT, scan(2, 7));
  assert.equal(world.sentTo(CLIENT).map(statusOf), [ERRORS.UNAVAILABLE.code]);
  assert.is(world.figures()['inFlight'], 0);
});

test('O9 pages that are held to be merged are bounded in bytes, and let go with their scan', () => {
  const names = 'a1 b1 c1 d1 e1';
  const one = new Scan(0, undefined, { keptRequestBytesMax: page(names).words.length * 4 + 8 });
  for (let turn = 0; turn < 3; turn += 1) {
    if (turn > 0) one.ask();
    for (const node of [0, 1, 2]) one.answers(node, names);
    assert.equal(one.shown(), ['abcde'], 'the page of one replica, which is not called complete');
  }
});

test('what is late after the answer finds an older generation', () => {
  const one = new Scan();
  one.answers(0, 'a1');
  one.passes(5000);
  one.shown();
  one.answers(1, 'b1');
  assert.equal(one.shown(), []);
});

test.run();
