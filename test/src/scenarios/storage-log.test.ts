/** The commit log against torn tails, damage, failing syncs, short writes and stale writers. */
import { Prng } from '@clockwise/kernel/prng';
import { PREFIX, PREFIX_WORDS } from '@clockwise/record/layout';
import { logName, TAIL_COPY_NAME } from '@clockwise/storage/file-names';
import {
  GROUP,
  GROUP_HEADER_WORDS,
  GROUP_MAGIC,
  isGroupHeader,
  readSegmentHeader,
  SEGMENT,
  SEGMENT_HEADER_WORDS,
  segmentHeader,
} from '@clockwise/storage/log-format';
import { PACKED_BYTES_MAX } from '@clockwise/storage/log-payload';
import { readSegment } from '@clockwise/storage/log-segment';
import { CommitLogWriter } from '@clockwise/storage/log-writer';
import { checksumWords } from '@clockwise/storage/whole-transfer';
import { SimulatedCrash, SimulatedDisk } from '@clockwise/simulator/simulated-disk';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checksum, copyOf, mustOpen, STORE_ID, TestStore } from './store-fixture.ts';

function newDisk(seed: string, shortTransferProbability = 0): SimulatedDisk {
  return new SimulatedDisk({ prng: new Prng(seed), shortTransferProbability });
}

/** Puts key = value = n for each n, each in a group of its own, synced. */
function putSynced(store: TestStore, from: number, to: number): void {
  for (let value = from; value <= to; value += 1) {
    assert.ok(store.put(value, value));
    assert.ok(store.group());
    assert.ok(store.sync());
  }
}

function logNames(disk: SimulatedDisk): string[] {
  const names = disk.list();
  return names.ok ? names.value.filter((name) => name.startsWith('log-')).toSorted() : [];
}

/** How many bytes of the file, from its start, are not zero. */
function usedBytes(disk: SimulatedDisk, name: string): number {
  const bytes = disk.contents(name);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}

test('F1 [LR1] a segment whose header was torn goes by its first group, whatever the next opening leaves', () => {
  const source = newDisk('torn header');
  const store = mustOpen(source);
  for (let value = 1; logNames(source).length < 2; value += 1) putSynced(store, value, value);
  const last = store.log.writtenSequence;
  const [, second] = logNames(source);
  for (let at = 0; at < 64; at += 1) source.corrupt(second!, at, 0);
  const image = source.image();
  let crashes = 0;
  for (let nth = 1; nth < 200; nth += 1) {
    const disk = newDisk('torn header, crashed');
    disk.replace(image);
    disk.crashAt = nth;
    try {
      mustOpen(disk);
    } catch (error) {
      assert.ok(error instanceof SimulatedCrash, String(error));
      crashes += 1;
    }
    disk.crash('keep-all');
    const reopened = mustOpen(disk);
    for (let key = 1; key <= last; key += 1) assert.is(reopened.get(key), key, `call ${nth}`);
    if (crashes < nth) break;
  }
  assert.ok(crashes > 10, `${crashes} crashes`);
});

const TAILS: readonly (readonly [string, (position: number) => number])[] = [
  ['zeros', () => 0],
  ['ones', () => 0xff],
  ['rubbish', (position) => (position * 197 + 31) & 0xff],
];

for (const [kind, byteAt] of TAILS) {
  test(`F1 a tail torn at every byte of the last record is cut, ${kind} behind the tear`, () => {
    for (let torn = 0, groupBytes = 1; torn < groupBytes; torn += 1) {
      const disk = newDisk(`torn-${torn}`);
      const first = mustOpen(disk);
      putSynced(first, 1, 4);
      const [name] = logNames(disk);
      const begin = Math.ceil(usedBytes(disk, name!) / 8) * 8;
      putSynced(first, 5, 5);
      // Behind its last byte that is not zero a tear may change nothing.
      const end = usedBytes(disk, name!);
      groupBytes = end - begin;
      for (let at = begin + torn; at < end; at += 1) disk.corrupt(name!, at, byteAt(at));
      const store = mustOpen(disk);
      for (let key = 1; key <= 4; key += 1) assert.is(store.get(key), key);
      assert.is(store.get(5), undefined, `torn at ${torn}`);
      assert.is(store.memtable.nextSequence, 5);
      // The new opening writes elsewhere, and what it writes is there next time.
      putSynced(store, 6, 8);
      const again = mustOpen(disk);
      for (const key of [1, 2, 3, 4, 6, 7, 8]) assert.is(again.get(key), key);
      assert.is(again.get(5), undefined);
    }
  });
}

