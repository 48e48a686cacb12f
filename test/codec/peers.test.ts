/** The codecs that people have, as they come: msgpackr, cbor-x, protobuf-es. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  create,
  createFileRegistry,
  type DescMessage,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { Encoder } from "cbor-x";
import { Packr } from "msgpackr";
import { type Codec, type Lsn, MemStore, Wal } from "wal-db";
import { batch, compressed, json } from "wal-db/codecs";
import { walFault } from "../support/wal-fault.ts";

interface Deposit {
  readonly account: string;
  readonly cents: number;
  readonly receipt: Uint8Array;
}

const deposits: readonly Deposit[] = Array.from({ length: 200 }, (_, i) => ({
  account: `account ${i}`,
  cents: i * 100,
  receipt: new Uint8Array(i).fill(i),
}));

function plainOf({ account, cents, receipt }: Deposit): Deposit {
  return { account, cents, receipt: Uint8Array.from(receipt) };
}

async function roundTrip(codec: Codec<Deposit>): Promise<void> {
  const wal = Wal.withStoreBlocking(new MemStore());
  const typed = wal.typed(codec);
  for (const value of deposits.slice(0, 50)) typed.append(value);
  typed.appendBatch(deposits.slice(50, 100));
  await Promise.all(deposits.slice(100).map((value) => typed.appendAndSync(value)));
  const read = Array.from(typed, ({ value }) => value);
  assert.deepEqual(read.map(plainOf), deposits);
  // What one of them keeps is its own.
  read[7]?.receipt.fill(255);
  assert.deepEqual(
    Array.from(typed, ({ value }) => plainOf(value)),
    deposits,
  );
  assert.deepEqual(
    Array.from(wal, (record) => plainOf(record.decode(codec))),
    deposits,
  );
}

test("msgpackr's Packr", async () => {
  await roundTrip(new Packr({ useRecords: false }));
  await roundTrip(new Packr());
});

test("cbor-x's Encoder", async () => {
  await roundTrip(new Encoder());
});

test("msgpackr and cbor-x within the codecs of wal-db/codecs", () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  const codecs: Codec<readonly Deposit[]>[] = [batch(new Packr()), compressed(batch(new Encoder()))];
  for (const codec of codecs) {
    const lsn = wal.appendTyped(deposits, codec);
    assert.deepEqual(wal.read(lsn).decode(codec).map(plainOf), deposits);
  }
});

test("bytes that are none of theirs are WAL_ENCODING", () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  const lsn = wal.append(new Uint8Array([0xc1, 0xff, 0xff]));
  for (const codec of [new Packr(), new Encoder(), json()]) {
    assert.throws(() => wal.read(lsn).decode(codec), walFault("WAL_ENCODING", { offset: lsn }));
  }
});

interface Packing {
  readonly codec: Codec<unknown>;
  learn(bytes: Uint8Array): void;
}
// Records begin with a byte: 0 for a value, 1 for the structures as they are from here on.
function packing(wal: Wal): Packing {
  let known: unknown[] = [];
  const plain = new Packr({ useRecords: false });
  const packr = new Packr({
    getStructures: () => known,
    saveStructures: (structures: unknown) => {
      known = structures as unknown[];
      wal.append(Buffer.concat([Buffer.of(1), plain.encode(structures)]));
    },
  } as object);
  return {
    codec: {
      encode: (value) => Buffer.concat([Buffer.of(0), packr.encode(value)]),
      decode: (bytes) => packr.decode(bytes.subarray(1)) as unknown,
    },
    learn: (bytes) => {
      known = plain.decode(bytes.subarray(1)) as unknown[];
    },
  };
}

/*
 * msgpackr's shared structures: the names of the fields are written once, into `structures`, and records refer
 * to them. That array is in the packer, not in the log: with another packer, or after a restart, the records
 * cannot be read.
 */
test("msgpackr with shared structures: they must outlive the process, and be there first", () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  const structures: object[] = [];
  const sharing = wal.typed<Deposit>(new Packr({ structures }));
  for (const value of deposits) sharing.append(value);
  const restarted = wal.typed<Deposit>(new Packr({ structures: [] }));
  let readable = 0;
  for (const walk = restarted.iter(); ;) {
    try {
      const { done, value } = walk.next();
      if (done === true) break;
      if (value.value.account?.startsWith("account")) readable++;
    } catch (error) {
      walFault("WAL_ENCODING")(error);
    }
  }
  assert.ok(readable < deposits.length, "what a new packer cannot know");
  const restored = wal.typed<Deposit>(new Packr({ structures: structuredClone(structures) }));
  assert.deepEqual(
    Array.from(restored, ({ value }) => plainOf(value)),
    deposits,
  );
});

test("msgpackr's structures in the log itself: each new one is a record before the first that needs it", () => {
  const store = new MemStore();
  const wal = Wal.withStoreBlocking(store);
  const writing = packing(wal);
  for (const value of deposits) wal.appendTyped(value, writing.codec);
  const again = Wal.withStoreBlocking(new MemStore(store.toBytes()));
  const reading = packing(again);
  const read: unknown[] = [];
  for (const record of again) {
    if (record.data[0] === 1) reading.learn(record.data);
    else read.push(record.decode(reading.codec));
  }
  assert.deepEqual(
    read.map((value) => plainOf(value as Deposit)),
    deposits,
  );
});

/** A message without a generator: what protoc would have written down, by hand. */
function depositDescriptor(): DescMessage {
  const { STRING, SINT64, BYTES } = FieldDescriptorProto_Type;
  const label = FieldDescriptorProto_Label.OPTIONAL;
  const field = [
    { name: "account", number: 1, type: STRING, label },
    { name: "cents", number: 2, type: SINT64, label },
    { name: "receipt", number: 3, type: BYTES, label },
  ];
  const file = {
    name: "bank.proto",
    package: "bank",
    syntax: "proto3",
    messageType: [{ name: "Deposit", field }],
  };
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const descriptor = registry.getMessage("bank.Deposit");
  assert.ok(descriptor !== undefined);
  return descriptor;
}

type DepositMessage = Message & { account: string; cents: bigint; receipt: Uint8Array };

test("a message of protobuf-es", () => {
  const descriptor = depositDescriptor();
  const codec: Codec<DepositMessage> = {
    encode: (message) => toBinary(descriptor, message),
    decode: (bytes) => fromBinary(descriptor, bytes) as DepositMessage,
  };
  const wal = Wal.withStoreBlocking(new MemStore());
  const typed = wal.typed(codec);
  const init = { account: "a", cents: -500n, receipt: new Uint8Array([1, 2]) };
  const lsn = typed.append(create(descriptor, init) as DepositMessage);
  assert.equal(Buffer.from(wal.read(lsn).data).toString("hex"), "0a016110e7071a020102");
  const { account, cents, receipt } = typed.read(lsn).value;
  assert.deepEqual({ account, cents, receipt: Uint8Array.from(receipt) }, init);
  receipt.fill(9);
  assert.deepEqual(
    Uint8Array.from(typed.read(lsn).value.receipt),
    init.receipt,
    "receipt is a view of bytes of its own",
  );
  const wrong = wal.append(new Uint8Array([0x0a, 0xff]));
  assert.throws(() => typed.read(wrong), walFault("WAL_ENCODING", { offset: wrong }));
  assert.throws(() => typed.append({ account: 5 } as never), walFault("WAL_ENCODING"));
  assert.deepEqual(
    Array.from(wal, (record) => record.lsn),
    [0 as Lsn, lsn, wrong].slice(1),
  );
});
