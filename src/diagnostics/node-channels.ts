/** The channels of this runtime: Node, Bun and Deno all have them. */
import { channel } from "node:diagnostics_channel";
import { threadId } from "node:worker_threads";
import type { ChannelSource } from "./channels.ts";

export const nodeChannels: ChannelSource = { channel, threadId };
