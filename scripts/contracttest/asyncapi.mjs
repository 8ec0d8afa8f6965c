// Prints what AsyncAPI's own parser has against a document, one line each; nothing where all is well.
// usage: node asyncapi.mjs FOLDER-WITH-NODE-MODULES DOCUMENT
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [, , modules, file] = process.argv;
const { Parser } = createRequire(join(modules, 'package.json'))('@asyncapi/parser');
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
for (const d of diagnostics) {
  if (d.code !== 'asyncapi-latest-version') { // 3.0.0 is what most tools read
    console.log(`${d.code} ${d.path.join('/')}: ${d.message}`);
  }
}
if (!document) {
  console.log('no valid document');
}
