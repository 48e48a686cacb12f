/**
 * The contract of WalStore, one check for each thing that it asks. A check has a store of its own
 * and leaves it to be closed.
 */
import { MemStore, Wal, WalError } from "../index.ts";
import { Random } from "./random.ts";
import { type ConformanceSubject, holds, same, sameBytes, type StorePart } from "./conformance-subject.ts";

export interface ConformanceCheck {
  readonly name: string;
  /** The option without which it is left out. */
  readonly needs?: "reopen" | "failFlush" | "farOffset" | "expect";
  /** The part without which it is skipped. */
  readonly part?: StorePart;
  run(subject: ConformanceSubject): void | Promise<void>;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
/** Either of two is at fault, and only the author can tell which. */
const notBroken =
  "either the store keeps the failure to itself, or the option failFlush does not break what is underneath";
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

const reading: readonly ConformanceCheck[] = [
  {
    name: "has the parts that are expected of it",
    needs: "expect",
    run(subject) {
      for (const part of subject.options.expect ?? []) {
        holds(subject.has(part), `the store offers no ${part}, which the option expect names`);
      }
    },
  },
  {
    name: "begins empty, its head at 0",
    run(subject) {
      subject.ends(0, "at first");
      same(subject.store.head, 0, "at first, head");
      subject.holds(0, bytes(), "at first");
    },
  },
  {
    name: "gives back what was written",
    run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3, 4, 5, 6, 7));
      subject.store.writeAt(7, bytes(8, 9));
      subject.ends(9, "after 7 and 2 bytes");
      subject.holds(0, bytes(1, 2, 3, 4, 5, 6, 7, 8, 9), "after 7 and 2 bytes");
      subject.holds(4, bytes(5, 6, 7, 8, 9), "after 7 and 2 bytes");
    },
  },
  {
    name: "writes many pages in one call",
    run(subject) {
      const long = subject.options.growBytes ?? 300_000;
      // From within a larger buffer, to a place within a page: neither begins where it would be easy.
      const given = new Random(51).bytes(long + 3);
      subject.store.writeAt(0, bytes(1));
      subject.store.writeAt(1, given.subarray(3));
      const when = `after a write of ${long} bytes in one call`;
      subject.ends(1 + long, when);
      sameBytes(subject.read(1, long + 8), given.subarray(3), when);
    },
  },
  {
    name: "reads into a part of a larger buffer, and only that",
    run(subject) {
      const long = Math.min(50_000, subject.options.growBytes ?? 50_000);
      const written = new Random(52).bytes(long);
      subject.store.writeAt(0, written);
      for (const [offset, length] of [
        [0, 5],
        [3, 100],
        [0, long],
        [long - 4, 4],
      ] as const) {
        const expected = filled(length + 16, 0xee);
        expected.set(written.subarray(offset, offset + length), 7);
        const whole = filled(length + 16, 0xee);
        const part = whole.subarray(7, 7 + length);
        const what = `a read of ${length} bytes at ${offset} into a buffer, from its byte 7 on`;
        same(subject.store.readAt(offset, part), Math.min(length, long - offset), what);
        sameBytes(whole, expected.fill(0xee, 7 + Math.min(length, long - offset)), what);
      }
    },
  },
  {
    name: "writes over what was there, as recovery does",
    run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3, 4, 5));
      subject.store.writeAt(1, bytes(20, 30));
      subject.holds(0, bytes(1, 20, 30, 4, 5), "after a write over the middle");
      subject.store.writeAt(4, bytes(50, 60));
      subject.holds(0, bytes(1, 20, 30, 4, 50, 60), "after a write over the end");
      subject.ends(6, "after a write over the end");
    },
  },
  {
    name: "keeps a copy of what it was given",
    run(subject) {
      const given = bytes(1, 2, 3);
      subject.store.writeAt(0, given);
      given.fill(9);
      subject.holds(0, bytes(1, 2, 3), "after the caller changed his buffer");
    },
  },
  {
    name: "writing no bytes changes nothing",
    run(subject) {
      subject.store.writeAt(0, bytes(1, 2));
      subject.store.writeAt(2, bytes());
      subject.ends(2, "after a write of no bytes");
      subject.holds(0, bytes(1, 2), "after a write of no bytes");
    },
  },
  {
    name: "a gap before a write reads as zeros",
    run(subject) {
      subject.store.writeAt(20, bytes(1));
      subject.ends(21, "after a write at 20");
      sameBytes(subject.read(0, 30), bytes(...new Uint8Array(20), 1), "after a write at 20");
    },
  },
  {
    name: "a gap over what a buffer held reads as zeros",
    run(subject) {
      subject.store.writeAt(20, bytes(1));
      const into = filled(21, 0xee);
      same(subject.store.readAt(0, into), 21, "readAt over a gap");
      sameBytes(into, bytes(...new Uint8Array(20), 1), "into a buffer that held other bytes");
    },
  },
  {
    name: "a gap of many pages over what a buffer held reads as zeros",
    run(subject) {
      const long = Math.min(50_000, subject.options.growBytes ?? 50_000);
      subject.store.writeAt(0, bytes(7, 8));
      subject.store.writeAt(long, bytes(1));
      const expected = new Uint8Array(long + 1);
      expected.set([7, 8]);
      expected[long] = 1;
      for (const from of [0, 1, Math.floor(long / 2), long - 1]) {
        const into = filled(long + 1 - from, 0xee);
        same(subject.store.readAt(from, into), into.length, `readAt ${from}, over a gap of ${long} bytes`);
        sameBytes(into, expected.subarray(from), `a read at ${from} into a buffer that held other bytes`);
      }
    },
  },
  {
    name: "a read at the end is short, and past the end empty",
    run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3));
      sameBytes(subject.read(1, 10), bytes(2, 3), "10 bytes at 1 of 3");
      sameBytes(subject.read(3, 10), bytes(), "10 bytes at the end");
      sameBytes(subject.read(1000, 10), bytes(), "10 bytes past the end");
      sameBytes(subject.read(0, 0), bytes(), "no bytes");
    },
  },
  {
    name: "a read leaves the rest of the buffer alone",
    run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3));
      const into = filled(6, 0xee);
      same(subject.store.readAt(1, into), 2, "readAt");
      sameBytes(into, bytes(2, 3, 0xee, 0xee, 0xee, 0xee), "the buffer");
    },
  },
  {
    name: "reading changes nothing",
    run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3));
      for (const offset of [0, 2, 3, 100]) subject.read(offset, 50);
      subject.ends(3, "after reads past the end");
      subject.holds(0, bytes(1, 2, 3), "after reads past the end");
    },
  },
  {
    name: "grows without losing a byte",
    run(subject) {
      const random = new Random(50);
      const whole = random.bytes(subject.options.growBytes ?? 300_000);
      for (let at = 0; at < whole.length;) {
        const end = Math.min(whole.length, at + 1 + random.next(30_000));
        subject.store.writeAt(at, whole.subarray(at, end));
        at = end;
      }
      subject.ends(whole.length, "after many writes");
      sameBytes(subject.read(0, whole.length), whole, "after many writes");
    },
  },
  {
    name: "takes offsets above 2^32",
    needs: "farOffset",
    run(subject) {
      const far = subject.options.farOffset ?? 2 ** 32 + 5;
      subject.store.writeAt(0, bytes(1, 2, 3));
      subject.store.writeAt(far, bytes(4, 5, 6));
      subject.ends(far + 3, "after a write far out");
      subject.holds(far, bytes(4, 5, 6), "after a write far out");
      sameBytes(subject.read(far - 4, 4), bytes(0, 0, 0, 0), "before what was written far out");
      sameBytes(subject.read(0, 5), bytes(1, 2, 3, 0, 0), "the beginning");
      subject.store.truncate(3);
      subject.ends(3, "after truncate");
    },
  },
  {
    name: "readAhead, where it is offered, reads as readAt does",
    part: "readAhead",
    async run(subject) {
      const { store } = subject;
      if (store.readAhead === undefined) return;
      store.writeAt(0, bytes(1, 2, 3, 4, 5, 6, 7, 8));
      for (const [offset, length] of [
        [2, 12],
        [0, 3],
        [8, 4],
        [500, 4],
      ] as const) {
        const whole = filled(length + 16, 0xee);
        const into = whole.subarray(7, 7 + length);
        const what = `readAhead of ${length} bytes at ${offset}`;
        const got = subject.count(
          await subject.settled(store.readAhead(offset, into), what),
          length,
          "readAhead",
        );
        sameBytes(into.subarray(0, got), subject.read(offset, length), what);
        sameBytes(whole.subarray(0, 7), filled(7, 0xee), `${what}, the buffer before its part`);
        sameBytes(whole.subarray(7 + got), filled(length + 9 - got, 0xee), `${what}, the rest of the buffer`);
      }
    },
  },
];

