import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runCommand } from '../command-line.ts';
import { snapshotCommand } from '../commands/snapshot.ts';
import { testTerminal } from '../test-terminal.ts';
import { exitCodeOf, faultLines, type NodeAnswer } from './ask-nodes.ts';

type Answer = NodeAnswer<null>;

const DONE: Answer = { kind: 'done', nodeId: 'n1', result: null };
const FULL: Answer = {
  kind: 'refused',
  nodeId: 'n2',
  code: 'DISK_FULL',
  reasons: ['shard 0: the disk is full', 'shard 1: the disk is full'],
};
const ABSENT: Answer = {
  kind: 'refused',
  nodeId: 'n2',
  code: 'NO_SUCH_SNAPSHOT',
  reasons: ['there is no snapshot monday'],
};
const GONE: Answer = { kind: 'unreachable', nodeId: 'n3', reason: 'connection refused' };
const LATE: Answer = { kind: 'unknown', nodeId: 'n4', reason: 'TIMEOUT: no answer in time' };

test('[AN2] the exit code is of all nodes together', () => {
  const cases: readonly (readonly [readonly Answer[], number])[] = [
    [[DONE, DONE], 0],
    [[DONE, FULL], 1],
    [[DONE, ABSENT], 0],
    [[DONE, ABSENT, GONE], 1],
    [[DONE, GONE], 1],
    [[ABSENT, ABSENT], 1],
    [[ABSENT, GONE], 4],
    [[FULL, ABSENT], 4],
    [[FULL, GONE], 4],
    [[GONE, GONE], 3],
    [[DONE, LATE], 5],
    [[GONE, LATE], 5],
  ];
  for (const [answers, exitCode] of cases) {
    const names = answers.map(({ kind }) => kind).join(', ');
    assert.is(exitCodeOf(answers), exitCode, names);
  }
});

test('[AN2] a line for each node that did not do it, which ends in the next command', () => {
  const found = {
    servers: [],
    local: undefined,
    self: (args: string): string => `clockwise ${args}`,
  };
  assert.equal(faultLines([DONE, FULL, ABSENT, GONE, LATE], found), [
    'n2: DISK_FULL: shard 0: the disk is full; shard 1: the disk is full. Next: clockwise status',
    'n3: connection refused; nothing was done there. Next: clockwise status',
    'n4: TIMEOUT: no answer in time; it may have been done or not. Next: clockwise snapshot list',
  ]);
  assert.equal(faultLines([ABSENT], found), [
    'n2: NO_SUCH_SNAPSHOT: there is no snapshot monday. Next: clockwise snapshot list',
  ]);
});

test('what is no action or no name is said before anybody is asked', async () => {
  for (const [args, pattern] of [
    [['melt'], /"melt" is none of create, list and drop/],
    [['drop'], /drop takes the NAME/],
    [['list', 'x'], /list takes no NAME/],
    [['create', '../x'], /a name has 1 to 64 letters/],
    [['create', 'snapshot-00000001'], /is what one without a name is called/],
    [['create', 'x', '--timeout', '0'], /--timeout is a whole number/],
    [['create', 'x', '-o', 'xml'], /--output is one of table, json/],
    [[], /it takes ACTION \[NAME\]/],
  ] as const) {
    const terminal = testTerminal();
    assert.is(await runCommand(snapshotCommand, args, terminal), 2);
    assert.match(terminal.errors.join('\n'), pattern);
  }
});

test.run();
