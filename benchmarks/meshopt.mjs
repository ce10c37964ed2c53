// The engines of npm on raw arrays: meshoptimizer, gltfpack, which is made of it and reads and writes files (here in
// memory), and glTF-Transform's simplify.
// node meshopt.mjs ENGINE FOLDER TARGET: as engines.py.
import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Document, NodeIO } from "@gltf-transform/core";
import { simplify, weld } from "@gltf-transform/functions";
import { pack } from "gltfpack";
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
const ratio = Number(target) / (source.indices.length / 3);

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

function asDocument() {
  const document = new Document();
  const buffer = document.createBuffer();
  const accessor = (type, array) => document.createAccessor().setType(type).setArray(array).setBuffer(buffer);
  const primitive = document.createPrimitive()
    .setAttribute("POSITION", accessor("VEC3", source.positions))
    .setAttribute("NORMAL", accessor("VEC3", source.normals))
    .setAttribute("TEXCOORD_0", accessor("VEC2", source.uvs))
    .setIndices(accessor("SCALAR", source.indices));
  const mesh = document.createMesh().addPrimitive(primitive);
  document.createScene().addChild(document.createNode().setMesh(mesh));
  return document;
}

function fromDocument(document) {
  const primitive = document.getRoot().listMeshes()[0].listPrimitives()[0];
  return {
    positions: primitive.getAttribute("POSITION").getArray(),
    normals: primitive.getAttribute("NORMAL").getArray(),
    uvs: primitive.getAttribute("TEXCOORD_0").getArray(),
    indices: primitive.getIndices().getArray(),
  };
}

function transforming() {
  const document = asDocument();
  return {
    call: () => document.transform(weld(), simplify({ simplifier: MeshoptSimplifier, ratio, error: 1 })),
    result: () => fromDocument(document),
  };
}

async function packing() {
  const files = { "in.glb": await new NodeIO().writeBinary(asDocument()) };
  const update = engine === "gltfpack-update" ? ["-sv"] : [];
  const options = ["-i", "in.glb", "-o", "out.glb", "-si", String(ratio), "-se", "1", "-noq", "-kv", ...update];
  const io = { read: (path) => files[path], write: (path, data) => { files[path] = data.slice(); } };
  return {
    call: () => pack(options, io),
    result: async () => fromDocument(await new NodeIO().readBinary(files["out.glb"])),
  };
}

function simplifying() {
  const work = {
    indices: source.indices.slice(), positions: source.positions.slice(), attributes: interleaved() };
  let indices;
  return {
    call: () => { indices = meshopt(work); },
    result: () => ({ positions: work.positions, ...apart(work.attributes), indices }),
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

const prepare = { "gltf-transform": transforming, "gltfpack": packing, "gltfpack-update": packing }[engine] ?? simplifying;
const works = [await prepare(), await prepare()];
const seconds = [];
writeFileSync("/proc/self/clear_refs", "5");
const before = memory("VmRSS");
for (const work of works) {
  const start = performance.now();
  await work.call();
  seconds.push((performance.now() - start) / 1000);
}
const peak = memory("VmHWM") - before;
const result = await works[1].result();
const out = join(folder, `${engine}-${target}`);
mkdirSync(out, { recursive: true });
for (const [name, array] of Object.entries(result))
  writeFileSync(join(out, `${name}.bin`), name === "indices" ? Uint32Array.from(array) : array);
console.log(JSON.stringify({ seconds, peak, triangles: result.indices.length / 3 }));