const cutting: readonly ConformanceCheck[] = [
  {
    name: "truncate discards the end, and only that",
    run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3, 4, 5));
      subject.store.truncate(3);
      subject.ends(3, "after truncate(3)");
      subject.holds(0, bytes(1, 2, 3), "after truncate(3)");
      subject.store.truncate(3);
      subject.ends(3, "after the same truncate again");
      subject.store.truncate(0);
      subject.ends(0, "after truncate(0)");
      subject.store.writeAt(0, bytes(7));
      subject.holds(0, bytes(7), "after truncate(0) and a write");
    },
  },
  {
    name: "truncate at the end or beyond changes nothing",
    async run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3));
      for (const length of [3, 4, 5000]) {
        subject.store.truncate(length);
        subject.ends(3, `after truncate(${length}) of 3 bytes`);
        subject.holds(0, bytes(1, 2, 3), `after truncate(${length}) of 3 bytes`);
      }
      await subject.settled(subject.store.flush(), "flush");
      subject.store.writeAt(3, bytes(4));
      subject.holds(0, bytes(1, 2, 3, 4), "after truncate(5000) of 3 bytes, a flush and a write");
    },
  },
  {
    name: "what truncate discarded never comes back: a later gap over it reads as zeros",
    run(subject) {
      subject.store.writeAt(0, filled(50, 9));
      subject.store.truncate(10);
      subject.store.writeAt(30, bytes(1));
      subject.holds(8, bytes(9, 9, ...new Uint8Array(20), 1), "after truncate(10) and a write at 30");
    },
  },
  {
    name: "nor does it where it was flushed before, and was many pages long",
    run(subject) {
      const long = Math.min(50_000, subject.options.growBytes ?? 50_000);
      subject.store.writeAt(0, filled(long, 9));
      subject.store.flushBlocking();
      subject.store.truncate(10);
      subject.store.writeAt(long, bytes(1));
      const expected = new Uint8Array(long + 1);
      expected.fill(9, 0, 10);
      expected[long] = 1;
      const when = `after truncate(10) of ${long} flushed bytes and a write at ${long}`;
      sameBytes(subject.read(0, long + 8), expected, when);
      subject.store.flushBlocking();
      sameBytes(subject.read(0, long + 8), expected, `${when}, flushed`);
    },
  },
  {
    name: "truncateBefore answers the head, never past what was asked",
    run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3));
      const head = subject.store.truncateBefore(2);
      holds(head === 0 || (head > 0 && head <= 2), `truncateBefore(2) answered ${String(head)}`);
      same(subject.store.head, head, "head after truncateBefore");
    },
  },
  {
    name: "truncateBefore leaves the rest where it was",
    run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3, 4));
      subject.store.truncateBefore(2);
      subject.ends(4, "after truncateBefore(2)");
      subject.holds(2, bytes(3, 4), "after truncateBefore(2)");
      subject.store.writeAt(4, bytes(5));
      subject.holds(2, bytes(3, 4, 5), "after truncateBefore(2) and a write");
    },
  },
  {
    name: "the head never goes back",
    run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3, 4));
      const head = subject.store.truncateBefore(3);
      same(subject.store.truncateBefore(1), head, "truncateBefore(1) after truncateBefore(3)");
      same(subject.store.head, head, "head");
    },
  },
];

