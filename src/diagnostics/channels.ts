/**
 * The channels that a log tells of itself on, one for each kind of message, and who listens to them:
 * nobody, until index.ts puts those of `node:diagnostics_channel` here. A browser has none, and the log
 * does without.
 *
 * A message goes out in a microtask of its own, after the call that it tells of has come to rest: who
 * listens may call the log as anybody may, and what it throws cannot come between two steps of it.
 */
import type { WalMessages } from "./messages.ts";

export type ChannelName = keyof WalMessages;

/** A channel of `node:diagnostics_channel`, as far as it is used here. */
interface Channel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

/** Where channels come from. */
export interface ChannelSource {
  channel(name: string): Channel;
  /** This thread, in messages: `threadId` of node:worker_threads. */
  readonly threadId: number;
}

const nobodyListens: Channel = { hasSubscribers: false, publish() {} };

/** Held for good: a channel that nobody holds loses its subscribers in some releases of Node. */
export class Channels {
  readonly thread: number;
  readonly open: Channel;
  readonly recovery: Channel;
  readonly append: Channel;
  readonly flush: Channel;
  readonly slowFlush: Channel;
  readonly segment: Channel;
  readonly truncate: Channel;
  readonly archive: Channel;
  readonly damage: Channel;
  readonly poison: Channel;

  constructor(source: ChannelSource) {
    const named = (name: ChannelName): Channel => source.channel(name);
    this.thread = source.threadId;
    this.open = named("wal-db:open");
    this.recovery = named("wal-db:recovery");
    this.append = named("wal-db:append");
    this.flush = named("wal-db:flush");
    this.slowFlush = named("wal-db:slow-flush");
    this.segment = named("wal-db:segment");
    this.truncate = named("wal-db:truncate");
    this.archive = named("wal-db:archive");
    this.damage = named("wal-db:damage");
    this.poison = named("wal-db:poison");
  }
}

let channels: Channels = new Channels({ channel: () => nobodyListens, threadId: 0 });

/** Called once, by index.ts. */
export function provideChannels(source: ChannelSource): void {
  channels = new Channels(source);
}

export function channelsHere(): Channels {
  return channels;
}

/** Publishes soon: see above. Who listens is asked before the message is made. */
export function publishSoon(channel: Channel, message: WalMessages[ChannelName]): void {
  queueMicrotask(() => channel.publish(message));
}
