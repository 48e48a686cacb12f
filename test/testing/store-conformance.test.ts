/** Every check of the conformance suite is shown to fire, on a store that is wrong in that one way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemStore, WalError, type StoreSide, type WalStore } from "wal-db";
import { ConformanceError, FaultStore, storeConformance, type StoreConformanceOptions } from "wal-db/testing";

type Options = Partial<StoreConformanceOptions>;

interface Wrong {
  readonly make: () => WalStore;
  readonly options?: Options;
  /** What the check must say of it. Default: anything, the store's own error too. */
  readonly says?: RegExp;
}

/** A memory store of which one method is another. */
function storeWith(change: (store: MemStore) => Partial<Record<keyof WalStore, unknown>>): () => WalStore {
  return () => {
    const store = new MemStore();
    for (const [name, value] of Object.entries(change(store))) {
      Object.defineProperty(store, name, { value, configurable: true });
    }
    return store;
  };
}

function writing(writeAt: (store: MemStore, offset: number, bytes: Uint8Array) => unknown): Wrong {
  return {
    make: storeWith((store) => {
      const right = MemStore.prototype.writeAt.bind(store);
      return {
        writeAt: (offset: number, bytes: Uint8Array) => writeAt(withWrite(store, right), offset, bytes),
      };
    }),
  };
}

/** The store, whose `writeAt` is the right one. */
function withWrite(store: MemStore, writeAt: MemStore["writeAt"]): MemStore {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "writeAt") return writeAt;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const zeros = (length: number): Uint8Array => new Uint8Array(length);
const right: Options = {
  reopen: (closed) => new MemStore((closed as MemStore).toBytes(), closed.head),
};

/** What a reopened store holds, made from what the closed one held. */
function reopening(reopen: (closed: MemStore) => WalStore): Wrong {
  return { make: () => new MemStore(), options: { reopen: (closed) => reopen(closed as MemStore) } };
}

class NeverMark {
  read(): Uint8Array {
    return zeros(0);
  }
  write(): void {}
  flush(): void {}
}

/** Two flushes of the log may fail: its own, and one that recovery began. */
const failing: Options = {
  failFlush: (store) =>
    (store as FaultStore).inject({ call: "flush", times: 2, effect: { kind: "fail", errno: "EIO" } }),
};

class SwallowingStore extends FaultStore {
  readonly which: "flush" | "flushBlocking" | "both";
  constructor(which: "flush" | "flushBlocking" | "both") {
    super(new MemStore());
    this.which = which;
  }
  override async flush(): Promise<void> {
    if (this.which === "flushBlocking") return super.flush();
    await super.flush().catch(() => {});
  }
  override flushBlocking(): void {
    if (this.which === "flush") return super.flushBlocking();
    try {
      super.flushBlocking();
    } catch {
      // Said to nobody.
    }
  }
}

function side(of: StoreSide): Wrong {
  return { make: storeWith(() => ({ side: of })) };
}

const never = (): Promise<never> => new Promise(() => {});

/** Skips the pages in which nothing but zeros stands, and leaves in the buffer what it held. */
function withoutPages(pageBytes: number): Wrong {
  return {
    make: storeWith((store) => ({
      readAt(offset: number, into: Uint8Array) {
        const read = zeros(into.length);
        const got = MemStore.prototype.readAt.call(store, offset, read);
        for (let at = 0; at < got;) {
          const end = Math.min(got, (Math.floor((offset + at) / pageBytes) + 1) * pageBytes - offset);
          const page = read.subarray(at, end);
          if (page.some((byte) => byte !== 0)) into.set(page, at);
          at = end;
        }
        return got;
      },
    })),
  };
}