const flushing: readonly ConformanceCheck[] = [
  {
    name: "flushes, in both forms",
    async run(subject) {
      subject.store.writeAt(0, bytes(1));
      await subject.settled(subject.store.flush(), "flush");
      subject.store.writeAt(1, bytes(2));
      subject.store.flushBlocking();
      subject.store.truncate(1);
      await subject.settled(subject.store.flush(), "flush");
      subject.holds(0, bytes(1), "after flushes");
    },
  },
  {
    name: "what is not a promise by contract is done on return",
    run(subject) {
      const { store } = subject;
      const answers: readonly (readonly [string, unknown])[] = [
        ["writeAt", store.writeAt(0, bytes(1, 2, 3))],
        ["flushBlocking", store.flushBlocking()],
        ["truncate", store.truncate(2)],
      ];
      for (const [call, answer] of answers) {
        if (answer instanceof Promise) answer.catch(() => {});
        holds(!(answer instanceof Promise), `${call} answered a promise: only flush and readAhead may`);
      }
      holds(store.flush() instanceof Promise, "flush answered no promise");
    },
  },
  {
    name: "while a flush is pending every other call may come",
    async run(subject) {
      const { store } = subject;
      store.writeAt(0, bytes(1, 2, 3));
      const first = store.flush();
      store.writeAt(3, bytes(4, 5));
      subject.holds(0, bytes(1, 2, 3, 4, 5), "while a flush is pending");
      const second = store.flush();
      store.truncate(4);
      store.flushBlocking();
      store.writeAt(4, bytes(6));
      await subject.settled(Promise.all([first, second]), "flush beside other calls");
      subject.holds(0, bytes(1, 2, 3, 4, 6), "after the flushes");
    },
  },
  {
    name: "a flush under way settles when the store is closed beside it",
    async run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3));
      const pending = subject.store.flush().catch(() => {});
      subject.close();
      await subject.settled(pending, "a flush beside close");
    },
  },
  {
    name: "a readAhead under way settles when the store is closed beside it",
    part: "readAhead",
    async run(subject) {
      if (subject.store.readAhead === undefined) return;
      subject.store.writeAt(0, bytes(1, 2, 3));
      const pending = subject.store.readAhead(0, new Uint8Array(3)).catch(() => 0);
      subject.close();
      await subject.settled(pending, "a readAhead beside close");
    },
  },
  {
    name: "a failed flush rejects, with what failed",
    needs: "failFlush",
    async run(subject) {
      subject.store.writeAt(0, bytes(1));
      subject.options.failFlush?.(subject.store);
      const error = await subject.settled(failureOf(subject.store.flush()), "a flush that fails");
      holds(error !== null, `flush resolved after failFlush: ${notBroken}`);
      holds(error instanceof Error, `a flush that failed rejected with ${String(error)}, which is no Error`);
    },
  },
  {
    name: "a failed blocking flush throws, with what failed",
    needs: "failFlush",
    run(subject) {
      subject.store.writeAt(0, bytes(1));
      subject.options.failFlush?.(subject.store);
      const error = thrownBy(() => subject.store.flushBlocking());
      holds(error !== null, `flushBlocking returned after failFlush: ${notBroken}`);
      holds(error instanceof Error, `a flushBlocking that failed threw ${String(error)}, which is no Error`);
    },
  },
  {
    name: "a blocking flush beside one that fails is told of it too",
    needs: "failFlush",
    async run(subject) {
      subject.store.writeAt(0, bytes(1));
      subject.options.failFlush?.(subject.store);
      const pending = failureOf(subject.store.flush());
      const blocking = thrownBy(() => subject.store.flushBlocking());
      const failure = await subject.settled(pending, "a flush that fails");
      // Which of the two comes first is the system's; that neither says yes for the other's bytes is not.
      const later = blocking === null ? thrownBy(() => subject.store.flushBlocking()) : null;
      holds(failure !== null, `the first of two flushes resolved after failFlush: ${notBroken}`);
      holds(
        blocking !== null || later !== null,
        "flushBlocking said yes beside and after a flush that failed",
      );
    },
  },
];

