import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { identityFile, openIdentity, readIdentity } from './data-folder.ts';
import { StartError } from './start-error.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'clockwise-identity-'));
test.after(() => rmSync(folder, { recursive: true }));

test('an identity that is damaged, or of another format, is refused with what to do, and left as it is', () => {
  const wanted = { nodeId: 'n1', clusterId: 'c', shardCount: 2, shardCountIsGiven: true };
  const identity = openIdentity(folder, wanted);
  assert.equal(readIdentity(folder), identity);
  const text = readFileSync(identityFile(folder), 'utf8');
  const spoilt = [
    '',
    text.slice(0, -20),
    '{}',
    text.replace('"format": 1', '"format": 2'),
    text.replace(identity.diskId, 'no disk'),
    text.replace('"shardCount": 2', '"shardCount": "2"'),
  ];
  for (const wrong of spoilt) {
    writeFileSync(identityFile(folder), wrong);
    try {
      openIdentity(folder, wanted);
      assert.unreachable(`${wrong} is taken`);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      assert.is(error.code, 'DATA_FOLDER_DAMAGED');
      assert.match(error.message, /identity.json cannot be used/);
    }
    assert.is(readFileSync(identityFile(folder), 'utf8'), wrong);
  }
});

test.run();
