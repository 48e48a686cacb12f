/**
 * docs/recovery.md, row by row: what is found, under each policy, with what is done and what is
 * reported. Each test has the number of its row. (Every kind of damage at every place is elsewhere;
 * this holds the words of the page against the code.)
 */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type DamagePolicy, MemStore, Wal, WalError, type WalOptions } from "wal-db";
import { maxRecordBytesDefault, searchSmallBudgetBytesMin, searchSmallBytesMax } from "#internal/limits.js";
import { scratchDir } from "../support/scratch.js";

const policies: readonly (DamagePolicy | undefined)[] = [undefined, "quarantine", "refuse", "truncate"];

const texts: readonly string[] = ["first record", "second record", "third record"];
const starts: readonly number[] = [0, 20, 41];
const wholeEnd = 61;

/** The bytes of the three records. */
const whole: Uint8Array = imageOf(texts);

function imageOf(records: readonly string[]): Uint8Array {
  const store = new MemStore();
  const wal = Wal.withStoreBlocking(store);
  wal.appendBatch(records);
  wal.closeBlocking();
  return store.toBytes();
}

function withByte(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = (changed[at] as number) ^ 0xff;
  return changed;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function zeros(count: number): Uint8Array {
  return new Uint8Array(count);
}

interface Place {
  readonly dir: string;
  readonly path: string;
  /** Every file with its bytes. */
  readonly bytes: () => Record<string, string>;
}

/** A folder that holds `log` (null: none), and a mark that this library itself has written at `mark`. */
function place(t: TestContext, log: Uint8Array | null, mark: number | null): Place {
  const dir = scratchDir(t);
  const path = join(dir, "app.wal");
  if (mark !== null) {
    assert.ok([0, ...starts, wholeEnd].includes(mark));
    writeFileSync(path, whole.subarray(0, mark));
    Wal.openBlocking(path).closeBlocking();
    rmSync(path);
  }
  if (log !== null) writeFileSync(path, log);
  const bytes = (): Record<string, string> =>
    Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name)).toString("hex")]));
  return { dir, path, bytes };
}

function withPolicy(onDamage: DamagePolicy | undefined): WalOptions {
  return onDamage === undefined ? {} : { onDamage };
}

interface Row {
  readonly log: Uint8Array | null;
  readonly mark: number | null;
  readonly end: number;
  readonly discarded?: number;
  readonly kind?: "torn" | "corrupt";
  readonly reason?: string;
  readonly refused?: readonly (DamagePolicy | undefined)[];
  /** The policies that save the tail. */
  readonly saved?: readonly (DamagePolicy | undefined)[];
  readonly options?: WalOptions;
}

/** Opens one row under every policy, and holds the log, the report and the folder against it. */
function holds(t: TestContext, row: Row): void {
  for (const policy of policies) {
    const found = place(t, row.log, row.mark);
    const before = found.bytes();
    const options = { ...row.options, ...withPolicy(policy) };
    const label = policy ?? "default";
    if (row.refused?.includes(policy)) {
      assert.throws(
        () => Wal.openBlocking(found.path, options),
        (error) =>
          error instanceof WalError &&
          error.code === "WAL_CORRUPT" &&
          (row.reason === undefined || error.reason === row.reason) &&
          error.mark === (row.mark !== null && row.end < row.mark ? row.mark : undefined),
        label,
      );
      assert.deepEqual(found.bytes(), before, `${label}: nothing is changed`);
      continue;
    }
    const wal = Wal.openBlocking(found.path, options);
    assert.equal(wal.end, row.end, label);
    assert.equal(wal.durable, row.end, label);
    assert.equal(wal.recovery.discarded, row.discarded ?? 0, label);
    assert.equal(wal.recovery.damage?.kind, row.kind, label);
    assert.equal(wal.recovery.damage?.reason, row.kind === undefined ? undefined : row.reason, label);
    const lsn = wal.append("and on it goes");
    assert.equal(lsn, row.end, label);
    assert.equal(wal.read(lsn).text(), "and on it goes", label);
    wal.closeBlocking();

    const quarantine = `app.wal.quarantine-${row.end}`;
    const saved = row.saved?.includes(policy) ?? false;
    const names = saved ? ["app.wal", "app.wal.mark", quarantine] : ["app.wal", "app.wal.mark"];
    assert.deepEqual(readdirSync(found.dir).toSorted(), names, label);
    assert.equal(wal.recovery.damage?.quarantine ?? null, saved ? join(found.dir, quarantine) : null, label);
    if (saved) {
      const tail = Buffer.from((row.log as Uint8Array).subarray(row.end)).toString("hex");
      assert.equal(found.bytes()[quarantine], tail, label);
    }
    const again = Wal.openBlocking(found.path, { verify: "full", onDamage: "refuse" });
    assert.equal(again.recovery.damage, null, label);
    again.closeBlocking();
  }
}

