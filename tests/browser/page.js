// Runs in the browser. GLB address in; facts and PNG pictures out, through `window.show`.
import * as THREE from 'three';
import { RoomEnvironment } from 'three/addons/environments/RoomEnvironment.js';
import { MeshoptDecoder } from 'three/addons/libs/meshopt_decoder.module.js';
import { DRACOLoader } from 'three/addons/loaders/DRACOLoader.js';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
import { KTX2Loader } from 'three/addons/loaders/KTX2Loader.js';

const LIBS = '/three/examples/jsm/libs/';
const renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true });
renderer.toneMapping = THREE.NeutralToneMapping; // Khronos PBR Neutral: the colours of the shop stay what they are
document.body.append(renderer.domElement);
const environment = new THREE.PMREMGenerator(renderer).fromScene(new RoomEnvironment(), 0.04).texture;
const loader = new GLTFLoader()
  .setDRACOLoader(new DRACOLoader().setDecoderPath(`${LIBS}draco/gltf/`))
  .setKTX2Loader(new KTX2Loader().setTranscoderPath(`${LIBS}basis/`).detectSupport(renderer))
  .setMeshoptDecoder(MeshoptDecoder);

let frame = null; // the bounding sphere of the first file, for `sharedFrame`

window.show = async (url, { views, cameras, samples, px, variant, time, sharedFrame }) => {
  const gltf = await loader.loadAsync(url);
  if (variant !== null) await selectVariant(gltf, variant);
  if (time !== null) pose(gltf, time);
  const scene = new THREE.Scene();
  scene.environment = environment;
  scene.add(gltf.scene);
  const box = new THREE.Box3().setFromObject(gltf.scene, true);
  const sphere = box.getBoundingSphere(new THREE.Sphere());
  if (frame === null || !sharedFrame) frame = sphere;
  const pictures = cameras
    ? cameras.map((told) => averaged(scene, parallel(told, sphere), px, samples))
    : Array.from({ length: views }, (_, view) => picture(scene, around(frame, (view / views) * 2 * Math.PI), px));
  const facts = { ...describe(gltf), extents: { min: box.min.toArray(), max: box.max.toArray() } };
  gltf.scene.traverse(release);
  return { facts, pictures };
};

function around({ center, radius }, turn) {
  const camera = new THREE.PerspectiveCamera(30, 1, radius / 100, radius * 10);
  const [azimuth, elevation] = [turn + 0.6, 0.3]; // radians: a three-quarter view from a little above
  const towards = new THREE.Vector3().setFromSphericalCoords(1, Math.PI / 2 - elevation, azimuth);
  camera.position.copy(center).addScaledVector(towards, radius / Math.sin((15 / 180) * Math.PI));
  camera.lookAt(center);
  return camera;
}

// `right` and `up` reach from the middle of the picture to its edges, as in assetpipe/quality/cameras.py.
function parallel({ eye, right, up, forward }, { center, radius }) {
  const [at, x, y, z] = [eye, right, up, forward].map((numbers) => new THREE.Vector3(...numbers));
  const [width, height, middle] = [x.length(), y.length(), center.clone().sub(at).dot(z)];
  const camera = new THREE.OrthographicCamera(-width, width, height, -height, middle - radius, middle + radius);
  camera.position.copy(at);
  camera.quaternion.setFromRotationMatrix(
    new THREE.Matrix4().makeBasis(x.normalize(), y.normalize(), z.clone().negate()),
  );
  return camera;
}

function draw(scene, camera, px) {
  renderer.setSize(px, px);
  renderer.render(scene, camera);
}

function picture(scene, camera, px) {
  scene.background = new THREE.Color(0xf0f0f0);
  draw(scene, camera, px);
  return renderer.domElement.toDataURL('image/png'); // in the task that rendered: later the buffer is empty
}

