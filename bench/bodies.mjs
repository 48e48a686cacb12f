/**
 * What is timed, one body for each kind of work, the same for every subject. Runs in the process that
 * subject-process.mjs starts, a process for each subject and case.
 *
 * A body is given the subject, a folder of its own that holds nothing (or, where the case has one, the
 * log that was filled before), and the case's sizes; it returns `{ value }`, in the case's unit, and what
 * else there is to tell. Opening, closing and filling are not timed unless they are the case.
 */
import { performance, createHistogram } from "node:perf_hooks";
import { mixedValues } from "./subjects/codecs.mjs";
import { appendByThreads } from "./threads.mjs";

const seconds = () => performance.now() / 1000;

export function recordOf(bytes) {
  return Buffer.alloc(bytes, 7);
}

async function withEngine(subject, folder, options, work) {
  const engine = await subject.open(folder, options);
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

/** Records a second (or what `scale` makes of it), for a call that takes one record. */
async function timeCalls(call, asynchronous, record, records) {
  const began = seconds();
  if (asynchronous) for (let n = 0; n < records; n++) await call(record);
  else for (let n = 0; n < records; n++) call(record);
  return records / (seconds() - began);
}

async function timeBatches(call, asynchronous, recordBytes, batches, perBatch) {
  const batch = Array.from({ length: perBatch }, () => recordOf(recordBytes));
  return (await timeCalls(call, asynchronous, batch, batches)) * perBatch;
}

/** As many as `concurrency` under way at any time: each caller waits for its own before the next. */
async function timeCommits(engine, record, records, concurrency, took = null) {
  let left = records;
  const caller = async () => {
    while (left-- > 0) {
      const began = took === null ? 0n : process.hrtime.bigint();
      await engine.commit(record);
      took?.record(process.hrtime.bigint() - began);
    }
  };
  const began = seconds();
  await Promise.all(Array.from({ length: concurrency }, caller));
  return records / (seconds() - began);
}

const microseconds = (nanoseconds) => Number(nanoseconds) / 1000;

function percentiles(took) {
  const at = (percent) => microseconds(took.percentile(percent));
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: microseconds(took.max) };
}

/** Looks at a byte of each record and counts it: nothing that is read can be left out. */
function counter() {
  const seen = { records: 0, sum: 0 };
  const each = (data) => {
    seen.records++;
    seen.sum += data[data.length - 1];
  };
  return { seen, each };
}

function checkSeen(seen, records) {
  if (seen.records !== records || seen.sum !== 7 * records) {
    throw new Error(`${seen.records} records were read back of ${records}, or not as they were written.`);
  }
}

async function replayOnce(engine, asynchronously, each) {
  if (asynchronously || engine.replay === undefined) await engine.replayAsync(each);
  else engine.replay(each);
}

const MiB = 2 ** 20;

