import { CONNECTION_TARGET } from '@clockwise/kernel/effects';
import { DEFAULT_LIMITS } from '@clockwise/kernel/limits';
import { ERRORS, STATUS_NOT_FOUND, STATUS_OK } from '@clockwise/protocol/errors';
import {
  EXPLANATION_HEADER_WORDS,
  REPLY_KIND,
  REQUEST_FLAG,
  REQUEST_OPCODE,
  RESPONSE,
  RESPONSE_FLAG,
  RESPONSE_HEADER_WORDS,
  TAG,
} from '@clockwise/protocol/frame';
import { collectFrame } from '@clockwise/protocol/frame-corpus';
import { bodyExplanation } from '@clockwise/protocol/response-body';
import { encodeUtf8 } from '@clockwise/protocol/utf8';
import { validateResponseFrame } from '@clockwise/protocol/validate-response';
import { writeBytes } from '@clockwise/protocol/word-bytes';
import { paddedWords } from '@clockwise/record/layout';
import { recordLimits } from '@clockwise/record/validate';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoordinatorWorld, requestIdOf, statusOf, type Sent } from '../coordinator-world.ts';
import { get, put, record } from './sample-requests.ts';

const CLIENT = 1;
const { explain, wantContext } = REQUEST_FLAG;
const VALUE = record({ dots: [[0xa1b2, 7]] });

interface Told {
  readonly node: string;
  readonly via?: string;
  readonly required: number;
  readonly sloppy: boolean;
  readonly replicas: readonly Record<string, unknown>[];
  readonly repaired: readonly string[];
  readonly owed: readonly string[];
  readonly totalMs: number;
}

function accountOf(sent: Sent): Told | undefined {
  const limits = recordLimits(DEFAULT_LIMITS);
  const { words } = sent;
  assert.is(validateResponseFrame(words, 0, words.length, DEFAULT_LIMITS, limits), 0);
  const bytes = bodyExplanation(words, sent.offset);
  return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as Told);
}

function onlyAccount(world: CoordinatorWorld): Told {
  const [answer, ...others] = world.sentTo(CLIENT);
  assert.is(others.length, 0);
  const account = accountOf(answer!);
  assert.ok(account !== undefined);
  return account;
}

test('a get tells whom it asked when, what each said, and which version it holds', () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, get(1, 'k', { flags: explain }));
  world.passes(3);
  world.shardReplies([[world.sentToShard()[0]!, { kind: REPLY_KIND.read, record: VALUE }]]);
  world.passes(4);
  const asked = [1, 2].find((node) => {
    const [read] = world.sentToNode(node);
    if (read === undefined) return false;
    world.nodeReplies(node, read, { kind: REPLY_KIND.read, status: STATUS_NOT_FOUND });
    return true;
  });
  const account = onlyAccount(world);
  assert.is(account.node, 'node-0');
  assert.is(account.required, 2);
  assert.is(account.sloppy, false);
  assert.is(account.totalMs, 7);
  assert.equal(account.replicas, [
    {
      node: 'node-0',
      dataCentre: 'one',
      position: 0,
      task: 'read',
      askedMs: 0,
      answeredMs: 3,
      outcome: 'ok',
      version: 'a1b2:7',
    },
    {
      node: `node-${asked}`,
      dataCentre: 'one',
      position: asked,
      task: 'read',
      askedMs: 0,
      answeredMs: 7,
      outcome: 'not found',
    },
  ]);
});

test('a get through a stand-in names it, and the replica in whose place it was asked', () => {
  const world = CoordinatorWorld.linked({ nodeCount: 4, replicas: [0, 1, 2] });
  world.linkDown(2);
  world.ask(CLIENT, get(1, 'k', { flags: explain, level: 3 }));
  world.shardReplies([[world.sentToShard()[0]!, { kind: REPLY_KIND.read, record: VALUE }]]);
  for (const node of [1, 3]) {
    const [read] = world.sentToNode(node);
    world.nodeReplies(node, read!, { kind: REPLY_KIND.read, record: VALUE });
  }
  const { replicas, sloppy } = onlyAccount(world);
  assert.is(sloppy, true);
  assert.equal(
    replicas.map(({ node, position, standsInFor }) => [node, position, standsInFor]),
    [
      ['node-0', 0, undefined],
      ['node-1', 1, undefined],
      ['node-3', 2, 'node-2'],
    ],
  );
});

test('a put tells who acknowledged, and whose position nobody has acknowledged yet', () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, put(1, 'k', 'v', { flags: explain | wantContext }));
  const [write] = world.sentToShard();
  world.shardReplies([[write!, { kind: REPLY_KIND.forward, record: VALUE }]]);
  world.passes(2);
  const [store] = world.sentToNode(1);
  world.nodeReplies(1, store!, { kind: REPLY_KIND.stored });
  world.shardReplies([[write!, { kind: REPLY_KIND.written, record: VALUE }]]);
  const { replicas, owed } = onlyAccount(world);
  assert.equal(
    replicas.map(({ node, task, outcome, version }) => [node, task, outcome, version]),
    [
      ['node-0', 'make', 'ok', 'a1b2:7'],
      ['node-1', 'store', 'ok', 'a1b2:7'],
      ['node-2', 'store', 'silent', undefined],
    ],
  );
  assert.equal(owed, ['node-2']);
});

