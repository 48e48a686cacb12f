/**
 * Runs store.test.mjs under Vitest, from its npm package, against the package as it would be
 * published: once as it is, which must pass, and once with a wrong store, which must fail. Installed
 * apart, in a temporary folder: Vitest is no dependency of this project.
 *
 *   npm run test:vitest
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync, spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("../../", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "wal-db-vitest-"));
const quiet = { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] };

function runs(env) {
  const vitest = join(work, "node_modules/vitest/vitest.mjs");
  return spawnSync(process.execPath, [vitest, "run", "--reporter=verbose"], {
    cwd: work,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", CI: "1", ...env },
    timeout: 240_000,
  });
}

let failed = false;
function expectRun(what, { status, stdout, stderr }, isRight) {
  const passed = isRight(status, stdout);
  console.log(
    `${what.padEnd(28)}${passed ? "as it must be" : `FAILED (${status})`}: ${/Tests\s+(.*)/.exec(stdout)?.[1]}`,
  );
  if (passed) return;
  failed = true;
  console.log(stdout, stderr);
}

try {
  const [{ filename }] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--pack-destination", work], { ...quiet, cwd: project }),
  );
  writeFileSync(join(work, "package.json"), '{ "private": true, "type": "module" }');
  copyFileSync(join(project, "test/vitest/store.test.mjs"), join(work, "store.test.mjs"));
  const install = ["install", "--ignore-scripts", "--no-save", "vitest@3", join(work, filename)];
  execFileSync("npm", install, { ...quiet, cwd: work });
  expectRun(
    "the suite under Vitest",
    runs({}),
    (status, out) => status === 0 && /FileStore: begins empty/.test(out) && /Tests .* 3 skipped/.test(out),
  );
  expectRun(
    "and with a wrong store",
    runs({ WAL_DB_WRONG_STORE: "1" }),
    (status, out) =>
      status === 1 && /DeafStore: truncate discards the end/.test(out) && !/FAIL .*FileStore/.test(out),
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
