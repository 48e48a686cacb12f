/**
 * The native floor: the same log written straight on the system's calls. `native/floor.c` is compiled where
 * there is a C compiler; another program that prints the same figures, named by WAL_DB_FLOOR or --floor, is
 * run beside it as the reference, and takes its place where there is none.
 *
 *   FLOOR folder case ...     prints one line of JSON: figures by name
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("./native/floor.c", import.meta.url));

/** The program in C, compiled into `folder`; null where that cannot be. */
export function compileFloor(folder, compiler = process.env.CC ?? "cc") {
  const program = join(folder, "floor");
  const arm = process.arch === "arm64" ? ["-march=armv8-a+crc"] : [];
  try {
    execFileSync(compiler, ["-O2", "-std=c11", ...arm, "-pthread", "-o", program, source], { stdio: "pipe" });
    return { program, compiler: versionOf(compiler) };
  } catch (error) {
    return { program: null, why: String(error.stderr ?? error.message).split("\n")[0] };
  }
}

function versionOf(compiler) {
  return execFileSync(compiler, ["--version"], { encoding: "utf8" }).split("\n")[0];
}

/** One run of a case: the figure asked for, in the unit of ours. */
export function runFloor(program, folder, name, { figure, from }) {
  const printed = JSON.parse(execFileSync(program, [folder, name], { encoding: "utf8" }));
  if (!(figure in printed)) throw new Error(`The native floor printed no ${figure} for ${name}.`);
  return from(printed[figure]);
}
