/**
 * What must hold whenever a process is stopped, a power cut comes or a flush fails, as functions of
 * the library under test: crash-points.test.ts runs them on ours, mutations.test.ts on copies that
 * were broken on purpose, where each must fail.
 */
import assert from "node:assert/strict";
import type { Disk } from "#internal/store/disk.js";
import type { Wal, WalOptions } from "wal-db";
import type { Library } from "./library.ts";
import { claimOf, joined, logOf, markSlot, scanPlain } from "./plain-format.ts";
import { RecordingDisk, type RecordingOptions, Stopped } from "./recording-disk.ts";
import { logsDisk } from "./logs-disk.ts";
import type { SimulatedDisk } from "wal-db/testing";
import { Random } from "#internal/testing/random.js";

const path = "/logs/app.wal";
const markPath = `${path}.mark`;

/** A few records of several sizes, none like another. */
export function payload(i: number): Uint8Array {
  const text = `record ${i} `;
  return new TextEncoder().encode(text.padEnd(text.length + ((i * 37) % 90), String(i % 10)));
}

function payloads(wal: Wal): string[] {
  return [...wal].map((record) => Buffer.from(record.data).toString("latin1"));
}

function expectedPayloads(count: number): string[] {
  return Array.from({ length: count }, (_, i) => Buffer.from(payload(i)).toString("latin1"));
}

/** The mark must never claim what a power cut would take: true at every single call. */
function checkClaim(sim: SimulatedDisk): void {
  const mark = sim.files()[markPath];
  const claim = mark === undefined ? null : claimOf(mark);
  if (claim === null) return;
  const durable = sim.durableFiles()[path] ?? new Uint8Array(0);
  const bounds = [0, ...scanPlain(durable).records.map((r) => r.lsn + 8 + r.payload.length)];
  assert.ok(bounds.includes(claim), `the mark claims ${claim}; durable record ends are ${bounds.join(", ")}`);
}

/** How many records a session had acknowledged, and how many it had appended, when it ended. */
interface Session {
  acknowledged: number;
  appended: number;
}

/** Appends and syncs; `done` tells what was acknowledged when it is stopped midway. */
function appendSome(wal: Wal, session: Session): void {
  const add = (): void => {
    // One that is being appended may be there or not: count it before.
    session.appended++;
    wal.append(payload(session.appended - 1));
  };
  const sync = (): void => {
    wal.syncBlocking();
    session.acknowledged = session.appended;
  };
  add();
  sync();
  add();
  add();
  sync();
  add();
  session.appended++;
  wal.appendAndSyncBlocking(payload(session.appended - 1));
  session.acknowledged = session.appended;
  add();
}

interface StopResult {
  /** False: it ran to its end, there are no more calls to stop at. */
  readonly stopped: boolean;
}

/** Runs `work` on a disk that stops at the n-th changing call; with `half`, amid it if it is a write. */
function runAndStop(
  sim: SimulatedDisk,
  stopAt: number,
  half: boolean,
  work: (recording: RecordingDisk) => void,
  watch: NonNullable<RecordingOptions["watch"]> = () => {},
): StopResult {
  let halved = false;
  const recording: RecordingDisk = new RecordingDisk(sim, {
    before(call, number) {
      if (half ? halved : number === stopAt) recording.stop();
      if (half && number === stopAt && call.name !== "write") recording.stop();
    },
    watch,
    writeLength(_call, length) {
      if (!half || recording.changes !== stopAt || length < 2) return length;
      halved = true;
      return length >> 1;
    },
  });
  try {
    work(recording);
  } catch (error) {
    recording.checkWatched();
    if (!isStop(error)) throw error;
    return { stopped: true };
  }
  recording.checkWatched();
  return { stopped: recording.changes >= stopAt };
}

/** The library may have wrapped it; where it swallowed it, later calls threw it again. */
function isStop(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if (e instanceof Stopped) return true;
  return false;
}

