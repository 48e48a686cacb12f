/** The codecs of wal-db/codecs: their bytes, what they give back, and what they refuse. */
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import { test } from "node:test";
import zlib from "node:zlib";
import { type Codec, type Lsn, MemStore, Wal, WalError } from "wal-db";
import { batch, compressed, encrypted, json } from "wal-db/codecs";
import { walFault } from "../support/wal-fault.ts";

const raw: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const throwing = (error: unknown): Codec<number> => ({
  encode: () => {
    throw error;
  },
  decode: () => {
    throw error;
  },
});

/** The error within is of this class, and the one around it passes. */
const causedBy = (within: new () => Error, passes: (error: unknown) => true) => (error: unknown) => {
  assert.ok(error instanceof Error && error.cause instanceof within, String(error));
  return passes(error);
};

test("json: the text in UTF-8", () => {
  const codec = json<unknown>();
  assert.equal(hex(codec.encode({ é: "\ud800" })), hex(Buffer.from('{"é":"\\ud800"}')));
  const values = [null, true, 1.5, "", "💧", [1, [2]], { a: { b: [] } }, { __proto__: null, x: 1 }];
  for (const value of values) {
    assert.deepEqual(codec.decode(codec.encode(value)), JSON.parse(JSON.stringify(value)));
  }
  const own = codec.decode(Buffer.from('{"__proto__":{"admin":true}}')) as { admin?: boolean };
  assert.equal(own.admin, undefined, "a key, and not the prototype");
});

test("json: in place as beside it, at every size of the place", () => {
  const codec = json<string>();
  for (const value of ["", "plain", "é", "€uro", "💧💧", "\ud800"]) {
    const whole = codec.encode(value);
    for (let room = 0; room <= whole.length + 3; room++) {
      const target = new Uint8Array(room);
      const length = codec.encodeInto?.(value, target);
      assert.equal(length, room < whole.length ? -1 : whole.length, `${value} in ${room}`);
      if (length !== -1) assert.equal(hex(target.subarray(0, length)), hex(whole));
    }
  }
});

test("json: what it has nothing for, and what is none", () => {
  const codec = json<unknown>();
  for (const value of [undefined, () => 1, Symbol("x")]) {
    assert.throws(() => codec.encode(value), walFault("WAL_ENCODING", { reason: "invalid-value" }));
  }
  const circular: unknown[] = [];
  circular.push(circular);
  for (const value of [1n, { deep: [1n] }, circular]) {
    const fault = walFault("WAL_ENCODING", { reason: "invalid-value" }, /JSON cannot say it: /);
    assert.throws(() => codec.encode(value), causedBy(TypeError, fault));
    assert.throws(() => codec.encodeInto?.(value, new Uint8Array(8)), causedBy(TypeError, fault));
  }
  const noJson = walFault("WAL_ENCODING", { reason: "malformed" }, /these bytes are no JSON: /);
  for (const text of ["", "{", "01", "\ufeff1", "nul"]) {
    assert.throws(() => codec.decode(Buffer.from(text)), causedBy(SyntaxError, noJson), text);
  }
  const noText = walFault("WAL_ENCODING", { reason: "malformed" }, /no JSON: they are not UTF-8/);
  assert.throws(() => codec.decode(fromHex("22 ff 22")), causedBy(TypeError, noText));
});

test("batch: a count, and each value behind its length", () => {
  const codec = batch(raw);
  const values = [fromHex("aa bb"), fromHex(""), fromHex("cc")];
  const bytes = fromHex("03000000 02000000 aabb 00000000 01000000 cc");
  assert.equal(hex(codec.encode(values)), hex(bytes));
  assert.deepEqual(codec.decode(bytes), values);
  assert.equal(hex(codec.encode([])), "00000000");
  assert.deepEqual(codec.decode(fromHex("00000000")), []);
  const nested = batch(batch(json<number>()));
  assert.deepEqual(nested.decode(nested.encode([[1, 2], [], [3]])), [[1, 2], [], [3]]);
});

