// RGBA texels, row by row from the top -> KTX2 with all mip levels.
// Options: `width`, `height`, `codec` ("etc1s" | "uastc"), `quality` (1..100), `role` ("colour" | "normal" | "data").

import { NodeBasisEncoder } from "ktx2-encoder";
import { serve } from "./io.mjs";

const RAW = 0;
// Measured on 512² maps. UASTC level 0, 1, 2: 0.5, 1.2, 3.3 s and 51.0, 52.8, 53.3 dB. ETC1S 1, 2: 0.6, 0.8 s, 0.1 dB.
const UASTC_LEVEL = 1;
const ETC1S_LEVEL = 1;
const RDO_WINDOW = 256; // bytes; basisu's own 4096 took over a minute per million texels, for a tenth of the size
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
    encoder.setETC1SCompressionLevel(ETC1S_LEVEL);
    encoder.setQualityLevel(Math.max(1, Math.round(quality * 2.55)));
    return;
  }
  encoder.setKTX2UASTCSupercompression(true);
  encoder.setPackUASTCFlags(UASTC_LEVEL);
  // Rate-distortion optimisation makes the blocks easier for zstd: none at 100.
  encoder.setRDOUASTC(quality < 100);
  encoder.setRDOUASTCDictSize(RDO_WINDOW);
  encoder.setRDOUASTCQualityScalar((100 - quality) / 40);
}

function setColourSpace(encoder, role) {
  const colour = role === "colour";
  encoder.setPerceptual(colour);
  encoder.setKTX2AndBasisSRGBTransferFunc(colour);
  encoder.setMipGen(true);
  encoder.setMipSRGB(colour);
  encoder.setMipRenormalize(role === "normal");
}
