// The rules of architecture and style that a machine can check.
//
//   node tools/dist/tidy.js                prints every finding, exit code 1 if there is one
//   node tools/dist/tidy.js --data-plane   lists the files whose header says that they are on it
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findingLine, RULES } from './tidy/rules.ts';
import { readTree } from './tidy/tree.ts';

const { values } = parseArgs({ options: { 'data-plane': { type: 'boolean', default: false } } });
const tree = readTree(fileURLToPath(new URL('../..', import.meta.url)));
if (values['data-plane']) {
  for (const file of tree.sources.filter((source) => source.isDataPlane)) console.log(file.path);
} else {
  const lines = RULES.flatMap((rule) =>
    rule.check(tree).map((finding) => `${rule.name}: ${findingLine(finding)}`),
  );
  for (const line of lines) console.log(line);
  console.log(`tidy: ${lines.length} findings in ${tree.texts.length} files`);
  process.exitCode = lines.length === 0 ? 0 : 1;
}
