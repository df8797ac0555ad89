/**
 * Where a configuration comes from: flags > environment > file > defaults. Each setting stands in one
 * table with its flag, its environment variable and its name in the file.
 *
 * Invariants:
 *   CS1 a setting given twice is taken from the higher source; `limits` are merged name by name
 *   CS2 an unknown flag, and a value that cannot be read, is a fault with the flag's name in it
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parseMember } from './member-text.ts';

/** How the text of a flag or variable becomes the value that the schema judges. */
type Reading = 'text' | 'number' | 'flag' | 'json' | 'member' | 'path' | 'texts';

interface Setting {
  /** The name in the file; several flags of one setting add up. */
  readonly name: string;
  readonly flag: string;
  readonly reading: Reading;
  readonly help: string;
}

/** In the order of the help text. The environment variable is CLOCKWISE_ and the flag in capitals. */
export const SETTINGS: readonly Setting[] = [
  { name: 'nodeId', flag: 'node', reading: 'text', help: 'id of this node' },
  { name: 'dataFolder', flag: 'data', reading: 'path', help: 'folder of its data' },
  { name: 'clusterId', flag: 'cluster', reading: 'text', help: 'id of the cluster' },
  {
    name: 'members',
    flag: 'member',
    reading: 'member',
    help: 'ID=HOST:COORDINATOR:GOSSIPER:CONTROL:ADMIN[:DATACENTRE[:RACK[:WEIGHT]]], once for each node',
  },
  { name: 'host', flag: 'host', reading: 'text', help: 'address to listen on, of a node alone' },
  { name: 'coordinatorPort', flag: 'coordinator-port', reading: 'number', help: 'of a node alone' },
  { name: 'gossiperPort', flag: 'gossiper-port', reading: 'number', help: 'of a node alone' },
  { name: 'controlPort', flag: 'control-port', reading: 'number', help: 'of a node alone' },
  { name: 'adminPort', flag: 'admin-port', reading: 'number', help: 'of a node alone' },
  { name: 'dataCentre', flag: 'data-centre', reading: 'text', help: 'of a node alone' },
  { name: 'rack', flag: 'rack', reading: 'text', help: 'of a node alone' },
  { name: 'weight', flag: 'weight', reading: 'number', help: 'of a node alone' },
  { name: 'replicas', flag: 'replicas', reading: 'number', help: 'N: copies of each key' },
  { name: 'replicationClasses', flag: 'replication-classes', reading: 'json', help: 'JSON list' },
  { name: 'partitions', flag: 'partitions', reading: 'number', help: 'Q: a power of two' },
  { name: 'buckets', flag: 'buckets', reading: 'json', help: 'JSON list of definitions' },
  { name: 'durability', flag: 'durability', reading: 'text', help: 'sync, interval or none' },
  { name: 'shards', flag: 'shards', reading: 'number', help: 'replica threads' },
  { name: 'actors', flag: 'actors', reading: 'text', help: 'apart or together' },
  { name: 'memoryBytes', flag: 'memory-bytes', reading: 'number', help: 'of all memtables' },
  { name: 'heartbeatMs', flag: 'heartbeat-ms', reading: 'number', help: 'between heartbeats' },
  { name: 'compareMs', flag: 'compare-ms', reading: 'number', help: 'between tree comparisons' },
  { name: 'limits', flag: 'limits', reading: 'json', help: 'JSON object of kernel limits' },
  { name: 'runtimeLimits', flag: 'runtime-limits', reading: 'json', help: 'JSON object' },
  { name: 'insecure', flag: 'insecure', reading: 'flag', help: 'allow addresses beyond loopback' },
  { name: 'originsAllowed', flag: 'origin', reading: 'texts', help: 'browser origin, repeatable' },
  {
    name: 'record',
    flag: 'record',
    reading: 'path',
    help: 'folder: record steps, for npm run replay',
  },
  { name: 'recordBytes', flag: 'record-bytes', reading: 'number', help: 'of each actor, at most' },
  { name: 'logLevel', flag: 'log-level', reading: 'text', help: 'debug, info, warn or error' },
  { name: 'logFile', flag: 'log-file', reading: 'path', help: 'instead of standard error' },
];

export interface Sources {
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative paths of flags and environment start here; those of a file beside the file. */
  readonly folder: string;
}

