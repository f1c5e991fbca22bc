#!/usr/bin/env node
import { runCommandLine } from './command-line.ts';

// Nothing calls process.exit: it would abort a native computation that still runs in a worker.
process.exitCode = await runCommandLine(process.argv.slice(2));