for (const model of ['keep-all', 'torn', 'data-first'] as const) {
  test(`F1 a write of the last record that ends at any byte, then a crash that leaves ${model}`, () => {
    // None of its bytes is zero, as what lies ahead of the log is.
    const last = 0x05060708;
    let wholeCount = 0;
    for (let taken = 0, groupBytes = 1; taken <= groupBytes; taken += 1) {
      const disk = newDisk(`cut-${taken}`);
      const store = mustOpen(disk);
      putSynced(store, 1, 4);
      store.put(5, last);
      groupBytes = cutNextWrite(disk, taken, () => store.group());
      disk.crash(model);
      const opened = mustOpen(disk);
      for (let key = 1; key <= 4; key += 1) assert.is(opened.get(key), key);
      const isWhole = opened.get(5) === last;
      if (isWhole) wholeCount += 1;
      else assert.is(opened.get(5), undefined, `cut at ${taken}`);
      // It may end in a word of zeros, as what lies ahead of it is.
      assert.ok(taken >= groupBytes - 4 || !isWhole, `cut at ${taken}`);
      assert.is(opened.memtable.nextSequence, isWhole ? 6 : 5);
      putSynced(opened, 6, 8);
      disk.crash('drop-all');
      const again = mustOpen(disk);
      for (const key of [1, 2, 3, 4, 6, 7, 8]) assert.is(again.get(key), key, `cut at ${taken}`);
      assert.is(again.get(5), isWhole ? last : undefined, 'read once, there for ever');
    }
    assert.ok((wholeCount > 0 && wholeCount <= 5) || model === 'torn', `${wholeCount} were whole`);
  });
}

/** The run ends within its next write, of which the disk has taken so many bytes. Its bytes in all. */
function cutNextWrite(disk: SimulatedDisk, taken: number, run: () => void): number {
  const write = disk.write.bind(disk);
  let total = 0;
  disk.write = (file, parts, position) => {
    const whole = Buffer.concat(parts);
    total = whole.length;
    write(file, [whole.subarray(0, taken)], position);
    throw new SimulatedCrash('within a write');
  };
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof SimulatedCrash, String(error));
  }
  disk.write = write;
  return total;
}

test('F2 what is appended after a torn tail outlives the next crash', () => {
  for (let round = 0; round < 50; round += 1) {
    const disk = newDisk(`after-${round}`);
    const first = mustOpen(disk);
    putSynced(first, 1, 1);
    first.put(2, 2);
    first.group();
    disk.crash('torn');
    const second = mustOpen(disk);
    putSynced(second, 3, 4);
    disk.crash('drop-all');
    const third = mustOpen(disk);
    for (const key of [1, 3, 4]) assert.is(third.get(key), key);
  }
});

test('F3 [LS3] [LR2] damage before the tail is needs-repair, wherever it is; nothing is dropped', () => {
  const source = newDisk('middle');
  putSynced(mustOpen(source), 1, 90);
  const names = logNames(source);
  assert.ok(names.length >= 3, 'the records fill several segments');
  let repairs = 0;
  for (const name of names) {
    const bytes = source.contents(name);
    for (let at = 0; at < usedBytes(source, name); at += 5) {
      source.corrupt(name, at, bytes[at]! ^ (1 << (at & 7)));
      const folder = logNames(source).length;
      const found = TestStore.open(copyOf(source));
      source.corrupt(name, at, bytes[at]!);
      assert.is(logNames(source).length, folder);
      if (!(found instanceof TestStore)) {
        assert.is(found.kind, 'needs-repair', `${name} byte ${at}`);
        repairs += 1;
        continue;
      }
      // Only the very last group may count as torn; everything before it is there.
      for (let key = 1; key <= 59; key += 1) assert.is(found.get(key), key, `${name} byte ${at}`);
    }
  }
  assert.ok(repairs > 500, `${repairs} repairs`);
});

test('F3 after a clean end even the last record is known to have been durable', () => {
  const disk = newDisk('sealed');
  const store = mustOpen(disk);
  putSynced(store, 1, 3);
  assert.ok(store.log.close().ok);
  const [name] = logNames(disk);
  disk.corrupt(name!, usedBytes(disk, name!) - 90, 0x55);
  const found = TestStore.open(disk);
  assert.is(found instanceof TestStore ? 'open' : found.kind, 'needs-repair');
});