const lasting: readonly ConformanceCheck[] = [
  {
    name: "what was flushed is there when it is opened again",
    needs: "reopen",
    async run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3));
      await subject.settled(subject.store.flush(), "flush");
      subject.store.writeAt(3, bytes(4, 5));
      subject.store.flushBlocking();
      const again = await subject.reopened();
      try {
        again.ends(5, "opened again");
        again.holds(0, bytes(1, 2, 3, 4, 5), "opened again");
        again.store.writeAt(5, bytes(6));
        again.holds(0, bytes(1, 2, 3, 4, 5, 6), "written to after it was opened again");
      } finally {
        again.close();
      }
    },
  },
  {
    name: "what truncate discarded is not there when it is opened again",
    needs: "reopen",
    async run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3, 4, 5));
      subject.store.flushBlocking();
      subject.store.truncate(2);
      subject.store.flushBlocking();
      const again = await subject.reopened();
      try {
        again.ends(2, "opened again");
        again.holds(0, bytes(1, 2), "opened again");
      } finally {
        again.close();
      }
    },
  },
  {
    name: "the head stays when it is opened again",
    needs: "reopen",
    async run(subject) {
      subject.store.writeAt(0, bytes(1, 2, 3, 4));
      const head = subject.store.truncateBefore(2);
      subject.store.flushBlocking();
      const again = await subject.reopened();
      try {
        same(again.store.head, head, "head, opened again");
        again.holds(2, bytes(3, 4), "opened again");
      } finally {
        again.close();
      }
    },
  },
  {
    name: "the mark, where it is offered, keeps its bytes",
    part: "mark",
    async run(subject) {
      const mark = subject.store.side?.mark;
      if (mark === undefined) return;
      sameBytes(mark.read(), bytes(), "a mark that was never written");
      mark.write(0, bytes(1, 2, 3, 4));
      mark.write(2, bytes(9));
      sameBytes(mark.read(), bytes(1, 2, 9, 4), "the mark");
      mark.flush();
      if (subject.options.reopen === undefined) return;
      const again = await subject.reopened();
      try {
        sameBytes(again.store.side?.mark?.read() ?? bytes(), bytes(1, 2, 9, 4), "the mark, opened again");
      } finally {
        again.close();
      }
    },
  },
  {
    name: "the lock, where it is offered, keeps a second one out and goes with close",
    part: "lock",
    needs: "reopen",
    async run(subject) {
      if (subject.store.side?.lock === undefined) return;
      subject.store.side.lock();
      const second = await subject.options.reopen?.(subject.store);
      const refusal = thrownBy(() => second?.side?.lock?.());
      second?.close();
      holds(
        refusal instanceof WalError && refusal.code === "WAL_LOCKED",
        `a second lock gave ${String(refusal)}`,
      );
      const again = await subject.reopened();
      try {
        again.store.side?.lock?.();
      } finally {
        again.close();
      }
    },
  },
  {
    name: "quarantine, where it is offered, gives a name and changes nothing",
    part: "quarantine",
    run(subject) {
      const { side } = subject.store;
      if (side?.quarantine === undefined) return;
      subject.store.writeAt(0, bytes(1, 2, 3, 4));
      const name = side.quarantine(1, 4);
      holds(typeof name === "string" && name !== "", `quarantine answered ${JSON.stringify(name)}`);
      subject.ends(4, "after quarantine");
      subject.holds(0, bytes(1, 2, 3, 4), "after quarantine");
    },
  },
];

