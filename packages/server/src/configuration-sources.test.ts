import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Gathered, gatherConfiguration, helpText, SETTINGS } from './configuration-sources.ts';

const sources = suite<{ folder: string }>('configuration sources');
sources.before.each((context) => {
  context.folder = mkdtempSync(path.join(tmpdir(), 'clockwise-sources-'));
});
sources.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

function gather(
  folder: string,
  flags: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Gathered {
  return gatherConfiguration({ arguments: flags, environment, folder });
}

sources('[CS1] flags win over environment, that over the file', ({ folder }) => {
  const file = {
    nodeId: 'of-file',
    clusterId: 'of-file',
    partitions: 64,
    dataFolder: 'data',
    limits: { keyBytesMax: 100, valueBytesMax: 200 },
  };
  writeFileSync(path.join(folder, 'node.json'), JSON.stringify(file));
  const { given, faults } = gather(
    folder,
    ['--config', 'node.json', '--node', 'of-flag', '--limits', '{"keyBytesMax":300}'],
    { CLOCKWISE_NODE: 'of-environment', CLOCKWISE_CLUSTER: 'of-environment' },
  );
  assert.equal(faults, []);
  assert.is(given['nodeId'], 'of-flag');
  assert.is(given['clusterId'], 'of-environment');
  assert.is(given['partitions'], 64);
  assert.equal(given['limits'], { keyBytesMax: 300, valueBytesMax: 200 });
  assert.is(given['dataFolder'], path.join(folder, 'data'));
});

sources('[CS1] the file may be named by the environment', ({ folder }) => {
  writeFileSync(path.join(folder, 'node.json'), '{"nodeId":"n9"}');
  assert.is(gather(folder, [], { CLOCKWISE_CONFIG: 'node.json' }).given['nodeId'], 'n9');
});

sources('[CS2] members come as repeated flags, or as a list in the environment', ({ folder }) => {
  const one = 'n1=127.0.0.1:7100:7101:7102:7103';
  const two = 'n2=[::1]:7110:7111:7112:7113:dc-2:rack-9:4';
  const expected = [
    {
      id: 'n1',
      host: '127.0.0.1',
      ports: { coordinator: 7100, gossiper: 7101, control: 7102, admin: 7103 },
    },
    {
      id: 'n2',
      host: '::1',
      ports: { coordinator: 7110, gossiper: 7111, control: 7112, admin: 7113 },
      dataCentre: 'dc-2',
      rack: 'rack-9',
      weight: 4,
    },
  ];
  assert.equal(gather(folder, ['--member', one, '--member', two]).given['members'], expected);
  const environment = { CLOCKWISE_MEMBER: `${one},${two}` };
  assert.equal(gather(folder, [], environment).given['members'], expected);
});

sources('[CS2] what cannot be read is a fault that names the flag', ({ folder }) => {
  const said = (...flags: string[]): string => gather(folder, flags).faults.join('\n');
  assert.match(said('--shards', 'two'), '--shards must be a whole number, not "two"');
  assert.match(said('--member', 'n1=host'), '--member cannot be read: "n1=host"');
  assert.match(said('--limits', '{'), '--limits is not JSON');
  assert.match(said('--shard', '2'), "Unknown option '--shard'");
  assert.match(said('--config', 'absent.json'), 'cannot be read');
  assert.match(gather(folder, [], { CLOCKWISE_SHARDS: 'x' }).faults[0]!, 'CLOCKWISE_SHARDS');
});

sources('the help names every flag', () => {
  for (const { flag } of SETTINGS) assert.match(helpText(), `--${flag}`);
});

sources.run();
