import type { Explanation } from '@clockwise/client';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { explanationText } from './explanation.ts';

const EXPLANATION: Explanation = {
  node: 'n1',
  via: 'n4',
  epoch: 3,
  partition: 17,
  level: 'quorum',
  required: 2,
  strict: false,
  sloppy: true,
  replicas: [
    {
      node: 'n1',
      dataCentre: 'dc1',
      position: 0,
      task: 'make',
      askedMs: 0,
      answeredMs: 0.21,
      outcome: 'ok',
      version: 'a1b2:7',
    },
    {
      node: 'n5',
      dataCentre: 'dc1',
      position: 1,
      task: 'store',
      standsInFor: 'n2',
      askedMs: 0.1,
      answeredMs: 1.5,
      outcome: 'ok',
    },
    { node: 'n3', dataCentre: 'dc2', position: 2, task: 'store', askedMs: 0.1, outcome: 'silent' },
  ],
  hinted: ['n5'],
  repaired: [],
  owed: ['n3'],
  totalMs: 1.62,
};

test('an explanation is a line for each replica, and one for the whole', () => {
  const lines = explanationText(EXPLANATION, (_style, text) => text).split('\n');
  assert.equal(
    lines.map((line) => line.replace(/ +/g, ' ').trim()),
    [
      'POSITION NODE DC INSTEAD OF ASKED TO ASKED MS ANSWERED MS OUTCOME VERSION',
      '0 n1 dc1 make 0.00 0.21 ok a1b2:7',
      '1 n5 dc1 n2 store 0.10 1.50 ok',
      '2 n3 dc2 store 0.10 - silent 1.52 ms',
      'by n1 through n4 · partition 17 of epoch 3 · level quorum (2) · 1.62 ms · sloppy · ' +
        'hinted copies at n5 · not acknowledged yet by n3',
    ],
  );
});

test.run();
