// The frame of every tool: stdin and options in, stdout out, faults on stderr (see __init__.py).

import { readSync, writeSync } from "node:fs";

const BAD_DATA = 65;

/** The input is at fault, not the tool. */
export class BadData extends Error {}

/** Run `work(data, options)` once: Uint8Array and object in, Uint8Array or string out, or a promise of it. */
export async function serve(work) {
  try {
    const result = await work(readAll(), JSON.parse(process.argv[2] ?? "{}"));
    writeAll(1, typeof result === "string" ? Buffer.from(result) : result);
  } catch (error) {
    const fault = error instanceof Error ? error.message || error.name : String(error);
    writeAll(2, Buffer.from(`${fault.replace(/\s+/g, " ")}\n`));
    process.exit(error instanceof BadData ? BAD_DATA : 1);
  }
  process.exit(0); // whatever a library has left running: all is written
}

function readAll() {
  let bytes = Buffer.allocUnsafe(1 << 20);
  for (let filled = 0; ; ) {
    const length = retry(() => readSync(0, bytes, filled, bytes.length - filled, null));
    if (length === 0) return bytes.subarray(0, filled);
    filled += length;
    if (filled === bytes.length) bytes = Buffer.concat([bytes], 2 * filled);
  }
}

function writeAll(file, bytes) {
  for (let start = 0; start < bytes.length; ) start += retry(() => writeSync(file, bytes, start));
}

// A pipe that another process has set to non-blocking answers EAGAIN instead of waiting.
function retry(step) {
  for (;;) {
    try {
      return step();
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