test('a put that may have happened tells who was asked about it, and who then stored it', () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, put(1, 'k', 'v', { flags: explain | REQUEST_FLAG.retry }));
  const nothing = { kind: REPLY_KIND.read, status: STATUS_NOT_FOUND };
  world.shardReplies([[world.sentToShard()[0]!, nothing]]);
  world.nodeReplies(1, world.sentToNode(1)[0]!, nothing);
  world.passes(3);
  world.nodeReplies(2, world.sentToNode(2)[0]!, nothing);
  const [write] = world.sentToShard();
  world.shardReplies([[write!, { kind: REPLY_KIND.forward, record: VALUE }]]);
  const [store] = world.sentToNode(1);
  world.nodeReplies(1, store!, { kind: REPLY_KIND.stored });
  world.shardReplies([[write!, { kind: REPLY_KIND.written, record: VALUE }]]);
  assert.equal(
    onlyAccount(world).replicas.map(({ node, task, outcome, askedMs, version }) =>
      [node, task, outcome, askedMs, version ?? ''].join(' '),
    ),
    [
      'node-0 recall not found 0 ',
      'node-1 recall not found 0 ',
      'node-2 recall not found 0 ',
      'node-0 make ok 3 a1b2:7',
      'node-1 store ok 3 a1b2:7',
      'node-2 store silent 3 ',
    ],
  );
});

test('an error is explained too, with the name of what each replica said', () => {
  const world = CoordinatorWorld.linked();
  world.ask(CLIENT, put(1, 'k', 'v', { flags: explain }));
  const status = ERRORS.DISK_FULL.code;
  world.shardReplies([[world.sentToShard()[0]!, { kind: REPLY_KIND.written, status }]]);
  const [answer] = world.sentTo(CLIENT);
  assert.is(statusOf(answer!), status);
  assert.equal(
    accountOf(answer!)!.replicas.map(({ node, outcome }) => [node, outcome]),
    [['node-0', 'DISK_FULL']],
  );
});

test('an account that comes through a proxy says through which', () => {
  const world = CoordinatorWorld.linked({ nodeCount: 4, replicas: [1, 2, 3] });
  world.ask(CLIENT, put(77, 'k', 'value', { flags: explain }));
  const hops = [1, 2, 3].flatMap((node) => world.sentToNode(node).map((sent) => ({ node, sent })));
  const [{ node, sent }] = hops as [{ node: number; sent: Sent }];
  const bytes = encodeUtf8('{"node":"node-1","replicas":[],"name":"é"}')!;
  const frame = collectFrame((writer) => {
    const body = EXPLANATION_HEADER_WORDS + paddedWords(bytes.length);
    const wordCount = RESPONSE_HEADER_WORDS + body;
    const start = writer.begin(TAG.response, wordCount);
    writer.words.fill(0, start, start + wordCount);
    writer.words[start + RESPONSE.status] =
      STATUS_OK | (RESPONSE_FLAG.explained << 16) | (REQUEST_OPCODE.put << 24);
    writer.words[start + RESPONSE.requestId] = requestIdOf(sent);
    writer.words[start + RESPONSE_HEADER_WORDS] = bytes.length;
    writeBytes(writer.words, start + RESPONSE_HEADER_WORDS + EXPLANATION_HEADER_WORDS, bytes);
    writer.end(wordCount);
  });
  world.step([], [{ source: CONNECTION_TARGET + world.linkOf(node), frame }]);
  assert.equal(onlyAccount(world), { via: 'node-0', node: 'node-1', replicas: [], name: 'é' });
});

test('[EX1] at most so many are explained at once; the others are answered without', () => {
  const world = CoordinatorWorld.linked({
    limits: { explainsMax: 1 },
    replicas: [0],
    bucket: { readLevel: 1 },
  });
  const nothing = { kind: REPLY_KIND.read, status: STATUS_NOT_FOUND };
  for (let round = 0; round < 3; round += 1) {
    world.ask(CLIENT, (writer) => {
      for (const id of [1, 2]) get(id, `k${id}`, { flags: explain })(writer);
    });
    const reads = world.sentToShard();
    world.shardReplies(reads.map((sent) => [sent, nothing] as const));
    const accounts = world.sentTo(CLIENT).map(accountOf);
    assert.equal(
      accounts.map((account) => account !== undefined),
      [true, false],
    );
  }
});

test('[EX2] requests that end without an answer take no account from those that follow', () => {
  const world = CoordinatorWorld.linked({ limits: { explainsMax: 1 } });
  world.step([{ kind: 'channel-down', target: 0 }]);
  for (const node of [1, 2]) world.linkDown(node);
  world.ask(CLIENT, put(1, 'k', 'v', { flags: explain }));
  assert.equal(world.sentTo(CLIENT).map(accountOf), [undefined]);
  world.step([{ kind: 'channel-up', target: 0 }]);
  world.ask(CLIENT, get(2, 'k', { flags: explain, level: 1 }));
  const nothing = { kind: REPLY_KIND.read, status: STATUS_NOT_FOUND };
  world.shardReplies([[world.sentToShard()[0]!, nothing]]);
  assert.is(onlyAccount(world).replicas.length, 1);
});

test.run();
