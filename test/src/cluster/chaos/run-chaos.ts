/**
 * Chaos: real node processes under the simulator's workloads, faults from a plan, rest, verdict; round
 * after round, until enough processes were killed.
 *
 *     life    a cluster from empty folders: KILLS_PER_LIFE_MAX kills
 *     round   keys of its own, a plan, rest, and a verdict: KILLS_PER_ROUND_MAX kills
 *
 * Invariants:
 *   RC1 what a run made is gone when it has ended, but for the folder of a run that failed
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Prng } from '@clockwise/kernel/prng';
import type { Violation } from '../../checkers/history.ts';
import { type ChaosCluster, makeChaosCluster } from './chaos-cluster.ts';
import { ChaosRound, type RoundCounters } from './chaos-round.ts';
import { Cleanup } from './cleanup.ts';
import { keepEvidence } from './evidence.ts';
import type { FaultFamily } from './fault-plan.ts';
import { type HostNetwork, makeHostNetwork } from './host-network.ts';
import { missingForSmallDisks, removeLeftoverDisks } from './small-disk.ts';

export interface ChaosOptions {
  readonly seed: string;
  readonly nodeCount: number;
  /** Processes to kill; without the family `kill`, faults. */
  readonly kills: number;
  readonly families: readonly FaultFamily[];
  /** Of faults in all, by which their gaps are chosen; undefined: a fault comes after a second or so. */
  readonly seconds: number | undefined;
  readonly log: (line: string) => void;
}

export interface ChaosResult {
  readonly violations: readonly Violation[];
  readonly rounds: number;
  readonly counters: RoundCounters;
  readonly faults: ReadonlyMap<string, number>;
  /** Families that this machine does not let us have. */
  readonly skipped: readonly string[];
  /** Where the run had its data. */
  readonly root: string;
  /** Data, logs and evidence of a run that failed. */
  readonly folder: string | undefined;
}

const KILLS_PER_ROUND_MAX = 20;
const KILLS_PER_LIFE_MAX = 100;
const GAP_MEAN_MS = 900;
/** Faults for each kill, as plans draw them. */
const FAULTS_PER_KILL = 1.6;

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const cleanup = new Cleanup();
  try {
    return await new ChaosRun(options, cleanup).run();
  } finally {
    cleanup.close();
  }
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #cleanup: Cleanup;
  readonly #root: string;
  readonly #prng: Prng;
  readonly #violations: Violation[] = [];
  readonly #faults: Map<string, number> = new Map();
  readonly #counters: RoundCounters = {
    operations: 0,
    succeeded: 0,
    acknowledgedWrites: 0,
    repeatedWrites: 0,
    judgedInFull: 0,
    judgedInPart: 0,
  };
  readonly #skipped: string[] = [];
  #families: readonly FaultFamily[];
  #network: HostNetwork | undefined;
  #rounds = 0;

  constructor(options: ChaosOptions, cleanup: Cleanup) {
    this.#options = options;
    this.#cleanup = cleanup;
    this.#prng = new Prng(options.seed);
    this.#families = options.families;
    this.#root = mkdtempSync(path.join(tmpdir(), 'clockwise-chaos-'));
  }

  async run(): Promise<ChaosResult> {
    const keptFolder = `${this.#root}-failed`;
    this.#cleanup.add('the folder', () => {
      if (this.#violations.length > 0) renameSync(this.#root, keptFolder);
      else rmSync(this.#root, { recursive: true, force: true });
    });
    this.#prepare();
    const { kills } = this.#options;
    for (let done = 0; done < kills && !this.#hasFailed; done += KILLS_PER_LIFE_MAX) {
      await this.#live(Math.min(KILLS_PER_LIFE_MAX, kills - done));
    }
    return {
      violations: this.#violations,
      rounds: this.#rounds,
      counters: this.#counters,
      faults: this.#faults,
      skipped: this.#skipped,
      root: this.#root,
      folder: this.#hasFailed ? keptFolder : undefined,
    };
  }

  get #hasFailed(): boolean {
    return this.#violations.length > 0;
  }

  /** What this machine does not allow is left out, visibly. */
  #prepare(): void {
    const { nodeCount, log } = this.#options;
    const skip = (family: FaultFamily, reason: string): void => {
      this.#families = this.#families.filter((other) => other !== family);
      this.#skipped.push(`${family}: ${reason}`);
      log(`SKIPPED ${family}: ${reason}`);
    };
    if (this.#families.includes('net')) {
      const answer = makeHostNetwork(nodeCount, this.#cleanup);
      if (!answer.ok) {
        skip('net', answer.reason);
      } else {
        this.#network = answer.network;
        if (answer.network.slowBy === 'tbf') {
          log('this kernel has no netem: slow links are narrow ones (tbf), which delay and lose');
        }
      }
    }
    if (this.#families.includes('disk')) {
      const missing = missingForSmallDisks();
      if (missing === undefined) removeLeftoverDisks();
      else skip('disk', missing);
    }
    if (this.#families.length === 0) throw new Error('no family of faults is left');
  }

  async #live(kills: number): Promise<void> {
    const root = path.join(this.#root, `life-${this.#rounds + 1}`);
    mkdirSync(root);
    const life = new Cleanup(this.#cleanup);
    try {
      const cluster = await makeChaosCluster({
        nodeCount: this.#options.nodeCount,
        root,
        network: this.#network,
        hasSmallDisks: this.#families.includes('disk'),
        prng: this.#prng,
        cleanup: life,
      });
      await cluster.start();
      for (let done = 0; done < kills && !this.#hasFailed; done += KILLS_PER_ROUND_MAX) {
        await this.#round(cluster, root, Math.min(KILLS_PER_ROUND_MAX, kills - done));
      }
      await cluster.end();
      // While small disks are still there.
      if (this.#hasFailed) cluster.disks.forEach((disk) => disk.keep());
    } finally {
      life.run();
    }
    if (!this.#hasFailed) rmSync(root, { recursive: true, force: true });
  }

  async #round(cluster: ChaosCluster, root: string, kills: number): Promise<void> {
    this.#rounds += 1;
    const { seconds, seed, log } = this.#options;
    const faultCount = this.#families.includes('kill')
      ? this.#options.kills * FAULTS_PER_KILL
      : this.#options.kills;
    const round = new ChaosRound({
      cluster,
      seed,
      round: this.#rounds,
      families: this.#families,
      kills,
      gapMeanMs: seconds === undefined ? GAP_MEAN_MS : (seconds * 1000) / faultCount,
      log,
    });
    const { violations, counters, faults } = await round.run();
    this.#violations.push(...violations);
    for (const [kind, count] of faults) {
      this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + count);
    }
    for (const name of Object.keys(counters) as (keyof RoundCounters)[]) {
      this.#counters[name] += counters[name];
    }
    if (violations.length > 0) keepEvidence(root, seed, round);
  }
}
