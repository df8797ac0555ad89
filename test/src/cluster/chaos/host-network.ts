/**
 * Hosts on one machine: a network namespace for each node, joined by a bridge on which the clients have
 * an address too. Links between any two are cut, refused and slowed here.
 *
 *     client (this process)           .254 on the bridge
 *     n1 in namespace cw<pid>n1       .1   eth0 --- pair --- bridge
 *     n2 in namespace cw<pid>n2       .2   eth0 --- pair --- bridge
 *
 * Boundary: Linux, root, `ip` and `tc`. Where one is missing `makeHostNetwork` says which, and nothing
 * was made. Names carry the pid of the run, so that what a killed run left is found and removed.
 *
 * Invariants:
 *   HN1 what is made here is removed by the cleanup, or by the next run
 */
import { spawnSync } from 'node:child_process';
import { Cleanup } from './cleanup.ts';

export type HostNetworkAnswer =
  | { readonly ok: true; readonly network: HostNetwork }
  | { readonly ok: false; readonly reason: string };

/** A direction: what `from` sends to `to`. */
export interface Direction {
  readonly from: number;
  readonly to: number;
}

/** What a slow link does to all that its node sends. */
export interface Slowness {
  readonly delayMs: number;
  readonly lossPercent: number;
  /** In place of the two where the kernel cannot delay: queues grow, and what is too much is lost. */
  readonly kilobitsPerSecond: number;
}

/** How this kernel makes a link slow. */
export type SlowBy = 'netem' | 'tbf';

/** A hardware address that nobody has. */
const NOBODY = '02:00:00:00:00:01';
const TBF_QUEUE_MS = 800;
const OWN_NAME = /^cw(\d+)(?:n\d+|br|v\d+)$/;

export class HostNetwork {
  readonly slowBy: SlowBy;
  readonly #prefix: string;
  readonly #subnet: string;

  constructor(prefix: string, subnet: string, slowBy: SlowBy) {
    this.#prefix = prefix;
    this.#subnet = subnet;
    this.slowBy = slowBy;
  }

  hostOf(node: number): string {
    return `${this.#subnet}.${node + 1}`;
  }

  /** What runs a program on the node's host; it becomes that program, under the same pid. */
  launcherOf(node: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.#namespace(node)];
  }

  /** What is sent goes to nobody: packets vanish, and nothing says so. */
  cut({ from, to }: Direction): void {
    const neighbour = ['neigh', 'replace', this.hostOf(to), 'lladdr', NOBODY, 'dev', 'eth0'];
    this.#within(from, [...neighbour, 'nud', 'permanent']);
  }

  mendCut({ from, to }: Direction): void {
    this.#within(from, ['neigh', 'del', this.hostOf(to), 'dev', 'eth0']);
  }

  /** The sender is told at once that there is no way. */
  refuse({ from, to }: Direction): void {
    this.#within(from, ['route', 'replace', 'unreachable', `${this.hostOf(to)}/32`]);
  }

  mendRefusal({ from, to }: Direction): void {
    this.#within(from, ['route', 'del', 'unreachable', `${this.hostOf(to)}/32`]);
  }

