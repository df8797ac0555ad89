/**
 * Brings the generated part of docs/internals/protocol.md up to date with the declarations.
 * `node test/dist/protocol-table.js`, after a build. A test of the protocol package compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { refreshPage } from '@clockwise/protocol/describe';

const page = new URL('../../docs/internals/protocol.md', import.meta.url);
const refreshed = refreshPage(readFileSync(page, 'utf8'));
if (refreshed === undefined) throw new Error('docs/internals/protocol.md has lost its marks');
writeFileSync(page, refreshed);