/** By check: a store that fails it. Most fail others as well. */
const wrongs: Readonly<Record<string, Wrong>> = {
  "begins empty, its head at 0": {
    make: storeWith(() => ({ readAt: (_offset: number, into: Uint8Array) => into.length })),
  },
  "has the parts that are expected of it": {
    make: () => new MemStore(),
    options: { expect: ["quarantine", "mark"] },
    says: /offers no mark/,
  },
  // A loop around short writes that was forgotten: nothing that a log writes by itself shows it.
  "writes many pages in one call": {
    ...writing((store, offset, bytes) => store.writeAt(offset, bytes.subarray(0, 65_536))),
    says: /a write of 300000 bytes in one call, length: expected 300001, found 65537/,
  },
  // The whole buffer that a view lies in, filled from its beginning.
  "reads into a part of a larger buffer, and only that": {
    make: storeWith((store) => ({
      readAt: (offset: number, into: Uint8Array) =>
        MemStore.prototype.readAt.call(store, offset, new Uint8Array(into.buffer, 0, into.length)),
    })),
    says: /into a buffer, from its byte 7 on: .* the first difference is at 0/,
  },
  "gives back what was written": writing((store, offset, bytes) =>
    store.writeAt(offset, offset === 7 ? zeros(bytes.length) : bytes),
  ),
  "writes over what was there, as recovery does": writing((store, offset, bytes) => {
    if (offset >= store.length) store.writeAt(offset, bytes);
  }),
  "keeps a copy of what it was given": {
    make: () => {
      let kept = zeros(0);
      return Object.assign(storeWith(() => ({}))(), {
        writeAt: (_offset: number, bytes: Uint8Array) => void (kept = bytes),
        readAt: (offset: number, into: Uint8Array) => {
          const part = kept.subarray(offset, offset + into.length);
          into.set(part);
          return part.length;
        },
      });
    },
  },
  "writing no bytes changes nothing": writing((store, offset, bytes) =>
    store.writeAt(offset, bytes.length === 0 ? zeros(1) : bytes),
  ),
  "a gap before a write reads as zeros": writing((store, offset, bytes) => {
    if (offset > store.length) store.writeAt(store.length, zeros(offset - store.length).fill(0xee));
    store.writeAt(offset, bytes);
  }),
  "a gap over what a buffer held reads as zeros": {
    make: storeWith((store) => ({
      readAt(offset: number, into: Uint8Array) {
        const read = zeros(into.length);
        const got = MemStore.prototype.readAt.call(store, offset, read);
        // As one that skips the parts of a buffer for which it has no file.
        for (let i = 0; i < got; i++) if (read[i] !== 0) into[i] = read[i] as number;
        return got;
      },
    })),
  },
  // As one that has no page where nothing was written, and fills in what it has.
  "a gap of many pages over what a buffer held reads as zeros": {
    ...withoutPages(4096),
    says: /a buffer that held other bytes: .* expected 0, found 238/,
  },
  "a read at the end is short, and past the end empty": {
    make: storeWith((store) => ({
      readAt(offset: number, into: Uint8Array) {
        const got = MemStore.prototype.readAt.call(store, offset, into);
        return offset >= 1000 ? into.length : got;
      },
    })),
  },
  "a read leaves the rest of the buffer alone": {
    make: storeWith((store) => ({
      readAt(offset: number, into: Uint8Array) {
        into.fill(0);
        return MemStore.prototype.readAt.call(store, offset, into);
      },
    })),
  },
  "reading changes nothing": {
    make: storeWith((store) => ({
      readAt(offset: number, into: Uint8Array) {
        if (offset === 100) store.writeAt(offset, zeros(1));
        return MemStore.prototype.readAt.call(store, offset, into);
      },
    })),
  },
  "grows without losing a byte": writing((store, offset, bytes) => {
    const kept = bytes.slice();
    if (offset < 65_536 && offset + bytes.length > 65_536) kept[65_536 - offset] = 0;
    store.writeAt(offset, kept);
  }),
  "takes offsets above 2^32": {
    make: storeWith((store) => ({
      writeAt: (offset: number, bytes: Uint8Array) =>
        MemStore.prototype.writeAt.call(store, offset >>> 0, bytes),
    })),
  },
  "readAhead, where it is offered, reads as readAt does": {
    make: storeWith((store) => ({
      readAhead: (offset: number, into: Uint8Array) => Promise.resolve(store.readAt(offset + 1, into)),
    })),
  },
  "truncate at the end or beyond changes nothing": {
    // As ftruncate does, which makes a file longer.
    make: storeWith((store) => ({
      truncate(length: number) {
        if (length > store.length) store.writeAt(store.length, zeros(length - store.length));
        else MemStore.prototype.truncate.call(store, length);
      },
    })),
    says: /after truncate\(4\) of 3 bytes, length: expected 3, found 4/,
  },
  "truncate discards the end, and only that": { make: storeWith(() => ({ truncate: () => {} })) },
  "what truncate discarded never comes back: a later gap over it reads as zeros": {
    make: storeWith((store) => {
      let cut = zeros(0);
      return {
        truncate(length: number) {
          cut = store.toBytes();
          MemStore.prototype.truncate.call(store, length);
        },
        writeAt(offset: number, bytes: Uint8Array) {
          const from = store.length;
          MemStore.prototype.writeAt.call(store, offset, bytes);
          if (offset > from) MemStore.prototype.writeAt.call(store, from, cut.subarray(from, offset));
        },
      };
    }),
  },
  "nor does it where it was flushed before, and was many pages long": {
    // As PageStore of examples/ did at first: a page that was cut off was read again from its place.
    make: storeWith((store) => {
      let flushed = zeros(0);
      return {
        flushBlocking: () => void (flushed = store.toBytes()),
        writeAt(offset: number, bytes: Uint8Array) {
          const from = store.length;
          MemStore.prototype.writeAt.call(store, offset, bytes);
          const page = Math.ceil(from / 4096) * 4096;
          if (offset > page) MemStore.prototype.writeAt.call(store, page, flushed.subarray(page, offset));
        },
      };
    }),
  },
  "truncateBefore answers the head, never past what was asked": {
    make: storeWith(() => ({ truncateBefore: (offset: number) => offset + 1 })),
  },
  "truncateBefore leaves the rest where it was": {
    make: storeWith((store) => ({
      truncateBefore(offset: number) {
        const rest = store.toBytes().slice(offset);
        store.truncate(0);
        store.writeAt(0, rest);
        return 0;
      },
    })),
  },
  "the head never goes back": { make: storeWith(() => ({ truncateBefore: (offset: number) => offset })) },
  "flushes, in both forms": {
    make: storeWith(() => ({
      flushBlocking: () => {
        throw new Error("not here");
      },
    })),
  },
  "what is not a promise by contract is done on return": writing(async (store, offset, bytes) => {
    store.writeAt(offset, bytes);
  }),
  "while a flush is pending every other call may come": {
    make: storeWith((store) => {
      let flushing = 0;
      return {
        async flush() {
          flushing++;
          await Promise.resolve();
          flushing--;
        },
        writeAt(offset: number, bytes: Uint8Array) {
          if (flushing > 0) throw new Error("busy");
          MemStore.prototype.writeAt.call(store, offset, bytes);
        },
      };
    }),
  },
  "a flush under way settles when the store is closed beside it": {
    make: storeWith(() => ({ flush: never })),
  },
  "a readAhead under way settles when the store is closed beside it": {
    make: storeWith(() => ({ readAhead: never })),
  },
  "a failed flush rejects, with what failed": { make: () => new SwallowingStore("flush"), options: failing },
  "a failed blocking flush throws, with what failed": {
    make: () => new SwallowingStore("flushBlocking"),
    options: failing,
  },
  "a blocking flush beside one that fails is told of it too": {
    make: () => new SwallowingStore("flushBlocking"),
    options: failing,
  },
  "what was flushed is there when it is opened again": reopening(
    (closed) => new MemStore(closed.toBytes().subarray(0, 4)),
  ),
  "what truncate discarded is not there when it is opened again": reopening(
    () => new MemStore(Uint8Array.of(1, 2, 3, 4, 5)),
  ),
  "the head stays when it is opened again": reopening((closed) => {
    const bytes = zeros(closed.length);
    bytes.set(closed.toBytes(), closed.head);
    return new MemStore(bytes);
  }),
  "the mark, where it is offered, keeps its bytes": side({ mark: new NeverMark() }),
  "the lock, where it is offered, keeps a second one out and goes with close": {
    ...side({ lock: () => {} }),
    options: { reopen: () => side({ lock: () => {} }).make() },
  },
  "quarantine, where it is offered, gives a name and changes nothing": side({ quarantine: () => "" }),
  "calls at random agree with plain bytes": writing((store, offset, bytes) => {
    const kept = bytes.slice();
    if (bytes.length > 50) kept[50] = (kept[50] as number) ^ 1;
    store.writeAt(offset, kept);
  }),
  "a log on it: appends, syncs, reads, and is cut at both ends": {
    make: storeWith((store) => ({
      truncate: (length: number) => MemStore.prototype.truncate.call(store, length - 1),
    })),
  },
  "a log on it: a torn end is cut off, and the log goes on from there": {
    make: storeWith(() => ({ truncate: () => {} })),
  },
  "a log on it: closed and opened again, it is all there": reopening(
    (closed) => new MemStore(closed.toBytes().slice(0, -1)),
  ),
  "a log on it: a failed flush poisons it, for good": {
    make: () => new SwallowingStore("both"),
    options: failing,
  },
};

