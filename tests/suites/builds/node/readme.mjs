// The code blocks of the package's README.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Returns the code blocks of the README by the heading that they are under. A heading has one block at most. */
export async function examples(packageDirectory) {
  const readme = await readFile(join(packageDirectory, "README.md"), "utf8");
  const sections = readme.split(/^## /m);
  const blocks = sections.flatMap((section) => {
    const heading = section.slice(0, section.indexOf("\n"));
    return [...section.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, code]) => [heading, code]);
  });
  const byHeading = new Map(blocks);
  if (byHeading.size !== blocks.length) throw new Error("the README has two code blocks under one heading");
  return byHeading;
}
