const meanings: Readonly<Record<string, string>> = {
  EBADF: "bad file descriptor",
  EEXIST: "file exists",
  EFBIG: "file too large",
  EINVAL: "invalid argument",
  EIO: "i/o error",
  EISDIR: "is a directory",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on device",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
};

/** An error as node:fs throws it: its `code` is what counts. */
export function systemError(errno: string, where: string): Error {
  const meaning = meanings[errno] ?? "as the test asked";
  return Object.assign(new Error(`${errno}: ${meaning}, ${where} (simulated)`), { code: errno });
}
