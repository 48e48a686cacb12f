/**
 * The library broken on purpose, in one place at a time: the crash points of truncation must each
 * time find it out.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { copyOfLibrary, type Mutation } from "../support/broken-copy.ts";
import { checkScenario, scenarios } from "../support/cut-checks.ts";

const seeds = 8;

interface CutMutation extends Mutation {
  readonly scenario: string;
}

const mutations: readonly CutMutation[] = [
  {
    name: "the mark is not lowered before the cut",
    file: "truncation/suffix-cut.js",
    from: /this\.#mark\?\.lower\(end\);/,
    to: "",
    scenario: "truncateAfter",
  },
  {
    name: "a cut resolves without its flush",
    file: "truncation/suffix-cut.js",
    from: /cut\.flushed = this\.#commit\.barrier\(\);/,
    to: "",
    scenario: "truncateAfter, the other way round",
  },
  {
    name: "the segment that is cut is not flushed before those above it go",
    file: "store/segmented-store.js",
    from: /file\.truncate\(position\);([^]*?)file\.flushBlocking\(\);/,
    to: "file.truncate(position); this.#sizes.set(keep, position); this.#files.markDirty(keep);",
    scenario: "truncateAfter",
  },
  {
    name: "segments above the cut go low to high, before the cut of the first",
    file: "store/segmented-store.js",
    from: /const position = length - keep \* this\.segmentSize;\n/,
    to: `const position = length - keep * this.segmentSize;
        for (const index of [...this.#sizes.keys()].filter((k) => k > keep).sort((a, b) => a - b)) this.#removeSegment(index);
        this.#last = Math.min(this.#last, keep);`,
    scenario: "truncateAfter",
  },
  {
    name: "the head is written after the segments are gone",
    file: "truncation/prefix-drop.js",
    from: /segments\.setHead\(at\);\s+state\.setHead\(at\);\s+beside\.reclaim\(\);/,
    to: "state.setHead(at); beside.reclaim(); segments.setHead(at);",
    scenario: "truncateBefore",
  },
  {
    name: "the head is written in place",
    file: "store/head-marker.js",
    from: /replace\(disk, path, \(fd\) => writeFully\(disk, fd, bytes, 0\)\);/,
    to: `const fd = disk.open(path, disk.stat(path).kind === "missing" ? "create" : "r+");
      disk.truncate(fd, 0);
      writeFully(disk, fd, bytes, 0);
      disk.flushAllBlocking(fd);
      disk.close(fd);
      disk.flushDirectoryBlocking(path.replace(/\\/head$/, ""));`,
    scenario: "the head replaced twice, then the end cut",
  },
  {
    name: "a spare is renamed over the head before it is flushed",
    file: "store/durable-fs.js",
    from: /disk\.flushAllBlocking\(fd\);\s+\}\s+finally \{\s+disk\.close\(fd\);\s+\}\s+renameOver\(disk, spare, path\);/,
    to: "} finally { disk.close(fd); } renameOver(disk, spare, path);",
    scenario: "the head replaced twice, then the end cut",
  },
  {
    name: "a segment goes before the name of the spare, now the head, is flushed",
    file: "store/durable-fs.js",
    from: /(renameOver\(disk, spare, path\);\s+\}\s+catch \(error\) \{[^}]*\})\s+disk\.flushDirectoryBlocking\(dirname\(path\)\);/,
    to: `renameOver(disk, spare, path);
    } catch (error) { throw error; }`,
    scenario: "truncateBefore",
  },
  {
    name: "a prefix is dropped before what stays is synced",
    file: "truncation/prefix-drop.js",
    from: /if \(at > state\.head\)\s+commit\.syncBlocking\(at\);/,
    to: "",
    scenario: "truncateBefore past what was synced, up to the end",
  },
  {
    name: "a flush leaves out the names of new segments",
    file: "store/segmented-store.js",
    from: /if \(flights\.some\(\(flight\) => flight\.names\)\)/,
    to: "if (false)",
    scenario: "an append that makes several segments",
  },
  {
    name: "an asynchronous flush leaves out the names of new segments",
    file: "store/segmented-store.js",
    from: /if \(flight\.names && !flight\.covered\)/,
    to: "if (false)",
    scenario: "an append that makes several segments",
  },
  {
    name: "a flush leaves out all segments but the last",
    file: "store/segmented-store.js",
    from: /const segments = new Set\(flights\.flatMap\(\(flight\) => there\(flight\)\)\);/,
    to: "const segments = new Set(flights.flatMap((flight) => there(flight).slice(-1)));",
    scenario: "a new log",
  },
  {
    name: "the first mark is not flushed",
    file: "recovery/mark.js",
    from: /#keep\(\) \{\s+this\.#file\.flush\(\);/,
    to: "#keep() {",
    scenario: "truncateAfter in a log that was never synced",
  },
];

for (const mutation of mutations) {
  test(`found out: ${mutation.name}`, async (t) => {
    const lib = await copyOfLibrary(t, mutation);
    const scenario = scenarios.find((each) => each.name === mutation.scenario);
    assert.ok(scenario !== undefined, mutation.scenario);
    await assert.rejects(
      checkScenario(lib, scenario, seeds),
      // A check that found something, or an open that had to succeed and was refused; no accident.
      (error: Error) => {
        if (process.env["WAL_DB_SHOW"] === "1") t.diagnostic(error.message);
        return error.name === "AssertionError" || error.name === "WalError";
      },
      "the checks did not find it out",
    );
  });
}
