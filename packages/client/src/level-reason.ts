/** Why a consistency level cannot be met, ever or now, in words: the wire has only the code. */
import type { Welcome } from '@clockwise/protocol/control-messages';
import type { ErrorName } from '@clockwise/protocol/errors';
import { LEVEL } from '@clockwise/protocol/frame';

export interface AskedLevel {
  /** On the wire's scale; LEVEL.bucketDefault: the bucket's own. */
  readonly level: number;
  readonly isWrite: boolean;
}

/** Where the level is why an operation was refused. `welcome`: of the node that refused. */
export function levelReason(
  code: ErrorName,
  asked: AskedLevel,
  bucketName: string,
  welcome: Welcome | undefined,
): string | undefined {
  if (welcome === undefined) return undefined;
  if (code === 'UNAVAILABLE') return unavailableLevelReason(asked, bucketName, welcome);
  if (code !== 'IMPOSSIBLE_LEVEL') return undefined;
  return impossibleLevelReason(asked, bucketName, welcome);
}

/** Undefined where the welcome does not tell. */
function impossibleLevelReason(
  { level, isWrite }: AskedLevel,
  bucketName: string,
  welcome: Welcome,
): string | undefined {
  const bucket = welcome.buckets.find(({ name }) => name === bucketName);
  if (bucket === undefined) return undefined;
  const bucketLevel = isWrite ? bucket.writeLevel : bucket.readLevel;
  const asked = level === LEVEL.bucketDefault ? bucketLevel : level;
  if (asked <= LEVEL.numberMax) {
    const letter = isWrite ? 'w' : 'r';
    return `${letter} ${asked} asks for more replicas than the ${bucket.replicas} of bucket ${bucketName}`;
  }
  if (asked !== LEVEL.localQuorum) return undefined;
  const node = welcome.addresses.find(({ nodeId }) => nodeId === welcome.nodeId);
  if (node === undefined) return undefined;
  return (
    `local-quorum needs a replica in ${node.dataCentre}, where ${node.nodeId} is; ` +
    `bucket ${bucketName} has none there`
  );
}

/** Of a level that counts by data centre, which of them it needs; undefined for others. */
function unavailableLevelReason(
  { level, isWrite }: AskedLevel,
  bucketName: string,
  welcome: Welcome,
): string | undefined {
  const bucket = welcome.buckets.find(({ name }) => name === bucketName);
  const node = welcome.addresses.find(({ nodeId }) => nodeId === welcome.nodeId);
  if (bucket === undefined || node === undefined) return undefined;
  const bucketLevel = isWrite ? bucket.writeLevel : bucket.readLevel;
  const asked = level === LEVEL.bucketDefault ? bucketLevel : level;
  if (asked === LEVEL.localQuorum) {
    return (
      `local-quorum needs a majority of the replicas in ${node.dataCentre}, ` +
      `and ${node.nodeId} reaches too few of them`
    );
  }
  if (asked !== LEVEL.eachQuorum) return undefined;
  const names = [...new Set(welcome.addresses.map(({ dataCentre }) => dataCentre))].join(', ');
  return (
    `each-quorum needs a majority of the replicas in every data centre (${names}), and ` +
    `${node.nodeId} in ${node.dataCentre} reaches too few; local-quorum needs those of ${node.dataCentre} alone`
  );
}
