/** The package keeps the surface that was agreed on, as far as it is built. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectDir } from "../support/project.js";
import {
  absencesOf,
  assertionsFor,
  contractCopy,
  declarationsOf,
  exportsToCome,
  modulesOf,
  modulesThere,
  modulesToCome,
} from "./contract.js";

const apiPath = join(projectDir, "..", "shared", "api.d.ts");
const skip = existsSync(apiPath) ? false : "the agreed surface is not beside this copy of the repository";
const api = skip === false ? readFileSync(apiPath, "utf8") : "";

/** Compiles these files under build/, where `wal-db` is this package; returns the complaints. */
function compile(files: Readonly<Record<string, string>>): Promise<string[]> {
  const under = join(projectDir, "build", "contract");
  mkdirSync(under, { recursive: true });
  const dir = mkdtempSync(join(under, "run-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const compilerOptions = { rootDir: dir, noEmit: true, isolatedDeclarations: false, skipLibCheck: true };
  const config = { extends: join(projectDir, "tsconfig.json"), compilerOptions, include: ["*.ts"] };
  writeFileSync(join(dir, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(projectDir, "node_modules", "typescript", "bin", "tsc");
  const args = [tsc, "--pretty", "false", "-p", dir];
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, args, { timeout: 60_000 }, (_error, stdout, stderr) => {
      rmSync(dir, { recursive: true, force: true });
      if (child.exitCode === null) reject(new Error(`tsc did not end: ${stderr}`));
      else resolve(stdout.split("\n").filter((line) => line.includes("error TS")));
    });
  });
}

function keeps(contract: string): Promise<string[]> {
  return compile({ "contract.d.ts": contract, "keeps.ts": assertionsFor(declarationsOf(api)) });
}

test("every export that is there has the agreed shape", { skip }, async () => {
  assert.ok(declarationsOf(api).length > 15);
  assert.deepEqual(await keeps(contractCopy(api)), []);
});

test("what is said to be to come is not there", { skip }, async () => {
  assert.deepEqual(await compile({ "absent.ts": absencesOf() }), []);
});

test("nothing is said to be to come that was never agreed on", { skip }, () => {
  const names = declarationsOf(api).map(({ name }) => name);
  assert.deepEqual(
    exportsToCome.filter((name) => !names.includes(name)),
    [],
  );
  assert.deepEqual(
    modulesOf(api).filter((name) => name !== "wal-db" && !modulesThere.includes(name)),
    modulesToCome,
  );
});

test("wal-db/testing has what the contract says it is for, in the shapes that test runners have", async () => {
  const uses = `
    import { test } from "node:test";
    import { MemStore, type WalStore } from "wal-db";
    import { FaultStore, SimulatedDisk, storeConformance } from "wal-db/testing";
    storeConformance(() => new MemStore(), { test });
    // As Vitest declares its own, near enough.
    declare const vitest: (name: string | Function, body?: (context: object) => unknown, timeout?: number) => void;
    storeConformance(async (): Promise<WalStore> => new FaultStore(new MemStore()), { test: vitest });
    export const disk: SimulatedDisk = new SimulatedDisk({ seed: 1 });
    // @ts-expect-error: a store is what it wants
    storeConformance(() => ({}), { test });
  `;
  assert.deepEqual(await compile({ "uses.ts": uses }), []);
});

/* ---- The detectors, shown to fire ---- */

test("a breach of the contract is found", { skip }, async () => {
  const breaches: readonly [from: string, to: string][] = [
    ["readonly end: Lsn;", "readonly end: string;"],
    ["append(record: RecordInput): Lsn;", "append(record: RecordInput | number): Lsn;"],
    ["syncBlocking(): void;", "syncBlocking(): void;\n    extra(): void;"],
    ["maxRecordSize?: number;", "maxRecordSize?: number | string;"],
    ['| "WAL_LOCKED" ', '| "WAL_LOCKED" | "WAL_NEW" '],
    ["static openBlocking(path: string | URL", "static openBlocking(path: string | URL | number"],
    ["readonly path: string }", "readonly path: number }"],
  ];
  const copy = contractCopy(api);
  for (const [from, to] of breaches) {
    assert.ok(copy.includes(from), from);
    const complaints = await keeps(copy.replace(from, to));
    assert.ok(complaints.length > 0, `nobody noticed that ${from} became ${to}`);
  }
});

test("what has landed and is still said to be to come is found", { skip }, async () => {
  const landed = absencesOf({ Wal: ["sync"] });
  assert.match((await compile({ "absent.ts": landed })).join(), /Unused '@ts-expect-error'/);
});
