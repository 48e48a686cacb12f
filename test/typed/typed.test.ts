/** Values in a log, by codecs that behave. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Codec, Lsn, MemStore, type TypedRecord, Wal } from "wal-db";
import { json } from "wal-db/codecs";
import { logOf } from "../support/plain-format.ts";
import { walFault } from "../support/wal-fault.ts";
import { kernelScratchBytes } from "#internal/record/kernel.js";
import { Random } from "#internal/testing/random.js";

interface Entry {
  readonly id: number;
  readonly note: string;
}

const plain: Codec<Entry> = {
  encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Entry,
};

/** The same bytes, written into what the log gives. */
const inPlace: Codec<Entry> = {
  ...plain,
  encodeInto: (value, target) => {
    const text = JSON.stringify(value);
    const { read, written } = new TextEncoder().encodeInto(text, target);
    return read === text.length ? written : -1;
  },
};

const entry = (id: number, length = 5): Entry => ({ id, note: "é".repeat(length) });
const bytesOf = (value: Entry): Uint8Array => plain.encode(value);

function openMem(maxRecordSize?: number): { readonly wal: Wal; readonly store: MemStore } {
  const store = new MemStore();
  return { wal: Wal.withStoreBlocking(store, { maxRecordSize }), store };
}

function values(records: Iterable<TypedRecord<Entry>>): Entry[] {
  return Array.from(records, ({ value }) => value);
}

for (const [name, codec] of Object.entries({ encode: plain, encodeInto: inPlace })) {
  test(`${name}: every call appends the bytes of its value, and gives the value back`, async () => {
    const { wal, store } = openMem();
    const typed = wal.typed(codec);
    const written: Entry[] = [];
    const next = (length?: number): Entry => {
      written.push(entry(written.length, length));
      return written.at(-1) as Entry;
    };
    assert.equal(wal.appendTyped(next(), codec), 0);
    const second = typed.append(next());
    assert.equal(second, 8 + bytesOf(entry(0)).length);
    const batch = typed.appendBatch(new Set([next(), next(0), next(100)]));
    const [staged, stagedToo] = await Promise.all([typed.appendAndSync(next()), typed.appendAndSync(next())]);
    const blocking = typed.appendAndSyncBlocking(next());
    // As large as is written from where it is, and larger than the scratch.
    for (const length of [10_000, 40_000, 200_000]) typed.append(next(length));
    typed.appendBatch([next(1), next(200_000), next(2)]);

    assert.equal(Buffer.compare(store.toBytes(), logOf(written.map(bytesOf))), 0);
    assert.equal(wal.stats().appends, written.length);
    assert.deepEqual(values(typed), written);
    assert.deepEqual(values(typed.iter({ from: second, to: batch[2] })), written.slice(1, 4));
    assert.deepEqual(typed.read(blocking), {
      lsn: blocking,
      next: wal.read(blocking).next,
      value: written[7],
    });
    assert.deepEqual(
      [staged, stagedToo].map((lsn) => typed.read(lsn).value),
      written.slice(5, 7),
    );
    assert.deepEqual(wal.read(second).decode(codec), written[1]);
    const ahead: Entry[] = [];
    for await (const { value } of typed) ahead.push(value);
    assert.deepEqual(ahead, written);
    wal.closeBlocking();
  });
}

test("lsn and next of a value are those of its record", () => {
  const { wal } = openMem();
  const typed = wal.typed(inPlace);
  typed.appendBatch([entry(1), entry(2, 0), entry(3)]);
  const places = Array.from(typed, ({ lsn, next }) => [lsn, next]);
  assert.deepEqual(
    places,
    Array.from(wal, ({ lsn, next }) => [lsn, next]),
  );
  assert.deepEqual(typed.appendBatch([]), []);
  assert.equal(wal.typed(plain).read(Lsn(0)).value.id, 1, "another view of the same log");
});

test("an iterator may be left, and may go on without blocking", async () => {
  const { wal } = openMem();
  const typed = wal.typed(plain);
  typed.appendBatch([1, 2, 3, 4].map((id) => entry(id)));
  const walk = typed.iter();
  assert.equal(walk.next().value?.value.id, 1);
  const rest: number[] = [];
  for await (const { value } of walk) rest.push(value.id);
  assert.deepEqual(rest, [2, 3, 4]);
  for (const { value } of walk) {
    assert.equal(value.id, 2);
    break;
  }
  assert.deepEqual(walk.next(), { done: true, value: undefined });
});

test("a follower gives values as they come, and ends with its signal", async () => {
  const { wal } = openMem();
  const typed = wal.typed(plain);
  typed.appendAndSyncBlocking(entry(0));
  const stop = new AbortController();
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const { value } of typed.follow({ until: "durable", signal: stop.signal })) {
      seen.push(value.id);
      if (value.id === 3) stop.abort(new Error("enough"));
      else await typed.appendAndSync(entry(value.id + 1));
    }
  }, /enough/);
  assert.deepEqual(seen, [0, 1, 2, 3]);
  const follower = typed.follow({ from: wal.end });
  const waiting = follower.next();
  await follower.return?.();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  await wal.close();
});

/*
 * The place for a payload begins behind the header of its frame. Where less than a header was free, a codec
 * with nothing to write was given no place, wrote nothing, and the header went nowhere.
 */
test("in place: batches that end anywhere about the end of the scratch", () => {
  const sized: Codec<number> = {
    encode: (length) => new Uint8Array(length).fill(length),
    decode: (bytes) => bytes.length,
    encodeInto: (length, target) => {
      if (length > target.length) return -1;
      target.fill(length, 0, length);
      return length;
    },
  };
  const scratch = kernelScratchBytes;
  for (let short = 0; short <= 40; short++) {
    const { wal, store } = openMem();
    const sizes = [scratch - 8 - short, 0, 3, 0, 500_000, 0];
    assert.doesNotThrow(() => wal.typed(sized).appendBatch(sizes), `${short} bytes short of the end`);
    const expected = logOf(sizes.map((length) => sized.encode(length)));
    assert.equal(Buffer.compare(store.toBytes(), expected), 0, `${short} bytes short of the end`);
    wal.closeBlocking();
  }
});

test("in place or not, random values give the same log", () => {
  const seed = Number(process.env["WAL_DB_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const random = new Random(seed);
  const logs = [plain, inPlace].map((codec) => ({ ...openMem(), codec }));
  for (let i = 0; i < 300; i++) {
    const count = 1 + random.next(20);
    const batch = Array.from({ length: count }, (_, n) =>
      entry(n, random.next(4) === 0 ? random.next(9000) : 3),
    );
    for (const { wal, codec } of logs) {
      if (count === 1) wal.appendTyped(batch[0] as Entry, codec);
      else wal.typed(codec).appendBatch(batch);
    }
  }
  const [one, two] = logs.map(({ store }) => store.toBytes()) as [Uint8Array, Uint8Array];
  assert.equal(Buffer.compare(one, two), 0, `WAL_DB_SEED=${seed}`);
});

test("a batch says which of its values the codec refused, however it encodes", () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  const inPlace = json<bigint | number>();
  const plain: Codec<bigint | number> = {
    encode: (value) => inPlace.encode(value),
    decode: (bytes) => inPlace.decode(bytes),
  };
  for (const codec of [inPlace, plain]) {
    assert.throws(
      () => wal.typed(codec).appendBatch([1, 2, 3n, 4]),
      walFault(
        "WAL_ENCODING",
        { reason: "invalid-value" },
        /cannot encode values\[2\], of 4: .* Nothing was/,
      ),
    );
  }
});
