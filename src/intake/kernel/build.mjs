// Assembles scan.wat into scan-bytes.ts: `npm run kernel`, after every change of the one.
import { readFileSync, writeFileSync } from 'node:fs'
import wabt from 'wabt'

const assembler = await wabt()
const source = readFileSync(new URL('scan.wat', import.meta.url), 'utf8')
const { buffer } = assembler.parseWat('scan.wat', source, { simd: true }).toBinary({})
const base64 = Buffer.from(buffer).toString('base64')
writeFileSync(
  new URL('scan-bytes.ts', import.meta.url),
  `/** scan.wat, assembled by build.mjs: WebAssembly in base64. */\nexport const SCAN_BYTES =\n  '${base64}'\n`,
)