export interface Gathered {
  /** For `validateConfiguration`. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly printConfig: boolean;
  readonly help: boolean;
  readonly faults: readonly string[];
}

type Given = Record<string, unknown>;

export function gatherConfiguration(sources: Sources): Gathered {
  const faults: string[] = [];
  const flags = readFlags(sources, faults);
  const environment = readEnvironment(sources, faults);
  const file = flags.config ?? sources.environment['CLOCKWISE_CONFIG'];
  const fromFile = file === undefined ? {} : readFile(path.resolve(sources.folder, file), faults);
  const given = [fromFile, environment, flags.given].reduce(over, {});
  return { given, printConfig: flags.printConfig, help: flags.help, faults };
}

export function helpText(): string {
  const rows = SETTINGS.map(({ flag, reading, help }) => {
    const shape = reading === 'flag' ? `--${flag}` : `--${flag} ${reading.toUpperCase()}`;
    return `  ${shape.padEnd(32)} ${help}`;
  });
  return [
    'Runs one node. Flags win over environment (CLOCKWISE_NODE for --node), that over the file.',
    '',
    `  ${'--config FILE'.padEnd(32)} a JSON file`,
    `  ${'--print-config'.padEnd(32)} print the effective configuration and end`,
    ...rows,
    '',
  ].join('\n');
}

function over(lower: Given, higher: Given): Given {
  const merged: Given = { ...lower, ...higher };
  for (const name of ['limits', 'runtimeLimits']) {
    if (!isObject(lower[name]) || !isObject(higher[name])) continue;
    merged[name] = { ...lower[name], ...higher[name] };
  }
  return merged;
}

interface Flags {
  readonly given: Given;
  readonly config: string | undefined;
  readonly printConfig: boolean;
  readonly help: boolean;
}

function readFlags(sources: Sources, faults: string[]): Flags {
  const options: Record<string, { type: 'string' | 'boolean'; multiple?: boolean }> = {
    config: { type: 'string' },
    'print-config': { type: 'boolean' },
    help: { type: 'boolean' },
  };
  for (const { flag, reading } of SETTINGS) {
    options[flag] = reading === 'flag' ? { type: 'boolean' } : { type: 'string', multiple: true };
  }
  let values: Readonly<Record<string, unknown>>;
  try {
    ({ values } = parseArgs({ args: [...sources.arguments], options, strict: true }));
  } catch (error) {
    faults.push((error as Error).message);
    return { given: {}, config: undefined, printConfig: false, help: false };
  }
  const given: Given = {};
  for (const setting of SETTINGS) {
    const value = values[setting.flag];
    if (value === true) given[setting.name] = true;
    else if (Array.isArray(value)) {
      read(setting, `--${setting.flag}`, value as string[], { given, faults, sources });
    }
  }
  return {
    given,
    config: values['config'] as string | undefined,
    printConfig: values['print-config'] === true,
    help: values['help'] === true,
  };
}

function readEnvironment(sources: Sources, faults: string[]): Given {
  const given: Given = {};
  for (const setting of SETTINGS) {
    const name = `CLOCKWISE_${setting.flag.toUpperCase().replaceAll('-', '_')}`;
    const text = sources.environment[name];
    if (text === undefined) continue;
    const isList = setting.reading === 'member' || setting.reading === 'texts';
    const texts = isList ? text.split(',') : [text];
    read(setting, name, texts, { given, faults, sources });
  }
  return given;
}

interface Reader {
  readonly given: Given;
  readonly faults: string[];
  readonly sources: Sources;
}

/** `texts`: one, or as many as a repeatable flag was given. */
function read(setting: Setting, origin: string, texts: readonly string[], reader: Reader): void {
  const { given, faults, sources } = reader;
  const text = texts.at(-1) ?? '';
  switch (setting.reading) {
    case 'text':
      given[setting.name] = text;
      return;
    case 'path':
      given[setting.name] = path.resolve(sources.folder, text);
      return;
    case 'texts':
      given[setting.name] = texts;
      return;
    case 'flag':
      given[setting.name] = text === 'true' || text === '1';
      return;
    case 'number':
      if (/^\d+$/.test(text)) given[setting.name] = Number(text);
      else faults.push(`${origin} must be a whole number, not "${text}"`);
      return;
    case 'json':
      given[setting.name] = parseJson(text, origin, faults);
      return;
    case 'member':
      given[setting.name] = texts.flatMap((one) => {
        const member = parseMember(one);
        if (member === undefined) faults.push(`${origin} cannot be read: "${one}"`);
        return member ?? [];
      });
      return;
  }
}

function readFile(file: string, faults: string[]): Given {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    faults.push(`the configuration file cannot be read: ${(error as Error).message}`);
    return {};
  }
  const value = parseJson(text, file, faults);
  if (value === undefined) return {};
  if (!isObject(value)) {
    faults.push(`${file} must hold a JSON object`);
    return {};
  }
  const given: Given = { ...value };
  for (const { name, reading } of SETTINGS) {
    const relative = given[name];
    if (reading !== 'path' || typeof relative !== 'string') continue;
    given[name] = path.resolve(path.dirname(file), relative);
  }
  return given;
}

function parseJson(text: string, origin: string, faults: string[]): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    faults.push(`${origin} is not JSON: ${(error as Error).message}`);
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
