/**
 * What is measured. A case: one kind of work (a body of bodies.mjs), its sizes, in full and for a quick
 * look, and who does it. Figures of the native floor stand beside those of the same work.
 *
 * `fixture`: a log that is filled once, before the rounds, and kept for as long as a later case needs one
 * filled with as much. `warmUps`: rounds before those that count (default 1). `fresh`: a new process each
 * round, cold. `settle`: what others have written is flushed first.
 */
const stores = ["wal-file", "wal-segmented", "wal-mapped", "wal-memory"];
const onDisk = ["wal-file", "wal-segmented", "wal-mapped"];
const databases = ["better-sqlite3", "node-sqlite", "level", "lmdb"];
const recordBytes = 256;

/** A figure of the floor: its name there, the case that prints it (in C, in the reference), and our unit. */
const native = (subject, figure, inC, inReference, from = (value) => value) => ({
  subject,
  figure,
  inC,
  inReference,
  from,
});
const perSecond = (nanoseconds) => 1e9 / nanoseconds;
const nativeFile = native("native-file", "file_append_ns", "file", "file", perSecond);

const commits = [1, 8, 64, 1000].map((concurrency) => ({
  name: `commit-${concurrency}`,
  title: `Durable commits, ${concurrency} concurrent ${concurrency === 1 ? "caller" : "callers"}`,
  unit: "records/s",
  better: "more",
  body: "commit",
  settle: true,
  // 200 groups of 1000: fewer, and the first flush of a new log, and compiling, would be a fifth of it.
  sizes: { recordBytes, concurrency, records: { 1: 400, 8: 2400, 64: 12_800, 1000: 200_000 }[concurrency] },
  quick: { records: { 1: 100, 8: 400, 64: 3200, 1000: 20_000 }[concurrency] },
  // Without a group commit a thousand callers are a thousand flushes one after the other.
  fewer: {
    subjects: ["fs", "better-sqlite3", "node-sqlite", "level"],
    records: concurrency === 1 ? 400 : 2000,
  },
  subjects: [...onDisk, "fs", ...databases],
  native: {
    1: [native("native-file", "commit_1_per_s", "commit", "commit")],
    8: [native("native-threads", "commit_8threads_per_s", "commit-threads-8", "commit")],
    64: [
      native("native-threads", "commit_64threads_per_s", "commit-threads-64", "commit"),
      native("native-tuned", "commit_64threads_tuned_per_s", "commit-tuned-64", null),
    ],
    1000: [native("native-group", "commit_batch1000_per_s", "commit-groups", "commit")],
  }[concurrency],
}));

const latencies = [1, 64].map((concurrency) => ({
  name: `latency-${concurrency}`,
  title: `Time a durable commit takes, ${concurrency} concurrent ${concurrency === 1 ? "caller" : "callers"}: p99`,
  unit: "µs",
  better: "less",
  body: "latency",
  settle: true,
  sizes: { recordBytes, concurrency, records: { 1: 1000, 64: 12_800 }[concurrency] },
  quick: { records: { 1: 200, 64: 3200 }[concurrency] },
  fewer: {
    subjects: ["fs", "better-sqlite3", "node-sqlite", "level"],
    records: concurrency === 1 ? 1000 : 2000,
  },
  subjects: [...onDisk, "fs", ...databases],
}));

const threads = [
  ...[1, 2, 4, 8].map((count) => ({
    name: `threads-${count}`,
    title: `Append, by ${count} ${count === 1 ? "thread" : "threads"} to one shared log`,
    unit: "records/s",
    better: "more",
    body: "threads",
    // Each thread compiles the code anew: with a tenth of that, half of what is timed is compiling.
    sizes: { recordBytes, call: "append", threads: count, records: 200_000, warmUp: 20_000 },
    quick: { records: 80_000 },
    subjects: [...stores, "fs"],
    native: [
      // The reference program measures two and eight.
      native(
        "native-threads",
        `file_append_${count}threads_per_s`,
        `append-threads-${count}`,
        count === 2 || count === 8 ? "threads" : null,
      ),
    ],
  })),
  {
    name: "threads-8-commit",
    title: "Durable commits, by 8 threads to one log, each blocking",
    unit: "records/s",
    better: "more",
    body: "threads",
    settle: true,
    sizes: { recordBytes, call: "commitBlocking", threads: 8, records: 2400 },
    quick: { records: 800 },
    subjects: onDisk,
    native: [native("native-threads", "commit_8threads_per_s", "commit-threads-8", "commit")],
  },
];

const replays = ["for of", "for await"].map((form) => ({
  name: form === "for of" ? "replay" : "replay-await",
  title: `Replay every record, \`${form}\``,
  unit: "records/s",
  better: "more",
  body: "replay",
  warmUps: 2,
  sizes: { recordBytes, records: 500_000, asynchronously: form === "for await" },
  quick: { records: 200_000 },
  fixture: true,
  subjects:
    form === "for of"
      ? [...stores, "fs", ...databases.filter((name) => name !== "level")]
      : [...stores, "level"],
  native: [native("native-file", "replay_per_s", "replay", "replay")],
}));

