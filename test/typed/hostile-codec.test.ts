/** A codec may do anything: the log stays whole, and the caller is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Codec, type Lsn, MemStore, type TypedWal, Wal, WalError } from "wal-db";
import { logOf } from "../support/plain-format.ts";
import { walFault } from "../support/wal-fault.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const text: Codec<string> = { encode: bytesOf, decode: (bytes) => new TextDecoder().decode(bytes) };

function openMem(): { readonly wal: Wal; readonly store: MemStore } {
  const store = new MemStore();
  return { wal: Wal.withStoreBlocking(store, { maxRecordSize: 100_000 }), store };
}

function holds(store: MemStore, texts: readonly string[]): void {
  assert.equal(Buffer.compare(store.toBytes(), logOf(texts.map(bytesOf))), 0, texts.join());
}

function caught(call: () => unknown): WalError {
  let caught: unknown = null;
  try {
    call();
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof WalError, `not a WalError: ${String(caught)}`);
  return caught;
}

// oxlint-disable-next-line unicorn/no-thenable -- on purpose
const thenable = { then: () => "a step of a recipe" };

/** A codec that encodes in one way or the other; who asks the second for bytes of its own gets the same. */
function encoding(encode: (value: never, target?: Uint8Array) => unknown, inPlace: boolean): Codec<string> {
  const call = encode as (value: string, target?: Uint8Array) => never;
  if (!inPlace) return { ...text, encode: call };
  const alone = (value: string): Uint8Array => {
    const target = new Uint8Array(200_000);
    const length: number = call(value, target);
    return length === -1 ? bytesOf(value) : target.subarray(0, length);
  };
  return { ...text, encode: alone, encodeInto: call };
}

const liar = new Error("fine");
Object.defineProperty(liar, "message", {
  get() {
    throw new Error("from the message");
  },
});
const symbolic = Object.assign(new Error(), { message: Symbol("message") });
const revoked = Proxy.revocable({}, {});
revoked.revoke();

const thrown: Readonly<Record<string, unknown>> = {
  "an error": new TypeError("not today"),
  "an error that says nothing": new Error(""),
  "a WalError": new WalError("WAL_IO", "of another log", { offset: 5 as Lsn, reason: "why" }),
  undefined: undefined,
  null: null,
  "a number": 5,
  "a symbol": Symbol("thrown"),
  "an object without a prototype": Object.create(null),
  "an error whose message throws": liar,
  "an error whose message is a symbol": symbolic,
  "a revoked proxy": revoked.proxy,
};

for (const [what, cause] of Object.entries(thrown)) {
  for (const inPlace of [false, true]) {
    test(`${inPlace ? "encodeInto" : "encode"} throws ${what}: WAL_ENCODING, and the log is unchanged`, async () => {
      const { wal, store } = openMem();
      const codec = encoding((value) => {
        if (value === "bad") throw cause;
        return inPlace ? -1 : bytesOf(value);
      }, inPlace);
      const typed = wal.typed(codec);
      typed.append("good");
      const before = { ...wal.stats() };
      const calls: (() => unknown)[] = [
        () => wal.appendTyped("bad", codec),
        () => typed.append("bad"),
        () => typed.appendBatch(["one", "two", "bad"]),
        () => typed.appendAndSyncBlocking("bad"),
      ];
      for (const call of calls) {
        const error = caught(call);
        assert.equal(error.code, "WAL_ENCODING");
        assert.equal(error.cause, cause);
        assert.equal("cause" in error, cause !== undefined);
        assert.equal(error.offset, undefined);
        assert.match(
          error.message,
          /^The codec cannot encode (this value|values\[2\], of 3): .+\. Nothing was appended\.$/,
        );
      }
      await assert.rejects(typed.appendAndSync("bad"), walFault("WAL_ENCODING"));
      assert.deepEqual({ ...wal.stats() }, before);
      typed.append("after");
      holds(store, ["good", "after"]);
      await wal.close();
    });
  }

  test(`decode throws ${what}: WAL_ENCODING with the LSN, and reading goes on`, async () => {
    const { wal } = openMem();
    const codec: Codec<string> = {
      encode: bytesOf,
      decode: (bytes) => {
        if (bytes[0] === 0x62) throw cause;
        return text.decode(bytes);
      },
    };
    const typed = wal.typed(codec);
    const [, bad] = typed.appendBatch(["a", "bad", "c"]) as [Lsn, Lsn, Lsn];
    const tells = (error: unknown): true => {
      walFault(
        "WAL_ENCODING",
        { offset: bad },
        /cannot decode the record at 9: .+\. The record is intact/,
      )(error);
      assert.equal((error as WalError).cause, cause);
      return true;
    };
    assert.throws(() => wal.read(bad).decode(codec), tells);
    assert.throws(() => typed.read(bad), tells);
    const walk = typed.iter();
    assert.equal(walk.next().value?.value, "a");
    assert.throws(() => walk.next(), tells);
    assert.equal(walk.next().value?.value, "c");
    assert.equal(walk.next().done, true);
    for (const records of [typed.iter()[Symbol.asyncIterator](), typed.follow()]) {
      assert.equal((await records.next()).value.value, "a");
      await assert.rejects(records.next(), tells);
      assert.equal((await records.next()).value.value, "c");
      await records.return?.();
    }
    assert.equal(wal.read(bad).text(), "bad", "the record is still there for whoever wants its bytes");
    await wal.close();
  });
}