const saving: readonly (DamagePolicy | undefined)[] = [undefined, "quarantine"];
const refusingLoss: readonly (DamagePolicy | undefined)[] = [undefined, "refuse"];

test("R1 no log", (t) => {
  holds(t, { log: null, mark: null, end: 0 });
  holds(t, { log: null, mark: 0, end: 0 });
  const { dir, path } = place(t, null, null);
  assert.throws(() => Wal.openBlocking(path, { readOnly: true }), { code: "WAL_IO", errno: "ENOENT" });
  assert.deepEqual(readdirSync(dir), []);
});

test("R2 no log, but a mark", (t) => {
  holds(t, { log: null, mark: 41, end: 0, refused: refusingLoss, reason: "shorter-than-mark" });
});

test("R3 a whole log", (t) => {
  holds(t, { log: whole, mark: null, end: wholeEnd });
  holds(t, { log: whole, mark: 20, end: wholeEnd });
  const { path } = place(t, whole, wholeEnd);
  const wal = Wal.openBlocking(path);
  assert.deepEqual([wal.recovery.scannedFrom, wal.recovery.records], [wholeEnd, 0]);
  wal.closeBlocking();
});

test("R4 zeros past the end", (t) => {
  for (const count of [1, 7, 8, 4096])
    holds(t, { log: joined(whole, zeros(count)), mark: 41, end: wholeEnd });
  holds(t, { log: zeros(64), mark: null, end: 0 });
});

test("R5 a hole", (t) => {
  const log = joined(whole, zeros(500), whole);
  const length = log.length - wholeEnd;
  const reason = "checksum-mismatch";
  holds(t, {
    log,
    mark: 41,
    end: wholeEnd,
    discarded: length,
    kind: "corrupt",
    reason,
    refused: ["refuse"],
    saved: saving,
  });
});

test("R6 an incomplete last record", (t) => {
  for (const cut of [1, 7, 8, 15]) {
    const reason = cut < 8 ? "torn-header" : "torn-payload";
    holds(t, { log: whole.subarray(0, 41 + cut), mark: 20, end: 41, discarded: cut, kind: "torn", reason });
  }
});

test("R7 a damaged last record", (t) => {
  const saved = [undefined, "quarantine", "refuse"] as const;
  const flipped = withByte(whole, 50);
  holds(t, {
    log: flipped,
    mark: 41,
    end: 41,
    discarded: 20,
    kind: "torn",
    reason: "checksum-mismatch",
    saved,
  });
  const endless = withByte(whole, 41 + 7);
  holds(t, {
    log: endless,
    mark: 41,
    end: 41,
    discarded: 20,
    kind: "torn",
    reason: "implausible-length",
    saved,
  });
});

test("R8 damage before an intact record", (t) => {
  const reason = "checksum-mismatch";
  const log = withByte(whole, 30);
  holds(t, {
    log,
    mark: 20,
    end: 20,
    discarded: 41,
    kind: "corrupt",
    reason,
    refused: ["refuse"],
    saved: saving,
  });

  const small = { maxRecordSize: 12 };
  const { path, bytes } = place(t, whole, 20);
  const before = bytes()["app.wal"];
  assert.throws(() => Wal.openBlocking(path, { ...small, onDamage: "refuse" }), {
    reason: "implausible-length",
  });
  assert.equal(bytes()["app.wal"], before, "a smaller maxRecordSize costs no byte");
});

test("R9 the search reached its bound", (t) => {
  // Each u32 here is a plausible length just above the small ones, so the second budget is used up:
  // a tail of such words that are each checksummed to the end costs more than is allowed.
  const length = searchSmallBytesMax + 1;
  const words = new Uint32Array(1_500_000).fill(length);
  const log = joined(whole, new Uint8Array(words.buffer));
  assert.ok(searchSmallBudgetBytesMin < words.length * length && length < maxRecordBytesDefault);
  const { path } = place(t, log, null);
  assert.throws(() => Wal.openBlocking(path, { onDamage: "refuse" }), {
    code: "WAL_CORRUPT",
    offset: wholeEnd,
  });
  const wal = Wal.openBlocking(path);
  assert.equal(wal.recovery.damage?.kind, "corrupt");
  assert.ok(existsSync(wal.recovery.damage?.quarantine ?? ""));
  wal.closeBlocking();
});

