/** What a call may be made to do by bytes or values: how deep, how much, how long; and calls within calls. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import {
  array,
  bytes,
  decode,
  encode,
  enumeration,
  lazy,
  limited,
  map,
  option,
  type PackCodec,
  PackIoError,
  result,
  set,
  string,
  struct,
  tuple,
  u32,
  u8,
  unit,
  vec,
} from "wal-db/pack-io";
import { encodeRefused, hex, refused } from "./refusal.js";

interface Chain {
  next: Chain | null;
}
const chain: PackCodec<Chain> = struct({ next: option(lazy(() => chain)) });

function chainOf(length: number): Chain {
  let value: Chain = { next: null };
  for (let n = 1; n < length; n++) value = { next: value };
  return value;
}

/** A chain of that length. */
function bytesOf(length: number): Uint8Array {
  return new Uint8Array(length).fill(1, 0, length - 1);
}

test("nested as deep as allowed, and no deeper, both ways", () => {
  assert.deepEqual(chain.encode(chainOf(257)), bytesOf(257));
  assert.deepEqual(chain.decode(bytesOf(257)), chainOf(257));
  const path = Array.from({ length: 257 }, () => "next").join(".");
  encodeRefused(chain, chainOf(258), "InvalidLength", 257, path);
  refused(() => chain.decode(bytesOf(258)), "InvalidLength", 257, path);
  const shallow = limited(chain, { maxDepth: 1 });
  assert.equal(shallow.encode(chainOf(2)).length, 2);
  encodeRefused(shallow, chainOf(3), "InvalidLength", 2, "next.next");
  assert.equal(
    decode(chain, encode(chain, chainOf(600), { maxDepth: 600 }), { maxDepth: 600 }).next === null,
    false,
  );
});

test("a value that contains itself is refused, and does not hang", () => {
  const loop: Chain = { next: null };
  loop.next = loop;
  const path = Array.from({ length: 257 }, () => "next").join(".");
  encodeRefused(chain, loop, "InvalidLength", 257, path);
});

test("deeper than the stack is a refusal as well, and no crash", () => {
  const endless = new Uint8Array(10_000_000).fill(1);
  assert.throws(
    () => decode(chain, endless, { maxDepth: 100_000_000 }),
    (error) => {
      assert.ok(error instanceof PackIoError && error.kind === "InvalidLength", String(error));
      assert.match(error.message, /the stack is full/);
      return true;
    },
  );
  assert.deepEqual(chain.decode(new Uint8Array([0])), { next: null });
});

test("a type that contains nothing but itself has no values, and says so", () => {
  const self: PackCodec<unknown> = lazy(() => self);
  refused(() => self.decode(new Uint8Array(9)), "InvalidLength", 0);
  const list = vec(self);
  refused(() => list.decode(hex("05 00 00 00 00 00")), "InvalidLength", 1, "[0]");
  const endless: PackCodec<unknown> = struct({ a: lazy(() => endless) }) as PackCodec<unknown>;
  refused(() => vec(endless).decode(hex("ff ff ff 7f")), "InvalidLength", 0);
});

test("elements that take no bytes are bounded all the same", () => {
  const million = "80 80 40";
  assert.equal(vec(unit).decode(hex(million)).length, 1024 * 1024);
  refused(() => vec(unit).decode(hex("81 80 40")), "InvalidLength", 0);
  refused(() => vec(unit).decode(hex("ff ff ff ff 03")), "InvalidLength", 0);
  // Each of these is a million places.
  refused(() => vec(array(unit, 1_000_000)).decode(hex("02")), "InvalidLength", 0);
  refused(() => vec(struct({ a: tuple(), b: unit })).decode(hex(million)), "InvalidLength", 0);
  refused(() => vec(option(array(unit, 1_000_000))).decode(hex("02 01 01")), "InvalidLength", 3, "[1]");
  encodeRefused(
    vec(option(array(unit, 600_000))),
    [1, 2].map(() => Array.from({ length: 600_000 }, () => undefined)),
    "InvalidLength",
    3,
    "[1]",
  );
  // Not all at once: the sum counts.
  refused(() => vec(vec(unit)).decode(hex(`03 ${million} ${million} 00`)), "InvalidLength", 4, "[1]");
  refused(() => set(unit).decode(hex("81 80 40")), "InvalidLength", 0);
  refused(() => map(unit, unit).decode(hex("81 80 40")), "InvalidLength", 0);
  assert.equal(set(unit).decode(hex("05")).size, 1);
  const many = Array.from({ length: 1024 * 1024 + 1 }, () => undefined);
  encodeRefused(vec(unit), many, "InvalidLength", 3);
});

test("a call within a call has bytes of its own", () => {
  const inner = struct({ text: string });
  const outer = tuple(string, bytes, string);
  const value = [
    "before",
    // eslint-disable-next-line -- a getter is what is tested
    null as never,
    "after",
  ] as unknown as [string, Uint8Array, string];
  Object.defineProperty(value, 1, {
    get: () => inner.encode({ text: inner.decode(inner.encode({ text: "inner" })).text }),
  });
  assert.deepEqual(outer.decode(outer.encode(value)), ["before", hex("05 69 6e 6e 65 72"), "after"]);
});

test("what a getter throws comes through as it is, and the next call is sound", () => {
  const mine = new Error("mine");
  const value = {
    get text(): string {
      throw mine;
    },
  };
  const codec = vec(struct({ text: string }));
  assert.throws(() => codec.encode([value]), mine);
  assert.deepEqual(codec.encode([{ text: "a" }]), hex("01 01 61"));
});