test("batch: a codec that returns the same memory each time", () => {
  const scratch = new Uint8Array(1);
  const codec = batch<number>({
    encode: (value) => ((scratch[0] = value), scratch),
    decode: ([value]) => value ?? -1,
  });
  assert.deepEqual(codec.decode(codec.encode([1, 2, 3])), [1, 2, 3]);
  const many = Array.from({ length: 3000 }, (_, i) => i & 0xff);
  assert.deepEqual(codec.decode(codec.encode(many)), many);
});

test("batch: in place as beside it, values of every size", () => {
  const inPlace: Codec<number> = {
    encode: (length) => new Uint8Array(length).fill(length),
    decode: (bytes) => bytes.length,
    encodeInto: (length, target) => (length > target.length ? -1 : (target.fill(length, 0, length), length)),
  };
  const beside: Codec<number> = {
    encode: (length) => inPlace.encode(length),
    decode: (bytes) => bytes.length,
  };
  for (let from = 0; from < 300; from += 7) {
    const sizes = Array.from({ length: 40 }, (_, i) => (from * i) % 301);
    const bytes = batch(inPlace).encode(sizes);
    assert.equal(hex(bytes), hex(batch(beside).encode(sizes)));
    assert.deepEqual(batch(inPlace).decode(bytes), sizes);
  }
});

test("batch: bytes that are none are refused before anything is made of them", () => {
  let asked = 0;
  const codec = batch<number>({ encode: () => new Uint8Array(), decode: () => asked++ });
  const wrong = {
    "": "nothing",
    "000000": "no whole count",
    "00000000 00": "a byte too many",
    "01000000": "a count without its value",
    ffffffff: "a count of anything",
    "ffffffff 00000000": "a count beyond what is there",
    "01000000 01000000": "a length without its bytes",
    "01000000 ffffffff 00": "a length of anything",
    "01000000 0000": "half a length",
    "01000000 00000000 00": "a byte behind the last",
    "02000000 01000000 00 000000": "the second length beyond the end",
  };
  for (const [bytes, what] of Object.entries(wrong)) {
    assert.throws(
      () => codec.decode(fromHex(bytes)),
      walFault("WAL_ENCODING", { reason: "malformed" }),
      what,
    );
  }
  assert.ok(asked <= 2, "values before the fault at most");
});

test("batch: the value that its codec refuses is named", () => {
  const cause = new RangeError("too odd");
  const codec = batch(throwing(cause));
  const tells = walFault("WAL_ENCODING", { reason: "batch-value", cause }, /values\[0\], of 2: too odd/);
  assert.throws(() => codec.encode([1, 2]), tells);
  assert.throws(() => codec.decode(fromHex("02000000 00000000 00000000")), tells);
  for (const values of [undefined, 5, "ab", { length: 1 }, new Set([1])]) {
    assert.throws(() => codec.encode(values as never), walFault("WAL_ENCODING", { reason: "invalid-value" }));
  }
});

test("batch: several values are one record, there after a crash as a whole or not at all", () => {
  const store = new MemStore();
  const wal = Wal.withStoreBlocking(store);
  const codec = batch(json<string>());
  wal.typed(codec).append(["debit", "credit"]);
  const image = store.toBytes();
  for (let kept = 0; kept <= image.length; kept++) {
    const after = Wal.withStoreBlocking(new MemStore(image.slice(0, kept)));
    const values = Array.from(after.typed(codec), ({ value }) => value);
    assert.deepEqual(values, kept === image.length ? [["debit", "credit"]] : []);
  }
});

const long = new Uint8Array(1000).fill(0x61);
const hasZstd = "zstdCompressSync" in zlib;

