/** uPlot, as text to be put into the page; null where it is not installed. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (name) => fileURLToPath(new URL(`../node_modules/uplot/dist/${name}`, import.meta.url));

export function chartLibrary() {
  try {
    return {
      script: readFileSync(at("uPlot.iife.min.js"), "utf8"),
      style: readFileSync(at("uPlot.min.css"), "utf8"),
    };
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}