test("R10 no intact record", (t) => {
  const text = new TextEncoder().encode("this is a letter, not a log");
  const row = { mark: null, end: 0, kind: "corrupt", refused: ["refuse"], saved: saving } as const;
  holds(t, { ...row, log: text, discarded: text.length, reason: "implausible-length" });
  holds(t, { ...row, log: whole.subarray(0, 5), discarded: 5, reason: "torn-header", mark: 0 });
});

test("R11 damage below the mark", (t) => {
  const row = {
    mark: wholeEnd,
    refused: refusingLoss,
    saved: ["quarantine"],
    options: { verify: "full" },
  } as const;
  const reason = "checksum-mismatch";
  holds(t, { ...row, log: withByte(whole, 50), end: 41, discarded: 20, kind: "torn", reason });
  holds(t, { ...row, log: withByte(whole, 30), end: 20, discarded: 41, kind: "corrupt", reason });
  const cut = whole.subarray(0, 50);
  holds(t, { ...row, log: cut, end: 41, discarded: 9, kind: "torn", reason: "torn-payload" });
});

test("R12 zeros below the mark", (t) => {
  const log = joined(whole.subarray(0, 41), zeros(100));
  holds(t, { log, mark: wholeEnd, end: 41, refused: refusingLoss, options: { verify: "full" } });
});

test("R13 a log shorter than its mark", (t) => {
  const log = whole.subarray(0, 41);
  holds(t, { log, mark: wholeEnd, end: 41, refused: refusingLoss, reason: "shorter-than-mark" });
});

test("R14 damage below the mark, not looked for", (t) => {
  for (const policy of policies) {
    const { path, bytes } = place(t, withByte(whole, 30), 41);
    const before = bytes()["app.wal"];
    const wal = Wal.openBlocking(path, withPolicy(policy));
    assert.deepEqual([wal.end, wal.recovery.scannedFrom, wal.recovery.damage], [wholeEnd, 41, null]);
    assert.throws(() => [...wal], { code: "WAL_CORRUPT", offset: 20, reason: "checksum-mismatch" });
    wal.closeBlocking();
    assert.equal(bytes()["app.wal"], before);
  }
  const { path } = place(t, withByte(whole, 30), 41);
  assert.throws(() => Wal.openBlocking(path, { verify: "full" }), {
    code: "WAL_CORRUPT",
    mark: 41,
    offset: 20,
  });
});

test("R15 a mark that leads nowhere", (t) => {
  const other = imageOf(["another log, whose records begin and end at other places", "and it is longer"]);
  assert.ok(other.length > wholeEnd);
  for (const policy of policies) {
    const { path } = place(t, other, 41);
    const wal = Wal.openBlocking(path, withPolicy(policy));
    assert.deepEqual([wal.end, wal.recovery.scannedFrom, wal.recovery.records], [other.length, 0, 2]);
    assert.equal(wal.recovery.damage, null);
    wal.closeBlocking();
  }
});

test("R16 a mark that says nothing", (t) => {
  for (const mark of [zeros(32), zeros(5), new Uint8Array(32).fill(0xaa), zeros(0)]) {
    const { path } = place(t, whole.subarray(0, 50), null);
    writeFileSync(`${path}.mark`, mark);
    const wal = Wal.openBlocking(path, { onDamage: "refuse" });
    assert.deepEqual([wal.end, wal.recovery.scannedFrom, wal.recovery.discarded], [41, 0, 9]);
    assert.equal(wal.recovery.damage?.kind, "torn");
    wal.closeBlocking();
  }
});

