/**
 * Nodes as operating-system processes, for tests: each with its own folder, all of one cluster, on
 * loopback. What a node writes to its log is kept, and shown when it does not do what is expected.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@clockwise/server/free-ports';
import type { HostNetwork } from './chaos/host-network.ts';
import type { StatusReport } from '@clockwise/server/status-report';

const NODE_SCRIPT = fileURLToPath(import.meta.resolve('@clockwise/server/node')).replace(
  /\.js$/,
  '.cjs',
);
const HOST = '127.0.0.1';
const PORTS_PER_NODE = 4;
/** Of a node that has a host of its own. */
const HOST_PORTS = [7400, 7401, 7402, 7403];
const LOG_CHARACTERS_MAX = 20_000;

/** Small memory and short segments, so that flushes and segment changes happen within a test. */
export const SMALL_LIMITS: Readonly<Record<string, number>> = {
  memtableChunkBytes: 1024 * 1024,
  siblingBytesMax: 64 * 1024,
  memtableChunksMax: 8,
  logSegmentBytes: 2 * 1024 * 1024,
  diskReserveBytes: 1024 * 1024,
};

/** Brisk, so that tests wait for less. */
const PACE = { heartbeatMs: 300, compareMs: 500 };

/** As `members` of a configuration. */
export interface TestMember {
  readonly id: string;
  readonly host: string;
  readonly ports: Readonly<Record<'coordinator' | 'gossiper' | 'control' | 'admin', number>>;
  readonly rack: string;
  /** Left out: the only one. */
  readonly dataCentre?: string;
}

/** Where nodes are; left out: all on loopback, in one data centre. */
export interface TestPlaces {
  readonly dataCentreOf?: (index: number) => string;
  readonly network?: HostNetwork | undefined;
  /** The folder of their data; left out: a new one. */
  readonly root?: string;
}

export type Settings = Readonly<Record<string, unknown>>;

export interface Announcement {
  readonly ready: boolean;
  readonly code?: string;
  readonly reasons?: readonly string[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class TestNode {
  readonly member: TestMember;
  readonly folder: string;
  readonly #settings: Settings;
  /** What the process is started by, where not by itself: a command and its arguments. */
  readonly #launcher: readonly string[];
  #child: ChildProcess | undefined;
  #exit: Promise<Exit> = Promise.resolve({ code: 0, signal: null });
  #log = '';

  constructor(
    member: TestMember,
    folder: string,
    settings: Settings,
    launcher: readonly string[] = [],
  ) {
    this.member = member;
    this.folder = folder;
    this.#settings = settings;
    this.#launcher = launcher;
  }

  /** The same node, as another process would start it, or on another data folder. */
  twin(folder: string = this.folder): TestNode {
    return new TestNode(this.member, folder, this.#settings, this.#launcher);
  }

  get address(): string {
    return `${this.member.host}:${this.member.ports.coordinator}`;
  }

  /** Of the process that was launched last; undefined: none was. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get log(): string {
    return this.#log;
  }

  /** What the process says when its start is over; `overrides` win over the node's settings. */
  async launch(overrides: Settings = {}): Promise<Announcement> {
    const given = { ...this.#settings, ...overrides, nodeId: this.member.id };
    const flags = Object.entries({ ...given, dataFolder: this.folder }).flatMap(flagsOf);
    const [command, ...words] = [...this.#launcher, process.execPath, NODE_SCRIPT, ...flags];
    const child = spawn(command!, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-LOG_CHARACTERS_MAX);
    });
    const line = new Promise<string>((resolve) => {
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const end = text.indexOf('\n');
        if (end >= 0) resolve(text.slice(0, end));
      });
    });
    const ended = this.#exit.then(({ code, signal }) => {
      throw new Error(`${this.member.id} ended with ${code ?? signal}:\n${this.#log}`);
    });
    return JSON.parse(await Promise.race([line, ended])) as Announcement;
  }

  async start(overrides: Settings = {}): Promise<void> {
    const { ready, reasons } = await this.launch(overrides);
    if (ready) return;
    throw new Error(`${this.member.id} is not ready: ${reasons?.join('; ')}\n${this.#log}`);
  }

  async signal(signal: NodeJS.Signals): Promise<Exit> {
    this.#child?.kill(signal);
    return this.#exit;
  }

  /** Without waiting for its end: for signals that end nothing. */
  send(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  exited(): Promise<Exit> {
    return this.#exit;
  }

  async status(): Promise<StatusReport> {
    const response = await fetch(`http://${this.member.host}:${this.member.ports.admin}/status`);
    return (await response.json()) as StatusReport;
  }

  /** The status once `holds` is true of it; for what takes its time, such as a silence noticed. */
  async statusWhen(holds: (report: StatusReport) => boolean): Promise<StatusReport> {
    for (;;) {
      const report = await this.status();
      if (holds(report)) return report;
      await sleep(100);
    }
  }
}

export class TestCluster {
  readonly nodes: readonly TestNode[];
  readonly #root: string;

  constructor(nodes: readonly TestNode[], root: string) {
    this.nodes = nodes;
    this.#root = root;
  }

  get addresses(): string[] {
    return this.nodes.map((node) => node.address);
  }

  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  /** Ends every process, whatever state it is in, and removes the data. */
  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.signal('SIGKILL')));
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** Nodes that are not started yet. */
export async function makeCluster(
  count: number,
  settings: Settings = {},
  { dataCentreOf, network, root = newRoot() }: TestPlaces = {},
): Promise<TestCluster> {
  const ports = network === undefined ? await freePorts(count * PORTS_PER_NODE, HOST) : [];
  const members = Array.from({ length: count }, (_, index): TestMember => {
    const own = network === undefined ? ports.slice(index * PORTS_PER_NODE) : HOST_PORTS;
    const [coordinator, gossiper, control, admin] = own as [number, number, number, number];
    return {
      id: `n${index + 1}`,
      host: network?.hostOf(index) ?? HOST,
      ports: { coordinator, gossiper, control, admin },
      rack: `rack-${index + 1}`,
      ...(dataCentreOf === undefined ? {} : { dataCentre: dataCentreOf(index) }),
    };
  });
  const given = { limits: SMALL_LIMITS, shards: 1, ...PACE, ...settings, members };
  const nodes = members.map((member, index) => {
    const launcher = network?.launcherOf(index) ?? [];
    return new TestNode(member, path.join(root, member.id), given, launcher);
  });
  return new TestCluster(nodes, root);
}

function newRoot(): string {
  return mkdtempSync(path.join(tmpdir(), 'clockwise-cluster-'));
}

const FLAGS: Readonly<Record<string, string>> = {
  nodeId: 'node',
  dataFolder: 'data',
  clusterId: 'cluster',
};

/** Tests speak flags, so that flags are tested. */
function flagsOf([name, value]: [string, unknown]): string[] {
  if (name === 'members') return (value as readonly TestMember[]).flatMap(memberFlag);
  if (value === true) return [`--${kebab(name)}`];
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return [`--${FLAGS[name] ?? kebab(name)}`, text];
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function memberFlag({ id, host, ports, rack, dataCentre = 'dc-1' }: TestMember): string[] {
  const { coordinator, gossiper, control, admin } = ports;
  return [
    '--member',
    [`${id}=${host}`, coordinator, gossiper, control, admin, dataCentre, rack].join(':'),
  ];
}
