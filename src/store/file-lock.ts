/**
 * The kernel's lock on a file: exclusive or shared, not waited for, and gone with the process however it
 * ends. Not a lock file with a pid or a time in it, which outlives its owner or is taken from a
 * sleeping one.
 *
 * flock(2) belongs to the open file description, so it also keeps a second open of the same
 * process, from any thread, out (fcntl locks would not). On NFS, Linux maps it to a lock that
 * other hosts see. Windows: LockFileEx on one byte far past any log, through a handle of its own;
 * written from its documentation and not run here.
 */
import { WalError } from "../errors.ts";
import { koffi } from "./native.ts";

const lockShared = 1;
const lockExclusive = 2;
const lockWithoutWaiting = 4;

/** Takes the lock; false when another holds it. */
export function lockFile(fd: number, path: string): boolean {
  return process.platform === "win32"
    ? lockWindows(fd, path, exclusiveLock)
    : lockPosix(fd, path, lockExclusive);
}

/** Takes it together with any others that take it so; false when another holds it for itself. */
export function lockFileShared(fd: number, path: string): boolean {
  return process.platform === "win32" ? lockWindows(fd, path, 0) : lockPosix(fd, path, lockShared);
}

type Flock = (fd: number, operation: number) => number;
let flock: Flock | undefined;

function lockPosix(fd: number, path: string, kind: number): boolean {
  const native = koffi();
  flock ??= native.load(null).func("int flock(int fd, int operation)") as Flock;
  for (;;) {
    if (flock(fd, kind | lockWithoutWaiting) === 0) return true;
    const errno = native.errno();
    const known = native.os.errno;
    if (errno === known["EINTR"]) continue;
    if (errno === known["EWOULDBLOCK"] || errno === known["EAGAIN"]) return false;
    throw lockUnsupported(path, errno);
  }
}

function lockUnsupported(path: string, errno: number): WalError {
  return new WalError(
    "WAL_UNSUPPORTED",
    `The file system of ${path} gives no lock (errno ${errno}). ` +
      "Open with lock: false there, and see to it that nothing else opens the log.",
    { path, errno: String(errno) },
  );
}

/* ---- Windows (not run here) ---- */

interface Kernel32 {
  createFile(...args: unknown[]): unknown;
  lockFileEx(...args: unknown[]): number;
  closeHandle(handle: unknown): number;
  getLastError(): number;
}

let kernel32: Kernel32 | undefined;

const genericRead = 0x8000_0000;
const shareAll = 7;
const openExisting = 3;
const failImmediately = 1;
const exclusiveLock = 2;
const errorLockViolation = 33;
const errorIoPending = 997;

/**
 * By descriptor. Held by a handle for as long as the process lives, or until `unlockFile`: not let go of by a
 * thread that dies. So a log whose owner died can be opened again by another process only.
 */
const windowsHandles = new Map<number, unknown>();

function lockWindows(fd: number, path: string, kind: number): boolean {
  kernel32 ??= loadKernel32();
  const handle = kernel32.createFile(path, genericRead, shareAll, null, openExisting, 0, null);
  // OVERLAPPED: Internal, InternalHigh, Offset, OffsetHigh, hEvent: the byte at 2^62.
  const overlapped = new Uint8Array(32);
  overlapped[23] = 0x40;
  if (kernel32.lockFileEx(handle, kind | failImmediately, 0, 1, 0, overlapped) !== 0) {
    windowsHandles.set(fd, handle);
    return true;
  }
  const failure = kernel32.getLastError();
  kernel32.closeHandle(handle);
  if (failure === errorLockViolation || failure === errorIoPending) return false;
  throw lockUnsupported(path, failure);
}

/** Lets go of what was taken for a descriptor, before it is closed, where closing it does not. */
export function unlockFile(fd: number): void {
  const handle = windowsHandles.get(fd);
  if (handle === undefined || kernel32 === undefined) return;
  windowsHandles.delete(fd);
  kernel32.closeHandle(handle);
}

function loadKernel32(): Kernel32 {
  const library = koffi().load("kernel32.dll");
  return {
    createFile: library.func(
      "void *__stdcall CreateFileW(const char16_t *name, uint32_t access, uint32_t share, void *security, " +
        "uint32_t disposition, uint32_t flags, void *template)",
    ),
    lockFileEx: library.func(
      "int __stdcall LockFileEx(void *file, uint32_t flags, uint32_t reserved, uint32_t low, uint32_t high, " +
        "_Inout_ uint8_t *overlapped)",
    ) as Kernel32["lockFileEx"],
    closeHandle: library.func("int __stdcall CloseHandle(void *handle)") as Kernel32["closeHandle"],
    getLastError: library.func("uint32_t __stdcall GetLastError()") as Kernel32["getLastError"],
  };
}
