// Prints the test files that a change asks for, one a line, for `npm run verify -- --changed`.
//
//   node tools/dist/changed-tests.js PATH...      the changed files, relative to the root
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { selectTests } from './changed/select-tests.ts';
import { readTree } from './tidy/tree.ts';

const tree = readTree(fileURLToPath(new URL('../..', import.meta.url)));
for (const name of selectTests(tree, new Set(process.argv.slice(2)))) console.log(name);