/** The ways in which the bytes may look after the end: kill, power cut taking all, power cut taking some. */
function* endings(seeds: number): Generator<(sim: SimulatedDisk, salt: number) => void> {
  yield (sim) => sim.kill();
  yield (sim) => sim.crash({ keep: "none" });
  for (let seed = 1; seed <= seeds; seed++)
    yield (sim, salt) => sim.crash({ chooser: new Random(seed * 1000 + salt) });
}

/**
 * A session on a new log, stopped at each of its calls, by kill or power cut; then an open: all
 * that was acknowledged is there, in order, nothing invented, and the log can be appended to.
 */
export function checkSession(lib: Library, seeds: number): number {
  let runs = 0;
  for (const half of [false, true]) {
    for (const end of endings(seeds)) {
      for (let stopAt = 1, more = true; more; stopAt++) {
        const sim = logsDisk();
        const session: Session = { acknowledged: 0, appended: 0 };
        const work = (recording: RecordingDisk): void => {
          const wal = lib.open(recording.disk, path);
          appendSome(wal, session);
          wal.closeBlocking();
          session.acknowledged = session.appended;
        };
        more = runAndStop(sim, stopAt, half, work, () => checkClaim(sim)).stopped;
        end(sim, stopAt);
        checkAcknowledged(lib, sim, session, `stopped at call ${stopAt}${half ? " halfway" : ""}`);
        runs++;
      }
    }
  }
  return runs;
}

/** The same for many commits at once, and appends while a flush is under way. */
export async function checkConcurrentSession(lib: Library, seeds: number): Promise<number> {
  let runs = 0;
  for (const end of endings(seeds)) {
    for (let stopAt = 1, more = true; more; stopAt++) {
      const sim = logsDisk();
      const recording: RecordingDisk = new RecordingDisk(sim, {
        before(_call, number) {
          if (number >= stopAt) recording.stop();
        },
        watch: () => checkClaim(sim),
      });
      const session: Session = { acknowledged: 0, appended: 0 };
      try {
        const wal = await lib.openAsync(recording.disk, path);
        await appendManyAtOnce(wal, session);
        await wal.close();
        session.acknowledged = session.appended;
      } catch (error) {
        if (!isStop(error)) throw error;
      }
      more = recording.changes >= stopAt;
      recording.checkWatched();
      end(sim, stopAt);
      checkAcknowledged(lib, sim, session, `many at once, stopped at call ${stopAt}`);
      runs++;
    }
  }
  return runs;
}

/** Settles when all that it began has settled; throws what the first of them threw. */
async function appendManyAtOnce(wal: Wal, session: Session): Promise<void> {
  const commits: Promise<unknown>[] = [];
  const failed: unknown[] = [];
  for (let burst = 0; burst < 4; burst++) {
    for (let i = 0; i < 3; i++) {
      const record = session.appended++;
      const acknowledge = (): void => {
        session.acknowledged = Math.max(session.acknowledged, record + 1);
      };
      commits.push(
        wal.appendAndSync(payload(record)).then(acknowledge, (error: unknown) => failed.push(error)),
      );
    }
    // While the flush of these is under way: not covered by it.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    try {
      wal.append(payload(session.appended++));
    } catch {
      break;
    }
  }
  await Promise.all(commits);
  if (failed.length > 0) throw failed[0];
}

function checkAcknowledged(lib: Library, sim: SimulatedDisk, session: Session, what: string): void {
  const watched = new RecordingDisk(sim, { watch: () => checkClaim(sim) });
  let wal = lib.open(watched.disk, path);
  watched.checkWatched();
  checkClaim(sim);
  const found = payloads(wal);
  assert.deepEqual(found, expectedPayloads(found.length), what);
  assert.ok(found.length >= session.acknowledged, `${what}: ${found.length} of ${session.acknowledged}`);
  assert.ok(found.length <= session.appended, `${what}: invented ${found.length - session.appended}`);
  // What open has recovered and called durable stays, and the log goes on.
  assert.equal(wal.durable, wal.end, what);
  sim.crash({ keep: "none" });
  wal = lib.open(sim, path);
  assert.deepEqual(payloads(wal), found, `${what}, and a power cut after the open`);
  wal.appendAndSyncBlocking(payload(found.length));
  sim.crash({ keep: "none" });
  wal = lib.open(sim, path);
  assert.deepEqual(payloads(wal), expectedPayloads(found.length + 1), `${what}, and one more record`);
  wal.closeBlocking();
}

