/** Lets everything that waits for nothing but its turn have it; a timer where there is no setImmediate. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