test("compressed: the algorithm in a byte, then the bytes", () => {
  const deflate = compressed(raw, { algorithm: "deflate" }).encode(long);
  assert.equal(hex(deflate.subarray(0, 5)), "01e8030000");
  assert.deepEqual(Uint8Array.from(zlib.inflateRawSync(deflate.subarray(5))), long);
  const brotli = compressed(raw, { algorithm: "brotli" }).encode(long);
  assert.equal(hex(brotli.subarray(0, 5)), "02e8030000");
  assert.deepEqual(Uint8Array.from(zlib.brotliDecompressSync(brotli.subarray(5))), long);
  assert.ok(deflate.length < 30 && brotli.length < 30);
  assert.equal(compressed(raw).encode(long)[0], hasZstd ? 3 : 1);
});

test("compressed: every algorithm is read, whatever is written", () => {
  const algorithms = ["deflate", "brotli", ...(hasZstd ? (["zstd"] as const) : [])] as const;
  for (const writing of algorithms) {
    for (const level of [undefined, 1, 9]) {
      const bytes = compressed(raw, { algorithm: writing, level }).encode(long);
      for (const reading of algorithms) {
        const value = compressed(raw, { algorithm: reading }).decode(bytes);
        assert.deepEqual(value, long);
        assert.equal(Object.getPrototypeOf(value), Uint8Array.prototype);
      }
    }
  }
});

test("compressed: what is short, or does not become smaller, stays as it is", () => {
  const codec = compressed(raw);
  assert.equal(hex(codec.encode(fromHex("61 62"))), "006162");
  assert.equal(hex(codec.encode(new Uint8Array())), "00");
  assert.deepEqual(codec.decode(fromHex("00")), new Uint8Array());
  assert.equal(codec.encode(long.subarray(0, 127))[0], 0);
  assert.notEqual(codec.encode(long.subarray(0, 128))[0], 0);
  assert.notEqual(compressed(raw, { minSize: 0 }).encode(long.subarray(0, 60))[0], 0);
  assert.equal(hex(compressed(raw, { minSize: 0 }).encode(fromHex("61"))), "0061");
  const noise = Uint8Array.from({ length: 500 }, (_, i) => (i * i * 31 + (i >> 3) * 7) & 0xff);
  const kept = compressed(raw, { algorithm: "deflate", level: 0 }).encode(noise);
  assert.equal(hex(kept), `00${hex(noise)}`);
});

/** The bound was held on reading against what is inflated only, though it says it is one on reading. */
test("compressed: a value that was stored as it is counts against the bound when it is read, too", () => {
  const small = compressed(raw, { maxInflatedSize: 10 });
  assert.equal(small.decode(new Uint8Array(11)).length, 10);
  assert.throws(
    () => small.decode(new Uint8Array(12)),
    walFault("WAL_ENCODING", { reason: "inflated-size", max: 10, length: 11 }),
  );
});

test("compressed: a bomb is refused, and so is a value that could not be read again", () => {
  const zeros = new Uint8Array(10_000_000);
  const small = compressed(raw, { maxInflatedSize: 100_000 });
  const tells = walFault(
    "WAL_ENCODING",
    { reason: "inflated-size", max: 100_000, length: 10_000_000 },
    /maxInflatedSize/,
  );
  const liar = walFault("WAL_ENCODING", { reason: "malformed" });
  for (const [tag, bytes] of [
    ["01", zlib.deflateRawSync(zeros)],
    ["02", zlib.brotliCompressSync(zeros, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })],
  ] as const) {
    const bomb = Buffer.concat([fromHex(`${tag}80969800`), bytes]);
    assert.ok(bomb.length < 10_000);
    assert.throws(() => small.decode(bomb), tells);
    assert.equal(compressed(raw).decode(bomb).length, 10_000_000);
    // One that says it is small: no more than that is inflated of it.
    for (const length of ["a0860100", "00000000", "7f969800", "81969800"]) {
      const lying = Buffer.concat([fromHex(tag + length), bytes]);
      assert.throws(() => compressed(raw).decode(lying), liar, tag + length);
    }
  }
  assert.throws(
    () => small.encode(new Uint8Array(100_001)),
    walFault("WAL_ENCODING", { reason: "inflated-size" }),
  );
  const most = new Uint8Array(100_000);
  assert.deepEqual(small.decode(small.encode(most)), most);
  const none = compressed(raw, { maxInflatedSize: 0 });
  assert.deepEqual(none.decode(none.encode(new Uint8Array())), new Uint8Array());
  const one = Buffer.concat([fromHex("01 01000000"), zlib.deflateRawSync(fromHex("61"))]);
  assert.throws(() => none.decode(one), walFault("WAL_ENCODING", { max: 0 }));
});

