// A KTX2 of Basis Universal (ETC1S or UASTC) -> its largest level: width, height, has alpha (uint32 each, little
// endian), then RGBA bytes, top row first.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { BadData, serve } from "./io.mjs";

const RGBA32 = 13; // transcoder_texture_format::cTFRGBA32
const LEVEL = 0;
const LAYER = 0;
const FACE = 0;
const NO_FLAGS = [0, -1, -1];

await serve(async (data) => {
  const { KTX2File, initializeBasis } = await loadTranscoder();
  initializeBasis();
  const file = new KTX2File(data);
  if (!file.isValid()) throw new BadData("not a KTX2 file of Basis Universal");
  if (!file.startTranscoding()) throw new BadData("its compressed data is broken");
  const [width, height] = [file.getWidth(), file.getHeight()];
  const size = file.getImageTranscodedSizeInBytes(LEVEL, LAYER, FACE, RGBA32);
  if (size !== width * height * 4) throw new BadData(`${size} bytes for ${width} x ${height} pixels`);
  const result = new Uint8Array(12 + size);
  new DataView(result.buffer).setUint32(0, width, true);
  new DataView(result.buffer).setUint32(4, height, true);
  new DataView(result.buffer).setUint32(8, file.getHasAlpha() ? 1 : 0, true);
  const pixels = result.subarray(12);
  if (!file.transcodeImage(pixels, LEVEL, LAYER, FACE, RGBA32, ...NO_FLAGS)) {
    throw new BadData("its compressed data is broken");
  }
  return result;
});

// three ships the transcoder as a classic script inside a package of modules: `require` and `import` both refuse it.
async function loadTranscoder() {
  const require = createRequire(import.meta.url);
  const path = require.resolve("three/examples/jsm/libs/basis/basis_transcoder.js");
  const classic = new Function("require", "module", "exports", "__dirname", "__filename",
    `${readFileSync(path, "utf8")}\nreturn BASIS;`);
  const make = classic(require, { exports: {} }, {}, path.replace(/[^/\\]*$/, ""), path);
  return make({ wasmBinary: readFileSync(path.replace(/\.js$/, ".wasm")) });
}
