// Lets a child process of a test run src/*.ts as it is: `node --import test/support/typescript.mjs file.ts`. Node strips the
// types itself; all it needs to be told is that a file imported as `.js` is written as `.ts`.
import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

registerHooks({
  resolve(specifier, context, nextResolve) {
    const isOurs = /^\.{1,2}\/.*\.js$/.test(specifier) && !context.parentURL?.includes('/node_modules/')
    const source = isOurs && new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL)
    return source && existsSync(fileURLToPath(source)) ? nextResolve(source.href, context) : nextResolve(specifier, context)
  },
})
