// Prints one JSON array on standard output: what is wrong with each Amazon States Language definition given by path.
import { readFileSync } from "node:fs";
import validate from "asl-validator";

const found = process.argv.slice(2).map((path) => {
  const { isValid, errors } = validate(JSON.parse(readFileSync(path, "utf8")), { checkPaths: true, checkArn: true });
  return { path, isValid, errors };
});
console.log(JSON.stringify(found));