export const bodies = {
  append: (subject, folder, { records, recordBytes }) =>
    withEngine(subject, folder, { durable: false }, async (engine) => ({
      value: await timeCalls(engine.append, engine.asynchronous, recordOf(recordBytes), records),
    })),

  appendBatch: (subject, folder, { records, recordBytes, perBatch }) =>
    withEngine(subject, folder, { durable: false }, async (engine) => ({
      value: await timeBatches(
        engine.appendBatch,
        engine.asynchronous,
        recordBytes,
        records / perBatch,
        perBatch,
      ),
    })),

  commitBatch: (subject, folder, { records, recordBytes, perBatch }) =>
    withEngine(subject, folder, { durable: true }, async (engine) => ({
      value: await timeBatches(
        engine.commitBatch,
        engine.asynchronous,
        recordBytes,
        records / perBatch,
        perBatch,
      ),
    })),

  bandwidth: (subject, folder, { records, recordBytes }) =>
    withEngine(subject, folder, { durable: false }, async (engine) => ({
      value:
        ((await timeCalls(engine.append, engine.asynchronous, recordOf(recordBytes), records)) *
          recordBytes) /
        2 ** 30,
    })),

  commitBlocking: (subject, folder, { records, recordBytes }) =>
    withEngine(subject, folder, { durable: true }, async (engine) => ({
      value: await timeCalls(engine.commitBlocking, false, recordOf(recordBytes), records),
    })),

  commit: (subject, folder, { records, recordBytes, concurrency }) =>
    withEngine(subject, folder, { durable: true }, async (engine) => ({
      value: await timeCommits(engine, recordOf(recordBytes), records, concurrency),
    })),

  latency: (subject, folder, { records, recordBytes, concurrency }) =>
    withEngine(subject, folder, { durable: true }, async (engine) => {
      const took = createHistogram();
      await timeCommits(engine, recordOf(recordBytes), records, concurrency, took);
      const found = percentiles(took);
      return { value: found.p99, also: found };
    }),

  threads: async (subject, folder, sizes, name) => ({
    value: await appendByThreads(name.replace("wal-", ""), folder, sizes),
  }),

  encode(codec, _folder, { records }) {
    const values = mixedValues();
    let sum = 0;
    const began = seconds();
    for (let n = 0; n < records; n++) sum += codec.encode(values[n % values.length]).length;
    const took = seconds() - began;
    if (!(sum > records)) throw new Error("values were encoded to nothing");
    return { value: records / took };
  },

  decode(codec, _folder, { records }) {
    const values = mixedValues();
    const encoded = values.map((value) => Uint8Array.from(codec.encode(value)));
    let sum = 0;
    const began = seconds();
    for (let n = 0; n < records; n++) sum += codec.decode(encoded[n % encoded.length]).tags.length;
    const took = seconds() - began;
    if (sum !== 3 * records) throw new Error("values were not decoded as they were encoded");
    return { value: records / took };
  },

  verify(subject, folder, { records }) {
    const began = seconds();
    const found = subject.verify(folder);
    const took = seconds() - began;
    // A close syncs: it is not part of what is timed.
    found.close();
    if (found.records !== records) throw new Error(`${found.records} records were verified of ${records}.`);
    return { value: records / took };
  },

  replay: (subject, folder, { records, asynchronously }) =>
    withEngine(subject, folder, { durable: false }, async (engine) => {
      const { seen, each } = counter();
      const began = seconds();
      await replayOnce(engine, asynchronously, each);
      const took = seconds() - began;
      checkSeen(seen, records);
      return { value: records / took };
    }),

  /** Milliseconds to open what was closed cleanly; how it is closed again is not timed. */
  async reopen(subject, folder) {
    const began = performance.now();
    const engine = await subject.open(folder, { durable: true });
    const took = performance.now() - began;
    await engine.close();
    return { value: took };
  },

  /** By how much the process grows, at most, while it replays: MiB of resident memory. */
  memory: (subject, folder, { records, asynchronously }) =>
    withEngine(subject, folder, { durable: false }, async (engine) => {
      const { seen, each } = counter();
      globalThis.gc?.();
      const before = process.memoryUsage.rss();
      let most = before;
      await replayOnce(engine, asynchronously, (data) => {
        each(data);
        if (seen.records % 4096 === 0) most = Math.max(most, process.memoryUsage.rss());
      });
      most = Math.max(most, process.memoryUsage.rss());
      checkSeen(seen, records);
      return { value: (most - before) / MiB };
    }),
};

/** Makes the log that a case reads: by batches, closed cleanly. */
export async function fill(subject, folder, { records, recordBytes }) {
  await withEngine(subject, folder, { durable: false, keep: true }, async (engine) => {
    const perBatch = Math.max(1, Math.min(1000, Math.floor(MiB / (recordBytes + 8))));
    const record = recordOf(recordBytes);
    for (let left = records; left > 0; left -= perBatch) {
      const batch = Array.from({ length: Math.min(left, perBatch) }, () => record);
      if (engine.asynchronous) await engine.appendBatch(batch);
      else engine.appendBatch(batch);
    }
  });
}
