/**
 * Which thread this is, and whether another still lives: what the kernel of Linux shows under /proc.
 *
 *   identity = (start time mod 2^30) * 2^22 + thread id
 *
 * A thread id is given out again some time; together with the moment at which the thread began (in
 * ticks of 10 ms since boot, field 22 of its `stat`) it is not. Thread ids stay below 2^22
 * (PID_MAX_LIMIT). Elsewhere nobody can tell: then waits have a limit (limits.ts). So it is on a Linux
 * that shows no /proc, or not to this thread: what it does not show must not pass for dead.
 */
import { errnoOf } from "../errors.ts";
import { type Threads, unknownIdentityMin, unknownThreads } from "../threads.ts";
import type { Disk } from "./disk.ts";

const threadIds: number = 2 ** 22;
const startTimes: number = 2 ** 30;

/** Threads of this process as /proc shows them; where there is none, threads of which nothing is known. */
export function threadsOn(disk: Disk): Threads {
  let own: number | undefined;
  return {
    self: () => (own ??= identityHere(disk) ?? unknownThreads.self()),
    isAlive: (identity) => isAlive(disk, identity),
    now: () => performance.now(),
  };
}

function identityHere(disk: Disk): number | null {
  if (process.platform !== "linux") return null;
  try {
    // /proc/<process>/task/<thread>
    const id = Number(/\/task\/(\d+)$/.exec(disk.resolve("/proc/thread-self"))?.[1]);
    const start = Number.isInteger(id) ? startOf(disk, id) : null;
    return start === null ? null : start * threadIds + id;
  } catch {
    return null;
  }
}

function isAlive(disk: Disk, identity: number): boolean | undefined {
  if (process.platform !== "linux" || identity >= unknownIdentityMin) return undefined;
  try {
    const start = startOf(disk, identity % threadIds);
    return start === Math.floor(identity / threadIds);
  } catch {
    return undefined;
  }
}

/** When a thread of this process began; null when there is none of that id. */
function startOf(disk: Disk, id: number): number | null {
  const stat = readSmallFile(disk, `/proc/self/task/${id}/stat`);
  if (stat === null) return null;
  // The name, in parentheses, can hold anything; what follows it begins with field 3, the state.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return null;
  const start = Number(fields[19]);
  if (!Number.isSafeInteger(start)) throw new Error(`${stat} is not what proc(5) says`);
  return start % startTimes;
}

function readSmallFile(disk: Disk, path: string): string | null {
  try {
    const fd = disk.open(path, "r");
    try {
      const bytes = new Uint8Array(1024);
      return new TextDecoder().decode(bytes.subarray(0, disk.read(fd, bytes, 0, bytes.length, 0)));
    } finally {
      disk.close(fd);
    }
  } catch (error) {
    // ESRCH: it ended between the opening and the reading.
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ESRCH") return null;
    throw error;
  }
}
