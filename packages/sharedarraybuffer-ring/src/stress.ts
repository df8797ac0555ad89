/**
 * The stress by command:
 *
 *   node dist/stress.js --records 100000000 [--seed 7] [--capacity 4096] [--largest 64] [--async]
 *
 * Exit code 0 when every word of every record was right.
 */
import { parseArgs } from 'node:util';
import { runStress } from './stress-run.ts';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '7' },
    capacity: { type: 'string', default: '4096' },
    largest: { type: 'string', default: '64' },
    async: { type: 'boolean', default: false },
  },
});
const options = {
  records: Number(values.records),
  seed: Number(values.seed),
  capacityWords: Number(values.capacity),
  recordWordsMax: Number(values.largest),
  reader: values.async ? 'async' : 'blocking',
} as const;
console.log(`ring stress: ${JSON.stringify(options)}`);
const startMs = performance.now();
const { read, written } = await runStress(options);
const seconds = (performance.now() - startMs) / 1000;
console.log(
  `every word right: ${read.records} records, ${read.words} words in ${seconds.toFixed(1)} s ` +
    `(${Math.round(read.records / seconds)} records/s); ` +
    `sleeps: reader ${read.sleeps}, writer ${written.sleeps}`,
);
