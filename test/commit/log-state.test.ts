import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Lsn, WalError } from "wal-db";
import { type Cells, PlainCells, SharedCells } from "#internal/commit/cells.js";
import { cellCount, LogState } from "#internal/commit/log-state.js";

const kinds: Readonly<Record<string, (count: number) => Cells>> = {
  PlainCells: (count) => new PlainCells(count),
  SharedCells: (count) => new SharedCells(count),
};

/** How many slots were taken (log-state.ts): as if so many threads had joined. */
const writersCell = 11;

const cause = new WalError("WAL_IO", "the disk is gone");

/** Puts another writer's step in front of one operation on the cells. */
class InterruptedCells implements Cells {
  readonly #inner: Cells;
  #countdown = 0;
  #step: (() => void) | null = null;
  /** What comes about while someone waits; who waits looks again then. */
  onWait: (() => void) | null = null;

  constructor(inner: Cells) {
    this.#inner = inner;
  }

  /** Runs `step` before the n-th operation from now on, once. */
  interrupt(nth: number, step: () => void): void {
    this.#countdown = nth;
    this.#step = step;
  }

  /** Whether the step has been run by now; it will not be after this. */
  get interrupted(): boolean {
    const done = this.#step === null;
    this.#step = null;
    return done;
  }

  #enter(): void {
    if (this.#step === null || --this.#countdown > 0) return;
    const step = this.#step;
    this.#step = null;
    step();
  }

  load(cell: number): number {
    this.#enter();
    return this.#inner.load(cell);
  }
  store(cell: number, value: number): void {
    this.#enter();
    this.#inner.store(cell, value);
  }
  add(cell: number, delta: number): number {
    this.#enter();
    return this.#inner.add(cell, delta);
  }
  compareExchange(cell: number, expected: number, value: number): number {
    this.#enter();
    return this.#inner.compareExchange(cell, expected, value);
  }
  wait(cell: number, expected: number, milliseconds: number): void {
    if (this.onWait !== null) this.onWait();
    else this.#inner.wait(cell, expected, milliseconds);
  }
  waitAsync(cell: number, expected: number, milliseconds: number): Promise<void> {
    return this.#inner.waitAsync(cell, expected, milliseconds);
  }
  notify(cell: number): void {
    this.#inner.notify(cell);
  }
}

