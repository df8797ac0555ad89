/** What the runs of one node's real disk have in common: where they are made, what they say at the end. */
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Cleanup } from '../chaos/cleanup.ts';
import { makeCluster, type Settings, type TestCluster } from '../test-node.ts';
import { LoopDisk, missingForLoopDisks, removeLeftoverLoopDisks } from './loop-disk.ts';

export interface DiskRunOptions {
  readonly seed: string;
  readonly seconds: number;
  readonly log: (line: string) => void;
}

export interface DiskRunResult {
  readonly violations: readonly string[];
  /** Why this machine does not let us. */
  readonly skipped: string | undefined;
  /** Data of a run that failed. */
  readonly folder: string | undefined;
}

/** A cluster of which the first node has a disk of its own. */
export interface DiskWorld {
  readonly cluster: TestCluster;
  readonly disk: LoopDisk;
  readonly violate: (text: string) => void;
}

export interface DiskWorldOptions {
  readonly nodes: number;
  readonly diskBytes: number;
  readonly settings: Settings;
}

/** Whatever becomes of `run`, nothing of it is left but what failed. */
export async function runOnDisk(
  options: DiskWorldOptions,
  run: (world: DiskWorld) => Promise<void>,
): Promise<DiskRunResult> {
  const skipped = missingForLoopDisks();
  if (skipped !== undefined) return { violations: [], skipped, folder: undefined };
  removeLeftoverLoopDisks();
  const root = mkdtempSync(path.join(tmpdir(), `clockwise-disks-${process.pid}-`));
  const violations: string[] = [];
  const cleanup = new Cleanup();
  const cluster = await makeCluster(options.nodes, options.settings, { root });
  for (const node of cluster.nodes) {
    cleanup.add(`the process of ${node.member.id}`, () => node.send('SIGKILL'));
  }
  let disk: LoopDisk | undefined;
  try {
    disk = new LoopDisk(cluster.nodes[0]!.folder, options.diskBytes, cleanup);
    await run({ cluster, disk, violate: (text) => violations.push(text) });
  } finally {
    // Whoever waits for a frozen disk cannot end.
    disk?.thaw();
    await Promise.all(cluster.nodes.map((node) => node.signal('SIGKILL')));
    cleanup.close();
  }
  const isKept = violations.length > 0;
  const folder = isKept ? `${root}-failed` : undefined;
  if (folder !== undefined) renameSync(root, folder);
  rmSync(root, { recursive: true, force: true });
  return { violations, skipped, folder };
}
