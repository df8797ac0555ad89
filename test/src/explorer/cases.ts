/**
 * The cases that `npm run explore` knows. Each is small enough to be looked at in all its schedules, or
 * in as many as `statesMax` lets it.
 */
import { LEVEL } from '@clockwise/protocol/frame';
import type { ExplorerCase, FaultBudget, OperationPlan } from './explorer-case.ts';

const NO_FAULTS: FaultBudget = { crashes: 0, losses: 0, doubles: 0, timers: 0 };
const [N1, N2] = [0, 1];

function operation(
  name: string,
  kind: OperationPlan['kind'],
  fields: Partial<OperationPlan>,
): OperationPlan {
  return {
    name,
    kind,
    key: 'k',
    value: name.toLowerCase(),
    via: N1,
    level: LEVEL.quorum,
    context: { kind: 'overwrite' },
    after: [],
    retryVia: undefined,
    retryAfter: [],
    ...fields,
  };
}

function put(name: string, fields: Partial<OperationPlan> = {}): OperationPlan {
  return operation(name, 'put', fields);
}

function get(name: string, fields: Partial<OperationPlan> = {}): OperationPlan {
  return operation(name, 'get', fields);
}

function remove(name: string, fields: Partial<OperationPlan> = {}): OperationPlan {
  return operation(name, 'delete', fields);
}

function knowing(name: string): Pick<OperationPlan, 'context' | 'after'> {
  return { context: { kind: 'answer-of', operation: name }, after: [name] };
}

function explorerCase(
  fields: Pick<ExplorerCase, 'name' | 'what' | 'operations'> & Partial<ExplorerCase>,
): ExplorerCase {
  return {
    nodeCount: 2,
    copies: fields.nodeCount ?? 2,
    handsOff: false,
    prelude: [],
    cut: [],
    down: [],
    crashes: [],
    budget: NO_FAULTS,
    statesMax: 300_000,
    ...fields,
  };
}