/** The checks by name, not run. */
function checksOf(make: () => WalStore, options: Options): Map<string, () => Promise<void>> {
  const checks = new Map<string, () => Promise<void>>();
  storeConformance(make, { ...options, test: (name, body) => checks.set(name, body) });
  return checks;
}

const all = checksOf(() => new MemStore(), { ...right, ...failing, expect: [] });

test("there is a wrong store for every check, and a check for every wrong store", () => {
  assert.ok(all.size > 30);
  assert.deepEqual(Object.keys(wrongs).toSorted(), [...all.keys()].toSorted());
});

for (const [name, wrong] of Object.entries(wrongs)) {
  test(`a store that is wrong is found out: ${name}`, async () => {
    const options = { ...right, settleMilliseconds: 20, ...wrong.options };
    const check = checksOf(wrong.make, { expect: [], ...options }).get(name);
    assert.ok(check !== undefined);
    await assert.rejects(check(), (error: unknown) => {
      assert.ok(error instanceof Error && error.message.length > 0);
      if (wrong.says !== undefined) assert.match(error.message, wrong.says);
      // Where the store itself throws, or the log on it refuses, that is as good a reason.
      assert.ok(!(error instanceof TypeError), `${name}: the check itself broke: ${error.stack}`);
      return true;
    });
  });
}