const together: readonly ConformanceCheck[] = [
  {
    name: "calls at random agree with plain bytes",
    async run(subject) {
      const seed = subject.options.seed ?? 1;
      const random = new Random(seed);
      let model = bytes();
      for (let step = 0; step < 120; step++) {
        model = await randomStep(subject, random, model);
        const when = `seed ${seed}, step ${step}`;
        subject.ends(model.length, when);
        const from = random.next(model.length + 1);
        subject.holds(from, model.subarray(from), when);
      }
    },
  },
  {
    name: "a log on it: appends, syncs, reads, and is cut at both ends",
    async run(subject) {
      const wal = await logOn(subject);
      const lsns = wal.appendBatch(["one", "two", "three"]);
      await subject.settled(wal.sync(), "sync of a log");
      const four = await subject.settled(wal.appendAndSync("four"), "appendAndSync of a log");
      same(wal.durable, wal.end, "durable after a sync");
      await subject.settled(wal.truncateAfter(lsns[2] ?? four), "truncateAfter of a log");
      const head = await subject.settled(wal.truncateBefore(lsns[1] ?? four), "truncateBefore of a log");
      const expected = head === 0 ? "one,two,three" : "two,three";
      same(Array.from(wal, (record) => record.text()).join(), expected, "the records");
      const ahead = await subject.settled(readAhead(wal), "a log read by for await");
      same(ahead.join(), expected, "the records, read ahead");
    },
  },
  {
    name: "a log on it: a torn end is cut off, and the log goes on from there",
    async run(subject) {
      const image = await tornImage();
      subject.store.writeAt(0, image.bytes);
      subject.store.flushBlocking();
      const wal = await logOn(subject);
      same(wal.end, image.intact, "the end of the log after recovery");
      subject.ends(image.intact, "after recovery has cut the torn end off");
      wal.append("three");
      await subject.settled(wal.sync(), "sync of a log");
      same(Array.from(wal, (record) => record.text()).join(), "one,two,three", "the records");
    },
  },
  {
    name: "a log on it: closed and opened again, it is all there",
    needs: "reopen",
    async run(subject) {
      const wal = await logOn(subject);
      for (let i = 0; i < 20; i++) wal.append(`record ${i} ${"x".repeat(i * 7)}`);
      await subject.settled(wal.close(), "close of a log");
      subject.closedByLog();
      const again = await logOn(await subject.reopened());
      try {
        const texts = Array.from(again, (record) => record.text().trimEnd().replace(/ x+$/, ""));
        same(texts.join(), Array.from({ length: 20 }, (_, i) => `record ${i}`).join(), "the records");
        same(again.recovery.damage, null, "damage after an orderly close");
      } finally {
        await subject.settled(again.close(), "close of a log");
      }
    },
  },
  {
    name: "a log on it: a failed flush poisons it, for good",
    needs: "failFlush",
    async run(subject) {
      const wal = await logOn(subject);
      wal.append("one");
      subject.options.failFlush?.(subject.store);
      const first = await subject.settled(failureOf(wal.sync()), "a sync that fails");
      const then = thrownBy(() => wal.append("two"));
      for (const error of [first, then]) {
        const code = error instanceof WalError ? error.code : String(error);
        same(code, "WAL_POISONED", "after a failed flush");
      }
    },
  },
];