// The mean of `samples` × `samples` pictures, each shifted by a part of a pixel, on nothing: what a highlight does that is
// finer than a pixel depends on where the pixel's one sample falls.
function averaged(scene, camera, px, samples) {
  const gl = renderer.getContext();
  const [sum, bytes] = [new Float32Array(px * px * 4), new Uint8Array(px * px * 4)];
  for (let at = 0; at < samples * samples; at++) {
    const [x, y] = [at % samples, Math.floor(at / samples)].map((step) => (step + 0.5) / samples - 0.5);
    camera.setViewOffset(px, px, x, y, px, px);
    draw(scene, camera, px);
    gl.readPixels(0, 0, px, px, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    for (let i = 0; i < sum.length; i++) sum[i] += bytes[i];
  }
  return straight(sum, samples * samples, px);
}

// Premultiplied sums from the lowest row up -> PNG, straight alpha, from the highest row down.
function straight(sum, count, px) {
  const image = new ImageData(px, px);
  for (let i = 0; i < sum.length; i += 4) {
    const [alpha, to] = [sum[i + 3] / count, i + 4 * px * (px - 1 - 2 * Math.floor(i / (4 * px)))];
    for (let c = 0; c < 3 && alpha > 0; c++) image.data[to + c] = (255 * sum[i + c]) / (count * alpha);
    image.data[to + 3] = alpha;
  }
  const canvas = Object.assign(document.createElement('canvas'), { width: px, height: px });
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas.toDataURL('image/png');
}

function pose(gltf, time) {
  const mixer = new THREE.AnimationMixer(gltf.scene);
  gltf.animations.forEach((clip) => mixer.clipAction(clip).play());
  mixer.setTime(time);
  gltf.scene.updateMatrixWorld(true);
}

async function selectVariant(gltf, name) {
  const variants = variantNames(gltf);
  const index = variants.indexOf(name);
  if (index < 0) throw new Error(`no variant ${name}; there are: ${variants.join(', ')}`);
  for (const mesh of drawn(gltf.scene)) {
    const mappings = mesh.userData.gltfExtensions?.KHR_materials_variants?.mappings ?? [];
    const mapping = mappings.find(({ variants }) => variants.includes(index));
    if (!mapping) continue;
    mesh.material = await gltf.parser.getDependency('material', mapping.material);
    gltf.parser.assignFinalMaterial(mesh);
  }
}

function describe(gltf) {
  const meshes = drawn(gltf.scene);
  const materials = new Set(meshes.map((mesh) => mesh.material));
  return {
    triangles: meshes.reduce((sum, mesh) => sum + trianglesOf(mesh), 0),
    drawCalls: meshes.length,
    materials: [...materials].map(({ name, type }) => ({ name, type })),
    textures: texturesOf(materials),
    animations: gltf.animations.map(({ name, duration }) => ({ name, duration })),
    skinned: meshes.filter((mesh) => mesh.isSkinnedMesh).length,
    morphTargets: meshes.reduce((sum, mesh) => sum + (mesh.morphTargetInfluences?.length ?? 0), 0),
    variants: variantNames(gltf),
  };
}

const variantNames = (gltf) =>
  (gltf.userData.gltfExtensions?.KHR_materials_variants?.variants ?? []).map(({ name }) => name);

function drawn(root) {
  const found = [];
  root.traverse((object) => (object.isMesh || object.isLine || object.isPoints) && found.push(object));
  return found;
}

function trianglesOf({ isMesh, isInstancedMesh, count, geometry }) {
  if (!isMesh) return 0;
  const corners = (geometry.index ?? geometry.attributes.position).count;
  return (corners / 3) * (isInstancedMesh ? count : 1);
}

function texturesOf(materials) {
  const found = new Map(); // image -> description: a texture that two slots or materials share counts once
  for (const material of materials) {
    for (const [slot, texture] of Object.entries(material).filter(([, value]) => value?.isTexture)) {
      const { width, height } = texture.image;
      const known = found.get(texture.source) ?? { slots: [], width, height, compressed: !!texture.isCompressedTexture };
      if (!known.slots.includes(slot)) known.slots.push(slot);
      found.set(texture.source, known);
    }
  }
  return [...found.values()];
}

function release({ geometry, material }) {
  geometry?.dispose();
  if (!material) return;
  Object.values(material).forEach((value) => value?.isTexture && value.dispose());
  material.dispose();
}

window.ready = true;
