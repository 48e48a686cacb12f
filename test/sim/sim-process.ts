import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("./main.js", import.meta.url));

export interface SimRun {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the simulator as its users do, in a process of its own: it takes over time, and unhandled rejections. */
export function simulate(...args: readonly string[]): SimRun {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
  return { code: status, output: stdout + stderr };
}
