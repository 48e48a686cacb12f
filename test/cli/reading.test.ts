/** The commands that only look, on logs in every state: what they print, and that they change nothing. */
import { describe, test } from "node:test";
import { holdLooking } from "./looking.js";

describe("looking", { concurrency: 2 }, () => {
  test("dump: every state of a log", (t) => holdLooking(t, "dump", ["dump", "--table"]));
  test("tail: every state of a log", (t) => holdLooking(t, "tail", ["tail", "-n", "2", "--table"]));
  test("stat: every state of a log", (t) => holdLooking(t, "stat", ["stat"]));
  test("verify: every state of a log", (t) => holdLooking(t, "verify", ["verify"]));
});
