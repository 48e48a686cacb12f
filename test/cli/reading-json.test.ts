/** The same in JSON, for programs; and the plans of what would be changed. */
import { describe, test } from "node:test";
import { holdLooking } from "./looking.js";

const some: readonly string[] = [
  "whole.wal",
  "torn.wal",
  "corrupt.wal",
  "loss.wal",
  "dropped",
  "missing.wal",
];

describe("looking, in JSON", { concurrency: 2 }, () => {
  test("dump in a pipe", (t) => holdLooking(t, "dump-json", ["dump"], some));
  test("stat", (t) => holdLooking(t, "stat-json", ["stat", "--json"], some));
  test("verify", (t) => holdLooking(t, "verify-json", ["verify", "--json"], some));
  test("export", (t) => holdLooking(t, "export", ["export"], some));
  test("the plan of a repair", (t) => holdLooking(t, "repair-plan", ["repair", "--dry-run"]));
  test("the plan of a repair, in JSON", (t) =>
    holdLooking(t, "repair-json", ["repair", "--dry-run", "--json"], some));
  test("quarantine ls", (t) => holdLooking(t, "quarantine-none", ["quarantine", "ls"], some));
});