/**
 * A write that reports a failure when all of it is written, and a kill before the append can take it
 * back: more is recovered than was acknowledged, and as much is durable as is recovered.
 */
export function checkFailedAppend(lib: Library): void {
  const sim = logsDisk();
  const recording: RecordingDisk = new RecordingDisk(sim, {
    before(call) {
      if (call.name === "truncate") recording.stop();
    },
  });
  let failing = false;
  const disk: Disk = {
    ...recording.disk,
    write(...args) {
      const wrote = recording.disk.write(...args);
      if (failing) throw Object.assign(new Error("EIO: all the same"), { code: "EIO" });
      return wrote;
    },
  };
  const wal = lib.open(disk, path);
  wal.appendAndSyncBlocking(payload(0));
  failing = true;
  assert.throws(() => wal.append(payload(1)), { code: "WAL_POISONED" });
  sim.kill();
  checkAcknowledged(lib, sim, { acknowledged: 2, appended: 2 }, "a failed append whose record is whole");
}

/** A log that needs repair. */
export interface Repair {
  readonly name: string;
  readonly image: Uint8Array;
  readonly mark: Uint8Array | null;
  readonly options: WalOptions;
  /** What is left of the log. */
  readonly after: Uint8Array;
  /** What must be found in a quarantine file. */
  readonly saved: Uint8Array | null;
}

/**
 * The repair, stopped at each of its calls; then an open with the same options: the same log, the
 * same quarantine, once; and the same again after a power cut that takes all that is not flushed.
 */
export function checkRepair(lib: Library, repair: Repair, seeds: number): number {
  let runs = 0;
  for (const half of [false, true]) {
    for (const end of endings(seeds)) {
      for (let stopAt = 1; repairAt(lib, repair, end, stopAt, half, runs); stopAt++) runs++;
      runs++;
    }
  }
  return runs;
}

/** The repair, stopped at its n-th call; false when it has no more of them. */
export function repairAt(
  lib: Library,
  repair: Repair,
  end: (sim: SimulatedDisk, salt: number) => void,
  stopAt: number,
  half: boolean,
  salt: number,
): boolean {
  const files: Record<string, Uint8Array> = { [path]: repair.image };
  if (repair.mark !== null) files[markPath] = repair.mark;
  const sim = logsDisk(files);
  const what = `${repair.name}, stopped at call ${stopAt}${half ? " halfway" : ""}`;
  const work = (recording: RecordingDisk): void => {
    lib.open(recording.disk, path, repair.options).closeBlocking();
  };
  const watch = (): void => {
    checkNothingLost(sim, repair, what);
    checkMarkFirst(sim, repair, what);
  };
  const { stopped } = runAndStop(sim, stopAt, half, work, watch);
  end(sim, stopAt);
  checkNothingLost(sim, repair, what);
  // And stopped once more, somewhere: what the first process left may be seen and not be durable.
  runAndStop(sim, 1 + ((stopAt * 7 + salt) % 16), half, work);
  if (salt % 2 === 0) sim.kill();
  else end(sim, stopAt + 500);
  checkNothingLost(sim, repair, what);
  const wal = lib.open(sim, path, repair.options);
  assert.equal(wal.recovery.end, repair.after.length, what);
  checkRepaired(sim.files(), repair, what);
  sim.crash({ keep: "none" });
  checkRepaired(sim.durableFiles(), repair, `${what}, and a power cut after the open`);
  // No policy by name is needed any more: the log is whole, and its mark true.
  const again = lib.open(sim, path);
  assert.equal(again.end, repair.after.length, what);
  assert.equal(again.recovery.damage, null, what);
  again.closeBlocking();
  return stopped;
}