test("R17 read-only", (t) => {
  const tails: readonly { log: Uint8Array; end: number; kind: "torn" | "corrupt" | undefined }[] = [
    { log: whole, end: wholeEnd, kind: undefined },
    { log: joined(whole, zeros(9)), end: wholeEnd, kind: undefined },
    { log: whole.subarray(0, 50), end: 41, kind: "torn" },
    { log: withByte(whole, 50), end: 41, kind: "torn" },
    { log: withByte(whole, 30), end: 20, kind: "corrupt" },
    { log: zeros(64).fill(0x41), end: 0, kind: "corrupt" },
  ];
  for (const { log, end, kind } of tails) {
    for (const policy of policies) {
      const { path, bytes } = place(t, log, null);
      const before = bytes();
      const options = { ...withPolicy(policy), readOnly: true };
      if (kind === "corrupt" && policy === "refuse") {
        assert.throws(() => Wal.openBlocking(path, options), { code: "WAL_CORRUPT", offset: end });
      } else {
        const wal = Wal.openBlocking(path, options);
        assert.deepEqual([wal.end, wal.recovery.damage?.kind], [end, kind]);
        assert.equal(wal.recovery.damage?.quarantine ?? null, null);
        assert.equal(wal.recovery.discarded, kind === undefined ? 0 : log.length - end);
        assert.deepEqual(
          Array.from(wal, (record) => record.text()),
          texts.slice(0, starts.filter((at) => at < end).length),
        );
        wal.closeBlocking();
      }
      assert.deepEqual(bytes(), before);
    }
  }
  for (const policy of policies) {
    const { path, bytes } = place(t, whole.subarray(0, 41), wholeEnd);
    const before = bytes();
    const open = (): Wal => Wal.openBlocking(path, { ...withPolicy(policy), readOnly: true });
    if (refusingLoss.includes(policy)) {
      // The message once sent people to readOnly alone, which refuses just the same.
      const message = /look at it with readOnly and onDamage: 'truncate'/;
      assert.throws(open, { code: "WAL_CORRUPT", mark: wholeEnd, message });
    } else {
      const wal = open();
      assert.equal(wal.end, 41);
      wal.closeBlocking();
    }
    assert.deepEqual(bytes(), before);
  }
});

test("R18 no room to save", (t) => {
  class Unsaving extends MemStore {
    override readonly side = {};
  }
  const damaged = withByte(whole, 30);
  const store = new Unsaving(damaged);
  assert.throws(() => Wal.withStoreBlocking(store), { code: "WAL_CORRUPT", offset: 20 });
  assert.deepEqual(store.toBytes(), damaged);
  assert.equal(Wal.withStoreBlocking(store, { onDamage: "truncate" }).end, 20);

  class Full extends MemStore {
    override readonly side = {
      quarantine(): string {
        throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      },
    };
  }
  const full = new Full(damaged);
  assert.throws(() => Wal.withStoreBlocking(full), {
    code: "WAL_IO",
    errno: "ENOSPC",
    message: /onDamage: 'truncate'/,
  });
  assert.deepEqual(full.toBytes(), damaged);
  assert.equal(Wal.withStoreBlocking(full, { onDamage: "truncate" }).end, 20);

  // The same on a file: where the quarantine's name should go, a folder cannot be replaced by it.
  const { path, bytes, dir } = place(t, damaged, 20);
  mkdirSync(join(dir, "app.wal.quarantine-20.tmp"));
  const log = readFileSync(path);
  assert.throws(() => Wal.openBlocking(path), { code: "WAL_IO", message: /onDamage: 'truncate'/ });
  rmSync(join(dir, "app.wal.quarantine-20.tmp"), { recursive: true });
  assert.equal(bytes()["app.wal"], log.toString("hex"));
});

test("R19 cut short and opened again", (t) => {
  // The crash came after the quarantine was saved, and before the cut.
  const damaged = withByte(whole, 30);
  const { path, dir } = place(t, damaged, 20);
  writeFileSync(`${path}.quarantine-20`, damaged.subarray(20));
  const wal = Wal.openBlocking(path);
  assert.equal(wal.recovery.damage?.quarantine, `${path}.quarantine-20`);
  wal.closeBlocking();
  assert.deepEqual(readdirSync(dir).toSorted(), ["app.wal", "app.wal.mark", "app.wal.quarantine-20"]);

  // While the quarantine was being written: what there was of it is written anew.
  const torn = place(t, damaged, 20);
  writeFileSync(`${torn.path}.quarantine-20.tmp`, damaged.subarray(20, 25));
  Wal.openBlocking(torn.path).closeBlocking();
  assert.deepEqual(readdirSync(torn.dir).toSorted(), ["app.wal", "app.wal.mark", "app.wal.quarantine-20"]);
  assert.deepEqual(new Uint8Array(readFileSync(`${torn.path}.quarantine-20`)), damaged.subarray(20));

  // After the mark was lowered and the log was cut, by policy, before the flush.
  const lowered = place(t, whole, 41);
  truncateSync(lowered.path, 41);
  const again = Wal.openBlocking(lowered.path, { onDamage: "refuse" });
  assert.deepEqual([again.end, again.recovery.damage], [41, null]);
  again.closeBlocking();
});
