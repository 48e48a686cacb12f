/** Versioned structs: each row of the table of versions, and fallbacks that nobody shares. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WalError } from "wal-db";
import {
  deprecated,
  lazy,
  map,
  option,
  peekVersion,
  since,
  string,
  struct,
  u16,
  u32,
  u64,
  u8,
  vec,
  versioned,
} from "wal-db/pack-io";
import { decodeRefused, hex, refused } from "./refusal.js";

const first = versioned(1, { id: u64, token: string });
const second = versioned(2, { id: u64, token: string, name: since(2, string, "nobody") });
const third = versioned(3, {
  id: u64,
  token: deprecated(3, string, "gone"),
  name: since(2, string, "nobody"),
  tags: since(3, vec(u16), [7]),
});

test("W = K: every field that is live is read", () => {
  assert.deepEqual(first.encode({ id: 5n, token: "t" }), hex("01 03 05 01 74"));
  assert.deepEqual(first.decode(hex("01 03 05 01 74")), { id: 5n, token: "t" });
  assert.deepEqual(second.encode({ id: 5n, token: "t", name: "n" }), hex("02 05 05 01 74 01 6e"));
});

test("W < K: fields since then take their fallback, and gone ones the value that is there", () => {
  assert.deepEqual(second.decode(hex("01 03 05 01 74")), { id: 5n, token: "t", name: "nobody" });
  assert.deepEqual(third.decode(hex("01 03 05 01 74")), { id: 5n, token: "t", name: "nobody", tags: [7] });
  assert.deepEqual(third.decode(hex("02 05 05 01 74 01 6e")), { id: 5n, token: "t", name: "n", tags: [7] });
});

test("W > K: fields that are not known are skipped, up to the end of the body", () => {
  assert.doesNotThrow(() => first.decode(hex("02 05 05 01 74 01 6e")));
  assert.deepEqual(first.decode(hex("02 05 05 01 74 01 6e")), { id: 5n, token: "t" });
  assert.deepEqual(first.decode(hex("ff ff ff ff 0f 05 05 01 74 ff ff")), { id: 5n, token: "t" });
  // The next value begins where the body ends, whatever was in it.
  const two = vec(first);
  assert.deepEqual(two.decode(hex("02 09 05 05 01 74 ff ff 01 03 06 01 75")), [
    { id: 5n, token: "t" },
    { id: 6n, token: "u" },
  ]);
});

test("a field that is gone is not written, and decodes to its fallback", () => {
  const encoded = third.encode({ id: 5n, token: "not written", name: "n", tags: [] });
  assert.deepEqual(encoded, hex("03 04 05 01 6e 00"));
  assert.deepEqual(third.decode(encoded), { id: 5n, token: "gone", name: "n", tags: [] });
});

test("a field that came and went is read where it was", () => {
  const both = versioned(4, { a: u8, b: deprecated(4, since(2, u8, 1), 9), c: since(3, u8, 3) });
  assert.deepEqual(both.decode(hex("01 01 05")), { a: 5, b: 9, c: 3 });
  assert.deepEqual(both.decode(hex("02 02 05 06")), { a: 5, b: 6, c: 3 });
  assert.deepEqual(both.decode(hex("03 03 05 06 07")), { a: 5, b: 6, c: 7 });
  assert.deepEqual(both.decode(hex("04 02 05 07")), { a: 5, b: 9, c: 7 });
});

test("of one list of fields each version can be made, and each reads what the others write", () => {
  const fields = { id: u8, old: deprecated(3, u16, 9), note: since(2, string, "none") };
  const all = [1, 2, 3].map((version) => versioned(version, fields));
  const value = { id: 5, old: 6, note: "n" };
  const written = all.map((codec) => codec.encode(value));
  assert.deepEqual(written, [hex("01 02 05 06"), hex("02 04 05 06 01 6e"), hex("03 03 05 01 6e")]);
  const read = [
    { id: 5, old: 6, note: "none" },
    { id: 5, old: 6, note: "n" },
    { id: 5, old: 9, note: "n" },
  ];
  for (const codec of all)
    assert.deepEqual(
      written.map((bytes) => codec.decode(bytes)),
      read,
    );
});

test("a body is read no further than its length, and must be used up where all of it is known", () => {
  decodeRefused(first, "01 02 05 01 74", "InvalidLength", 3, "token");
  decodeRefused(first, "01 01 05", "UnexpectedEof", 3, "token");
  decodeRefused(first, "02 01 05", "UnexpectedEof", 3, "token");
  decodeRefused(first, "01 04 05 01 74 00", "TrailingBytes", 5);
  decodeRefused(second, "01 04 05 01 74 00", "TrailingBytes", 5);
  decodeRefused(first, "01 03 05 01 74 00", "TrailingBytes", 5);
  decodeRefused(vec(first), "01 01 04 05 01 74 00", "TrailingBytes", 6, "[0]");
});

test("two decoded values share no fallback, nor does a value share it with the schema", () => {
  const mine = { list: [1], by: new Map([["k", { n: 1 }]]) };
  const inner = struct({ list: vec(u8), by: map(string, struct({ n: u8 })) });
  const codec = versioned(2, { inner: since(2, inner, mine) });
  mine.list.push(2);
  const bytes = hex("01 00");
  const one = codec.decode(bytes).inner;
  one.list.push(9);
  one.by.clear();
  const other = codec.decode(bytes).inner;
  assert.deepEqual(other, { list: [1], by: new Map([["k", { n: 1 }]]) });
});

test("a fallback may be of a type that contains the struct itself", () => {
  interface Node {
    id: number;
    next: Node | null;
    all: Node[];
  }
  const node = versioned(2, {
    id: u8,
    next: since(2, option(lazy((): typeof node => node)), null),
    all: since(2, vec(lazy((): typeof node => node)), [{ id: 1, next: null, all: [] }]),
  }) as unknown as import("wal-db/pack-io").PackCodec<Node>;
  const one = node.decode(hex("01 01 05"));
  assert.deepEqual(one, { id: 5, next: null, all: [{ id: 1, next: null, all: [] }] });
  one.all.pop();
  assert.equal(node.decode(hex("01 01 05")).all.length, 1);
});

test("peekVersion reads the version and nothing else", () => {
  assert.equal(peekVersion(hex("01")), 1);
  assert.equal(peekVersion(hex("ac 02 ff ff")), 300);
  assert.equal(peekVersion(hex("ff ff ff ff 0f")), 0xffff_ffff);
  refused(() => peekVersion(hex("")), "UnexpectedEof", 0);
  refused(() => peekVersion(hex("00")), "IntegerOutOfRange", 0);
  refused(() => peekVersion(hex("80 00")), "VarintOverflow", 0);
  refused(() => peekVersion(hex("ff ff ff ff 1f")), "IntegerOutOfRange", 0);
  refused(() => peekVersion(hex("ff ff ff ff ff 01")), "VarintOverflow", 0);
});

function invalid(call: () => unknown, message: RegExp): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof WalError && error.code === "WAL_INVALID_ARGUMENT", String(error));
    assert.match(error.message, message);
    return true;
  });
}

test("versions that cannot be are refused when the schema is made", () => {
  for (const version of [0, -1, 1.5, NaN, 2 ** 32, "1" as never]) {
    invalid(() => versioned(version, { a: u8 }), /versioned takes a version/);
    invalid(() => since(version, u8, 0), /since takes a version/);
    invalid(() => deprecated(version, u8, 0), /deprecated takes a version/);
  }
  invalid(
    () => versioned(5, { a: deprecated(3, since(3, u8, 0), 0) }),
    /field a begins with version 3 and is gone with 3/,
  );
  invalid(() => versioned(2, { a: since(2, u8, 256) }), /fallback of the field a is no value of it/);
  invalid(() => versioned(2, { a: since(2, vec(u32), [-1]) }), /fallback of the field a/);
});