async function randomStep(
  subject: ConformanceSubject,
  random: Random,
  model: Uint8Array,
): Promise<Uint8Array> {
  const { store } = subject;
  const act = random.next(10);
  if (act === 0) {
    await subject.settled(store.flush(), "flush");
    return model;
  }
  if (act === 1) {
    store.flushBlocking();
    return model;
  }
  if (act === 2) {
    const length = random.next(model.length + 1);
    store.truncate(length);
    return model.slice(0, length);
  }
  // Mostly at the end, now and then over what is there, now and then past a gap.
  const at = act === 3 ? random.next(model.length + 1) : model.length + (act === 4 ? random.next(40) : 0);
  const written = random.bytes(random.next(60) + 1);
  store.writeAt(at, written);
  const grown = new Uint8Array(Math.max(model.length, at + written.length));
  grown.set(model);
  grown.set(written, at);
  return grown;
}

function logOn(subject: ConformanceSubject): Promise<Wal> {
  return subject.settled(Wal.withStore(subject.store), "Wal.withStore");
}

async function readAhead(wal: Wal): Promise<string[]> {
  const texts: string[] = [];
  for await (const record of wal) texts.push(record.text());
  return texts;
}

/** The bytes of a log of two records, and the first half of a third. */
async function tornImage(): Promise<{ bytes: Uint8Array; intact: number }> {
  const store = new MemStore();
  const wal = await Wal.withStore(store);
  wal.append("one");
  wal.append("two");
  const intact: number = wal.end;
  wal.append("a record of which only a part is there");
  return { bytes: store.toBytes().slice(0, intact + 20), intact };
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return null;
  } catch (error) {
    return error;
  }
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
    return null;
  } catch (error) {
    return error;
  }
}

export const conformanceChecks: readonly ConformanceCheck[] = [
  ...reading,
  ...cutting,
  ...flushing,
  ...lasting,
  ...together,
];
