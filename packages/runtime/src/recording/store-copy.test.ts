import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { copyStore, linkStore } from './store-copy.ts';

const NAMES = ['leaves-00000002', 'log-00000001-00000001', 'manifest-00000001', 'table-00000001'];

const copies = suite<{ folder: string; store: string; aside: string }>('store copy');
copies.before.each((context) => {
  context.folder = mkdtempSync(path.join(tmpdir(), 'clockwise-store-copy-'));
  context.store = path.join(context.folder, 'shard-0');
  context.aside = path.join(context.folder, 'aside');
  mkdirSync(context.store);
  for (const name of [...NAMES, 'notes.txt']) {
    writeFileSync(path.join(context.store, name), name.repeat(10));
  }
});
copies.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

copies('what the store removes is still in the linked copy', ({ store, aside }) => {
  assert.equal(linkStore(store, aside, 0), { ok: true, copiedBytes: 0 });
  assert.equal(readdirSync(aside).toSorted(), NAMES);
  assert.is(statSync(path.join(aside, NAMES[0]!)).nlink, 2);
  for (const name of NAMES) rmSync(path.join(store, name));
  for (const name of NAMES) {
    assert.is(readFileSync(path.join(aside, name), 'utf8'), name.repeat(10));
  }
});

copies('what is done to a copy for a replay stays there', ({ store, aside }) => {
  assert.equal(copyStore(store, aside), { ok: true, copiedBytes: 0 });
  writeFileSync(path.join(aside, NAMES[1]!), 'other');
  assert.is(readFileSync(path.join(store, NAMES[1]!), 'utf8'), NAMES[1]!.repeat(10));
});

copies('[SC1] where there are no links files are copied, within the bound', (context) => {
  const { store, aside, folder } = context;
  const link = (): void => {
    throw new Error('EXDEV: cross-device link not permitted');
  };
  const byteCount = NAMES.reduce((sum, name) => sum + name.length * 10, 0);
  assert.equal(linkStore(store, aside, byteCount, link), { ok: true, copiedBytes: byteCount });
  assert.equal(readdirSync(aside).toSorted(), NAMES);
  const other = path.join(folder, 'other');
  const refused = linkStore(store, other, byteCount - 1, link);
  assert.match(refused.ok ? '' : refused.reason, 'larger than the bound');
});

copies('a store that was never opened has nothing to put aside', ({ folder, aside }) => {
  const copied = linkStore(path.join(folder, 'nowhere'), aside, 0);
  assert.equal(copied, { ok: true, copiedBytes: 0 });
  assert.ok(existsSync(aside));
});

copies.run();