const codecs = ["encode", "decode"].map((body) => ({
  name: `codec-${body}`,
  title: `${body === "encode" ? "Encode" : "Decode"} a struct of 8 mixed fields`,
  unit: "values/s",
  better: "more",
  body,
  warmUps: 2,
  sizes: { records: 500_000 },
  quick: { records: 200_000 },
  // To decode is the same, whatever it was encoded into.
  subjects: ["pack-io", ...(body === "encode" ? ["pack-io-into"] : []), "msgpackr", "json"],
}));

const large = { recordBytes: 4088, records: 262_144 };
const largeQuick = { records: 16_384 };

export const cases = [
  {
    name: "commit-blocking",
    title: "Durable commits, 1 blocking caller",
    unit: "records/s",
    better: "more",
    body: "commitBlocking",
    settle: true,
    sizes: { recordBytes, records: 400 },
    quick: { records: 100 },
    subjects: [...onDisk, "fs", ...databases.filter((name) => name !== "level")],
    native: [native("native-file", "commit_1_per_s", "commit", "commit")],
  },
  ...commits,
  {
    name: "commit-batch",
    title: "Durable batches of 1000",
    unit: "records/s",
    better: "more",
    body: "commitBatch",
    settle: true,
    sizes: { recordBytes, records: 50_000, perBatch: 1000 },
    quick: { records: 20_000 },
    subjects: [...onDisk, "fs", ...databases],
    native: [native("native-group", "commit_batch1000_per_s", "commit-groups", "commit")],
  },
  ...latencies,
  {
    name: "append",
    title: "Append, one at a time, not flushed",
    unit: "records/s",
    better: "more",
    body: "append",
    warmUps: 3,
    sizes: { recordBytes, records: 300_000 },
    quick: { records: 100_000 },
    fewer: { subjects: databases, records: 60_000 },
    subjects: [...stores, "fs", ...databases],
    native: [
      nativeFile,
      native("native-mapped", "mapped_append_ns", "mapped", null, perSecond),
      native("native-memory", "mem_append_ns", "mem", "mem", perSecond),
      native("native-memory-kept", "mem_kept_append_ns", "mem-kept", null, perSecond),
    ],
  },
  {
    name: "batch",
    title: "Append by batches of 1000, not flushed",
    unit: "records/s",
    better: "more",
    body: "appendBatch",
    warmUps: 2,
    sizes: { recordBytes, records: 300_000, perBatch: 1000 },
    quick: { records: 100_000 },
    subjects: [...stores, "fs", ...databases],
    native: [native("native-group", "append_batch1000_per_s", "append-groups", null)],
  },
  ...threads,
  {
    name: "large",
    title: "Append records of 1 MiB, not flushed",
    unit: "GiB/s",
    better: "more",
    body: "bandwidth",
    sizes: { recordBytes: 2 ** 20, records: 256 },
    quick: { records: 64 },
    subjects: [...stores, "fs", ...databases],
    native: [native("native-file", "big_append_gib_s", "big", "file")],
  },
  ...replays,
  {
    name: "recovery",
    title: "Open and verify every record",
    unit: "records/s",
    better: "more",
    body: "verify",
    warmUps: 2,
    sizes: { recordBytes, records: 500_000 },
    quick: { records: 200_000 },
    fixture: true,
    subjects: [...onDisk, "fs"],
    native: [native("native-file", "replay_per_s", "replay", "replay")],
  },
  {
    name: "reopen-small",
    title: "Open after a clean close, a log of 1000 records",
    unit: "ms",
    better: "less",
    body: "reopen",
    sizes: { recordBytes, records: 1000 },
    fixture: true,
    subjects: [...onDisk, ...databases],
  },
  {
    name: "reopen-large",
    title: "Open after a clean close, a log of 1 GiB",
    unit: "ms",
    better: "less",
    body: "reopen",
    sizes: large,
    quick: largeQuick,
    fixture: true,
    subjects: [...onDisk, ...databases],
  },
  {
    name: "memory-4k",
    title: "Growth of memory while replaying 1 GiB, records of 4 KiB",
    unit: "MiB",
    better: "less",
    body: "memory",
    sizes: large,
    quick: largeQuick,
    fixture: true,
    fresh: true,
    subjects: [...onDisk, ...databases],
  },
  ...["for of", "for await"].map((form) => ({
    name: form === "for of" ? "memory" : "memory-await",
    title: `Growth of memory while replaying 1 GiB, records of 256 bytes, \`${form}\``,
    unit: "MiB",
    better: "less",
    body: "memory",
    sizes: { recordBytes, records: 4_067_218, asynchronously: form === "for await" },
    quick: { records: 400_000 },
    fixture: true,
    fresh: true,
    subjects: onDisk,
  })),
  ...codecs,
];

export const nativeTitles = {
  "native-file": "native, file",
  "native-mapped": "native, mapped",
  "native-memory": "native, memory",
  "native-memory-kept": "native, memory kept",
  "native-threads": "native threads",
  "native-tuned": "native threads, tuned",
  "native-group": "native, one write per 1000",
};

/** The sizes of a case for one subject. */
export function sizesOf(each, quick, subject) {
  const sizes = { ...each.sizes, ...(quick ? each.quick : {}) };
  if (!each.fewer?.subjects.includes(subject)) return sizes;
  const fewer = quick ? Math.ceil(each.fewer.records / 3) : each.fewer.records;
  return { ...sizes, records: Math.min(sizes.records, fewer) };
}
