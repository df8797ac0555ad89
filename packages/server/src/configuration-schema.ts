/**
 * The shape of what may be given to a node, whichever source it comes from: the file is this as JSON;
 * flags and environment are brought to it. Unknown names are refused.
 */
import { DEFAULT_LIMITS, type Limits } from '@clockwise/kernel/limits';
import type { BucketDefinition, Durability, ReplicationClass } from '@clockwise/placement/ring';
import { DEFAULT_RUNTIME_LIMITS, type RuntimeLimits } from '@clockwise/runtime/runtime-limits';
import * as v from 'valibot';

/** A member of the cluster: its place and where it listens. */
export interface Member {
  readonly id: string;
  readonly host: string;
  readonly ports: MemberPorts;
  readonly dataCentre: string;
  readonly rack: string;
  readonly weight: number;
}

export interface MemberPorts {
  readonly coordinator: number;
  readonly gossiper: number;
  readonly control: number;
  readonly admin: number;
}

/** A configuration as it may be given: what is missing has a default. */
export interface GivenConfiguration {
  readonly nodeId: string;
  readonly dataFolder: string;
  readonly clusterId?: string;
  readonly insecure?: boolean;
  readonly host?: string;
  readonly coordinatorPort?: number;
  readonly gossiperPort?: number;
  readonly controlPort?: number;
  readonly adminPort?: number;
  readonly dataCentre?: string;
  readonly rack?: string;
  readonly weight?: number;
  readonly members?: readonly Member[];
  readonly replicas?: number;
  readonly replicationClasses?: readonly ReplicationClass[];
  readonly partitions?: number;
  /** What is missing is as in the default bucket. */
  readonly buckets?: readonly (Partial<BucketDefinition> & {
    readonly id: number;
    readonly name: string;
  })[];
  readonly durability?: Durability;
  readonly shards?: number;
  readonly actors?: 'apart' | 'together';
  readonly memoryBytes?: number;
  readonly heartbeatMs?: number;
  readonly compareMs?: number;
  readonly limits?: Partial<Limits>;
  readonly runtimeLimits?: Partial<RuntimeLimits>;
  readonly record?: string;
  readonly recordBytes?: number;
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
  readonly logFile?: string;
  readonly originsAllowed?: readonly string[];
}

export type ParsedGiven =
  | { readonly ok: true; readonly wanted: GivenConfiguration }
  | { readonly ok: false; readonly faults: readonly string[] };

/** Limits that may be 0: a codec's number, and a cache that is not wanted. */
const MAY_BE_ZERO: ReadonlySet<string> = new Set([
  'tableCodec',
  'blockCacheBytes',
  'lateAcksMs',
  'hedgeMsMin',
  'hintBytesMax',
  'explainsMax',
]);
const nameRule =
  'must be 1 to 64 letters, digits, ".", "_" or "-", and start with one of the first two';
const name = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, nameRule));
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const countFromZero = v.pipe(v.number(), v.integer(), v.minValue(0));
const weight = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000));
const durability = v.picklist(['sync', 'interval', 'none']);
const level = v.union([count, v.picklist(['one', 'quorum', 'all', 'local-quorum', 'each-quorum'])]);

const member = v.strictObject({
  id: name,
  host: v.string(),
  ports: v.strictObject({ coordinator: port, gossiper: port, control: port, admin: port }),
  dataCentre: v.optional(name, 'dc-1'),
  rack: v.optional(name, 'rack-1'),
  weight: v.optional(weight, 1),
});

const bucket = v.strictObject({
  id: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0x7fffffff)),
  name,
  mode: v.exactOptional(v.picklist(['eventual', 'linearizable'])),
  conflictPolicy: v.exactOptional(v.picklist(['siblings', 'lww'])),
  readLevel: v.exactOptional(level),
  writeLevel: v.exactOptional(level),
  durability: v.exactOptional(durability),
  replicationClass: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  requireContext: v.exactOptional(v.boolean()),
});

const replicationClass = v.variant('kind', [
  v.strictObject({ kind: v.literal('total'), copies: count }),
  v.strictObject({
    kind: v.literal('per-data-centre'),
    dataCentres: v.array(v.strictObject({ dataCentre: name, copies: count })),
  }),
]);

const schema = v.strictObject({
  nodeId: name,
  dataFolder: v.pipe(v.string(), v.nonEmpty('must name a folder')),
  clusterId: v.optional(name),
  insecure: v.optional(v.boolean()),
  host: v.optional(v.string()),
  coordinatorPort: v.optional(port),
  gossiperPort: v.optional(port),
  controlPort: v.optional(port),
  adminPort: v.optional(port),
  dataCentre: v.optional(name),
  rack: v.optional(name),
  weight: v.optional(weight),
  members: v.optional(v.pipe(v.array(member), v.minLength(1))),
  replicas: v.optional(count),
  replicationClasses: v.optional(v.pipe(v.array(replicationClass), v.minLength(1))),
  partitions: v.optional(count),
  buckets: v.optional(v.array(bucket)),
  durability: v.optional(durability),
  shards: v.optional(count),
  actors: v.optional(v.picklist(['apart', 'together'])),
  memoryBytes: v.optional(count),
  heartbeatMs: v.optional(v.pipe(count, v.minValue(10))),
  compareMs: v.optional(v.pipe(count, v.minValue(100))),
  limits: v.optional(overridesOf(DEFAULT_LIMITS)),
  runtimeLimits: v.optional(overridesOf(DEFAULT_RUNTIME_LIMITS)),
  record: v.optional(v.pipe(v.string(), v.nonEmpty('must name a folder'))),
  // A recording is read in one piece.
  recordBytes: v.optional(v.pipe(count, v.maxValue(1024 * 1024 * 1024))),
  logLevel: v.optional(v.picklist(['debug', 'info', 'warn', 'error'])),
  logFile: v.optional(v.string()),
  originsAllowed: v.optional(v.array(v.string())),
});

/** The value if it has the shape, or what is wrong with it, in sentences. */
export function parseGiven(given: unknown): ParsedGiven {
  const parsed = v.safeParse(schema, given);
  if (parsed.success) return { ok: true, wanted: parsed.output as GivenConfiguration };
  return { ok: false, faults: parsed.issues.map(sentence) };
}

function sentence(issue: v.BaseIssue<unknown>): string {
  const place = v.getDotPath(issue);
  return place === null ? issue.message : `${place}: ${issue.message}`;
}

/** An object that may set any of the names of a table of numbers, and no other. */
function overridesOf(
  defaults: object,
): v.StrictObjectSchema<
  Record<string, v.OptionalSchema<typeof count | typeof countFromZero, undefined>>,
  undefined
> {
  const entries = Object.keys(defaults).map(
    (key) => [key, v.optional(MAY_BE_ZERO.has(key) ? countFromZero : count)] as const,
  );
  return v.strictObject(Object.fromEntries(entries));
}
