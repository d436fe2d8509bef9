import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'

const run = promisify(execFile)
const TSC = resolve('node_modules/typescript/bin/tsc')
const HOW = ['--ignoreConfig', '--strict', '--module', 'nodenext', '--target', 'es2024', '--lib', 'esnext,dom,dom.iterable']
const NODE = ['--types', 'node', '--typeRoots', resolve('node_modules/@types')]

it('a program that has the package gets the client from importal/client, with its types and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'importal-package-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const installed = join(folder, 'node_modules', 'importal')
  await mkdir(installed, { recursive: true })
  await cp('package.json', join(installed, 'package.json'))
  // All that it needs: were it to import anything else of ours, it would not be found.
  const into = ['--declaration', '--rootDir', 'src', '--outDir', join(installed, 'dist')]
  await run(process.execPath, [TSC, 'src/client/client.ts', ...HOW, ...NODE, ...into])
  const program = `import { ApiProblem, createClient } from 'importal/client'
const client = createClient({ baseUrl: 'http://127.0.0.1:1', key: 'any' })
const problem: ApiProblem = new ApiProblem({ status: 400, code: 'a', title: 'b' })
process.stdout.write([typeof client.createImport, problem.code].join(' '))`
  await writeFile(join(folder, 'program.mts'), program)

  await run(process.execPath, [TSC, '--noEmit', 'program.mts', ...HOW, ...NODE], { cwd: folder })
  const { stdout } = await run(process.execPath, ['program.mts'], { cwd: folder })

  expect(stdout).toBe('function a')
})
