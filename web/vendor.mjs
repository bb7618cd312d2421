// SPDX-License-Identifier: Apache-2.0
// One module of the five of lit-html that the pages use: each file that a browser asks for costs it some
// milliseconds before the first page can be used, and the package has no such file. A module becomes
// a function that is called at once; its imports and exports are those of the package.
// Usage: vendor.mjs DIRECTORY_OF_LIT_HTML >FILE      Fails when a module is not as it was.
import { readFileSync } from "node:fs";

const MODULES = [
  "lit-html",
  "directive",
  "directive-helpers",
  "directives/live",
  "directives/repeat",
];
const EXPORTED = "html,svg,render,nothing}=lit_html,{live}=live_module,{repeat}=repeat_module";

function nameOf(path) {
  const name = path.replace(/^.*\//, "").replaceAll("-", "_");
  return name === "live" || name === "repeat" ? name + "_module" : name;
}

function wrapped(path) {
  const text = readFileSync(process.argv[2] + "/" + path + ".js", "utf8")
    .replace(/^\/\/# sourceMappingURL=.*$/m, "")
    .replace(
      /import\{([^}]*)\}from"([^"]*)\.js";/g,
      (_, names, from) => `const{${names.replaceAll(" as ", ":")}}=${nameOf(from)};`,
    )
    .replace(
      /export\{([^}]*)\};\s*$/,
      (_, names) => `return{${names.replace(/([^,]+) as ([^,]+)/g, "$2:$1")}};`,
    );
  if (/\b(import|export)\b/.test(text) || !text.includes("return{"))
    throw new Error(path + ".js is not written as it was: web/vendor.mjs cannot read it");
  return `const ${nameOf(path)}=(()=>{${text.trim()}\n})();\n`;
}

process.stdout.write(MODULES.map(wrapped).join("") + `export const{${EXPORTED};\n`);
