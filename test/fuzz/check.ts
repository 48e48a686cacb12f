/**
 * What must hold for a log of any bytes, whatever the call: an answer or a WalError of a code that
 * fits; no record that the plain reader does not see; what is refused is left as it was; no
 * allocation and no number of reads over the limit. Where the decision table of recovery says what an
 * open must do (test/support/recovery-oracle.ts), it does just that.
 */
import assert from "node:assert/strict";
import { Lsn, type Wal, WalError, type WalErrorCode, type WalRecord } from "wal-db";
import { SimulatedDisk } from "wal-db/testing";
import type { convertOn } from "#internal/convert.js";
import type { CutNotes } from "#internal/recovery/cut-notes.js";
import type { Disk } from "#internal/store/disk.js";
import type { Library } from "../support/library.ts";
import { plainDirectory } from "../support/plain-directory.ts";
import { crcPlain, joined, recordAt, scanPlain } from "../support/plain-format.ts";
import { expectedOpen, type OracleAnswer } from "../support/recovery-oracle.ts";
import type { FuzzCase, FuzzOptions } from "./case.ts";
import { Meter, withMeter } from "./meter.ts";

/** A library, whole or broken on purpose. */
export interface Fuzzed {
  readonly library: Library;
  readonly convertOn: typeof convertOn;
  readonly CutNotes: typeof CutNotes;
}

const log = "/log";

/** What the plain reader makes of the files. */
interface Plain {
  readonly head: number;
  readonly image: Uint8Array;
  /** What an open must do; null where the table does not speak of it: a gap, a directory that is no log. */
  readonly answer: OracleAnswer | null;
  readonly isLog: boolean;
}

function plainOf({ files, options }: FuzzCase): Plain {
  const { segmentSize, maxRecordSize: maxRecordBytes, onDamage, verify } = options;
  if (segmentSize === null) {
    const image = files[""] ?? new Uint8Array(0);
    const mark = files[".mark"] ?? null;
    const answer = expectedOpen({ image, mark, onDamage, verify, maxRecordBytes });
    return { head: 0, image, answer, isLog: true };
  }
  const found = plainDirectory(files, segmentSize);
  if (!found.isLog) return { head: 0, image: new Uint8Array(0), answer: null, isLog: false };
  const { head, image, hasGap } = found;
  const mark = files["mark"] ?? null;
  const answer = hasGap ? null : expectedOpen({ image, mark, onDamage, verify, maxRecordBytes, head });
  return { head, image, answer, isLog: true };
}

function diskOf({ files, options }: FuzzCase): SimulatedDisk {
  const inside = options.segmentSize === null ? log : `${log}/`;
  return new SimulatedDisk({
    files: Object.fromEntries(Object.entries(files).map(([name, bytes]) => [inside + name, bytes])),
    directories: options.segmentSize === null ? [] : [log],
  });
}

async function opened({ library }: Fuzzed, disk: Disk, options: FuzzOptions, blocking = false): Promise<Wal> {
  const { segmentSize, ...rest } = options;
  if (segmentSize !== null) return library.openSegmented(disk, log, segmentSize, rest);
  return blocking ? library.open(disk, log, rest) : library.openAsync(disk, log, rest);
}

function isWalError(error: unknown, ...codes: readonly WalErrorCode[]): error is WalError {
  // A broken copy has a class of its own.
  const { name, code, stack } = error as { name?: string; code?: WalErrorCode; stack?: string };
  if (name !== "WalError") assert.fail(`not a WalError: ${stack ?? String(error)}`);
  assert.ok(code !== undefined && codes.includes(code), `${code}: ${stack ?? ""}`);
  return true;
}

/** What is allowed for logs of so many bytes. */
function limitsFor(bytes: number): ConstructorParameters<typeof Meter>[0] {
  const chunk = 256 * 1024;
  return { onceBytes: chunk + bytes, sumBytes: 64 * (chunk + bytes), reads: 4000 + 40 * bytes };
}

/** @throws {AssertionError} saying what did not hold. */
export async function check(fuzzed: Fuzzed, given: FuzzCase): Promise<void> {
  const bytes = Object.values(given.files).reduce((sum, file) => sum + file.length, 0);
  const plain = plainOf(given);
  const meter = new Meter(limitsFor(bytes));
  await withMeter(meter, () => checkOpen(fuzzed, given, plain, meter));
  if (given.target === "convert") await withMeter(meter, () => checkConvert(fuzzed, given, plain, meter));
  checkCutNotes(fuzzed, given);
  assert.equal(meter.excess, null);
}