test('[LR2] a segment that is gone, or a manifest whose log is gone, is needs-repair', () => {
  for (const which of [0, 1, 2]) {
    const disk = newDisk(`gone-${which}`);
    putSynced(mustOpen(disk), 1, 90);
    if (which === 2) for (const name of logNames(disk)) disk.remove(name);
    else disk.remove(logNames(disk)[which]!);
    const found = TestStore.open(disk);
    assert.is(found instanceof TestStore ? 'open' : found.kind, 'needs-repair');
  }
});

test('F3 [LS1] no bit of a header can change unnoticed: the checksum is over all of it', () => {
  const disk = newDisk('headers');
  putSynced(mustOpen(disk), 1, 2);
  const [name] = logNames(disk);
  const words = new Int32Array(disk.contents(name!).slice().buffer);
  const id = { ...STORE_ID, opening: words[SEGMENT.opening]!, index: words[SEGMENT.index]! };
  const group = SEGMENT_HEADER_WORDS;
  assert.ok(isGroupHeader(words, group, id, checksum));
  for (let bit = 0; bit < GROUP_HEADER_WORDS * 32; bit += 1) {
    const changed = words.slice();
    changed[group + (bit >>> 5)]! ^= 1 << (bit & 31);
    assert.not.ok(isGroupHeader(changed, group, id, checksum), `bit ${bit} of the group's`);
  }
  for (let bit = 0; bit < (SEGMENT.checksum + 1) * 32; bit += 1) {
    const changed = words.slice();
    changed[bit >>> 5]! ^= 1 << (bit & 31);
    assert.is(readSegmentHeader(changed, id, checksum).kind, 'invalid', `bit ${bit}`);
  }
});

test('F4 [LS1] [LS2] lengths that lie are refused before they are used', () => {
  const id = { ...STORE_ID, opening: 1, index: 1 };
  const lies: [number, number][] = [0x7ffffff8, -8, 4, 1 << 20, 64].map((each) => [each, each]);
  // Records that a payload of 64 bytes is said to give unpacked: fewer, too many, no whole words of them.
  for (const recordBytes of [-64, 0, 32, 65, 128, 1 << 10, 1 << 20, 0x7ffffffc]) {
    lies.push([64, recordBytes]);
  }
  for (const [payloadBytes, recordBytes] of lies) {
    const words = new Int32Array(256);
    words.set(segmentHeader(id, 1, checksum));
    words[16 + GROUP.magic] = GROUP_MAGIC;
    words[16 + GROUP.payloadBytes] = payloadBytes;
    words[16 + GROUP.recordBytes] = recordBytes;
    words[16 + GROUP.firstSequenceLow] = 1;
    words[16 + GROUP.lastSequenceLow] = 1;
    words[16 + GROUP.opening] = 1;
    words[16 + GROUP.index] = 1;
    words[16 + GROUP.position] = 8;
    // A record that claims more words than there are, under a payload checksum that is right.
    const payload = 16 + GROUP_HEADER_WORDS;
    words[payload] = 1;
    words[payload + 8] = 0x7ffffffe;
    const end = payload + (payloadBytes === 64 ? 16 : 0);
    words[16 + GROUP.payloadChecksum] = checksumWords(checksum, words, payload, end);
    words[16 + GROUP.checksum] = checksumWords(checksum, words, 16, 16 + GROUP.checksum);
    let visited = 0;
    const reading = readSegment(
      words,
      {
        id,
        checksum,
        expectedSequence: 1,
        limitBytes: 1024,
        limitSequence: Number.MAX_SAFE_INTEGER,
      },
      () => (visited += 1),
    );
    assert.is(visited, 0);
    assert.is(reading.lastSequence, 0);
    assert.is(reading.endBytes, 64);
  }
});

