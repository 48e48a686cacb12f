/** Codecs of pack-io in a typed log: into the frame, back out of it, and what went wrong is said in full. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemStore, Wal, WalError } from "wal-db";
import { bytes, enumeration, type Infer, PackIoError, string, struct, u64, unit, vec } from "wal-db/pack-io";

const event = enumeration({
  Opened: struct({ account: u64, owner: string, notes: vec(string) }),
  Attached: bytes,
  Closed: unit,
});
type Event = Infer<typeof event>;

const events: readonly Event[] = [
  { tag: "Opened", value: { account: 7n, owner: "Ada", notes: ["é".repeat(3000), ""] } },
  { tag: "Closed" },
  // Larger than the buffer that frames are made in.
  { tag: "Attached", value: new Uint8Array(300_000).fill(5) },
  { tag: "Opened", value: { account: 2n ** 64n - 1n, owner: "", notes: [] } },
];

test("values of every size go in and come out, and the bytes are the codec's", async () => {
  const wal = await Wal.withStore(new MemStore());
  const log = wal.typed(event);
  for (const each of events) log.append(each);
  assert.deepEqual(
    Array.from(log.iter(), ({ value }) => value),
    events,
  );
  assert.deepEqual(
    Array.from(wal, ({ data }) => Uint8Array.from(data)),
    events.map((each) => event.encode(each)),
  );
  await wal.close();
});

test("what cannot be encoded leaves the log as it was, and its cause has the path", async () => {
  const wal = await Wal.withStore(new MemStore());
  const log = wal.typed(event);
  log.append({ tag: "Closed" });
  const { end } = wal;
  const wrong = { tag: "Opened", value: { account: 7n, owner: "x", notes: ["fine", "\ud800"] } } as const;
  assert.throws(
    () => log.append({ tag: "Opened", value: { ...wrong.value, notes: [...wrong.value.notes] } }),
    (error) => {
      assert.ok(error instanceof WalError && error.code === "WAL_ENCODING", String(error));
      assert.ok(error.cause instanceof PackIoError, String(error.cause));
      assert.deepEqual([error.cause.kind, error.cause.field], ["InvalidUtf8", "value.notes[1]"]);
      return true;
    },
  );
  assert.equal(wal.end, end);
  const lsn = wal.append(new Uint8Array([9]));
  assert.throws(
    () => wal.read(lsn).decode(event),
    (error) => error instanceof WalError && error.offset === lsn && error.cause instanceof PackIoError,
  );
  await wal.close();
});
