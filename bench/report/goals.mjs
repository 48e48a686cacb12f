/** The goals, and whether a run meets them: ratios of medians in that run. */
import { nativeTitles } from "../cases.mjs";
import { subjects } from "../subjects/subjects.mjs";
import { medianOf } from "./figures.mjs";

/** `ours` is so many times `theirs`, in rate. */
const times = (ours, theirs, of) => ({ kind: "ratio", ours, theirs, of });
/** Our cost is so many times theirs: the inverse of the rates. */
const cost = (ours, theirs, of) => ({ kind: "cost", ours, theirs, of });
const under = (ours, of, unit) => ({ kind: "limit", ours, of, unit });
const at = (name, subject) => ({ name, subject });
const on = (name, subject, theirs) => [at(name, subject), at(name, theirs)];

export const goals = [
  {
    work: "file append",
    goal: "at most 1.5 times the native cost",
    parts: [cost(...on("append", "wal-file", "native-file"), 1.5)],
  },
  {
    work: "memory append",
    goal: "at most 2.5 times the native cost",
    // The first writes into one MiB again and again, which stays in the cache; the second keeps what it writes.
    parts: [
      cost(...on("append", "wal-memory", "native-memory"), 2.5),
      cost(...on("append", "wal-memory", "native-memory-kept"), 2.5),
    ],
  },
  {
    work: "mapped append",
    goal: "at least 3 times as fast as the native pwrite append",
    parts: [times(...on("append", "wal-mapped", "native-file"), 3)],
  },
  {
    work: "1 MiB records",
    goal: "at least 0.85 of native bandwidth",
    parts: [times(...on("large", "wal-file", "native-file"), 0.85)],
  },
  {
    work: "1 committer, blocking",
    goal: "at least 0.85 of native",
    parts: [times(...on("commit-blocking", "wal-file", "native-file"), 0.85)],
  },
  {
    work: "64 committers",
    goal: "at least 5 times native threads, 1.5 times lmdb",
    parts: [
      times(...on("commit-64", "wal-file", "native-threads"), 5),
      times(...on("commit-64", "wal-file", "lmdb"), 1.5),
    ],
  },
  {
    work: "1000 committers",
    goal: "at least 3 times lmdb, 0.6 of one native write and flush per 1000",
    parts: [
      times(...on("commit-1000", "wal-file", "lmdb"), 3),
      times(...on("commit-1000", "wal-file", "native-group"), 0.6),
    ],
  },
  {
    work: "full verify on open",
    goal: "at least 0.35 of native replay",
    parts: [times(...on("recovery", "wal-file", "native-file"), 0.35)],
  },
  {
    work: "iterate",
    goal: "at least 0.2 of native, 5 times lmdb",
    parts: [
      times(...on("replay", "wal-file", "native-file"), 0.2),
      times(...on("replay", "wal-file", "lmdb"), 5),
    ],
  },
  {
    work: "reopen after a clean close, any size",
    goal: "under 25 ms",
    parts: [
      under(at("reopen-small", "wal-file"), 25, "ms"),
      under(at("reopen-large", "wal-file"), 25, "ms"),
      under(at("reopen-large", "wal-segmented"), 25, "ms"),
    ],
  },
  {
    work: "RSS growth while replaying 1 GiB",
    goal: "under 64 MiB",
    parts: [under(at("memory", "wal-file"), 64, "MiB"), under(at("memory-await", "wal-file"), 64, "MiB")],
  },
  {
    work: "2 and 8 worker threads, appends",
    goal: "at least 0.7 of native with as many threads",
    parts: [
      times(...on("threads-2", "wal-file", "native-threads"), 0.7),
      times(...on("threads-8", "wal-file", "native-threads"), 0.7),
    ],
  },
  ...["encode", "decode"].map((way) => ({
    work: `pack-io, ${way} 8 mixed fields`,
    goal: "faster than JSON, at least 0.5 of msgpackr with shared structures",
    parts: [
      times(...on(`codec-${way}`, "pack-io", "json"), 1),
      times(...on(`codec-${way}`, "pack-io", "msgpackr"), 0.5),
    ],
  })),
];

/** Where the floor in C was not there, the reference stands for it. */
function find(result, { name, subject }) {
  return medianOf(result, name, subject) ?? medianOf(result, name, `${subject}-reference`);
}

function reachedBy(result, { kind, ours, theirs }) {
  const own = find(result, ours);
  if (kind === "limit") return own;
  const other = find(result, theirs);
  if (own === null || other === null) return null;
  return kind === "cost" ? other / own : own / other;
}

function judge(result, part) {
  const reached = reachedBy(result, part);
  if (reached === null) return { reached, met: null };
  const holds = { ratio: reached >= part.of, cost: reached <= part.of, limit: reached < part.of };
  return { reached, met: holds[part.kind] };
}

const titleOf = (subject) => subjects[subject]?.title ?? nativeTitles[subject] ?? subject;

/** What a part compares, in words: "wal-db, file / native, file"; where the goal has several cases, with that before it. */
function compared({ ours, theirs }, parts) {
  const own = titleOf(ours.subject);
  const what = theirs === undefined ? own : `${own} / ${titleOf(theirs.subject)}`;
  const isOneCase = parts.every((each) => each.ours.name === ours.name);
  return theirs !== undefined && isOneCase ? what : `${ours.name}: ${what}`;
}

const signs = { ratio: "≥", cost: "≤", limit: "<" };

/** One line for each part of each goal. `met`: null where a figure is missing. */
export function verdicts(result) {
  return goals.flatMap(({ work, goal, parts }) =>
    parts.map((part) => {
      const { reached, met } = judge(result, part);
      const unit = part.unit === undefined ? "" : ` ${part.unit}`;
      return {
        work,
        goal,
        compared: compared(part, parts),
        kind: part.kind,
        bound: `${signs[part.kind]} ${part.of}${unit}`,
        reached: reached === null ? "-" : `${reached.toFixed(2)}${unit}`,
        verdict: met === null ? "not measured" : met ? "met" : "NOT MET",
      };
    }),
  );
}