test("what is not bytes is refused, in words", async () => {
  const { wal, store } = openMem();
  const gone = new Uint8Array(8);
  structuredClone(gone, { transfer: [gone.buffer] });
  const results: [unknown, RegExp][] = [
    ["text", /encode returned a string, and not a Uint8Array: new TextEncoder/],
    [undefined, /returned a undefined/],
    [null, /returned null/],
    [[1, 2, 3], /returned an object of class Array/],
    [new ArrayBuffer(3), /returned an object of class ArrayBuffer/],
    [new Uint16Array(3), /of class Uint16Array/],
    [new DataView(new ArrayBuffer(3)), /of class DataView/],
    [{ length: 3 }, /of class Object/],
    [Object.create(null), /of class \(none\)/],
    [new Proxy(new Uint8Array(3), {}), /bytes whose memory is gone/],
    [gone, /bytes whose memory is gone/],
    [Promise.resolve(new Uint8Array(3)), /encode returned a Promise, and a codec is synchronous/],
    [thenable, /encode returned a Promise/],
  ];
  for (const [result, message] of results) {
    const codec = encoding(() => result, false);
    assert.throws(() => wal.appendTyped("", codec), walFault("WAL_ENCODING", {}, message));
    assert.throws(() => wal.typed(codec).appendBatch([""]), walFault("WAL_ENCODING", {}, message));
    await assert.rejects(wal.typed(codec).appendAndSync(""), walFault("WAL_ENCODING", {}, message));
  }
  // Each would end the process, did it go unhandled.
  const rejecting = {
    encode: () => Promise.reject(new Error("late")),
    decode: () => Promise.reject(new Error("late")),
  };
  const asynchronous = rejecting as unknown as Codec<string>;
  assert.throws(
    () => wal.appendTyped("", asynchronous),
    walFault("WAL_ENCODING", { reason: "asynchronous" }),
  );
  const lsn = wal.append("a");
  const tells = walFault(
    "WAL_ENCODING",
    { offset: lsn, reason: "asynchronous" },
    /decode returned a Promise/,
  );
  assert.throws(() => wal.read(lsn).decode(asynchronous), tells);
  await new Promise((resolve) => setImmediate(resolve));
  holds(store, ["a"]);
  wal.closeBlocking();
});

test("a value with a method `then` is no Promise when it is decoded", () => {
  const { wal } = openMem();
  const lsn = wal.append("x");
  const codec = { encode: () => new Uint8Array(), decode: () => thenable };
  assert.equal(wal.read(lsn).decode(codec).then(), "a step of a recipe");
});