/** What a check says of a store, and "" where it passes. */
async function verdict(name: string, make: () => WalStore, options: Options = {}): Promise<string> {
  const check = checksOf(make, options).get(name);
  assert.ok(check !== undefined);
  try {
    await check();
    return "";
  } catch (error) {
    assert.ok(error instanceof ConformanceError, String(error));
    return error.message;
  }
}

test("what the suite says names the call, what was expected and what was found", async () => {
  const { make } = writing(() => {});
  assert.equal(
    await verdict("gives back what was written", make),
    "after 7 and 2 bytes, length: expected 9, found 0",
  );
});

test("a write of which a front of any length is made is found", async () => {
  for (const most of [4096, 32_768, 65_536, 131_072]) {
    const short = writing((store, offset, bytes) => store.writeAt(offset, bytes.subarray(0, most)));
    assert.match(await verdict("writes many pages in one call", short.make), /found \d+/);
  }
});

test("a gap that is not filled in is found, whatever the size of pages", async () => {
  for (const pageBytes of [64, 512, 4096, 16_384]) {
    const said = await verdict(
      "a gap of many pages over what a buffer held reads as zeros",
      withoutPages(pageBytes).make,
    );
    assert.match(said, /expected 0, found 238/);
  }
});

test("readAhead into a part of a buffer is held against the whole", async () => {
  const make = storeWith((store) => ({
    readAhead: async (offset: number, into: Uint8Array) =>
      store.readAt(offset, new Uint8Array(into.buffer, 0, into.length)),
  }));
  assert.match(
    await verdict("readAhead, where it is offered, reads as readAt does", make),
    /first difference/,
  );
});

test("one store for all tests is named as what it is, and so is a place that is not empty", async () => {
  const shared = new MemStore();
  const checks = checksOf(() => shared, right);
  await checks.get("begins empty, its head at 0")?.();
  await assert.rejects(checks.get("gives back what was written")?.() ?? Promise.resolve(), {
    name: "ConformanceError",
    message: "makeStore gave the store of an earlier test again: it must make a new one each time",
  });
  assert.match(
    await verdict("gives back what was written", () => new MemStore(Uint8Array.of(1))),
    /^makeStore gave a store that is not empty, its length 1 and its head 0/,
  );
});

