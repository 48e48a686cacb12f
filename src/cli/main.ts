#!/usr/bin/env node
/**
 * wal-db on the command line: finds the command, runs it, and turns whatever comes of it into an exit code.
 *
 *   a mistake           one message and what to do next on standard error, never a stack
 *   Ctrl-C              aborts the command's signal: it lets go of what it holds, and 130; twice: at once
 *   the reader is gone  the same, and 141: as `cat` does into `head`
 *   output fails        the same, told, and 74: a full disk must not pass for a whole answer
 */
import { readFileSync } from "node:fs";
import type { Command, Context } from "./command.ts";
import { readCommandLine } from "./command-line.ts";
import { entries, entryOf } from "./commands.ts";
import { exitCode } from "./exit-code.ts";
import { CliError, failureOf, usageError } from "./failure.ts";
import { helpOf, overview } from "./help.ts";
import { nearest } from "./nearest.ts";
import { Terminal } from "./terminal.ts";

const stop = new AbortController();
let stopCode: number = exitCode.interrupted;

function stopWith(code: number): void {
  if (stop.signal.aborted) return;
  stopCode = code;
  stop.abort(new Error("stopped"));
}

function onSignal(code: number): void {
  // Whoever asks twice does not want to wait.
  if (stop.signal.aborted) process.exit(code);
  stopWith(code);
}

let outputFailure: Error | null = null;

function onOutputFailed(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") return stopWith(exitCode.pipeClosed);
  outputFailure ??= error;
  stopWith(exitCode.system);
}

const terminal = new Terminal(process, process.env, onOutputFailed);
const context: Context = { terminal, stdin: process.stdin, env: process.env, signal: stop.signal };

async function run(words: readonly string[]): Promise<number> {
  const [name = "--help", ...rest] = words;
  if (name === "--version" || name === "-V") return show(`${version()}\n`);
  if (name === "--help" || name === "-h") {
    // Without any word at all, it is a mistake.
    if (words.length > 0) return show(overview(entries));
    terminal.err.text(overview(entries));
    return exitCode.usage;
  }
  if (name === "help")
    return rest[0] === undefined ? show(overview(entries)) : show(helpOf(await find(rest[0])));
  const command = await find(name);
  const given = readCommandLine(command, rest);
  if (given === null) return show(helpOf(command));
  return command.run(context, given);
}

function show(text: string): number {
  terminal.out.text(text);
  return exitCode.done;
}

async function find(name: string): Promise<Command> {
  const entry = entryOf(name);
  if (entry !== undefined) return entry.load();
  const meant = nearest(
    name,
    entries.map((each) => each.name),
  );
  throw usageError(
    `there is no command "${name}".`,
    meant === null ? "See wal-db --help." : `Did you mean wal-db ${meant}?`,
  );
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return (manifest as { readonly version: string }).version;
}

function tell(error: unknown): number {
  const { exit, message, next } = failureOf(error);
  terminal.err.line(`${terminal.err.style("red", "wal-db:")} ${message}`);
  if (next !== undefined) terminal.err.line(next);
  if (process.env["WAL_DB_DEBUG"] === "1" && error instanceof Error) terminal.err.line(error.stack ?? "");
  return exit;
}

async function main(): Promise<number> {
  process.on("SIGINT", () => onSignal(exitCode.interrupted));
  process.on("SIGTERM", () => onSignal(exitCode.terminated));
  let code: number;
  try {
    code = await run(process.argv.slice(2));
  } catch (error) {
    code = stop.signal.aborted ? stopCode : tell(error);
  }
  await terminal.out.flush();
  if (outputFailure !== null)
    tell(new CliError(exitCode.system, `standard output: ${outputFailure.message}.`));
  await terminal.err.flush();
  return stop.signal.aborted ? stopCode : code;
}

// Not left to the event loop: standard input may be open, and nobody reads it any more.
process.exit(await main());
