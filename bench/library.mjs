/** The library as it was built here: this folder has a manifest of its own, so its name leads nowhere. */
export * from "../dist/index.js";

/** The store that maps its segments, where this build has it. */
export async function mappedStore() {
  try {
    return (await import("../dist/store/mapped-store.js")).MappedStore;
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new Error("This build has no MappedStore.", { cause: error });
  }
}
