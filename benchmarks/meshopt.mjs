// The engines of npm on raw arrays: meshoptimizer (which gltfpack is made of) and glTF-Transform's simplify.
// node meshopt.mjs ENGINE FOLDER TARGET: as engines.py.
import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Document } from "@gltf-transform/core";
import { simplify, weld } from "@gltf-transform/functions";
import { MeshoptSimplifier } from "meshoptimizer";

const NORMAL = 0.5; // gltfpack's own weight
const UV = 1.0;
const BOUNDLESS = 1e9;

const [engine, folder, target] = process.argv.slice(2);
await MeshoptSimplifier.ready;
MeshoptSimplifier.useExperimentalFeatures = true;

function read(name, Kind) {
  const bytes = readFileSync(join(folder, `${name}.bin`));
  return new Kind(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

const source = {
  positions: read("positions", Float32Array),
  uvs: read("uvs", Float32Array),
  normals: read("normals", Float32Array),
  indices: read("indices", Uint32Array),
};
const count = source.positions.length / 3;

function interleaved() {
  const both = new Float32Array(count * 5);
  for (let i = 0; i < count; i++) {
    both.set(source.uvs.subarray(2 * i, 2 * i + 2), 5 * i);
    both.set(source.normals.subarray(3 * i, 3 * i + 3), 5 * i + 2);
  }
  return both;
}

function meshopt(work) {
  const weights = [UV, UV, NORMAL, NORMAL, NORMAL];
  const { indices, positions, attributes } = work;
  const most = 3 * Number(target);
  if (engine === "meshopt-positions") return MeshoptSimplifier.simplify(indices, positions, 3, most, BOUNDLESS)[0];
  if (engine === "meshopt-attributes")
    return MeshoptSimplifier.simplifyWithAttributes(
      indices, positions, 3, attributes, 5, weights, null, most, BOUNDLESS)[0];
  const [length] = MeshoptSimplifier.simplifyWithUpdate(
    indices, positions, 3, attributes, 5, weights, null, most, BOUNDLESS, []);
  return indices.subarray(0, length);
}

async function transform() {
  const document = new Document();
  const buffer = document.createBuffer();
  const accessor = (type, array) => document.createAccessor().setType(type).setArray(array).setBuffer(buffer);
  const primitive = document.createPrimitive()
    .setAttribute("POSITION", accessor("VEC3", source.positions))
    .setAttribute("NORMAL", accessor("VEC3", source.normals))
    .setAttribute("TEXCOORD_0", accessor("VEC2", source.uvs))
    .setIndices(accessor("SCALAR", source.indices));
  document.createMesh().addPrimitive(primitive);
  return {
    call: () => document.transform(
      weld(), simplify({ simplifier: MeshoptSimplifier, ratio: Number(target) / (source.indices.length / 3), error: 1 })),
    result: () => ({
      positions: primitive.getAttribute("POSITION").getArray(),
      normals: primitive.getAttribute("NORMAL").getArray(),
      uvs: primitive.getAttribute("TEXCOORD_0").getArray(),
      indices: primitive.getIndices().getArray(),
    }),
  };
}

function apart(attributes) {
  const uvs = new Float32Array(count * 2);
  const normals = new Float32Array(count * 3);
  for (let i = 0; i < count; i++) {
    uvs.set(attributes.subarray(5 * i, 5 * i + 2), 2 * i);
    normals.set(attributes.subarray(5 * i + 2, 5 * i + 5), 3 * i);
  }
  return { uvs, normals };
}

function memory(field) {
  const line = readFileSync("/proc/self/status", "utf8").split("\n").find((text) => text.startsWith(field));
  return Number(line.split(/\s+/)[1]) * 1024;
}

const attributes = interleaved();
const works = [0, 1].map(() => ({
  indices: source.indices.slice(), positions: source.positions.slice(), attributes: attributes.slice() }));
const seconds = [];
let result;
writeFileSync("/proc/self/clear_refs", "5");
const before = memory("VmRSS");
for (const work of works) {
  const document = engine === "gltf-transform" ? await transform() : null;
  const start = performance.now();
  const indices = document ? await document.call() : meshopt(work);
  seconds.push((performance.now() - start) / 1000);
  result = document ? document.result() : { positions: work.positions, ...apart(work.attributes), indices };
}
const peak = memory("VmHWM") - before;
const out = join(folder, `${engine}-${target}`);
mkdirSync(out, { recursive: true });
for (const [name, array] of Object.entries(result))
  writeFileSync(join(out, `${name}.bin`), name === "indices" ? Uint32Array.from(array) : array);
console.log(JSON.stringify({ seconds, peak, triangles: result.indices.length / 3 }));