test("a list, a Map or a Set that changes while it is encoded is refused", () => {
  const list: { n: number }[] = [];
  list.push({
    get n() {
      list.push({ n: 2 });
      return 1;
    },
  });
  refused(() => vec(struct({ n: u8 })).encode(list), "InvalidLength", 2);
  const numbers = new Set<{ n: number }>();
  const growing = {
    get n() {
      if (numbers.size < 5) numbers.add({ n: numbers.size });
      return 0;
    },
  };
  numbers.add(growing);
  refused(() => set(struct({ n: u8 })).encode(numbers), "InvalidLength", 3);
  const entries = new Map<number, { n: number }>();
  entries.set(1, {
    get n() {
      entries.delete(2);
      return 0;
    },
  });
  entries.set(2, { n: 1 });
  refused(() => map(u8, struct({ n: u8 })).encode(entries), "InvalidLength", 3);
});

test("a large value leaves no large buffer behind, and small ones after it are right", () => {
  const large = bytes.encode(new Uint8Array(5_000_000).fill(3));
  assert.equal(large.length, 5_000_004);
  assert.deepEqual(string.encode("a"), hex("01 61"));
  assert.deepEqual(bytes.decode(large), new Uint8Array(5_000_000).fill(3));
});

test("a buffer that grows in the middle of a string keeps what is there", () => {
  // Room of 4096 bytes at first: the letters fit, what follows them does not.
  const text = `${"a".repeat(20)}${"€".repeat(20)}`;
  const codec = tuple(bytes, string);
  for (let before = 4000; before < 4090; before++) {
    const value: [Uint8Array, string] = [new Uint8Array(before), text];
    // A large value lets the buffer go: it begins anew.
    bytes.encode(new Uint8Array(2_000_000));
    assert.deepEqual(codec.decode(codec.encode(value)), value, `${before} bytes before`);
  }
});

test("what was encoded stays as it is when more is encoded", () => {
  const kept = Array.from({ length: 100 }, (_, i) => u32.encode(i));
  assert.deepEqual(
    kept.map((each) => each[0]),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

test("text from memory that threads share", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(4));
  shared.set(hex("03 e2 82 ac"));
  assert.equal(string.decode(shared), "€");
});

test("in a thread of its own, with a small stack, deep bytes are refused", async () => {
  const source = `
    const { parentPort } = require("node:worker_threads");
    import("wal-db/pack-io").then(({ struct, option, lazy, decode }) => {
      const chain = struct({ next: option(lazy(() => chain)) });
      try {
        decode(chain, new Uint8Array(1e6).fill(1), { maxDepth: 1e6 });
        parentPort.postMessage("decoded");
      } catch (error) {
        parentPort.postMessage(error.kind);
      }
    });
  `;
  const worker = new Worker(source, { eval: true, resourceLimits: { stackSizeMb: 1 } });
  const said = await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  await worker.terminate();
  assert.equal(said, "InvalidLength");
});

test("an option hidden in a lazy one is refused when it is first used", () => {
  const hidden = option(lazy(() => option(u8)));
  assert.throws(() => hidden.encode(null), /one null for two values/);
  assert.throws(() => hidden.decode(new Uint8Array([0])), /one null for two values/);
  assert.deepEqual(option(lazy(() => enumeration({ A: unit }))).decode(hex("01 00")), { tag: "A" });
});

test("long text of any width, at the edges of what there is room for at once", () => {
  for (const units of [43, 127, 128, 5461, 16_383, 16_384, 16_385, 100_000]) {
    for (const each of ["a", "é", "€"]) {
      const text = each.repeat(units);
      const encoded = string.encode(text);
      assert.equal(string.decode(encoded), text, `${units} ${each}`);
      assert.deepEqual(encoded.subarray(-Buffer.byteLength(text)), new Uint8Array(Buffer.from(text)));
    }
  }
});

test("what is wrong is told in brief, however large it is", () => {
  const long = refused(
    () => enumeration({ A: unit }).encode({ tag: "x".repeat(1e6) } as never),
    "UnknownVariant",
    0,
  );
  assert.ok(long.message.length < 200);
  const large = refused(() => u32.encode((2n ** 100_000n) as never), "IntegerOutOfRange", 0);
  assert.ok(large.message.length < 200);
});

/** A hundred integers, in a set of one element, in a set of one and so on. */
function inSets(levels: number): Uint8Array {
  let bytesOfAll = [0, 100, ...Array.from({ length: 100 }, (_, i) => [1, i]).flat()];
  for (let level = 0; level < levels; level++) bytesOfAll = [0, 1, ...bytesOfAll];
  return new Uint8Array(bytesOfAll);
}

/**
 * Sets in sets, each level with its elements in the wrong order, had every element encoded again at each level: 200 kB
 * took seconds, and a record of the largest size hours.
 */
test("keys within keys are not encoded again and again without bound", () => {
  type Nested = { ok: Set<Nested> } | { err: number };
  const nested: PackCodec<Nested> = result(set(lazy(() => nested)), u8);
  assert.deepEqual(nested.decode(hex("00 02 01 05 00 01 01 06")), {
    ok: new Set([{ err: 5 }, { ok: new Set([{ err: 6 }]) }]),
  });
  assert.equal(Object.keys(nested.decode(inSets(10))).length, 1);
  const wide = vec(nested);
  const all = [...inSets(200)];
  const input = new Uint8Array([100, ...Array.from({ length: 100 }, () => all).flat()]);
  assert.throws(
    () => wide.decode(input),
    (error) => error instanceof PackIoError && /keys within keys/.test(error.message),
  );
});
