// RGBA texels, row by row from the top -> KTX2 with all mip levels.
// Options: `width`, `height`, `codec` ("etc1s" | "uastc"), `quality` (1..100), `role` ("colour" | "normal" | "data").

import { NodeBasisEncoder } from "ktx2-encoder";
import { serve } from "./io.mjs";

const RAW = 0;
const UASTC_LEVEL = 2; // basisu's default: level 3 takes twice as long for 0.3 dB
const HEADER_BYTES = 65536;

console.log = console.error; // the encoder reports through it, and stdout is the result's

await serve(async (texels, options) => {
  const basis = await new NodeBasisEncoder().init();
  const encoder = new basis.BasisEncoder();
  if (!encoder.setSliceSourceImage(0, texels, options.width, options.height, RAW)) {
    throw new Error(`the encoder refuses ${options.width} x ${options.height} texels`);
  }
  encoder.setStatusOutput(false);
  encoder.setCreateKTX2File(true);
  setCodec(encoder, options);
  setColourSpace(encoder, options.role);
  const out = new Uint8Array(texels.length * 2 + HEADER_BYTES);
  const length = encoder.encode(out);
  if (length === 0) throw new Error(`the encoder failed on ${options.width} x ${options.height} texels`);
  return out.subarray(0, length);
});

function setCodec(encoder, { codec, quality }) {
  encoder.setUASTC(codec === "uastc");
  if (codec === "etc1s") {
    encoder.setQualityLevel(Math.max(1, Math.round(quality * 2.55)));
    return;
  }
  encoder.setKTX2UASTCSupercompression(true);
  encoder.setPackUASTCFlags(UASTC_LEVEL);
  // Rate-distortion optimisation makes the blocks easier for zstd: none at 100.
  encoder.setRDOUASTC(quality < 100);
  encoder.setRDOUASTCQualityScalar((100 - quality) / 20);
}

function setColourSpace(encoder, role) {
  const colour = role === "colour";
  encoder.setPerceptual(colour);
  encoder.setKTX2AndBasisSRGBTransferFunc(colour);
  encoder.setMipGen(true);
  encoder.setMipSRGB(colour);
  encoder.setMipRenormalize(role === "normal");
}
