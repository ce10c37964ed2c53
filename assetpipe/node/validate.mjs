// GLBs, one after the other on stdin -> Khronos' validation reports, a JSON list in the same order.
// Options: `lengths` in bytes, `maxIssues` per file.

import { validateBytes } from "gltf-validator";
import { serve } from "./io.mjs";

const INFORMATION = 2;

await serve(async (data, { lengths, maxIssues }) => {
  const reports = [];
  let start = 0;
  for (const length of lengths) {
    reports.push(await validate(data.subarray(start, start + length), maxIssues));
    start += length;
  }
  return JSON.stringify(reports);
});

// Messages come in the order of the document: a flood of remarks must not hide an error behind `maxIssues`.
async function validate(bytes, maxIssues) {
  const options = { format: "glb", maxIssues, writeTimestamp: false };
  const report = await validateBytes(bytes, options);
  if (!report.issues.truncated || report.issues.numErrors > 0) return report;
  const remarks = report.issues.messages.filter((message) => message.severity >= INFORMATION);
  return validateBytes(bytes, { ...options, ignoredIssues: [...new Set(remarks.map((message) => message.code))] });
}
