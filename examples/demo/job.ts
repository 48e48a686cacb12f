/** Lines that are on their way to the disk at the same time: they share flushes. */
export const inFlight = 256;

/** How often the writer is killed, unless the file is too short for it. */
export const killsMax = 7;

/** The longest pause between the moment a kill is decided on and the kill. */
export const killDelayMillisecondsMax = 4;

/** Every so many kills one comes while the writer starts up and opens the log. */
export const killAtStartEvery = 3;

/** A writer has been started, has loaded the library and opened the log within about this time. */
export const startMilliseconds = 120;