test("a flush that never settles is named by every log on it, before Vitest's five seconds are over", async () => {
  const make = storeWith(() => ({ flush: never, readAhead: never }));
  const ofLogs = [...checksOf(make, { ...right, ...failing }).keys()].filter((name) =>
    name.startsWith("a log"),
  );
  assert.equal(ofLogs.length, 4);
  for (const name of ofLogs) {
    const options = { ...right, failFlush: () => {}, settleMilliseconds: 20 };
    assert.match(await verdict(name, make, options), /has not settled in 20 ms$/);
  }
  const started = performance.now();
  const said = await verdict("flushes, in both forms", make);
  assert.equal(said, "flush has not settled in 4000 ms");
  assert.ok(performance.now() - started >= 3990);
});

test("a part that the store does not offer is skipped, where the runner can, and with the reason", async () => {
  const bare = storeWith(() => ({ side: undefined }));
  const skipped: unknown[] = [];
  const skip = (why: unknown): number => skipped.push(why);
  // The context of node:test is an object; that of Vitest is a function, and was not seen as one at first.
  for (const context of [{ skip }, Object.assign(() => {}, { skip })]) {
    const bodies: Promise<void>[] = [];
    storeConformance(bare, {
      ...right,
      test: (_name, body) => {
        assert.equal(body.length, 0, "a parameter would be taken for a callback by Mocha and Jest");
        bodies.push(body(context));
      },
    });
    await Promise.all(bodies);
    assert.deepEqual(skipped.splice(0), [
      "the store offers no readAhead",
      "the store offers no readAhead",
      "the store offers no mark",
      "the store offers no lock",
      "the store offers no quarantine",
    ]);
  }
  // Without anything to skip by it passes, as it did.
  assert.equal(await verdict("the mark, where it is offered, keeps its bytes", () => new MemStore()), "");
});

test("a failFlush that breaks nothing is thought of", async () => {
  const options: Options = { failFlush: () => {} };
  const names = [...checksOf(() => new MemStore(), options).keys()];
  const flushes = names.filter((name) =>
    /failed .*flush (?:rejects|throws)|beside one that fails/.test(name),
  );
  assert.equal(flushes.length, 3);
  for (const name of flushes) {
    assert.match(
      await verdict(name, () => new MemStore(), options),
      /or the option failFlush does not break/,
    );
  }
});

test("checks that need an option are left out without it; the name goes in front", () => {
  const few = checksOf(() => new MemStore(), { farOffset: 0, name: "mine" });
  assert.ok(few.size < all.size);
  assert.ok(few.has("mine: begins empty, its head at 0"));
  assert.ok(![...few.keys()].some((name) => /opened again|failed flush|2\^32/.test(name)));
});

test("a store is closed and cleaned up after its check, whether it held or not, and closed once", async () => {
  for (const image of [zeros(0), zeros(1)]) {
    const events: string[] = [];
    const make = (): WalStore => storeWith(() => ({ close: () => events.push("close") }))();
    const first = image.length === 0 ? make : () => Object.assign(make(), { readAt: () => -1 });
    const checks = new Map<string, () => Promise<void>>();
    storeConformance(
      (scope) => {
        scope.after(() => void events.push("removed"));
        return first();
      },
      { test: (name, body) => checks.set(name, body) },
    );
    await checks
      .get("gives back what was written")?.()
      .catch(() => {});
    assert.deepEqual(events, ["close", "removed"]);
  }
});

test("a lock that refuses with another code is found out", async () => {
  let taken = false;
  const lock = (): void => {
    if (taken) throw new WalError("WAL_IO", "taken");
    taken = true;
  };
  const make = side({ lock }).make;
  const name = "the lock, where it is offered, keeps a second one out and goes with close";
  await assert.rejects(
    checksOf(make, { reopen: () => make() }).get(name)?.() ?? Promise.resolve(),
    /a second lock gave/,
  );
});
