/** wal-db as a process, as its users run it. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { projectDir } from "../support/project.js";

export const cliPath: string = join(projectDir, "dist/cli/main.js");

export interface CommandRun {
  readonly stdout: string;
  readonly stderr: string;
  /** The exit code; a signal's name where one ended it. */
  readonly exit: number | string;
  /** What it wrote to standard output, as bytes. */
  readonly bytes: Buffer;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
}

/** Without what would decide about colours in the environment of the tests. */
export function plainEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...env } = process.env;
  return { ...env, TERM: "xterm", ...more };
}

export function startCommand(
  words: readonly string[],
  options: RunOptions = {},
): ChildProcessWithoutNullStreams {
  const { cwd, env, uid } = options;
  return spawn(process.execPath, [cliPath, ...words], {
    env: plainEnvironment(env),
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
}

export function runCommand(words: readonly string[], options: RunOptions = {}): Promise<CommandRun> {
  const child = startCommand(words, options);
  // It may have ended before it read all.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  return ended(child);
}

export function ended(child: ChildProcessWithoutNullStreams): Promise<CommandRun> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const bytes = Buffer.concat(out);
      const exit = code ?? signal ?? "unknown";
      resolve({ stdout: bytes.toString(), stderr: Buffer.concat(err).toString(), exit, bytes });
    });
  });
}
