/** Listens to what logs publish, and remembers it. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { WalMessages } from "wal-db";
import type { Scope } from "./scratch.js";

type Name = keyof WalMessages;

export const channelNames: readonly Name[] = [
  "wal-db:open",
  "wal-db:recovery",
  "wal-db:append",
  "wal-db:flush",
  "wal-db:slow-flush",
  "wal-db:segment",
  "wal-db:truncate",
  "wal-db:archive",
  "wal-db:damage",
  "wal-db:poison",
];

export interface Heard {
  /** The names of all messages since, in order. */
  readonly names: readonly Name[];
  of<N extends Name>(name: N): WalMessages[N][];
  stop(): void;
}

/** @param told Called with each message, after it was remembered. */
export function listenTo(
  t: Scope,
  names: readonly Name[] = channelNames,
  told?: (name: Name) => void,
): Heard {
  const heard: { name: Name; message: unknown }[] = [];
  const stops = names.map((name) => {
    const listener = (message: unknown): void => {
      heard.push({ name, message });
      told?.(name);
    };
    subscribe(name, listener);
    return () => unsubscribe(name, listener);
  });
  const stop = (): void => stops.splice(0).forEach((each) => each());
  t.after(stop);
  return {
    get names() {
      return heard.map(({ name }) => name);
    },
    of: <N extends Name>(name: N) =>
      heard.filter((each) => each.name === name).map(({ message }) => message as WalMessages[N]),
    stop,
  };
}
