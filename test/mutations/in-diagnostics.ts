import type { Mutation } from "./mutation.ts";

const channels = [{ file: "diagnostics/channels" }];
const histogram = [{ file: "diagnostics/histogram" }];

/** What a log tells of itself. */
export const inDiagnostics: readonly Mutation[] = [
  {
    name: "a message goes out in the middle of what it tells of",
    file: "diagnostics/channels.js",
    find: "queueMicrotask(() => channel.publish(message));",
    put: "channel.publish(message);",
    foundBy: channels,
  },
  {
    name: "a message is made although nobody listens",
    file: "diagnostics/log-reporter.js",
    find: "if (append.hasSubscribers)",
    put: "if (true)",
    foundBy: [{ file: "diagnostics/channels", title: "nobody listens" }],
  },
  {
    name: "callers whose records a blocking flush covered are counted again",
    file: "commit/group-commit.js",
    find: "group.callers = 0;",
    put: "",
    foundBy: channels,
  },
  {
    name: "a segment turns again at every flush",
    file: "diagnostics/log-reporter.js",
    find: "for (let end = (Math.floor(from / size) + 1) * size;",
    put: "for (let end = size;",
    foundBy: channels,
  },
  {
    name: "an LSN that is gone counts as damage",
    file: "diagnostics/log-reporter.js",
    find: "if (notDamage.includes(reason))",
    put: "if (false)",
    foundBy: channels,
  },
  {
    name: "a flush that failed is not told",
    file: "commit/group-commit.js",
    find: "this.#watch.end(begun, callers, durable, durable, failure);",
    put: "",
    foundBy: channels,
  },
  {
    name: "a quantile is told as the lower bound of its slot",
    file: "diagnostics/histogram.js",
    find: "boundOf(slot) / this.#scale.perUnit",
    put: "boundOf(slot - 1) / this.#scale.perUnit",
    foundBy: histogram,
  },
  {
    name: "a bucket leaves out the slot at its bound",
    file: "diagnostics/histogram.js",
    find: "slot <= last;",
    put: "slot < last;",
    foundBy: histogram,
  },
];
