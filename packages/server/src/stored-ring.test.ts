import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { defaultBucket, type RingConfiguration } from '@clockwise/placement/ring';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StartError } from './start-error.ts';
import { openRing } from './stored-ring.ts';

const configuration: RingConfiguration = {
  clusterId: 'cluster',
  partitionCount: 16,
  nodes: ['n1', 'n2', 'n3'].map((id) => ({
    id,
    dataCentre: 'dc-1',
    rack: id,
    weight: 1,
    host: '127.0.0.1',
    addresses: {
      coordinator: `${id}:1`,
      gossiper: `${id}:2`,
      control: `${id}:3`,
      admin: `${id}:4`,
    },
  })),
  buckets: [defaultBucket],
  replicationClasses: [{ kind: 'total', copies: 3 }],
};

const storedRing = suite<{ folder: string }>('stored ring');
storedRing.before.each((context) => {
  context.folder = mkdtempSync(path.join(tmpdir(), 'clockwise-ring-'));
});
storedRing.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

function refusal(action: () => unknown): StartError {
  try {
    action();
  } catch (error) {
    if (error instanceof StartError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

storedRing('[SR1] what is handed out is what lies on the disk, whole', ({ folder }) => {
  const first = openRing(folder, configuration);
  assert.equal(new Uint8Array(readFileSync(path.join(folder, 'ring-1'))), first.bytes);
  assert.not(existsSync(path.join(folder, 'ring-1.new')));
  const again = openRing(folder, configuration);
  assert.is(again.hash, first.hash);
  assert.equal(again.ring, first.ring);
  assert.throws(() => openRing(path.join(folder, 'absent'), configuration));
});

storedRing('[SR1] what a crash left half written is not the ring', ({ folder }) => {
  writeFileSync(path.join(folder, 'ring-1.new'), 'half');
  assert.is(openRing(folder, configuration).ring.epoch, 1);
});

storedRing('[SR2] a configuration that differs is refused, and says how to go on', ({ folder }) => {
  openRing(folder, configuration);
  const nodes = configuration.nodes.slice(0, 2);
  const error = refusal(() => openRing(folder, { ...configuration, nodes }));
  assert.is(error.code, 'RING_DIFFERS');
  assert.match(error.reasons[0]!, 'node "n3" is in the stored ring but not in the configuration');
  assert.match(error.reasons.at(-1)!, 'start with the configuration');
});

storedRing('[SR3] a damaged ring is refused, and stays as it is', ({ folder }) => {
  openRing(folder, configuration);
  const file = path.join(folder, 'ring-1');
  const bytes = readFileSync(file);
  bytes[20] = bytes[20]! ^ 1;
  writeFileSync(file, bytes);
  const error = refusal(() => openRing(folder, configuration));
  assert.is(error.code, 'RING_DAMAGED');
  assert.match(error.reasons[1]!, 'another node');
  assert.equal(readFileSync(file), bytes);
});

storedRing(
  'a configuration that makes no ring is refused before anything is stored',
  ({ folder }) => {
    const classes = [{ kind: 'total', copies: 99 }] as const;
    const wrong = { ...configuration, replicationClasses: classes };
    assert.is(refusal(() => openRing(folder, wrong)).code, 'BAD_CONFIGURATION');
    assert.not(existsSync(path.join(folder, 'ring-1')));
  },
);

storedRing.run();