async function checkOpen(fuzzed: Fuzzed, given: FuzzCase, plain: Plain, meter: Meter): Promise<void> {
  const sim = diskOf(given);
  const before = sim.files();
  const disk = meter.on(sim);
  let wal: Wal;
  try {
    wal = await opened(fuzzed, disk, given.options);
  } catch (error) {
    isWalError(error, "WAL_CORRUPT");
    assert.ok(plain.answer === null || !plain.answer.opens, `refused: ${String(error)}`);
    assert.deepEqual(sim.files(), before, "what is refused is left as it was");
    return;
  }
  assert.ok(plain.isLog, "opened, though it is no log");
  try {
    if (plain.answer !== null) checkReport(wal, plain, plain.answer);
    const records = await checkRecords(wal, plain, given);
    if (given.options.readOnly) assert.deepEqual(sim.files(), before, "readOnly changes nothing");
    else checkSaved(sim.files(), plain, wal);
    checkReaders(wal, given);
    await goOn(fuzzed, wal, disk, given, records);
  } finally {
    await wal.close();
  }
}

function checkReport(wal: Wal, plain: Plain, answer: OracleAnswer): void {
  assert.ok(answer.opens, "opened, though the table refuses");
  const { head, scannedFrom, records, end, discarded, mark, damage } = wal.recovery;
  const seen = damage === null ? null : { offset: damage.offset, reason: damage.reason, kind: damage.kind };
  const expected = { ...answer, head: plain.head, opens: undefined, saved: undefined };
  assert.deepEqual(
    { head, scannedFrom, records, end, discarded, mark, damage: seen, opens: undefined, saved: undefined },
    expected,
  );
}

/** The records that are given, all of which the plain reader sees; in order, from the head on. */
async function checkRecords(
  wal: Wal,
  plain: Plain,
  { options, probes, target }: FuzzCase,
): Promise<WalRecord[]> {
  const { maxRecordSize } = options;
  const scan = scanPlain(plain.image, plain.head, maxRecordSize);
  const records: WalRecord[] = [];
  let damaged = false;
  try {
    if (probes.length % 2 === 0) for (const record of wal) records.push(record);
    else for await (const record of wal.iter()) records.push(record);
  } catch (error) {
    isWalError(error, "WAL_CORRUPT");
    damaged = true;
  }
  const read = records.map(({ lsn, data }) => ({ lsn: lsn as number, payload: data }));
  assert.deepEqual(read, scan.records.slice(0, read.length), "records");
  const last = records.at(-1)?.next ?? plain.head;
  if (damaged) assert.ok(wal.recovery.scannedFrom > scan.end, "damage where there is none");
  assert.equal(last, damaged ? scan.end : wal.end, "where the records end");

  const image = plain.image.subarray(0, wal.end);
  for (const at of probes) checkRead(wal, image, plain.head, at, maxRecordSize);
  if (target === "read") checkSalvage(wal, plain, maxRecordSize);
  return records;
}

function checkRead(wal: Wal, image: Uint8Array, head: number, at: number, max: number): void {
  const length = at < head ? "truncated" : recordAt(image, at, max);
  try {
    const record = wal.read(Lsn(at));
    assert.equal(typeof length, "number", `a record at ${at}`);
    assert.deepEqual(record.data, image.slice(at + 8, at + 8 + Number(length)));
  } catch (error) {
    if (typeof length === "number" || (error as { name: string }).name !== "WalError") throw error;
    isWalError(error, "WAL_CORRUPT");
  }
}

/** Reading on past damage: what is given and what is passed over are all of the log, end to end. */
function checkSalvage(wal: Wal, plain: Plain, max: number): void {
  const { end, discarded } = wal.recovery;
  const pieces: [number, number][] = [];
  const onDamage = (damage: WalError): void => {
    const { offset = Lsn(0), length = 0 } = damage;
    assert.equal(typeof recordAt(plain.image, offset, max), "string", "damage where a record is");
    pieces.push([offset, offset + length]);
  };
  for (const { lsn, next, data } of wal.iter({ onDamage })) {
    assert.equal(recordAt(plain.image, lsn, max), data.length, `a record at ${lsn}`);
    pieces.push([lsn, next]);
  }
  let at = plain.head;
  for (const [from, to] of pieces) {
    assert.equal(from, at, "nothing is left out and nothing comes twice");
    at = to;
  }
  assert.equal(at, end + discarded, "up to the end");
}

/** What was cut off and is no mere crash's leftover is in a file of its own. */
function checkSaved(files: Readonly<Record<string, Uint8Array>>, plain: Plain, wal: Wal): void {
  const saved = plain.answer?.opens === true ? plain.answer.saved : null;
  const path = wal.recovery.damage?.quarantine ?? null;
  if (plain.answer !== null) assert.equal(path !== null, saved !== null, `quarantine: ${path}`);
  if (saved === null || path === null) return;
  const held = files[path] ?? new Uint8Array(0);
  // One that held the same before, but for zeros, counts: see saveToQuarantine.
  const isHeld = saved.every((byte, i) => byte === 0 || held[i] === byte);
  assert.ok(held.length >= saved.length && isHeld, `${path} does not hold what was cut off`);
}

