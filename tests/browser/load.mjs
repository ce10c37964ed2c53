// `node load.mjs OPTIONS FILE…`: shows each model in three.js and prints one JSON line per file.
// OPTIONS is JSON: { browser, out, views, cameras, samples, px, variant, time, sharedFrame }. Nothing outside 127.0.0.1 is asked for.
import { fileURLToPath } from "node:url";
import { createReadStream, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';

const HERE = fileURLToPath(new URL(".", import.meta.url));
const MIME = {
  '.bin': 'application/octet-stream',
  '.css': 'text/css',
  '.glb': 'model/gltf-binary',
  '.gltf': 'model/gltf+json',
  '.html': 'text/html',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.ktx2': 'image/ktx2',
  '.mjs': 'text/javascript',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
};
// SwiftShader draws the same pixels on every machine; the rest keeps Chromium from calling home.
const FLAGS = [
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--no-proxy-server',
];
// Chromium remarks on our reading the picture back, not on the model.
const OUR_OWN_DOING = /GPU stall due to ReadPixels/;

const PATIENCE = 180_000; // milliseconds: a busy machine draws slowly, and that is no fault of the model

const [options, files] = [JSON.parse(process.argv[2]), process.argv.slice(3).map((file) => path.resolve(file))];
const roots = { three: path.join(HERE, 'node_modules/three') };
files.forEach((file, index) => (roots[`file${index}`] = path.dirname(file)));

function locate(pathname) {
  const [first, ...rest] = decodeURIComponent(pathname).slice(1).split('/');
  if (rest.length === 0) return ['page.html', 'page.js'].includes(first) ? path.join(HERE, first) : null;
  const root = roots[first];
  const wanted = root && path.resolve(root, rest.join('/'));
  return wanted?.startsWith(root + path.sep) ? wanted : null;
}

function answer(request, response) {
  const file = locate(new URL(request.url, 'http://127.0.0.1').pathname);
  if (!file || !statSync(file, { throwIfNoEntry: false })?.isFile()) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': MIME[path.extname(file).toLowerCase()] ?? 'application/octet-stream' });
  createReadStream(file).pipe(response);
}

function listen(page) {
  const heard = { errors: [], warnings: [], failedRequests: [] };
  page.on('pageerror', (error) => heard.errors.push(String(error)));
  page.on('console', (message) => {
    if (OUR_OWN_DOING.test(message.text())) return;
    if (message.type() === 'error') heard.errors.push(message.text());
    if (message.type() === 'warning') heard.warnings.push(message.text());
  });
  page.on('requestfailed', (request) => heard.failedRequests.push(request.url()));
  page.on('response', (response) => response.status() >= 400 && heard.failedRequests.push(response.url()));
  return heard;
}

async function show(page, heard, origin, index) {
  for (const list of Object.values(heard)) list.length = 0;
  const file = files[index];
  const url = `${origin}/file${index}/${encodeURIComponent(path.basename(file))}`;
  const call = ([url, options]) => window.show(url, options).catch((error) => ({ fault: String(error) }));
  const { facts = {}, pictures = [], fault } = await page.evaluate(call, [url, options]);
  const errors = fault ? [fault, ...heard.errors] : [...heard.errors];
  return { file, ...facts, ...heard, errors, pictures: pictures.map((data, view) => save(file, index, view, data)) };
}

function save(file, index, view, dataUrl) {
  if (!options.out) return null;
  mkdirSync(options.out, { recursive: true });
  const target = path.join(options.out, `${index}-${path.parse(file).name}-${view}.png`);
  writeFileSync(target, Buffer.from(dataUrl.split(',')[1], 'base64'));
  return target;
}

const server = createServer(answer);
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({ executablePath: options.browser, args: FLAGS, timeout: PATIENCE });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  const heard = listen(page);
  await page.route(
    (url) => !['data:', 'blob:'].includes(url.protocol) && url.origin !== origin,
    (route) => route.abort(),
  );
  await page.goto(`${origin}/page.html`);
  await page.waitForFunction(() => window.ready);
  for (const index of files.keys()) console.log(JSON.stringify(await show(page, heard, origin, index)));
} finally {
  await browser.close();
  server.close();
}
