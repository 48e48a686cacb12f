/**
 * The simulated disk, until it crashes, is the real one: the same calls at random on both give the
 * same answers, the same errors and the same files. WAL_DB_SEED gives one seed instead of several.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Disk, type OpenMode, Random, SimulatedDisk } from "wal-db/testing";
import { nodeDisk } from "#internal/store/node-disk.js";
import { fastScratchDir } from "../support/scratch.ts";

const seeds =
  process.env["WAL_DB_SEED"] === undefined ? [1, 2, 3, 4, 5] : [Number(process.env["WAL_DB_SEED"])];
const steps = process.env["WAL_DB_LONG"] === "1" ? 20_000 : 1500;

const names = ["a", "b", "d", "d/a", "d/b", "e", "e/a", "missing/a"];

/** One disk of the two, and the descriptors that it gave, by the number of their opening. */
class Side {
  readonly disk: Disk;
  readonly root: string;
  readonly fds: (number | null)[] = [];

  constructor(disk: Disk, root: string) {
    this.disk = disk;
    this.root = root;
  }

  path(name: string): string {
    return join(this.root, name);
  }

  fd(at: number): number {
    return this.fds[at] ?? -1;
  }
}

type Call = (side: Side) => unknown;

function answerOf(side: Side, call: Call): unknown {
  try {
    return call(side);
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

function openedBy(side: Side, open: () => number): string {
  try {
    side.fds.push(open());
    return "open";
  } catch (error) {
    side.fds.push(null);
    throw error;
  }
}

/** A call at random, alike for both. Descriptors that are closed are not used: their numbers are given out again. */
function randomCall(random: Random, isOpen: readonly boolean[]): Call | null {
  const name = (): string => names[random.next(names.length)] as string;
  const open = isOpen.flatMap((each, at) => (each ? [at] : []));
  const at = open[random.next(open.length)];
  const [one, two] = [name(), name()];
  const position = random.next(3000);
  const bytes = random.bytes(random.next(900) + 1);
  const mode = (["r+", "r", "create", "create"] as OpenMode[])[random.next(4)] as OpenMode;
  switch (random.next(14)) {
    case 0:
    case 1:
      return (side) => openedBy(side, () => side.disk.open(side.path(one), mode));
    case 2:
      // Which of several reasons a rename is refused for, systems tell differently.
      return (side) => {
        try {
          return side.disk.rename(side.path(one), side.path(two));
        } catch (error) {
          return (error as { code?: string }).code?.replace(/^E.*/, "refused");
        }
      };
    case 3:
      return (side) => side.disk.remove(side.path(one));
    case 4:
      return (side) => side.disk.makeDirectory(side.path(one));
    case 5:
      return (side) => side.disk.removeDirectory(side.path(one));
    case 6:
      return (side) => side.disk.list(side.path(one)).toSorted();
    case 7: {
      return (side) => {
        const { kind, size } = side.disk.stat(side.path(one));
        return kind === "file" ? { kind, size } : kind;
      };
    }
    default:
  }
  if (at === undefined) return null;
  switch (random.next(7)) {
    case 0:
    case 1:
      return (side) => side.disk.write(side.fd(at), bytes, 0, bytes.length, position);
    case 2:
    case 3:
      return (side) => {
        const into = new Uint8Array(700);
        const got = side.disk.read(side.fd(at), into, 10, 600, position);
        return [got, into];
      };
    case 4:
      return (side) => side.disk.truncate(side.fd(at), position);
    case 5:
      return (side) => side.disk.flushAllBlocking(side.fd(at));
    default:
      return (side) => {
        side.disk.close(side.fd(at));
        side.fds[at] = null;
      };
  }
}

/** Where the systems that this runs on differ among themselves, or say the same in two words. */
function alike(answer: unknown): unknown {
  if (answer === "EPERM") return "EISDIR";
  // ftruncate of a descriptor that is not open for writing: POSIX allows both.
  return answer === "EINVAL" ? "EBADF" : answer;
}

for (const seed of seeds) {
  test(`${steps} calls at random, on both disks alike (seed ${seed})`, (t) => {
    const random = new Random(seed);
    const real = new Side(nodeDisk, fastScratchDir(t));
    const simulated = new Side(new SimulatedDisk({ directories: ["/x"] }), "/x");
    let worked = 0;
    for (let step = 0; step < steps; step++) {
      const call = randomCall(
        random,
        simulated.fds.map((fd) => fd !== null),
      );
      if (call === null) continue;
      const expected = alike(answerOf(real, call));
      const found = alike(answerOf(simulated, call));
      assert.deepEqual(found, expected, `seed ${seed}, step ${step}: ${call.toString()}`);
      if (!/^E[A-Z]+$/.test(String(expected))) worked++;
    }
    for (const fd of real.fds) if (fd !== null) nodeDisk.close(fd);
    assert.ok(worked > steps / 4, `${worked} calls of ${steps} did something`);
  });
}

test("locks on the two: many share one, one alone has it exclusively, the closing of its descriptor lets go", (t) => {
  const sides = [
    new Side(nodeDisk, fastScratchDir(t)),
    new Side(new SimulatedDisk({ directories: ["/root"] }), "/root"),
  ];
  for (const { disk, root } of sides) {
    const path = join(root, "a");
    disk.close(disk.open(path, "create"));
    const [first, second, third, fourth] = ["r", "r", "r+", "r+"].map((mode) =>
      disk.open(path, mode as OpenMode),
    );
    const shared = (fd: number | undefined): boolean => disk.lockShared(fd ?? -1, path);
    const alone = (fd: number | undefined): boolean => disk.lock(fd ?? -1, path);
    const close = (fd: number | undefined): void => {
      disk.unlock(fd ?? -1);
      disk.close(fd ?? -1);
    };
    assert.deepEqual([shared(first), shared(second), alone(third)], [true, true, false]);
    close(first);
    assert.equal(alone(third), false, "the second has it still");
    close(second);
    assert.deepEqual([alone(third), shared(fourth), alone(fourth)], [true, false, false]);
    close(third);
    assert.equal(shared(fourth), true);
    close(fourth);
  }
});