function checkReaders(wal: Wal, given: FuzzCase): void {
  if (given.options.readOnly) return;
  for (const name of ["a", "1", "new"]) {
    const { position } = wal.reader(name);
    assert.ok(
      Number.isSafeInteger(position) && position >= 0 && position <= wal.end,
      `reader at ${position}`,
    );
  }
}

/** A log that was opened takes a record, and gives it back after the next open. */
async function goOn(
  fuzzed: Fuzzed,
  wal: Wal,
  disk: Disk,
  { options, target, probes }: FuzzCase,
  records: readonly WalRecord[],
): Promise<void> {
  if (options.readOnly) return;
  const wasWhole = records.reduce((_, { next }) => next as number, wal.head as number) === wal.end;
  const last = records.at(-1);
  if (target === "beside" && last !== undefined && wasWhole && probes.length % 3 === 0)
    await wal.truncateAfter(last.lsn);
  const lsn = await wal.appendAndSync("and on");
  await wal.close();
  const again = await opened(fuzzed, disk, { ...options, maxRecordSize: 64 * 1024 * 1024 }, true);
  try {
    assert.equal(again.recovery.damage, null, "repaired for good");
    assert.equal(again.read(lsn).text(), "and on");
    if (wasWhole) assert.equal([...again].length, records.length + 1);
  } finally {
    again.closeBlocking();
  }
}

async function checkConvert(fuzzed: Fuzzed, given: FuzzCase, plain: Plain, meter: Meter): Promise<void> {
  const sim = diskOf(given);
  const before = sim.files();
  const { segmentSize, maxRecordSize } = given.options;
  const toSegments = given.probes.length % 2 === 0;
  const size = toSegments ? 50 : null;
  const shift = size === null ? plain.head : 0;
  try {
    const report = await fuzzed.convertOn(meter.on(sim), log, "/to", {
      ...(size === null ? { rebase: true } : { segmentSize: size }),
      sourceSegmentSize: segmentSize ?? undefined,
      maxRecordSize,
    });
    const scan = scanPlain(plain.image, plain.head, maxRecordSize);
    assert.deepEqual(
      [report.records, report.head, report.end],
      [scan.records.length, plain.head - shift, scan.end - shift],
      "the result is what the plain reader sees",
    );
    checkResult(sim.files(), size, plain.image.subarray(plain.head, scan.end), report.head);
  } catch (error) {
    isWalError(error, "WAL_CORRUPT", "WAL_INVALID_ARGUMENT");
    assert.equal(
      Object.keys(sim.files()).filter((name) => name.startsWith("/to")).length,
      0,
      "nothing is left",
    );
  }
  const source = Object.entries(sim.files()).filter(([name]) => !name.startsWith("/to"));
  assert.deepEqual(Object.fromEntries(source), before, "the source is as it was");
}

function checkResult(
  files: Readonly<Record<string, Uint8Array>>,
  segmentBytes: number | null,
  records: Uint8Array,
  head: number,
): void {
  const there = Object.entries(files).flatMap(([name, bytes]): [string, Uint8Array][] =>
    name.startsWith("/to/") ? [[name.slice(4), bytes]] : [],
  );
  const found = segmentBytes === null ? null : plainDirectory(Object.fromEntries(there), segmentBytes);
  if (found !== null) assert.ok(found.isLog && !found.hasGap, "a directory that is no log");
  const image = found === null ? (files["/to"] ?? new Uint8Array(0)) : found.image;
  assert.deepEqual(joined(image.subarray(head)), joined(records), "the bytes of the result");
}

function areNotes(bytes: Uint8Array): boolean {
  if (bytes.every((byte) => byte === 0)) return true;
  if (bytes.length < 8) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = 8 + view.getUint32(4, true) * 12;
  return length <= bytes.length && crcPlain(bytes.subarray(4, length)) === view.getUint32(0, true);
}

/** Notes of any bytes are none, or have their checksum and can be written again. */
function checkCutNotes({ CutNotes: Notes }: Fuzzed, { files }: FuzzCase): void {
  for (const bytes of Object.values(files)) {
    const notes = Notes.of(bytes.subarray(0, 64));
    assert.equal(notes !== null, areNotes(bytes.subarray(0, 64)), "whether these are notes");
    if (notes === null) continue;
    assert.ok(Number.isSafeInteger(notes.count) && notes.count >= 0);
    assert.ok(!Number.isNaN(notes.lowestSince(0)));
    const noted = Notes.of(notes.with(Lsn(5)).encode());
    assert.ok(noted !== null, "what was noted is read again");
  }
}