/** At any moment, seen and durable: the bytes are in the log still, or in quarantine already. */
function checkNothingLost(sim: SimulatedDisk, repair: Repair, what: string): void {
  if (repair.saved === null) return;
  for (const files of [sim.files(), sim.durableFiles()]) {
    const inLog = Buffer.from(files[path] ?? []).equals(repair.image);
    assert.ok(inLog || quarantined(files, repair.saved) === 1, `${what}: bytes are gone`);
  }
}

/** Once the log is cut, no mark on the disk claims more than is left. */
function checkMarkFirst(sim: SimulatedDisk, repair: Repair, what: string): void {
  const length = sim.files()[path]?.length ?? 0;
  if (length === repair.image.length) return;
  const claim = claimOf(sim.durableFiles()[markPath] ?? new Uint8Array(0)) ?? 0;
  assert.ok(claim <= length, `${what}: cut to ${length} under a mark at ${claim}`);
}

function quarantined(files: Readonly<Record<string, Uint8Array>>, saved: Uint8Array): number {
  const names = Object.keys(files).filter((name) => name.startsWith(`${path}.quarantine-`));
  return names.filter((name) => Buffer.from(files[name] ?? []).equals(saved)).length;
}

function checkRepaired(files: Readonly<Record<string, Uint8Array>>, repair: Repair, what: string): void {
  assert.deepEqual(files[path], repair.after, what);
  const beside = Object.keys(files).filter((name) => name !== path && name !== markPath);
  const expected = repair.saved === null ? [] : [`${path}.quarantine-${repair.after.length}`];
  assert.deepEqual(beside, expected, what);
  if (repair.saved !== null) assert.equal(quarantined(files, repair.saved), 1, what);
}

/** A mark that was written twice. */
function marked(lsn: number): Uint8Array {
  return joined(markSlot(0, 7), markSlot(lsn, 8));
}

/** Logs that need each a different repair, all of the same four records. */
export function repairs(): Repair[] {
  const log = logOf([0, 1, 2, 3].map(payload));
  const [, , third = 0, fourth = 0] = scanPlain(log).records.map((record) => record.lsn);
  const noise = Uint8Array.from({ length: 700 }, (_, i) => (i * 73 + 29) % 251);
  const damaged = log.slice();
  damaged[third + 9] = (damaged[third + 9] ?? 0) ^ 4;
  return [
    { name: "torn tail", image: log.slice(0, -3), mark: marked(third), options: {}, saved: null },
    { name: "torn tail without a mark", image: log.slice(0, -3), mark: null, options: {}, saved: null },
    {
      name: "zeros",
      image: joined(log, new Uint8Array(300)),
      mark: marked(fourth),
      options: {},
      saved: null,
    },
    { name: "noise", image: joined(log, noise), mark: marked(fourth), options: {}, saved: noise },
    { name: "hole", image: damaged, mark: marked(third), options: {}, saved: damaged.slice(third) },
    { name: "wrong file", image: noise, mark: null, options: {}, saved: noise },
    {
      name: "loss, accepted",
      image: damaged,
      mark: marked(log.length),
      options: { onDamage: "quarantine", verify: "full" },
      saved: damaged.slice(third),
    },
    {
      name: "loss, accepted and not saved",
      image: damaged,
      mark: marked(log.length),
      options: { onDamage: "truncate", verify: "full" },
      saved: null,
    },
    {
      name: "shorter than its mark, accepted",
      image: log.slice(0, fourth + 5),
      mark: marked(log.length),
      options: { onDamage: "quarantine" },
      saved: log.slice(fourth, fourth + 5),
    },
  ].map((repair) => ({ ...repair, after: repair.image.slice(0, scanPlain(repair.image).end) }) as Repair);
}

