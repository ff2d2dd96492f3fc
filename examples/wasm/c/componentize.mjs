// Makes a component of a compiled module: node componentize.mjs MODULE WIT COMPONENT
import { readFile, writeFile } from 'node:fs/promises';
import { componentEmbed, componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';

const [module, wit, component] = process.argv.slice(2);
const binary = new Uint8Array(await readFile(module));
const embedded = await componentEmbed({ binary, witSource: await readFile(wit, 'utf8'), world: 'guest' });
await writeFile(component, await componentNew(embedded, []));