for (const [kind, make] of Object.entries(kinds)) {
  const writers = (count: number, end = 0, cells: Cells = make(cellCount)): LogState[] => {
    const states = Array.from({ length: count }, (_, writer) => new LogState(cells, writer));
    states[0]?.start(Lsn(0), Lsn(end), Lsn(end));
    cells.store(writersCell, count);
    return states;
  };
  const one = (end = 0): LogState => {
    const [state] = writers(1, end);
    assert.ok(state);
    return state;
  };

  test(`${kind}: cells do what cells do, over the whole range of offsets`, () => {
    const cells = make(2);
    for (const value of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER, -1, -(2 ** 52)]) {
      cells.store(1, value);
      assert.equal(cells.load(1), value);
      assert.equal(cells.compareExchange(1, value + (value > 0 ? -1 : 1), 7), value);
      assert.equal(cells.load(1), value, "left alone when something else was expected");
      assert.equal(cells.compareExchange(1, value, 7), value);
      assert.equal(cells.add(1, 5), 7);
      assert.equal(cells.load(1), 12);
    }
    assert.equal(cells.load(0), 0, "the neighbour was not touched");
  });

  test(`${kind}: a reservation moves the tail at once, and committed only when it is released`, () => {
    const state = one(100);
    assert.deepEqual([state.tail, state.committed, state.durable, state.writing], [100, 100, 100, false]);
    assert.equal(state.reserve(20), 100);
    assert.deepEqual([state.tail, state.committed, state.writing], [120, 100, true]);
    state.release();
    assert.deepEqual([state.tail, state.committed, state.durable, state.writing], [120, 120, 100, false]);
  });

  test(`${kind}: durable never goes down, whoever is late`, () => {
    const state = one();
    state.reserve(50);
    state.release();
    state.raiseDurable(Lsn(50));
    state.raiseDurable(Lsn(30));
    assert.equal(state.durable, 50);
  });

  test(`${kind}: a reservation is taken back when nobody came after`, () => {
    const state = one(100);
    state.reserve(20);
    assert.equal(state.takeBack(Lsn(100), 20), true);
    assert.equal(state.tail, 100);
    assert.equal(state.reserve(5), -1, "the gate is closed while the store is cleaned up");
    state.openGate(Lsn(100));
    assert.deepEqual([state.tail, state.committed, state.writing], [100, 100, false]);
    assert.equal(state.reserve(5), 100, "the next one begins where the failed one would have");
  });

  test(`${kind}: a reservation is not taken back from under one that came after`, () => {
    const [a, b] = writers(2) as [LogState, LogState];
    a.reserve(10);
    b.reserve(7);
    b.release();
    assert.equal(a.takeBack(Lsn(0), 10), false);
    assert.deepEqual([a.tail, a.committed], [17, 0], "and what is not written is not committed");
    a.setPoison(cause);
    assert.equal(b.reserve(1), -1);
    assert.deepEqual([b.tail, b.committed], [17, 0]);
  });

  test(`${kind}: while the gate is closed nobody reserves, however often they try`, () => {
    const state = one(40);
    assert.equal(state.closeGate(), true);
    assert.equal(state.closeGate(), false, "closed twice is closed");
    for (let i = 0; i < 1000; i++) assert.equal(state.reserve(64 * 1024 * 1024), -1);
    assert.deepEqual([state.tail, state.committed, state.writing], [40, 40, false]);
    state.openGate(Lsn(40));
    assert.equal(state.reserve(3), 40);
  });

  test(`${kind}: poison stays, and keeps its first cause`, () => {
    const state = one(40);
    assert.equal(state.poison, null);
    state.setPoison(cause);
    state.setPoison(new WalError("WAL_IO", "a later failure"));
    assert.equal(state.poison, cause);
    assert.equal(state.reserve(1), -1);
    assert.deepEqual([state.tail, state.committed], [40, 40]);
  });

  test(`${kind}: a writer that another overtakes at any step of its reservation`, () => {
    let overtaken = 0;
    for (let nth = 1; nth <= 6; nth++) {
      const cells = new InterruptedCells(make(cellCount));
      const [a, b] = writers(2, 0, cells) as [LogState, LogState];
      let theirs = -1;
      cells.interrupt(nth, () => {
        theirs = b.reserve(7);
        b.release();
      });
      const start = a.reserve(10);
      if (!cells.interrupted) continue;
      overtaken++;
      assert.deepEqual([start, theirs], theirs === 0 ? [7, 0] : [0, 10], `operation ${nth}: no overlap`);
      assert.ok(a.committed <= start, `operation ${nth}: not past what a has yet to write`);
      a.release();
      assert.deepEqual([a.tail, a.committed], [17, 17]);
    }
    assert.ok(overtaken >= 3, `at each of ${overtaken} steps`);
  });

  test(`${kind}: the gate that closes at any step of a reservation`, () => {
    let shutOut = 0;
    for (let nth = 1; nth <= 6; nth++) {
      const cells = new InterruptedCells(make(cellCount));
      const [a, b] = writers(2, 30, cells) as [LogState, LogState];
      cells.interrupt(nth, () => b.closeGate());
      const start = a.reserve(10);
      if (!cells.interrupted) continue;
      shutOut++;
      assert.equal(start, -1, `operation ${nth}`);
      assert.deepEqual([a.tail, a.committed, a.writing], [30, 30, false], `operation ${nth}`);
      b.openGate(Lsn(30));
      assert.equal(a.reserve(10), 30);
    }
    assert.ok(shutOut >= 3, `at each of ${shutOut} steps`);
  });

  test(`${kind}: who has closed the gate waits for those within, and for no others`, () => {
    const cells = new InterruptedCells(make(cellCount));
    const [a, b, c] = writers(3, 30, cells) as [LogState, LogState, LogState];
    assert.equal(a.reserve(10), 30);
    assert.equal(b.reserve(10), 40);
    assert.ok(c.closeGate());
    let waits = 0;
    // Each wait of c lets one of them go on; it would wait for ever if it waited for more.
    cells.onWait = () => (++waits === 1 ? a : b).release();
    c.drain();
    assert.equal(waits, 2);
    assert.equal(c.committed, 50);
    c.drain();
    assert.equal(waits, 2, "nobody is within");
  });

  test(`${kind}: committed, read while another writer goes on at any step of the reading`, () => {
    for (let nth = 1; nth <= 8; nth++) {
      const cells = new InterruptedCells(make(cellCount));
      const [a, b] = writers(2, 0, cells) as [LogState, LogState];
      b.reserve(10);
      cells.interrupt(nth, () => {
        b.release();
        // Reserved and not written: nothing that includes it may be called committed.
        b.reserve(5);
      });
      const committed = a.committed;
      if (!cells.interrupted) continue;
      assert.ok(committed === 0 || committed === 10, `operation ${nth}: ${committed}`);
    }
  });

  test(`${kind}: random steps of three writers: no overlap, nothing unwritten is committed`, () => {
    const step = fc.record({ writer: fc.nat(2), size: fc.integer({ min: 1, max: 50 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const states = writers(3, 8);
        const writing = new Map<number, number>();
        let tail = 8;
        for (const { writer, size } of steps) {
          const state = states[writer];
          assert.ok(state);
          if (writing.has(writer)) {
            state.release();
            writing.delete(writer);
          } else {
            assert.equal(state.reserve(size), tail, "reserved back to back");
            writing.set(writer, tail);
            tail += size;
          }
          assert.equal(state.tail, tail);
          assert.equal(state.committed, Math.min(tail, ...writing.values()));
        }
      }),
      { numRuns: 200, seed: 60 },
    );
  });
}

