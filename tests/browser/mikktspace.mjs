// `node mikktspace.mjs IN OUT`: IN holds float32 positions, normals and UVs of n corners, one after the other; OUT gets
// n tangents of 4, as the reference gives them (v up).
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// The package's ES module asks for WebAssembly as a module, which node 18 does not know.
const { generateTangents } = createRequire(import.meta.url)('mikktspace');

const bytes = readFileSync(process.argv[2]);
const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const n = floats.length / 8;
const tangents = generateTangents(floats.slice(0, 3 * n), floats.slice(3 * n, 6 * n), floats.slice(6 * n));
writeFileSync(process.argv[3], new Uint8Array(tangents.buffer, tangents.byteOffset, tangents.byteLength));