/**
 * A flush that failed, the process gone, the same boot: what the cache still shows is recovered;
 * once it is called durable, a power cut must not take it. The cached pages are clean, and only
 * writing them again brings them to the disk.
 */
export function checkFailedFlush(lib: Library): number {
  let failures = 0;
  for (let nth = 1; nth <= 12; nth++) {
    const sim = logsDisk();
    const session: Session = { acknowledged: 0, appended: 0 };
    let wal = lib.open(sim, path);
    appendSome(wal, session);
    sim.inject({ call: "flush", nth: nth, effect: { kind: "fail", errno: "EIO" } });
    let poison: unknown = null;
    for (let i = 0; i < 4 && poison === null; i++) {
      session.appended++;
      try {
        wal.appendAndSyncBlocking(payload(session.appended - 1));
      } catch (error) {
        poison = error;
      }
      if (poison === null) session.acknowledged = session.appended;
    }
    if (poison !== null) {
      failures++;
      assert.equal((poison as { code?: string }).code, "WAL_POISONED");
      assert.throws(() => wal.append("more"), { code: "WAL_POISONED" }, "a failed flush is final");
      assert.throws(() => wal.syncBlocking(), { code: "WAL_POISONED" }, "a failed flush is final");
    }
    sim.clearFaults();
    sim.kill();
    wal = lib.open(sim, path);
    const found = payloads(wal);
    assert.ok(found.length >= session.acknowledged);
    checkClaim(sim);
    sim.crash({ keep: "none" });
    wal = lib.open(sim, path);
    assert.deepEqual(payloads(wal), found, `flush ${nth} failed; what the reopened log had called durable`);
  }
  return failures;
}

/** The n-th flush of a repair fails: open says so; opened again in the same boot, it is the same repair. */
export function checkRepairFlush(lib: Library, repair: Repair): number {
  for (let nth = 1; ; nth++) {
    const files: Record<string, Uint8Array> = { [path]: repair.image };
    if (repair.mark !== null) files[markPath] = repair.mark;
    const sim = logsDisk(files);
    const what = `${repair.name}, flush ${nth} failed`;
    sim.inject({ call: "flush", nth: nth, effect: { kind: "fail", errno: "EIO" } });
    let failed = false;
    try {
      lib.open(sim, path, repair.options).closeBlocking();
    } catch (error) {
      failed = true;
      assert.equal((error as { code?: string }).code, "WAL_IO", what);
      assert.equal((error as { errno?: string }).errno, "EIO", what);
    }
    checkNothingLost(sim, repair, what);
    if (sim.faultsWaiting > 0) return nth - 1;
    sim.clearFaults();
    // Only the new mark's own flush may fail unsaid: the older mark stays true.
    if (!failed) assert.equal(repair.mark, null, what);
    lib.open(sim, path, repair.options).closeBlocking();
    sim.crash({ keep: "none" });
    checkRepaired(sim.durableFiles(), repair, what);
  }
}

/** Loss is refused, and refusing changes nothing. */
export function checkRefusal(lib: Library): void {
  for (const repair of repairs().filter((each) => each.name.includes("accepted"))) {
    for (const onDamage of [undefined, "refuse"] as const) {
      const sim = logsDisk({ [path]: repair.image, [markPath]: repair.mark ?? new Uint8Array(0) });
      const before = sim.files();
      const options: WalOptions = { verify: "full", ...(onDamage === undefined ? {} : { onDamage }) };
      const error = { code: "WAL_CORRUPT", offset: repair.after.length };
      assert.throws(() => lib.open(sim, path, options), error, repair.name);
      assert.deepEqual(sim.files(), before, repair.name);
    }
  }
}

/** One log, one writer. */
export function checkLock(lib: Library): void {
  const sim = logsDisk();
  const wal = lib.open(sim, path);
  assert.throws(() => lib.open(sim, path), { code: "WAL_LOCKED", path });
  wal.closeBlocking();
  lib.open(sim, path).closeBlocking();
}
