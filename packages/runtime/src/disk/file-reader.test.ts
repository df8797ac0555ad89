import { spawnSync } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  open,
  openSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorldEvent } from '@clockwise/kernel/effects';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FileReader, type FileReaderOptions } from './file-reader.ts';

const directory = mkdtempSync(join(tmpdir(), 'file-reader-'));
const content = new Uint8Array(10_000).map((_, index) => index * 7);
writeFileSync(join(directory, 'one.table'), content);

type Event = WorldEvent<never, never>;

function reader(
  openFilesMax = 2,
  openFile: NonNullable<FileReaderOptions['openFile']> = open,
): {
  readonly reader: FileReader;
  readonly next: (count: number) => Promise<Event[]>;
} {
  const events: Event[] = [];
  let changed: () => void = () => undefined;
  const made = new FileReader({
    directory,
    openFilesMax,
    openFileIdleMs: 1000,
    openFile,
    now: () => 0,
    emit: (event) => {
      events.push(event);
      changed();
    },
  });
  const next = async (count: number): Promise<Event[]> => {
    while (events.length < count) await new Promise<void>((resolve) => (changed = resolve));
    return events.splice(0);
  };
  return { reader: made, next };
}

test('[FR1] reads at any offset give the bytes of the file, aligned', async () => {
  const { reader: files, next } = reader();
  for (let read = 0; read < 20; read += 1) {
    files.read({ read, file: 'one.table', offset: read * 33, byteCount: 100 + read });
  }
  const events = await next(20);
  for (const event of events) {
    assert.ok(event.kind === 'read-done');
    const bytes = new Uint8Array(event.words.buffer, event.words.byteOffset, 100 + event.read);
    assert.is(event.words.byteOffset % 8, 0);
    const from = event.read * 33;
    assert.equal([...bytes], [...content.subarray(from, from + bytes.length)]);
  }
  files.stop();
});

test('[FR2] a buffer is lent until it is given back', async () => {
  const { reader: files, next } = reader();
  const read = async (): Promise<ArrayBufferLike> => {
    files.read({ read: 1, file: 'one.table', offset: 0, byteCount: 64 });
    const [event] = await next(1);
    assert.ok(event?.kind === 'read-done');
    return event.words.buffer;
  };
  const first = await read();
  assert.is.not(await read(), first);
  files.recycle();
  files.recycle();
  const again = [await read(), await read()];
  assert.ok(again.includes(first));
  assert.is.not(again[0], again[1]);
  files.stop();
});

test('a missing file and a read beyond the end are failures', async () => {
  const { reader: files, next } = reader();
  files.read({ read: 1, file: 'two.table', offset: 0, byteCount: 8 });
  files.read({ read: 2, file: 'two.table', offset: 0, byteCount: 8 });
  assert.equal(await next(2), [
    { kind: 'read-failed', read: 1, failure: 'ENOENT' },
    { kind: 'read-failed', read: 2, failure: 'ENOENT' },
  ]);
  files.read({ read: 3, file: 'one.table', offset: 9_990, byteCount: 64 });
  assert.equal(await next(1), [{ kind: 'read-failed', read: 3, failure: 'EIO' }]);
  files.stop();
});

test('a name is no path', () => {
  const { reader: files } = reader();
  for (const file of ['../one.table', '/etc/passwd', '.', '..', 'a/b', '']) {
    assert.throws(() => files.read({ read: 1, file, offset: 0, byteCount: 8 }));
  }
});

test('a file that nobody read for a while is closed, and opened anew', async () => {
  const { reader: files, next } = reader();
  writeFileSync(join(directory, 'gone.table'), content);
  files.read({ read: 1, file: 'gone.table', offset: 0, byteCount: 8 });
  await next(1);
  unlinkSync(join(directory, 'gone.table'));
  files.read({ read: 2, file: 'gone.table', offset: 0, byteCount: 8 });
  assert.is((await next(1))[0]?.kind, 'read-done', 'what is open can be read');
  files.tick(5000);
  files.read({ read: 3, file: 'gone.table', offset: 0, byteCount: 8 });
  assert.is((await next(1))[0]?.kind, 'read-failed');
  files.stop();
});