test("what encodeInto says is checked", () => {
  const store = new MemStore();
  const wal = Wal.withStoreBlocking(store);
  const results: unknown[] = [-2, 1.5, NaN, Infinity, 1e9, "3", null, undefined, {}, new Uint8Array(3), 3n];
  for (const result of results) {
    const codec = encoding(() => result, true);
    assert.throws(() => wal.appendTyped("", codec), walFault("WAL_ENCODING", { reason: "not-bytes" }));
    assert.throws(
      () => wal.typed(codec).appendBatch([""]),
      walFault("WAL_ENCODING", { reason: "not-bytes" }),
    );
  }
  const later = encoding(async () => 3, true);
  assert.throws(() => wal.appendTyped("", later), walFault("WAL_ENCODING", { reason: "asynchronous" }));
  // One byte more than there is.
  const beyond = encoding((_value, target) => (target?.length ?? 0) + 1, true);
  assert.throws(() => wal.appendTyped("", beyond), walFault("WAL_ENCODING"));
  const most = encoding((value, target) => {
    target?.set(bytesOf(value));
    return value === "" ? (target?.length ?? 0) : -1;
  }, true);
  wal.appendTyped("refused, with something written", most);
  holds(store, ["refused, with something written"]);
  wal.appendTyped("", most);
  assert.equal(Array.from(wal).length, 2);
  wal.closeBlocking();
});

test("a codec that gives its target away is told, and the next value finds memory", () => {
  // The first append of all that is framed in memory of its own: another log has the kernel's scratch.
  const { wal, store } = openMem();
  const other = openMem();
  const thief = encoding((_value, target) => {
    structuredClone(target, { transfer: [target?.buffer as ArrayBuffer] });
    return 0;
  }, true);
  const nested = encoding(() => {
    assert.throws(() => wal.typed(thief).appendBatch(["x"]), walFault("WAL_ENCODING"));
    assert.throws(() => wal.appendTyped("x", thief), walFault("WAL_ENCODING"));
    return 0;
  }, true);
  other.wal.appendTyped("outer", nested);
  const mild = encoding((_value, target) => {
    wal.appendTyped("inner", {
      ...text,
      encodeInto: (value, into) => (into.set(bytesOf(value)), value.length),
    });
    target?.set(bytesOf("outer"));
    return 5;
  }, true);
  other.wal.appendTyped("outer", mild);
  holds(store, ["inner"]);
  holds(other.store, ["", "outer"]);
});

test("what is no codec is WAL_INVALID_ARGUMENT", () => {
  const { wal, store } = openMem();
  const lsn = wal.append("x");
  const trap = new Proxy({}, { get: () => assert.fail("looked at") });
  const wrong: unknown[] = [
    undefined,
    null,
    5,
    "codec",
    {},
    { encode: bytesOf },
    { decode: () => "" },
    { encode: 1, decode: 2 },
    { ...text, encodeInto: null },
    () => {},
    revoked.proxy,
    trap,
  ];
  for (const codec of wrong as Codec<string>[]) {
    assert.throws(() => wal.appendTyped("x", codec), walFault("WAL_INVALID_ARGUMENT", {}, /codec/));
    assert.throws(() => wal.typed(codec), walFault("WAL_INVALID_ARGUMENT", {}, /codec/));
    assert.throws(() => wal.read(lsn).decode(codec), walFault("WAL_INVALID_ARGUMENT", {}, /codec/));
  }
  // As a maker that was not called, json for json(), and a class.
  const maker = walFault("WAL_INVALID_ARGUMENT", {}, /no encode: it is a function, to be called perhaps/);
  assert.throws(() => wal.typed((() => text) as never), maker);
  const called = Object.assign(() => {}, text);
  wal.appendTyped("a function with the methods", called);
  assert.throws(() => wal.typed(text).appendBatch(5 as never), walFault("WAL_INVALID_ARGUMENT"));
  holds(store, ["x", "a function with the methods"]);
});

