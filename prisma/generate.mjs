// Generates Prisma's client when the schema or Prisma changed, silently unless it fails. Part of every build and start, so it
// loads nothing of Prisma's to find that there is nothing to do.
import { spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const WAIT_MS = 120_000
const LOOK_AGAIN_MS = 100

const project = fileURLToPath(new URL('..', import.meta.url))
const schema = join(project, 'prisma/schema.prisma')
const stamp = join(project, 'src/db/generated/.stamp')
const lock = join(project, 'dist/.generate.lock')
const prismaManifest = createRequire(import.meta.url).resolve('prisma/package.json')

if (Number(process.versions.node.split('.')[0]) < 22) {
  process.stderr.write(
    'Importal needs Node 22.12 or newer. `npm ci` brings one along, unless it is told to ignore install scripts.\n',
  )
  process.exit(1)
}
if (!isFresh()) generateInTurn()

/** By content, not by time: a checkout, a copy or a cache changes times at will. */
function isFresh() {
  return read(stamp) === wantedStamp()
}

function wantedStamp() {
  const { version } = JSON.parse(read(prismaManifest))
  return createHash('sha256').update(version).update(read(schema)).digest('hex')
}

/** Two builds at once take turns, and the second finds the work done. */
function generateInTurn() {
  takeLock()
  try {
    if (!isFresh()) generate()
  } finally {
    rmSync(lock, { force: true })
  }
}

function generate() {
  const wanted = wantedStamp()
  rmSync(stamp, { force: true }) // a client that is cut short must not look whole
  const cli = join(dirname(prismaManifest), 'build/index.js')
  const env = { ...process.env, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' }
  const { status, error, stdout, stderr } = spawnSync(process.execPath, [cli, 'generate', '--no-hints'], {
    cwd: project,
    env,
    encoding: 'utf8',
  })
  if (status === 0) return writeFileSync(stamp, wanted)
  process.stderr.write(`prisma generate failed (${error ?? `exit ${status}`})\n${stdout}${stderr}`)
  process.exitCode = 1
}

function takeLock() {
  mkdirSync(dirname(lock), { recursive: true })
  const mine = `${lock}.${randomUUID()}`
  writeFileSync(mine, String(process.pid)) // linked once it is written: nobody reads half a lock
  try {
    for (const from = Date.now(); !tryLink(mine); sleep(LOOK_AGAIN_MS)) {
      removeLockOfTheDead()
      if (Date.now() - from > WAIT_MS) throw new Error(`Another build holds ${lock}: if there is none, remove it.`)
    }
  } finally {
    rmSync(mine)
  }
}

function tryLink(mine) {
  try {
    linkSync(mine, lock)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function removeLockOfTheDead() {
  const holder = Number(read(lock))
  if (!holder || isAlive(holder)) return
  const aside = `${lock}.${randomUUID()}`
  try {
    renameSync(lock, aside)
    if (Number(read(aside)) !== holder) linkSync(aside, lock) // a living one's, taken meanwhile: put back
    rmSync(aside)
  } catch {} // another build was first
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
