/** The workload that a configuration names. */
import { unreachable } from '@clockwise/kernel/assert';
import type { SimulationConfiguration } from '../simulation/configuration.ts';
import { DeleteAndRecreate } from './delete-and-recreate.ts';
import { BLIND_PUTS, CONTEXTUAL, MIXED, MixedOperations, REGISTER } from './mixed-operations.ts';
import { MannerOf } from './manner.ts';
import { SetAdd } from './set-add.ts';
import type { Workload, WorkloadOptions } from './workload.ts';

export function makeWorkload(configuration: SimulationConfiguration): Workload {
  const { seed, strictShare, monotonicShare, workload } = configuration;
  // Whoever writes under contexts of values that it has not read relies on quorums of primaries; and what
  // stand-ins answer for is no register.
  const isStrict = workload === 'set-add-stale' || workload === 'register';
  const shares = { strictShare: isStrict ? 1 : strictShare, monotonicShare };
  return new MannerOf(operationsOf(configuration), seed, shares);
}

function operationsOf(configuration: SimulationConfiguration): Workload {
  const { seed, bucketIds, keyCount, readLevels, writeLevels, limits } = configuration;
  const options: WorkloadOptions = {
    seed,
    bucketIds,
    keyCount,
    readLevels,
    writeLevels,
    valueSizes: {
      byteCountMax: configuration.valueBytesMax,
      byteCountLimit: limits.valueBytesMax,
    },
  };
  switch (configuration.workload) {
    case 'set-add':
      return new SetAdd(options, false);
    case 'set-add-stale':
      return new SetAdd(options, true);
    case 'mixed':
      return new MixedOperations(options, MIXED);
    case 'blind':
      return new MixedOperations(options, BLIND_PUTS);
    case 'contextual':
      return new MixedOperations(options, CONTEXTUAL);
    case 'register':
      return new MixedOperations(options, REGISTER);
    case 'recreate':
      return new DeleteAndRecreate(options);
    default:
      return unreachable(configuration.workload);
  }
}