for (const pages of ['new', 'old'] as const) {
  test(`F5 [LW3] after a failed sync nothing is acknowledged, and a restart is sound, pages ${pages}`, () => {
    for (let nth = 1, failures = 0; failures === nth - 1; nth += 1) {
      const disk = newDisk(`sync-${nth}`);
      const store = mustOpen(disk);
      disk.inject({ operation: 'datasync', nth, code: 'EIO', pages });
      let acked = 0;
      let calls = 0;
      for (let value = 1; value <= 60; value += 1) {
        store.put(value, value);
        const ok = store.group() && store.sync();
        if (ok) assert.is(acked, value - 1, 'no acknowledgement after the failure');
        if (ok) acked = value;
        else if (calls === 0) calls = disk.operationCount;
      }
      // The run has fewer syncs than that: each of them has failed once.
      if (acked === 60) assert.ok(failures >= 60, `${failures} syncs`);
      if (acked === 60) break;
      failures += 1;
      assert.not.ok(store.log.release(1000).ok);
      assert.is(disk.operationCount, calls, 'the disk is left alone');
      // The process restarts: what it serves now must outlive the machine.
      disk.crash('keep-all');
      const restarted = mustOpen(disk);
      let seen = 0;
      while (restarted.get(seen + 1) === seen + 1) seen += 1;
      assert.ok(seen >= acked, `seen ${seen}, acknowledged ${acked}`);
      disk.crash('drop-all');
      const later = mustOpen(disk);
      for (let key = 1; key <= seen; key += 1)
        assert.is(later.get(key), key, 'read once, there for ever');
    }
  });
}

test('F6 [WT1] short writes lose nothing, and a disk that takes no bytes is an error', () => {
  const disk = newDisk('short', 0.9);
  putSynced(mustOpen(disk), 1, 60);
  const store = mustOpen(disk);
  for (let key = 1; key <= 60; key += 1) assert.is(store.get(key), key);
  const stuck = mustOpen(newDisk('stuck'));
  stuck.disk.write = () => ({ ok: true, value: 0 });
  stuck.put(1, 1);
  assert.not.ok(stuck.group(), '[WT2] no endless loop');
});

test('F6 [LW6] [OS5] one writer a segment: neither the same start nor a second opening gets it', () => {
  const disk = newDisk('two writers');
  const first = mustOpen(disk);
  putSynced(first, 1, 1);
  const second = new CommitLogWriter({
    disk,
    checksum,
    start: first.opened.log,
    segmentBytes: 4096,
    groupBytesMax: 2048,
    sparesMax: 2,
  });
  assert.not.ok(second.open().ok, 'the segment has a writer');
  // A second process lists the folder before the first one's opening and goes on after it.
  const fresh = newDisk('two openings');
  const names = fresh.list();
  putSynced(mustOpen(fresh), 1, 1);
  const list = fresh.list.bind(fresh);
  fresh.list = () => names;
  const stale = TestStore.open(fresh);
  assert.is(stale instanceof TestStore ? 'open' : stale.kind, 'failed', 'its name is taken');
  fresh.list = list;
  assert.is(mustOpen(fresh).get(1), 1);
});

test('F17 a write without room fails, and with room again nothing acknowledged is gone', () => {
  for (let capacity = 3000; capacity < 16_000; capacity += 500) {
    const disk = new SimulatedDisk({ prng: new Prng(`full-${capacity}`), capacityBytes: capacity });
    const opened = TestStore.open(disk);
    let acked = 0;
    if (opened instanceof TestStore) {
      for (let value = 1; value <= 80; value += 1) {
        opened.put(value, value);
        if (!opened.group() || !opened.sync()) break;
        acked = value;
        if (value % 20 === 0) opened.flush();
      }
    } else {
      assert.equal(opened.kind === 'failed' ? opened.name : opened.kind, 'DISK_FULL');
    }
    disk.capacityBytes = Number.MAX_SAFE_INTEGER;
    const store = mustOpen(disk);
    for (let key = 1; key <= acked; key += 1)
      assert.is(store.get(key), key, `capacity ${capacity}`);
  }
});

/** An opening then writes the end of the log in place: into the file that a stale writer has open, too. */
function refuseTailCopies(disk: SimulatedDisk): void {
  const open = disk.open.bind(disk);
  disk.open = (name, mode) =>
    name === TAIL_COPY_NAME ? { ok: false, code: 'ENOSPC', detail: 'no room' } : open(name, mode);
}