test("a codec keeps its this", () => {
  class Prefixed implements Codec<string> {
    readonly #prefix = "> ";
    encode(value: string): Uint8Array {
      return bytesOf(this.#prefix + value);
    }
    decode(bytes: Uint8Array): string {
      return text.decode(bytes).slice(this.#prefix.length);
    }
    encodeInto(value: string, target: Uint8Array): number {
      return new TextEncoder().encodeInto(this.#prefix + value, target).written;
    }
  }
  const { wal, store } = openMem();
  const typed = wal.typed(new Prefixed());
  typed.append("one");
  typed.appendBatch(["two"]);
  typed.appendAndSyncBlocking("three");
  assert.deepEqual(
    Array.from(typed, ({ value }) => value),
    ["one", "two", "three"],
  );
  holds(store, ["> one", "> two", "> three"]);
});

/*
 * A codec that returns the same memory each time (a scratch of its own, which is copied by every append
 * before it is used again) would make all records of a batch the last one, were a batch encoded first and
 * framed then.
 */
test("a codec may return the same memory each time", async () => {
  const { wal, store } = openMem();
  const scratch = new Uint8Array(64);
  const codec: Codec<string> = {
    encode: (value) => scratch.subarray(0, new TextEncoder().encodeInto(value, scratch).written),
    decode: (bytes) => text.decode(bytes),
  };
  const typed = wal.typed(codec);
  typed.appendBatch(["a", "bb", "ccc"]);
  await Promise.all([typed.appendAndSync("d"), typed.appendAndSync("ee")]);
  wal.appendTyped("f", codec);
  scratch.fill(0);
  holds(store, ["a", "bb", "ccc", "d", "ee", "f"]);
});

for (const inPlace of [false, true]) {
  const how = inPlace ? "encodeInto" : "encode";

  test(`${how} may append to the log that asked it, in every way`, async () => {
    const { wal, store } = openMem();
    const nested: ((value: string) => unknown)[] = [
      (value) => wal.append(value),
      (value) => wal.append(value.padEnd(70_000, ".")),
      (value) => wal.appendBatch([value, value]),
      (value) => wal.appendTyped(value, inPlace ? { ...text, encodeInto: into } : text),
      (value) => wal.typed(text).appendBatch([value, value]),
      (value) => void wal.appendAndSync(value),
      (value) => wal.appendAndSyncBlocking(value),
    ];
    const expected: string[] = [];
    for (const [i, append] of nested.entries()) {
      const codec = encoding((value, target) => {
        append(`within ${value as string}`);
        return inPlace ? into(value, target as Uint8Array) : bytesOf(value);
      }, inPlace);
      const typed = wal.typed(codec);
      const within = (value: string): string[] => {
        const one = i === 1 ? `within ${value}`.padEnd(70_000, ".") : `within ${value}`;
        return i === 2 || i === 4 ? [one, one] : [one];
      };
      const staged = wal.appendAndSync("staged before");
      typed.append("one");
      expected.push("staged before", ...within("one"), "one");
      typed.appendBatch(["two", "three"]);
      expected.push(...within("two"), ...within("three"), "two", "three");
      const synced = typed.appendAndSync("four");
      expected.push(...within("four"), "four");
      await Promise.all([staged, synced]);
      holds(store, expected);
    }
    assert.equal(wal.stats().appends, expected.length);
    await wal.close();
  });

  test(`${how} may append values by itself, as deep as it likes`, () => {
    const { wal, store } = openMem();
    const codec = encoding((value: string, target) => {
      if (value.length < 6) typed.append(`${value}x`);
      return inPlace ? into(value, target as Uint8Array) : bytesOf(value);
    }, inPlace);
    const typed: TypedWal<string> = wal.typed(codec);
    typed.append("x");
    holds(store, ["xxxxxx", "xxxxx", "xxxx", "xxx", "xx", "x"]);
  });

  test(`${how} may close the log: the value is refused`, async () => {
    const calls: ((typed: TypedWal<string>) => unknown)[] = [
      (typed) => typed.append("x"),
      (typed) => typed.appendBatch(["x", "y"]),
      (typed) => typed.appendAndSyncBlocking("x"),
      (typed) => typed.appendAndSync("x"),
    ];
    for (const call of calls) {
      const { wal, store } = openMem();
      const codec = encoding((value, target) => {
        wal.closeBlocking();
        return inPlace ? into(value, target as Uint8Array) : bytesOf(value);
      }, inPlace);
      wal.append("before");
      await assert.rejects(async () => call(wal.typed(codec)), walFault("WAL_CLOSED"));
      holds(store, ["before"]);
    }
  });

  test(`${how} may cut the log that asked it`, () => {
    const { wal, store } = openMem();
    const first = wal.append("kept");
    wal.append("cut");
    const codec = encoding((value, target) => {
      wal.truncateAfterBlocking(first);
      return inPlace ? into(value, target as Uint8Array) : bytesOf(value);
    }, inPlace);
    wal.appendTyped("after", codec);
    holds(store, ["kept", "after"]);
  });

  test(`${how}: a log that takes nothing asks no codec`, async () => {
    const { wal, store } = openMem();
    wal.append("x");
    wal.closeBlocking();
    const view = Wal.withStoreBlocking(new MemStore(store.toBytes()), { readOnly: true });
    const codec = encoding(() => assert.fail("asked"), inPlace);
    for (const [log, code] of [
      [wal, "WAL_CLOSED"],
      [view, "WAL_READ_ONLY"],
    ] as const) {
      const typed = log.typed(codec);
      assert.throws(() => log.appendTyped("x", codec), walFault(code));
      assert.throws(() => typed.append("x"), walFault(code));
      assert.throws(() => typed.appendBatch(["x"]), walFault(code));
      assert.throws(() => typed.appendAndSyncBlocking("x"), walFault(code));
      await assert.rejects(typed.appendAndSync("x"), walFault(code));
    }
    assert.equal(view.typed(text).read(0 as Lsn).value, "x");
  });

  test(`${how}: a value above maxRecordSize is refused, and its limit told`, async () => {
    const { wal, store } = openMem();
    const codec = encoding((value, target) => {
      if (!inPlace) return bytesOf(value);
      return (value as string).length > (target?.length ?? 0) ? -1 : into(value, target as Uint8Array);
    }, inPlace);
    const small = Wal.withStoreBlocking(new MemStore(), { maxRecordSize: 3 });
    const tells = walFault("WAL_RECORD_TOO_LARGE", { length: 4, max: 3 });
    assert.throws(() => small.appendTyped("four", codec), tells);
    assert.throws(() => small.typed(codec).appendBatch(["one", "four"]), tells);
    await assert.rejects(small.typed(codec).appendAndSync("four"), tells);
    assert.equal(small.end, 0);
    const large = "x".repeat(100_001);
    assert.throws(() => wal.appendTyped(large, codec), walFault("WAL_RECORD_TOO_LARGE", { length: 100_001 }));
    assert.throws(() => wal.typed(codec).appendBatch([large]), walFault("WAL_RECORD_TOO_LARGE"));
    wal.appendTyped("fits", codec);
    holds(store, ["fits"]);
  });
}

function into(value: string, target: Uint8Array): number {
  return new TextEncoder().encodeInto(value, target).written;
}

/*
 * A codec may return views of what it decodes (msgpackr does, for binary), or work in place. Were it given the
 * record's own bytes, writing to them would change `data`, and every later decode.
 */
test("a codec may keep the bytes that it decodes, and write to them", () => {
  const { wal } = openMem();
  const keeping: Codec<Uint8Array> = {
    encode: (value) => value,
    decode: (bytes) => {
      for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ 0xff;
      return bytes;
    },
  };
  const sizes = [0, 1, 100, 4095, 4096, 5000, 100_000, 3, 3];
  const payloads = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
  wal.typed(keeping).appendBatch(payloads);
  const inverted = payloads.map((bytes) => bytes.map((byte) => byte ^ 0xff));
  const records = Array.from(wal);
  const once = records.map((record) => record.decode(keeping));
  const twice = records.map((record) => record.decode(keeping));
  const walked = Array.from(wal.typed(keeping), ({ value }) => value);
  for (const values of [once, twice, walked]) assert.deepEqual(values, inverted);
  assert.deepEqual(
    records.map(({ data }) => Uint8Array.from(data)),
    payloads,
  );
  // What one gives away is gone for whatever shares its memory; the next decode finds memory all the same.
  structuredClone(walked[1], { transfer: [walked[1]?.buffer as ArrayBuffer] });
  assert.deepEqual(
    records.map((record) => record.decode(keeping)),
    inverted,
  );
});

test("frozen values, values with accessors, and those that change while they are encoded", () => {
  const { wal, store } = openMem();
  const json: Codec<unknown> = { encode: (value) => bytesOf(JSON.stringify(value)), decode: () => null };
  const changing = { count: 0, toJSON: () => ({ count: ++changing.count }) };
  wal.typed(json).appendBatch([Object.freeze({ a: 1 }), changing, changing, Object.create({ inherited: 1 })]);
  holds(store, ['{"a":1}', '{"count":1}', '{"count":2}', "{}"]);
});