test("SharedCells: two of them on one buffer see one another", () => {
  const cells = new SharedCells(cellCount);
  const theirs = new SharedCells(cellCount, cells.buffer);
  const [a, b] = [new LogState(cells, 0), new LogState(theirs, 1)];
  a.start(Lsn(0), Lsn(0), Lsn(0));
  cells.store(writersCell, 2);
  assert.equal(a.reserve(10), 0);
  assert.equal(b.reserve(5), 10);
  b.release();
  assert.deepEqual([a.tail, b.tail, a.committed, b.committed], [15, 15, 0, 0]);
});

/*
 * Two stories of a reservation by an atomic add, both of a tail that moves back under a writer that has
 * read it. They are why it is a compare-and-exchange.
 *
 * 1. A writer reads the tail, 100, and is overtaken: the owner cuts the log to 40 and opens the gate. The
 *    writer publishes 100 and adds: its range begins at 40, its slot says 100, and whoever computes
 *    committed meanwhile finds 50, ten bytes of which nobody has written.
 * 2. A writer reads the tail, publishes it, finds the gate open; the gate is closed; it adds, sees that
 *    the gate is closed, and takes its addition back. Who reads the tail in between finds one that
 *    nobody reserved; and then the slot, which is cleared by now, and calls it committed.
 */
test("a writer that is overtaken by a cut of the end at any step: nothing unwritten is committed", () => {
  let overtaken = 0;
  for (let nth = 1; nth <= 6; nth++) {
    const cells = new InterruptedCells(new PlainCells(cellCount));
    const [a, owner] = [new LogState(cells, 1), new LogState(cells, 0)];
    owner.start(Lsn(0), Lsn(100), Lsn(100));
    cells.store(writersCell, 2);
    cells.interrupt(nth, () => {
      // A cut waits until nobody is within a write: with the slot set it cannot come.
      if (a.writing) return;
      assert.equal(owner.closeGate(), true);
      owner.cutTo(Lsn(40));
      owner.openGate(Lsn(40));
      overtaken++;
    });
    const start = a.reserve(10);
    if (!cells.interrupted) continue;
    assert.ok(start === 100 || start === 40, `operation ${nth}: ${start}`);
    assert.equal(owner.committed, start, `operation ${nth}: not past what is yet to be written`);
  }
  assert.ok(overtaken >= 2, `at ${overtaken} steps`);
});

