/**
 * Promise 2 and 8, with a real file system and its real power cut: what sync resolved for is there
 * when the file system is mounted again. WAL_DB_POWER_ROUNDS sets the number of cuts for each file
 * system and layout (default 1; WAL_DB_LONG=1: 24); WAL_DB_POWER_SEED repeats the choices of a run,
 * as far as a power cut can be repeated. Needs root and loop devices, and skips without.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { distDir, folderOfCopy } from "../support/broken-copy.ts";
import type { Patch } from "../support/patch.ts";
import { type FileSystem, fileSystems, type LoopDisk, loopDisk } from "../support/loop-disk.ts";
import { Random } from "#internal/testing/random.js";
import { type Moment, PowerRounds } from "./rounds.ts";
import type { LogKind } from "./script.ts";

const long = process.env["WAL_DB_LONG"] === "1";
const rounds = Number(process.env["WAL_DB_POWER_ROUNDS"] ?? (long ? 24 : 1));
const seed = Number(process.env["WAL_DB_POWER_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** By name: null once its power was cut here, else why it cannot be. */
const known = new Map<string, string | null>();

/** The disk, or why there is none whose power can be cut. */
function diskToCut(t: TestContext, system: FileSystem): LoopDisk | string {
  const disk = known.get(system.name) ?? loopDisk(t, system);
  if (typeof disk === "string" || known.has(system.name)) return disk;
  const failure = disk.cutPower("drop", null);
  known.set(system.name, failure);
  if (failure !== null) return failure;
  disk.restart();
  return disk;
}

for (const system of Object.values(fileSystems)) {
  for (const kind of ["file", "segments"] as const satisfies readonly LogKind[]) {
    test(`${system.name}: the power is cut, ${rounds} times, under a log in ${kind}`, async (t) => {
      const disk = diskToCut(t, system);
      if (typeof disk === "string") return t.skip(disk);
      const runs = new PowerRounds(disk, distDir, kind, seed);
      const random = new Random(seed ^ 0x5eed);
      for (let round = 1; round <= rounds; round++) {
        const fault = await runs.run(random.next(2) === 0 ? "drop" : "keep-journal");
        assert.equal(fault, null, `WAL_DB_POWER_SEED=${seed}, round ${round}`);
        if (long && round % 6 === 0) console.log(`${system.name}, ${kind}: ${round} of ${rounds}`);
      }
      t.diagnostic(`WAL_DB_POWER_SEED=${seed}: ${JSON.stringify(runs.counts)}`);
    });
  }
}

interface Breakage extends Patch {
  readonly name: string;
  readonly kind: LogKind;
  readonly moment: Moment;
}

const breakages: readonly Breakage[] = [
  {
    name: "a flush that does nothing, of a file",
    file: "store/node-disk.js",
    find: /flushData: \(fd\) => settle\(\(done\) => fs\.fdatasync\(fd, done\)\),/,
    put: "flushData: () => Promise.resolve(),",
    kind: "file",
    moment: { line: "d", nth: 5 },
  },
  {
    name: "a flush that does nothing, of segments",
    file: "store/node-disk.js",
    find: /flushData: \(fd\) => settle\(\(done\) => fs\.fdatasync\(fd, done\)\),/,
    put: "flushData: () => Promise.resolve(),",
    kind: "segments",
    moment: { line: "d", nth: 5 },
  },
];

for (const breakage of breakages) {
  test(`found out on ext4: ${breakage.name}`, async (t) => {
    const disk = diskToCut(t, fileSystems.ext4);
    if (typeof disk === "string") return t.skip(disk);
    const runs = new PowerRounds(disk, folderOfCopy(t, breakage), breakage.kind, seed);
    const faults: string[] = [];
    // One is enough to show it; the long form tells how often.
    const tries = long ? 20 : 8;
    while (runs.counts.rounds < tries) {
      const fault = await runs.run("drop", breakage.moment);
      if (fault !== null) faults.push(fault);
      if (fault !== null && !long) break;
    }
    t.diagnostic(`${faults.length} of ${runs.counts.rounds} power cuts: ${faults[0]?.slice(0, 200)}`);
    assert.ok(faults.length > (long ? tries / 2 : 0), `lost in ${faults.length} of ${tries} power cuts`);
  });
}