export const CASES: readonly ExplorerCase[] = [
  explorerCase({
    name: 'concurrent-puts',
    what: 'two clients put on one key, each through another node of two',
    operations: [put('A1'), put('B1', { via: N2 })],
  }),
  explorerCase({
    name: 'concurrent-puts-three-nodes',
    what: 'the same on three nodes, of which two must acknowledge',
    nodeCount: 3,
    operations: [put('A1'), put('B1', { via: N2 })],
  }),
  explorerCase({
    name: 'put-get',
    what: 'a get meets a put over an older value; what it read is replaced by another put',
    prelude: [put('A0')],
    operations: [put('A1'), get('B1', { via: N2 }), put('B2', { via: N2, ...knowing('B1') })],
  }),
  explorerCase({
    name: 'retry-elsewhere',
    what: 'a put is repeated through another node under its operation id',
    operations: [put('A1', { retryVia: N2 })],
  }),
  explorerCase({
    name: 'retry-meets-put',
    what: 'a put is repeated through another node, where somebody else puts',
    statesMax: 1_300_000,
    operations: [
      put('A1', { level: LEVEL.one, retryVia: N2 }),
      put('B1', { via: N2, level: LEVEL.one }),
    ],
  }),
  explorerCase({
    name: 'retry-meets-context',
    what: 'a put is repeated through a node that knows of it only by a put which has replaced it',
    statesMax: 2_000_000,
    operations: [
      put('A1', { retryVia: N2, retryAfter: ['B2'], level: LEVEL.one }),
      get('B1', { level: LEVEL.one }),
      put('B2', { via: N2, level: LEVEL.one, ...knowing('B1') }),
    ],
  }),
  explorerCase({
    name: 'retry-after-crash',
    what: 'a put is repeated through another node, and the first may lose what it made of it',
    operations: [put('A1', { level: LEVEL.one, retryVia: N2 })],
    crashes: [{ node: N1, when: 'unsynced-lost' }],
    budget: { ...NO_FAULTS, crashes: 1 },
  }),
  explorerCase({
    name: 'retry-after-crash-three-nodes',
    what: 'the same with a third node, which stands in for whoever is down',
    nodeCount: 3,
    copies: 2,
    statesMax: 2_000_000,
    operations: [put('A1', { retryVia: N2 })],
    crashes: [{ node: N1, when: 'unsynced-lost' }],
    budget: { ...NO_FAULTS, crashes: 1 },
  }),
  explorerCase({
    name: 'maker-crashes-before-sync',
    what: 'the node that made a dot loses it with its power; another put comes through it',
    operations: [put('A1', { level: LEVEL.one }), put('B1', { level: LEVEL.one })],
    crashes: [{ node: N1, when: 'unsynced-lost' }],
    budget: { ...NO_FAULTS, crashes: 1 },
  }),
  explorerCase({
    name: 'maker-killed-before-sync',
    what: 'the node that made a dot is killed before its sync; another put comes through it',
    operations: [put('A1', { level: LEVEL.one }), put('B1', { level: LEVEL.one })],
    crashes: [{ node: N1, when: 'unsynced-kept' }],
    budget: { ...NO_FAULTS, crashes: 1 },
  }),
  explorerCase({
    name: 'maker-crashes-after-sync',
    what: 'the node that made a dot crashes when all is synced; another put comes through it',
    operations: [put('A1', { level: LEVEL.one }), put('B1', { level: LEVEL.one })],
    crashes: [{ node: N1, when: 'all-synced' }],
    budget: { ...NO_FAULTS, crashes: 1 },
  }),
  explorerCase({
    name: 'maker-crashes-under-context',
    what: 'what the other node has of a lost dot is read, and replaced through the node that lost it',
    operations: [
      put('A1', { level: LEVEL.one }),
      get('B1', { via: N2, level: LEVEL.one }),
      put('B2', { level: LEVEL.one, ...knowing('B1') }),
    ],
    crashes: [{ node: N1, when: 'unsynced-lost' }],
    budget: { ...NO_FAULTS, crashes: 1 },
  }),
  explorerCase({
    name: 'get-meets-crash',
    what: 'what a get saw must survive, although it may have been seen before its sync',
    operations: [
      put('A1', { level: LEVEL.one }),
      get('B1', { level: LEVEL.one }),
      get('C1', { via: N2 }),
    ],
    crashes: [{ node: N1, when: 'unsynced-lost' }],
    budget: { ...NO_FAULTS, crashes: 1 },
  }),
  explorerCase({
    name: 'lost-answer',
    what: 'one frame or answer is lost, and the put is repeated elsewhere',
    operations: [put('A1', { retryVia: N2 })],
    budget: { ...NO_FAULTS, losses: 1 },
  }),
  explorerCase({
    name: 'lost-answer-three-nodes',
    what: 'one frame or answer is lost among three nodes; a get follows the put',
    nodeCount: 3,
    operations: [put('A1'), get('A2', { via: N2, after: ['A1'] })],
    budget: { ...NO_FAULTS, losses: 1 },
  }),
  explorerCase({
    name: 'doubled-frame',
    what: 'one request or frame of a put comes twice, the second time whenever it likes',
    operations: [put('A1'), put('A2', { after: ['A1'] })],
    budget: { ...NO_FAULTS, doubles: 1 },
  }),
  explorerCase({
    name: 'doubled-frame-maker-crashes',
    what: 'a frame comes twice, and the maker, which is read then, loses what it had not synced',
    operations: [put('A1', { level: LEVEL.all }), get('A2', { level: LEVEL.one, after: ['A1'] })],
    crashes: [{ node: N1, when: 'unsynced-lost' }],
    budget: { ...NO_FAULTS, doubles: 1, crashes: 1 },
  }),
  explorerCase({
    name: 'doubled-frame-other-crashes',
    what: 'a frame comes twice, and the other node, which is read then, loses what it had not synced',
    operations: [
      put('A1', { level: LEVEL.all }),
      get('B1', { via: N2, level: LEVEL.one, after: ['A1'] }),
    ],
    crashes: [{ node: N2, when: 'unsynced-lost' }],
    budget: { ...NO_FAULTS, doubles: 1, crashes: 1 },
  }),
  explorerCase({
    name: 'doubled-frame-three-nodes',
    what: 'a frame of a put on three nodes comes twice, and its maker may lose what it had not synced',
    nodeCount: 3,
    operations: [put('A1')],
    crashes: [{ node: N1, when: 'unsynced-lost' }],
    budget: { ...NO_FAULTS, doubles: 1, crashes: 1 },
  }),
  explorerCase({
    name: 'delete-and-recreate',
    what: 'what was put is deleted by whoever knew it, while another puts it again',
    prelude: [put('A1')],
    operations: [
      remove('A2', { context: { kind: 'answer-of', operation: 'A1' } }),
      put('B1', { via: N2 }),
      get('A3', { after: ['A2'] }),
    ],
  }),
  explorerCase({
    name: 'read-repair-races-put',
    what: 'a get mends a node that missed a put, while a put of somebody else comes to that node',
    prelude: [put('A1', { level: LEVEL.one })],
    cut: [[N1, N2]],
    operations: [get('A2', { level: LEVEL.all }), put('B1', { via: N2 })],
  }),
  explorerCase({
    name: 'read-repair-races-crash',
    what: 'a get mends a node that missed a put, which loses what it had not synced and is put to',
    prelude: [put('A1', { level: LEVEL.one })],
    cut: [[N1, N2]],
    operations: [get('A2', { level: LEVEL.all }), put('B1', { via: N2 })],
    crashes: [{ node: N2, when: 'unsynced-lost' }],
    budget: { ...NO_FAULTS, crashes: 1 },
  }),
  explorerCase({
    name: 'stand-in-put',
    what: 'the only primary of a key may be down while it is put: a stand-in keeps it, and hands it off',
    copies: 1,
    handsOff: true,
    operations: [put('A1', { level: LEVEL.one })],
    crashes: [{ node: N2, when: 'nothing-waits' }],
    budget: { ...NO_FAULTS, crashes: 1 },
  }),
  explorerCase({
    name: 'stand-in-forgets',
    what: 'a stand-in hands off and drops its copy, and makes another dot; that put is repeated through the primary',
    copies: 1,
    handsOff: true,
    prelude: [put('A0', { level: LEVEL.one })],
    down: [N2],
    operations: [put('A1', { level: LEVEL.one, retryVia: N2 })],
    crashes: [{ node: N2, when: 'nothing-waits' }],
    budget: { ...NO_FAULTS, crashes: 1 },
  }),
  explorerCase({
    name: 'late-hedge',
    what: 'a get of three nodes finds that time has passed at any moment, and meets a put',
    nodeCount: 3,
    operations: [get('A1'), put('B1', { via: N2 })],
    budget: { ...NO_FAULTS, timers: 1 },
  }),
];