test("a writer that the gate shuts out at any step shows at no later step a tail that nobody reserved", () => {
  let shutOut = 0;
  for (let closes = 1; closes <= 6; closes++) {
    for (let reads = 1; reads <= 4; reads++) {
      const cells = new InterruptedCells(new PlainCells(cellCount));
      const [writer, owner] = [new LogState(cells, 1), new LogState(cells, 0)];
      owner.start(Lsn(0), Lsn(100), Lsn(100));
      cells.store(writersCell, 2);
      let seen = -1;
      cells.interrupt(closes, () => {
        owner.closeGate();
        cells.interrupt(reads, () => (seen = owner.tail));
      });
      const start = writer.reserve(10);
      if (!cells.interrupted || seen < 0 || start >= 0) continue;
      shutOut++;
      assert.equal(seen, 100, `closed before ${closes}, read ${reads} later`);
    }
  }
  assert.ok(shutOut >= 2, `${shutOut} times`);
});

test("a ring of cuts: who has missed too many is told that it must have lost its place", () => {
  const state = new LogState(new PlainCells(cellCount), 0);
  state.start(Lsn(0), Lsn(1000), Lsn(0));
  const cut = (end: number): void => {
    state.closeGate();
    state.cutTo(Lsn(end));
    state.openGate(Lsn(end));
  };
  for (let n = 1; n <= 15; n++) cut(1000 - n);
  assert.equal(state.lowestCutSince(0), 985);
  assert.equal(state.lowestCutSince(15), Infinity);
  cut(984);
  assert.equal(state.lowestCutSince(0), 0);
  assert.equal(state.lowestCutSince(1), 984);
});

/** Two threads on shared cells, one of which the test declares dead. */
function twoThreads(
  alive: () => boolean | undefined,
  now: () => number,
): { owner: LogState; other: LogState } {
  const note = { write: () => {}, read: () => cause };
  const cells = new SharedCells(cellCount);
  const owner = new LogState(new PlainCells(cellCount), 0);
  owner.start(Lsn(0), Lsn(50), Lsn(0));
  owner.moveTo(cells, note, { self: () => 7, isAlive: () => alive(), now });
  const other = LogState.join(cells, note, { self: () => 8, isAlive: () => true, now });
  assert.ok(other);
  return { owner, other };
}

test("where nobody can tell who lives, silence counts: not at once, and not with a sign of life", () => {
  let clock = 0;
  const { owner, other } = twoThreads(
    () => undefined,
    () => clock,
  );
  const look = (at: number): boolean => {
    clock = at;
    owner.lookForDead();
    return owner.poison !== null;
  };
  assert.equal(look(0), false, "an idle one is not waited for");
  assert.equal(look(1_000_000), false, "however long");
  other.reserve(10);
  assert.equal(look(1_001_000), false);
  assert.equal(look(1_010_000), false);
  other.release();
  other.reserve(10);
  assert.equal(look(1_011_500), false, "it has gone on");
  assert.equal(look(1_021_000), false);
  assert.equal(look(1_021_500), true);
  assert.equal(owner.poison?.offset, 60);
  assert.equal(owner.committed, 60, "what it left unwritten stays unwritten");
});

test("a dead thread's lead is taken away; alive or idle it is left alone", () => {
  let clock = 0;
  let alive = true;
  const { owner, other } = twoThreads(
    () => alive,
    () => (clock += 1000),
  );
  assert.equal(other.takeLead(), true);
  owner.lookForDead();
  assert.equal(owner.takeLead(), false);
  alive = false;
  owner.lookForDead();
  assert.equal(owner.takeLead(), true);
  assert.equal(owner.poison, null);
});