test('[FR3] the oldest file that no read uses is closed when there are too many', async () => {
  const { reader: files, next } = reader(2);
  for (const file of ['a.table', 'b.table', 'c.table']) {
    writeFileSync(join(directory, file), content);
    files.read({ read: 1, file, offset: 0, byteCount: 8 });
    await next(1);
    unlinkSync(join(directory, file));
  }
  const outcomes: string[] = [];
  for (const file of ['c.table', 'b.table', 'a.table']) {
    files.read({ read: 1, file, offset: 0, byteCount: 8 });
    outcomes.push((await next(1))[0]!.kind);
  }
  assert.equal(outcomes, ['read-done', 'read-done', 'read-failed']);
  files.stop();
});

/** Opens files while less than `limit` of its own are open, as a process near its limit does. */
function scarce(limit: number): {
  readonly openFile: NonNullable<FileReaderOptions['openFile']>;
  readonly tries: () => number;
} {
  let tries = 0;
  let opened: number[] = [];
  return {
    tries: () => tries,
    openFile: (path, flags, done) => {
      tries += 1;
      opened = opened.filter(isOpen);
      if (opened.length >= limit) {
        done(Object.assign(new Error('too many open files'), { code: 'EMFILE' }), -1);
        return;
      }
      open(path, flags, (error, descriptor) => {
        if (error === null) opened.push(descriptor);
        done(error, descriptor);
      });
    },
  };
}

function isOpen(descriptor: number): boolean {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
}

test('[FR4] F18 out of descriptors, idle ones are closed and the read comes through', async () => {
  writeFileSync(join(directory, 'two.copy'), content);
  const { openFile, tries } = scarce(1);
  const { reader: files, next } = reader(8, openFile);
  files.read({ read: 1, file: 'one.table', offset: 0, byteCount: 64 });
  await next(1);
  files.read({ read: 2, file: 'two.copy', offset: 0, byteCount: 64 });
  files.read({ read: 3, file: 'two.copy', offset: 64, byteCount: 64 });
  const kinds = (await next(2)).map(({ kind }) => kind);
  assert.equal(kinds, ['read-done', 'read-done']);
  assert.is(tries(), 3, 'one was refused');
  files.stop();
});

test('[FR4] [FR1] F18 where none comes free the read has failed: never "not there"', async () => {
  const { openFile, tries } = scarce(0);
  const { reader: files, next } = reader(8, openFile);
  files.read({ read: 1, file: 'one.table', offset: 0, byteCount: 64 });
  files.read({ read: 2, file: 'one.table', offset: 0, byteCount: 64 });
  assert.equal(await next(2), [
    { kind: 'read-failed', read: 1, failure: 'EMFILE' },
    { kind: 'read-failed', read: 2, failure: 'EMFILE' },
  ]);
  assert.is(tries(), 4);
  files.stop();
});

test('F23 a file whose reads hang delays no reads of others, and they end with it', async () => {
  // A pipe without a writer: whoever opens it waits, as on a disk that is stuck.
  const pipe = join(directory, 'stuck.table');
  assert.is(spawnSync('mkfifo', [pipe]).status, 0);
  const { reader: files, next } = reader(8);
  files.read({ read: 1, file: 'stuck.table', offset: 0, byteCount: 64 });
  files.read({ read: 2, file: 'stuck.table', offset: 64, byteCount: 64 });
  for (let read = 3; read < 40; read += 1) {
    files.read({ read, file: read % 2 === 0 ? 'one.table' : 'two.copy', offset: 0, byteCount: 64 });
  }
  const ended = await next(37);
  assert.ok(ended.every(({ kind }) => kind === 'read-done'));
  const writer = openSync(pipe, 'r+');
  const late = await next(2);
  assert.equal(
    late.map(({ kind }) => kind),
    ['read-failed', 'read-failed'],
    'a pipe has no positions',
  );
  closeSync(writer);
  files.stop();
});

test.after(() => rmSync(directory, { recursive: true }));
test.run();
