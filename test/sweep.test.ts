import { mkdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type TestApp, testApp } from './support/app.js'
import { ask, untilState, uploadFile } from './support/requests.js'

const HOUR_MS = 3_600_000

/** A stored file of so many hours. */
async function plant(app: TestApp, name: string, ageHours: number): Promise<string> {
  const folder = join(app.filesFolder, name.slice(-2))
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), 'Email\na@example.com\n')
  await age(join(folder, name), ageHours)
  return name
}

async function age(path: string, hours: number): Promise<void> {
  const then = new Date(Date.now() - hours * HOUR_MS)
  await utimes(path, then, then)
}

async function pathOf(app: TestApp): Promise<string> {
  const [row] = await app.query<{ storeKey: string }>('SELECT "storeKey" FROM "ImportFile"')
  const storeKey = row?.storeKey ?? ''
  return join(app.filesFolder, storeKey.slice(-2), storeKey)
}

describe('the sweep', () => {
  it('K5: removes a complete file that belongs to no import once it is an hour old, and no younger one', async () => {
    const app = await testApp({ work: false })
    const old = await plant(app, 'a'.repeat(32), 1.1)
    const young = await plant(app, 'b'.repeat(32), 0.9)
    await plant(app, `${'c'.repeat(30)}a`, 2) // no name of ours

    for (let i = 0; i < 20; i++) await app.sweep()

    expect(await app.storedFiles()).not.toContain(old)
    expect(await app.storedFiles()).toEqual(expect.arrayContaining([young, `${'c'.repeat(30)}a`]))
  })

  it('keeps every file of an import, however old', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    await age(await pathOf(app), 1_000)

    for (let i = 0; i < 20; i++) await app.sweep()
    await app.startWork()

    await untilState(app, body, 'done')
  })

  it('removes what an upload that died has left half-written, and nothing that is being written', async () => {
    const app = await testApp({ work: false })
    const unfinished = join(app.filesFolder, 'unfinished')
    await writeFile(join(unfinished, 'd'.repeat(32)), 'Email')
    await writeFile(join(unfinished, 'e'.repeat(32)), 'Email')
    await age(join(unfinished, 'd'.repeat(32)), 1)

    await app.sweep()

    expect(await app.storedFiles()).toEqual(['e'.repeat(32)])
  })

  it('S3: sends an import whose file is gone to a person, and never to HubSpot', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    await rm(await pathOf(app))

    await app.sweep()

    expect((await ask(app, body.links.self)).body).toMatchObject({ state: 'needs_review', problem: { code: 'file_lost' } })
    await app.startWork()
    await untilState(app, (await uploadFile(app)).body, 'done')
    expect(app.hubspot.control.imports()).toHaveLength(1)
  })

  it('says nothing about files while their folder is not there', async () => {
    const app = await testApp({ work: false })
    const { body } = await uploadFile(app)
    await rm(app.filesFolder, { recursive: true })

    await app.sweep()

    expect((await ask(app, body.links.self)).body.state).toBe('accepted')
  })
})

describe('an upload whose stored file was taken for a leftover', () => {
  it('is refused: there is no import without its file', async () => {
    const app = await testApp({ work: false })
    const { files } = app.deps
    const stored = await files.save(
      (async function* () {
        yield Buffer.from('Email\n')
      })(),
    )
    await age(join(app.filesFolder, stored.storeKey.slice(-2), stored.storeKey), 2)
    const nobody = () => Promise.resolve(new Set<string>())
    for (let i = 0; i < 20; i++) await files.sweepOrphans(HOUR_MS, nobody)

    await expect(files.touch(stored.storeKey)).rejects.toMatchObject({ code: 'storage_unavailable' })
  })

  it('is kept when it is younger than that by then', async () => {
    const app = await testApp({ work: false })
    const { files } = app.deps
    const stored = await files.save(
      (async function* () {
        yield Buffer.from('Email\n')
      })(),
    )
    const path = join(app.filesFolder, stored.storeKey.slice(-2), stored.storeKey)
    await age(path, 2)
    // Whoever asks which are kept is followed by an upload that needs the file after all.
    let isTouched = false
    const touched = async () => {
      if (!isTouched) await files.touch(stored.storeKey)
      isTouched = true
      return new Set<string>()
    }
    for (let i = 0; i < 20; i++) await files.sweepOrphans(HOUR_MS, touched)

    expect(await files.has(stored.storeKey)).toBe(true)
  })
})
