import { fileURLToPath } from "node:url";

/** The folder of the package, with a slash at its end. Compiled tests stand in build/test/<folder>/. */
export const projectDir: string = fileURLToPath(new URL("../../../", import.meta.url));
