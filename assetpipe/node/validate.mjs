// GLB on stdin -> Khronos' validation report as JSON.

import { validateBytes } from "gltf-validator";
import { serve } from "./io.mjs";

await serve(async (data, { name, maxIssues, ignoredIssues }) => {
  const report = await validateBytes(data, {
    uri: name,
    format: "glb",
    maxIssues,
    ignoredIssues,
    writeTimestamp: false,
  });
  return JSON.stringify(report);
});