test("compressed: bytes that are not its own", () => {
  const codec = compressed(raw);
  for (const bytes of [
    "",
    "04",
    "ff00",
    "01",
    "01ffff",
    "02",
    "02ffff",
    hex(codec.encode(long)).slice(0, -4),
  ]) {
    assert.throws(
      () => codec.decode(fromHex(bytes)),
      walFault("WAL_ENCODING", { reason: "malformed" }),
      bytes,
    );
  }
});

test(
  "compressed: what zstd wrote is told where there is no zstd",
  { skip: hasZstd && "this runtime has it" },
  () => {
    const message = /compressed with zstd, which this runtime does not have/;
    assert.throws(
      () => compressed(raw).decode(fromHex("03 00")),
      walFault("WAL_ENCODING", { reason: "no-zstd" }, message),
    );
    assert.throws(() => compressed(raw, { algorithm: "zstd" }), walFault("WAL_UNSUPPORTED", {}, /zstd/));
  },
);

test("compressed: options that are not of their kind", () => {
  const wrong: unknown[] = [
    null,
    5,
    { algorithm: "gzip" },
    { algorithm: "toString" },
    { algorithm: "deflate", level: 10 },
    { algorithm: "brotli", level: 1.5 },
    { level: 5 },
    { minSize: -1 },
    { minSize: "1" },
    { maxInflatedSize: NaN },
    { maxInflatedSize: Infinity },
    { maxSize: 5 },
  ];
  for (const options of wrong) {
    assert.throws(
      () => compressed(raw, options as object),
      walFault("WAL_INVALID_ARGUMENT"),
      JSON.stringify(options),
    );
  }
});

test("encrypted: AES-256-GCM, its head authenticated, as anybody could write it", () => {
  const codec = encrypted(raw, key(7), { context: "ctx" });
  const id = createHmac("sha256", key(7)).update("wal-db key id").digest().subarray(0, 4);
  const sealed = codec.encode(fromHex("010203"));
  assert.equal(sealed.length, 33 + 3);
  assert.equal(hex(sealed.subarray(0, 5)), `01${hex(id)}`);
  const aad = Buffer.concat([sealed.subarray(0, 5), Buffer.from("ctx")]);
  const decipher = createDecipheriv("aes-256-gcm", key(7), sealed.subarray(5, 17));
  decipher.setAAD(aad).setAuthTag(sealed.subarray(-16));
  assert.equal(hex(Buffer.concat([decipher.update(sealed.subarray(17, -16)), decipher.final()])), "010203");

  const cipher = createCipheriv("aes-256-gcm", key(7), new Uint8Array(12)).setAAD(aad);
  const body = Buffer.concat([cipher.update("by hand"), cipher.final(), cipher.getAuthTag()]);
  const theirs = Buffer.concat([sealed.subarray(0, 5), new Uint8Array(12), body]);
  assert.equal(Buffer.from(codec.decode(theirs)).toString(), "by hand");
  assert.deepEqual(codec.decode(codec.encode(new Uint8Array())), new Uint8Array());
});

test("encrypted: no two are alike, and nothing shows through", () => {
  const codec = encrypted(raw, key(1));
  const sealed = Array.from({ length: 1000 }, () => hex(codec.encode(long.subarray(0, 40))));
  assert.equal(new Set(sealed.map((text) => text.slice(10, 34))).size, 1000, "nonces");
  assert.ok(!sealed.some((text) => text.includes("6161616161")));
});

