import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Every file of a folder, by name, as one string each: so that two states compare in one assertion. */
export function folderImage(dir: string): Record<string, string> {
  const image: Record<string, string> = {};
  for (const name of readdirSync(dir).toSorted()) {
    const path = join(dir, name);
    image[name] = statSync(path).isFile() ? readFileSync(path).toString("latin1") : "(not a file)";
  }
  return image;
}
