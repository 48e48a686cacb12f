/** Whether a command may go on and destroy something: told so, or asked and answered. */
import type { Context } from "./command.ts";
import { exitCode } from "./exit-code.ts";
import { CliError } from "./failure.ts";

/** @throws {CliError} when there is nobody to ask and `--yes` was not given. */
export async function confirmed(context: Context, yes: boolean, question: string): Promise<boolean> {
  if (yes) return true;
  const { terminal, signal } = context;
  if (!terminal.canAsk) {
    await terminal.out.flush();
    throw new CliError(
      exitCode.declined,
      "not done: nobody is there to be asked.",
      "Look at the plan; if it is what you want, do it again with --yes.",
    );
  }
  if (await terminal.confirm(question, signal)) return true;
  terminal.note("Nothing was changed.");
  return false;
}
