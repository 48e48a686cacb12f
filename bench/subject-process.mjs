/**
 * The process that measures one subject at one case, round by round, as bench.mjs tells it: so that no
 * subject runs on code that another has warmed up, or spoilt, and its memory is its own.
 *
 *   { job }                  -> { ready } | { absent }      loads the subject
 *   { run, folder, sizes }   -> { done }  | { failed }      body `run`, or "fill"
 */
import process from "node:process";
import { bodies, fill } from "./bodies.mjs";
import { subjects } from "./subjects/subjects.mjs";

let subject;
let name;

async function load(asked) {
  name = asked;
  try {
    subject = await subjects[name].load();
    process.send({ ready: { runtime: process.version, sqlite: process.versions.sqlite ?? null } });
  } catch (error) {
    process.send({ absent: String(error.message).split("\n")[0] });
  }
}

async function run({ run: body, folder, sizes }) {
  try {
    const done =
      body === "fill" ? await fill(subject, folder, sizes) : await bodies[body](subject, folder, sizes, name);
    process.send({ done: done ?? {} });
  } catch (error) {
    process.send({ failed: error.stack ?? String(error) });
  }
}

process.on("message", (message) => {
  if (message.load !== undefined) void load(message.load);
  else void run(message);
});
