/**
 * A real disk that hangs (F23), of one node of three, for as long as one likes, and comes back. The log
 * writer is stuck in the kernel, and nothing can end it.
 *
 * Invariants:
 *   FRZ1 the node's other threads live on: it answers for its status, and none but its shard is ended
 *   FRZ2 the cluster goes on: gets are answered, and puts when the node is known not to take them
 *   FRZ3 the disk comes back, and the shard serves again in the same process; nothing acknowledged is lost
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@clockwise/client';
import type { StatusReport } from '@clockwise/server/status-report';
import { SMALL_LIMITS, type TestNode } from '../test-node.ts';
import { DiskLoad } from './disk-load.ts';
import { type DiskRunOptions, type DiskRunResult, type DiskWorld, runOnDisk } from './run-disk.ts';

const DISK_BYTES = 256 * 1024 * 1024;
const CLIENTS = 6;
const TIMEOUT_MS = 3000;
const MIX = { puts: 4, deletes: 1, pauseMs: 5 };
const WARM_MS = 3000;
/** After the log writer of a disk that hangs is given up. */
const KNOWN_AFTER_MS = 20_000;
const STATUS_EVERY_MS = 1000;
const BACK_WITHIN_MS = 60_000;
const ANSWERED_SHARE = 0.95;

export function runFrozen(options: DiskRunOptions): Promise<DiskRunResult> {
  const settings = { limits: SMALL_LIMITS };
  return runOnDisk({ nodes: 3, diskBytes: DISK_BYTES, settings }, async (world) => {
    await world.cluster.start();
    const servers = world.cluster.addresses;
    const database = await connect({ servers, timeoutMs: TIMEOUT_MS });
    try {
      const { seed } = options;
      const load = new DiskLoad(database.bucket(), {
        seed,
        clients: CLIENTS,
        valueBytes: 500,
        timeoutMs: TIMEOUT_MS,
        putTimeoutMs: TIMEOUT_MS,
      });
      await freezeAndThaw(options, world, load);
    } finally {
      database.close();
    }
  });
}

async function freezeAndThaw(
  { seconds, log }: DiskRunOptions,
  { cluster, disk, violate }: DiskWorld,
  load: DiskLoad,
): Promise<void> {
  const node = cluster.nodes[0]!;
  const { pid } = node;
  const say = (when: string): void => {
    const { puts, gets, deletes } = load;
    log(`${when}: puts ${puts.text}; gets ${gets.text}; deletes ${deletes.text}`);
    load.count();
  };
  await load.work(performance.now() + WARM_MS, MIX);
  say('before');
  disk.freeze();
  const thawMs = performance.now() + seconds * 1000;
  const watching = watch(node, thawMs, log, violate);
  await load.work(Math.min(thawMs, performance.now() + KNOWN_AFTER_MS), MIX);
  say('frozen');
  await load.work(thawMs, MIX);
  // [FRZ2]
  for (const [what, told] of Object.entries({ puts: load.puts, gets: load.gets })) {
    const failed = [...told.others.values()].reduce((sum, count) => sum + count, 0);
    const isMet = told.ok >= (told.ok + failed) * ANSWERED_SHARE;
    if (!isMet) violate(`${what} while a node's disk hangs: ${told.text}`);
  }
  say('frozen, and known to be');
  await watching;
  disk.thaw();
  const backMs = performance.now() + BACK_WITHIN_MS;
  const working = load.work(performance.now() + WARM_MS, MIX);
  const { ready, reasons } = await node.statusWhen(
    (status) => status.ready || performance.now() > backMs,
  );
  // [FRZ3]
  if (!ready) violate(`the disk is back, and the node is not: ${reasons.join('; ')}`);
  if (node.pid !== pid) violate('the process was started anew');
  await working;
  say('thawed');
  await load.readAll();
  say('at the end');
  for (const text of load.wrong) violate(`O8: ${text}`);
}

/** [FRZ1] */
async function watch(
  node: TestNode,
  untilMs: number,
  log: (line: string) => void,
  violate: (text: string) => void,
): Promise<void> {
  let said = '';
  while (performance.now() < untilMs) {
    const asked = node.status();
    const status = await Promise.race([asked, sleep(TIMEOUT_MS).then(() => undefined)]);
    if (status === undefined) violate(`no status within ${TIMEOUT_MS} ms`);
    else if (textOf(status) !== said) log((said = textOf(status)));
    for (const { name, restarts } of status?.actors ?? []) {
      const isOfShard = name.startsWith('replica-') || name.startsWith('coordinator-');
      if (!isOfShard && restarts > 0) violate(`${name} was ended`);
    }
    await sleep(STATUS_EVERY_MS);
  }
}

function textOf({ ready, reasons }: StatusReport): string {
  return `n1 is ${ready ? '' : 'not '}ready: ${reasons.join('; ')}`;
}