test("encrypted: no byte may change, none may be missing, and none be added", () => {
  const codec = encrypted(raw, key(2));
  const sealed = codec.encode(fromHex("00112233"));
  for (let at = 0; at < sealed.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const changed = sealed.slice();
      changed[at] = (changed[at] as number) ^ (1 << bit);
      const reason = at === 0 ? "malformed" : at < 5 ? "unknown-key" : "forged";
      assert.throws(() => codec.decode(changed), walFault("WAL_ENCODING", { reason }), `byte ${at}`);
    }
    assert.throws(() => codec.decode(sealed.subarray(0, at)), walFault("WAL_ENCODING"));
  }
  assert.throws(() => codec.decode(Buffer.concat([sealed, sealed.subarray(0, 1)])), walFault("WAL_ENCODING"));
});

test("encrypted: wrong keys, and another context", () => {
  const sealed = encrypted(raw, key(1), { context: "a" }).encode(fromHex("aa"));
  assert.throws(
    () => encrypted(raw, key(2), { context: "a" }).decode(sealed),
    walFault("WAL_ENCODING", { reason: "unknown-key" }),
  );
  for (const context of ["", "b", "aa", new Uint8Array(1)]) {
    assert.throws(
      () => encrypted(raw, key(1), { context }).decode(sealed),
      walFault("WAL_ENCODING", { reason: "forged" }),
    );
  }
  assert.equal(hex(encrypted(raw, key(1), { context: fromHex("61") }).decode(sealed)), "aa", "text is UTF-8");
  // The id of one key on what another has encrypted.
  const other = encrypted(raw, key(2), { context: "a" }).encode(fromHex("aa"));
  other.set(sealed.subarray(1, 5), 1);
  assert.throws(
    () => encrypted(raw, key(1), { context: "a" }).decode(other),
    walFault("WAL_ENCODING", { reason: "forged" }),
  );
});

test("encrypted: a ring rotates: the first encrypts, all decrypt", () => {
  const [old, next, last] = [
    encrypted(raw, [key(1)]),
    encrypted(raw, [key(2), key(1)]),
    encrypted(raw, [key(3), key(2)]),
  ];
  const one = old.encode(fromHex("01"));
  const two = next.encode(fromHex("02"));
  assert.equal(hex(next.decode(one)), "01");
  assert.equal(hex(last.decode(two)), "02");
  assert.throws(() => old.decode(two), walFault("WAL_ENCODING", { reason: "unknown-key" }));
  const [id1, id2, id3] = [1, 2, 3].map((fill) =>
    createHmac("sha256", key(fill)).update("wal-db key id").digest().subarray(0, 4).toString("hex"),
  );
  const ids = new RegExp(`key id ${id1}; there: ${id3}, ${id2}\\)`);
  assert.throws(() => last.decode(one), walFault("WAL_ENCODING", { reason: "unknown-key" }, ids));
});

/**
 * The first key of the ring that has the id was the only one that was tried: of two with one id, what the other had
 * encrypted could not be read. These two were looked for; by chance it happens once in 2^32 times.
 */
test("encrypted: two keys of a ring with one id", () => {
  const [one, other] = [23_986, 172_609].map((n) => {
    const bytes = new Uint8Array(32);
    new DataView(bytes.buffer).setUint32(0, n, true);
    return bytes;
  }) as [Uint8Array, Uint8Array];
  const sealed = encrypted(raw, other).encode(fromHex("09"));
  assert.equal(hex(sealed.subarray(1, 5)), hex(encrypted(raw, one).encode(fromHex("09")).subarray(1, 5)));
  assert.equal(hex(encrypted(raw, [one, other]).decode(sealed)), "09");
  assert.throws(() => encrypted(raw, one).decode(sealed), walFault("WAL_ENCODING", { reason: "forged" }));
});

/**
 * What encode returned was believed to be as long as its class said. `encrypted` made bytes of it that nobody could
 * decrypt, and the record was acknowledged; `batch` and `compressed` put zeros behind it, or cut it off.
 */
