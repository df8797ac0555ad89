#!/usr/bin/env node
// The installed `clockwise`. A plain file, so that it is there before anything is compiled.
await import('../dist/clockwise.js');
