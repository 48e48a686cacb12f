/**
 * The kernel's lock on a file: exclusive, not waited for, and gone with the process however it
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

const lockExclusive = 2;
const lockWithoutWaiting = 4;

/** Takes the lock; false when another holds it. */
export function lockFile(fd: number, path: string): boolean {
  return process.platform === "win32" ? lockWindows(path) : lockPosix(fd, path);
}

type Flock = (fd: number, operation: number) => number;
let flock: Flock | undefined;

function lockPosix(fd: number, path: string): boolean {
  const native = koffi();
  flock ??= native.load(null).func("int flock(int fd, int operation)") as Flock;
  for (;;) {
    if (flock(fd, lockExclusive | lockWithoutWaiting) === 0) return true;
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

/** Held by a handle for as long as the process lives, or until `unlockWindows`. */
const windowsHandles = new Map<string, unknown>();

function lockWindows(path: string): boolean {
  kernel32 ??= loadKernel32();
  const handle = kernel32.createFile(path, genericRead, shareAll, null, openExisting, 0, null);
  // OVERLAPPED: Internal, InternalHigh, Offset, OffsetHigh, hEvent: the byte at 2^62.
  const overlapped = new Uint8Array(32);
  overlapped[23] = 0x40;
  if (kernel32.lockFileEx(handle, exclusiveLock | failImmediately, 0, 1, 0, overlapped) !== 0) {
    windowsHandles.set(path, handle);
    return true;
  }
  const failure = kernel32.getLastError();
  kernel32.closeHandle(handle);
  if (failure === errorLockViolation || failure === errorIoPending) return false;
  throw lockUnsupported(path, failure);
}

/** Lets go of what `lockFile` took, where closing the descriptor does not. */
export function unlockFile(path: string): void {
  const handle = windowsHandles.get(path);
  if (handle === undefined || kernel32 === undefined) return;
  windowsHandles.delete(path);
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