test("what goes into other bytes is as long as it is, whatever its class says", () => {
  for (const length of [0, 1, 50, 200, 1e9, Number.NaN]) {
    class Odd extends Uint8Array {
      override get length(): number {
        return length;
      }
    }
    const odd: Codec<number> = { encode: () => Odd.from([1, 2, 3]), decode: (bytes) => bytes.length };
    for (const codec of [compressed(odd), encrypted(odd, key(1))]) {
      assert.equal(codec.decode(codec.encode(0)), 3, `${length}`);
    }
    assert.deepEqual(batch(odd).decode(batch(odd).encode([0, 0])), [3, 3], `${length}`);
  }
});

test("encrypted: the key is copied, and one that is none is refused without being shown", () => {
  const mine = key(9);
  const codec = encrypted(raw, mine);
  const sealed = codec.encode(fromHex("01"));
  mine.fill(0);
  assert.equal(hex(codec.decode(sealed)), "01");
  const secret = "0123456789abcdef0123456789abcdef";
  const wrong: unknown[] = [
    undefined,
    null,
    secret,
    [],
    [secret],
    new Uint8Array(16),
    [key(1), new Uint8Array(31)],
    {},
    new Proxy(key(1), {}),
  ];
  for (const keys of wrong) {
    assert.throws(
      () => encrypted(raw, keys as Uint8Array),
      (error) => walFault("WAL_INVALID_ARGUMENT")(error) && !(error as Error).message.includes(secret),
    );
  }
  for (const options of [null, 5, { context: 5 }, { salt: "x" }]) {
    assert.throws(() => encrypted(raw, key(1), options as object), walFault("WAL_INVALID_ARGUMENT"));
  }
});

test("what a codec within throws passes through those around it", () => {
  const cause = new RangeError("within");
  const wal = Wal.withStoreBlocking(new MemStore());
  const codec = encrypted(compressed(throwing(cause)), key(1));
  const bytes = encrypted(compressed(raw), key(1)).encode(long);
  const lsn: Lsn = wal.append(bytes);
  assert.throws(() => wal.appendTyped(1, codec), walFault("WAL_ENCODING", { cause }));
  assert.throws(() => wal.read(lsn).decode(codec), walFault("WAL_ENCODING", { cause, offset: lsn }));
  const wrongKey = wal.typed(encrypted(json(), key(5)));
  assert.throws(() => wrongKey.read(lsn), walFault("WAL_ENCODING", { offset: lsn, reason: "unknown-key" }));
});

test("a codec within is checked when the one around it is made, and what it returns when it is asked", () => {
  for (const wrap of [batch, compressed, (codec: Codec<never>) => encrypted(codec, key(1))]) {
    assert.throws(() => wrap({} as Codec<never>), walFault("WAL_INVALID_ARGUMENT", {}, /codec/));
    const wrong = { encode: () => "text", decode: async () => 1 } as unknown as Codec<unknown>;
    const codec = wrap(wrong as Codec<never>) as Codec<unknown>;
    assert.throws(
      () => codec.encode([1]),
      (error) => error instanceof WalError && error.code === "WAL_ENCODING",
    );
    const good = (wrap as (codec: Codec<Uint8Array>) => Codec<unknown>)(raw);
    const bytes = good.encode(wrap === batch ? [long] : long);
    assert.throws(() => codec.decode(bytes), walFault("WAL_ENCODING", {}, /Promise/));
  }
});

test("all of them, one in the other", () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  const typed = wal.typed(encrypted(compressed(batch(json<{ text: string }>())), [key(4), key(5)]));
  const values = Array.from({ length: 50 }, (_, i) => ({ text: `the same words, and ${i}` }));
  typed.append(values);
  assert.ok(wal.end < JSON.stringify(values).length / 2);
  assert.deepEqual(
    Array.from(typed, ({ value }) => value),
    [values],
  );
});
