/** Runs a session of test/system/session.ts under strace, with calls that fail or kill as asked. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { SessionPlan } from "../system/session.ts";

export const sessionScript: string = fileURLToPath(new URL("../system/session.js", import.meta.url));

/** Why strace cannot be used here, or null. */
export function straceMissing(): string | null {
  const probe = spawnSync("strace", ["-f", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"]);
  if (probe.error !== undefined) return "strace is not installed";
  return probe.status === 0 ? null : "strace may not trace here";
}

/** The calls that recovery and appending make on the log, and on what stands beside it. */
export const tracedCalls = [
  "openat",
  "flock",
  "pwrite64",
  "fdatasync",
  "fsync",
  "ftruncate",
  "rename",
  "unlink",
  "close",
] as const;

export interface Traced {
  readonly lines: readonly string[];
  readonly killed: boolean;
  /** What the process printed when it failed in an unexpected way. */
  readonly stderr: string;
  /** How often each call was made. */
  readonly counts: ReadonlyMap<string, number>;
}

/**
 * @param paths Only calls on these are traced, counted and injected.
 * @param inject As strace's `-e inject`, for example "fdatasync:error=EIO:when=2".
 */
export function runTraced(
  plan: SessionPlan,
  paths: readonly string[],
  traceFile: string,
  inject?: string,
): Traced {
  const trace = ["-f", "-qq", "-o", traceFile, "-e", `trace=${tracedCalls.join(",")}`];
  const only = paths.flatMap((path) => ["-P", path]);
  const injected = inject === undefined ? [] : ["-e", `inject=${inject}`];
  const run = spawnSync(
    "strace",
    [...trace, ...only, ...injected, process.execPath, sessionScript, JSON.stringify(plan)],
    {
      encoding: "utf8",
    },
  );
  const counts = new Map<string, number>();
  for (const line of readFileSync(traceFile, "utf8").split("\n")) {
    const name = /^\d+ +(\w+)\(/.exec(line)?.[1];
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return {
    lines: run.stdout.split("\n").filter((line) => line.length > 0),
    killed: run.signal === "SIGKILL" || run.status === 137,
    stderr: run.stderr,
    counts,
  };
}
