/** What the types promise to those who write against them, apart from the agreed surface. */
import { test } from "node:test";
import { expectTypeOf } from "expect-type";
import { Lsn, MemStore, Wal, WalError, type WalErrorCode, type WalOptions, type WalRecord } from "wal-db";

test("an LSN is a number that a plain number is not", () => {
  expectTypeOf<Lsn>().toExtend<number>();
  expectTypeOf<number>().not.toExtend<Lsn>();
  expectTypeOf(Lsn).returns.toEqualTypeOf<Lsn>();
  expectTypeOf<Wal["read"]>().parameter(0).toEqualTypeOf<Lsn>();
});

test("blocking and asynchronous calls give what their names say", () => {
  expectTypeOf<Wal["append"]>().returns.toEqualTypeOf<Lsn>();
  expectTypeOf<Wal["appendAndSync"]>().returns.toEqualTypeOf<Promise<Lsn>>();
  expectTypeOf<Wal["appendAndSyncBlocking"]>().returns.toEqualTypeOf<Lsn>();
  expectTypeOf<Wal["sync"]>().returns.toEqualTypeOf<Promise<void>>();
  expectTypeOf<Wal["syncBlocking"]>().returns.toEqualTypeOf<void>();
  expectTypeOf<typeof Wal.open>().returns.toEqualTypeOf<Promise<Wal>>();
  expectTypeOf<typeof Wal.openBlocking>().returns.toEqualTypeOf<Wal>();
});

test("a log is iterated both ways", () => {
  expectTypeOf<Wal>().toExtend<Iterable<WalRecord> & AsyncIterable<WalRecord> & AsyncDisposable>();
  expectTypeOf<Wal["iter"]>().returns.toExtend<Iterable<WalRecord> & AsyncIterable<WalRecord>>();
});

test("nobody but the library makes a Wal, and a code is one of those there are", () => {
  expectTypeOf<typeof Wal>().not.toExtend<new (...given: never[]) => Wal>();
  expectTypeOf(new MemStore()).toExtend<Parameters<typeof Wal.withStore>[0]>();
  expectTypeOf<WalError["code"]>().toEqualTypeOf<WalErrorCode>();
  expectTypeOf<{ onDamage: "ignore" }>().not.toExtend<WalOptions>();
});