  /** The cable is out: from all other nodes, and from clients. */
  isolate(node: number): void {
    run('ip', ['link', 'set', this.#outerEnd(node), 'down']);
  }

  mendIsolation(node: number): void {
    run('ip', ['link', 'set', this.#outerEnd(node), 'up']);
  }

  slow(node: number, { delayMs, lossPercent, kilobitsPerSecond }: Slowness): void {
    const discipline =
      this.slowBy === 'netem'
        ? ['netem', 'delay', `${delayMs}ms`, `${Math.ceil(delayMs / 4)}ms`]
        : ['tbf', 'rate', `${kilobitsPerSecond}kbit`, 'burst', '8kb'];
    const loss =
      this.slowBy === 'netem' ? ['loss', `${lossPercent}%`] : ['latency', `${TBF_QUEUE_MS}ms`];
    this.#discipline(node, ['replace', 'dev', 'eth0', 'root', ...discipline, ...loss]);
  }

  mendSlowness(node: number): void {
    this.#discipline(node, ['del', 'dev', 'eth0', 'root']);
  }

  /** REQUIRES: called once, by makeHostNetwork. */
  make(count: number, cleanup: Cleanup): void {
    const bridge = `${this.#prefix}br`;
    run('ip', ['link', 'add', bridge, 'type', 'bridge']);
    cleanup.add(`the bridge ${bridge}`, () => run('ip', ['link', 'del', bridge]));
    run('ip', ['addr', 'add', `${this.#subnet}.254/24`, 'dev', bridge]);
    run('ip', ['link', 'set', bridge, 'up']);
    for (let node = 0; node < count; node += 1) this.#makeHost(node, bridge, cleanup);
  }

  #makeHost(node: number, bridge: string, cleanup: Cleanup): void {
    const namespace = this.#namespace(node);
    run('ip', ['netns', 'add', namespace]);
    // Its end of the pair goes with it, and so does the other end.
    cleanup.add(`the namespace ${namespace}`, () => run('ip', ['netns', 'del', namespace]));
    const pair = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace];
    run('ip', ['link', 'add', this.#outerEnd(node), ...pair]);
    run('ip', ['link', 'set', this.#outerEnd(node), 'master', bridge]);
    run('ip', ['link', 'set', this.#outerEnd(node), 'up']);
    this.#within(node, ['addr', 'add', `${this.hostOf(node)}/24`, 'dev', 'eth0']);
    this.#within(node, ['link', 'set', 'eth0', 'up']);
    this.#within(node, ['link', 'set', 'lo', 'up']);
  }

  #namespace(node: number): string {
    return `${this.#prefix}n${node + 1}`;
  }

  #outerEnd(node: number): string {
    return `${this.#prefix}v${node + 1}`;
  }

  #within(node: number, words: readonly string[]): void {
    run('ip', ['-n', this.#namespace(node), ...words]);
  }

  #discipline(node: number, words: readonly string[]): void {
    run('tc', ['-n', this.#namespace(node), 'qdisc', ...words]);
  }
}

/** Hosts for so many nodes, or why there are none. */
export function makeHostNetwork(count: number, cleanup: Cleanup): HostNetworkAnswer {
  const missing = missingFor(['ip', 'tc']);
  if (missing !== undefined) return { ok: false, reason: missing };
  removeLeftovers();
  const subnet = freeSubnet();
  if (subnet === undefined)
    return { ok: false, reason: 'all networks of 198.18.0.0/15 are in use' };
  const network = new HostNetwork(`cw${process.pid}`, subnet, 'tbf');
  const made = new Cleanup(cleanup);
  try {
    network.make(count, made);
    return { ok: true, network: withBestSlowness(network, subnet) };
  } catch (error) {
    made.run();
    return { ok: false, reason: (error as Error).message };
  }
}

/** Why these tools cannot be used, in a sentence. */
export function missingFor(tools: readonly string[]): string | undefined {
  if (process.platform !== 'linux') return `this is ${process.platform}, not linux`;
  if (process.getuid?.() !== 0) return 'this is not run by root';
  const absent = tools.filter((tool) => spawnSync(tool, ['-V']).error !== undefined);
  return absent.length === 0 ? undefined : `there is no ${absent.join(' and no ')}`;
}

function withBestSlowness(network: HostNetwork, subnet: string): HostNetwork {
  const better = new HostNetwork(`cw${process.pid}`, subnet, 'netem');
  try {
    better.slow(0, { delayMs: 1, lossPercent: 0, kilobitsPerSecond: 1000 });
  } catch {
    // This kernel has no netem.
    return network;
  }
  better.mendSlowness(0);
  return better;
}

/** [HN1] Of runs that were killed. */
function removeLeftovers(): void {
  const namespaces = output('ip', ['netns', 'list']).split('\n');
  for (const name of namespaces.map((line) => line.split(' ', 1)[0]!)) {
    if (isLeftover(name)) run('ip', ['netns', 'del', name]);
  }
  const links = output('ip', ['-o', 'link', 'show', 'type', 'bridge']).split('\n');
  for (const line of links) {
    const name = /^\d+: ([^:@ ]+)/.exec(line)?.[1] ?? '';
    if (isLeftover(name)) run('ip', ['link', 'del', name]);
  }
}

function isLeftover(name: string): boolean {
  const pid = Number(OWN_NAME.exec(name)?.[1] ?? 0);
  return pid > 0 && !isAlive(pid);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Of the networks that are set aside for tests of devices (RFC 2544): nobody is there. */
function freeSubnet(): string | undefined {
  const taken = output('ip', ['-o', '-4', 'addr', 'show']);
  for (let step = 0; step < 256; step += 1) {
    const subnet = `198.18.${(process.pid + step) % 256}`;
    if (!taken.includes(` ${subnet}.`)) return subnet;
  }
  return undefined;
}

function output(command: string, words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${command} ${words.join(' ')}: ${stderr.trim()}`);
}

function run(command: string, words: readonly string[]): void {
  output(command, words);
}
