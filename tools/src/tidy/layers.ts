// Which package may import which: the table of DESIGN.md, section 1, written out.

const LIBRARIES = ['protocol', 'placement', 'versioning', 'storage', 'merkle'];
const ACTORS = [
  'ring-manager',
  'coordinator',
  'replica',
  'compactor',
  'gossiper',
  'anti-entropy',
] as const;
const BELOW_ACTORS = ['kernel', 'record', ...LIBRARIES];
const GENERIC = ['runtime', 'simulator', 'client'];
const BELOW_SERVER = [...BELOW_ACTORS, 'sharedarraybuffer-ring', ...GENERIC, ...ACTORS];

/** A package's folder, and the names of the packages that it may import. */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  'packages/kernel': [],
  'packages/sharedarraybuffer-ring': [],
  'packages/record': ['kernel'],
  ...Object.fromEntries(LIBRARIES.map((name) => [`packages/${name}`, ['kernel', 'record']])),
  ...Object.fromEntries(ACTORS.map((name) => [`packages/actors/${name}`, BELOW_ACTORS])),
  'packages/runtime': [...BELOW_ACTORS, 'sharedarraybuffer-ring'],
  'packages/simulator': BELOW_ACTORS,
  'packages/client': ['kernel', 'protocol'],
  'packages/server': BELOW_SERVER,
  'packages/cli': [...BELOW_SERVER, 'server'],
  test: [...BELOW_SERVER, 'server', 'cli'],
  bench: [...BELOW_SERVER, 'server', 'cli'],
  tools: [],
};

/** The packages that are deterministic: no clock, no chance, no waiting, no outside. */
export const PURE_FOLDERS: ReadonlySet<string> = new Set([
  ...BELOW_ACTORS.map((name) => `packages/${name}`),
  ...ACTORS.map((name) => `packages/actors/${name}`),
  'packages/simulator',
]);

/** The packages whose threads share memory, and what they may do with it. */
export const SHARED_MEMORY_FOLDERS: ReadonlySet<string> = new Set([
  'packages/sharedarraybuffer-ring',
  'packages/runtime',
  'packages/server',
  'packages/storage',
]);
export const ATOMICS_FOLDERS: ReadonlySet<string> = new Set([
  'packages/sharedarraybuffer-ring',
  'packages/runtime',
  'packages/server',
]);