for (const hasRoom of [true, false]) {
  const where = hasRoom ? '' : ', where its segment has no room for a copy';
  test(`H5 [LR3] [LW4] a writer that was replaced cannot write into what its successor replays${where}`, () => {
    const disk = newDisk('stale');
    if (!hasRoom) refuseTailCopies(disk);
    const stale = mustOpen(disk);
    putSynced(stale, 1, 10);
    const successor = mustOpen(disk);
    putSynced(successor, 101, 110);
    // It wakes up, fills its segment and makes new ones.
    putSynced(stale, 901, 960);
    putSynced(successor, 111, 115);
    for (let round = 0; round < 3; round += 1) {
      const store = mustOpen(disk);
      for (let key = 1; key <= 10; key += 1) assert.is(store.get(key), key);
      for (let key = 101; key <= 115; key += 1) assert.is(store.get(key), key);
      for (let key = 901; key <= 960; key += 1) assert.is(store.get(key), undefined);
      assert.is(store.memtable.nextSequence, 26);
    }
  });
}

test('H5 [LR3] the same where the newest manifest is lost and the one before it counts', () => {
  const disk = newDisk('stale-2');
  const stale = mustOpen(disk);
  putSynced(stale, 1, 10);
  putSynced(mustOpen(disk), 101, 110);
  putSynced(stale, 901, 903);
  const names = disk.list();
  const manifests = names.ok
    ? names.value.filter((name) => name.startsWith('manifest-')).toSorted()
    : [];
  disk.remove(manifests.at(-1)!);
  const store = mustOpen(disk);
  for (let key = 101; key <= 110; key += 1) assert.is(store.get(key), key);
  assert.is(store.get(901), undefined);
});

test('[LW1] [LW4] [LR1] F20 segments are recycled past the floor only, and old bytes are never replayed', () => {
  const disk = newDisk('recycle');
  const store = mustOpen(disk);
  let value = 0;
  for (let round = 0; round < 12; round += 1) {
    for (let count = 0; count < 25; count += 1) {
      value += 1;
      store.put(value % 30, value);
      assert.ok(store.group());
      assert.ok(store.sync());
    }
    if (round % 2 === 0) assert.ok(store.flush());
    const again = copyOf(disk);
    const opened = mustOpen(again);
    for (let back = 0; back < 30; back += 1) {
      const wanted = value - back;
      if (wanted > 0) assert.is(opened.get(wanted % 30), wanted);
    }
  }
  assert.ok(logNames(disk).length < 8, 'files are used again');
});

test('[LW1] a group longer than a segment or the group limit is written whole and read back', () => {
  const disk = newDisk('long');
  const store = mustOpen(disk);
  for (let value = 1; value <= 90; value += 1) assert.ok(store.put(value, value));
  assert.ok(store.group());
  assert.ok(store.sync());
  const opened = mustOpen(disk);
  for (let key = 1; key <= 90; key += 1) assert.is(opened.get(key), key);
  assert.ok(logNames(disk).includes(logName(2, 1)));
});

test('[LGP1] F20 records of any size are read back as they were written, packed or not', () => {
  const disk = newDisk('sizes');
  const { log, opened } = mustOpen(disk);
  const written: number[] = [];
  const sizes = [64, 2, -2, 0, 400, 6].map((more) => PACKED_BYTES_MAX / 4 + more);
  for (const [place, wordCount] of sizes.entries()) {
    const words = new Int32Array(wordCount * 2);
    for (const at of [0, wordCount]) {
      words.fill(place + 7, at + PREFIX_WORDS + 1, at + wordCount);
      words[at + PREFIX.sequenceLow] = log.writtenSequence + (at === 0 ? 1 : 2);
      words[at + PREFIX_WORDS] = wordCount - PREFIX_WORDS;
    }
    const range = { buffer: words.buffer, fromWord: 0, toWord: words.length };
    const next = log.writtenSequence + 1;
    assert.ok(log.write([range], next, next + 1).ok);
    written.push(...words);
  }
  assert.ok(log.close().ok);
  const read: number[] = [];
  for (const [place, name] of logNames(disk).entries()) {
    const index = opened.log.firstIndex + place;
    const options = {
      id: { ...STORE_ID, opening: opened.log.opening, index },
      checksum,
      expectedSequence: 1,
      limitBytes: Infinity,
      limitSequence: Infinity,
    };
    assert.is(name, logName(opened.log.opening, index));
    readSegment(new Int32Array(disk.contents(name).slice().buffer), options, (words, from, to) =>
      read.push(...words.subarray(from, to)),
    );
  }
  assert.equal(read, written);
});

test.run();
