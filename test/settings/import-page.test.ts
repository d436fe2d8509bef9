import { describe, expect, it } from 'vitest'
import { openAdmin, prepareDraft } from '../support/admin.js'
import { PORTAL, testApp, until } from '../support/app.js'
import { untilState, uploadFile } from '../support/requests.js'

const GOOD = 'email,firstname\na@example.com,A\nb@example.com,B\n'
const WRONG = 'email,firstname\na@example.com,A\nb@example.com,B\nc@example.com,C\nd@example.com,D\nwrong,E\nworse,F\n'

describe('a file that an admin chooses', () => {
  it('becomes one import, however often the start is pressed, at once or later', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    const draft = await prepareDraft(admin, GOOD)

    const starts = await Promise.all([1, 2, 3].map(() => admin.send(`${draft}/start`)))
    const later = await admin.send(`${draft}/start`)

    const made = await app.query<{ id: string; name: string; objectTypes: string[] }>(
      'SELECT "id", "name", "objectTypes" FROM "Import"',
    )
    expect(made).toMatchObject([{ name: 'contacts.csv', objectTypes: ['0-1'] }])
    expect(starts.filter(({ status }) => status === 303).length).toBeGreaterThan(0)
    expect(starts.filter(({ status }) => ![303, 409].includes(status))).toEqual([])
    expect(later.location).toBe(`${admin.base}/imports/${made[0]?.id}`)
    expect(await app.storedFiles()).toHaveLength(1)
  })

  it('stays chosen when it is refused, so that its columns can be chosen otherwise', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    const { location } = await admin.sendFile('/import', 'email,firstname\n', 'contacts.csv')
    const path = location.slice(admin.base.length)
    const form = {
      objectType: '0-1',
      sheet: '',
      name: 'X',
      operation: 'UPSERT',
      dateFormat: 'DAY_MONTH_YEAR',
      'column-0': 'email',
    }

    const checked = await admin.send(path, form)
    const report = await admin.go(checked.location)
    const started = await admin.send(`${path}/start`)

    expect(report.text).toContain('This file cannot be imported like this')
    expect(report.text).toContain('no_rows')
    expect(report.text).not.toContain('/start"')
    expect(started.status).toBe(422)
    expect((await admin.go(location)).status).toBe(200)
    expect(await app.storedFiles()).toHaveLength(1)
  })

  it('is not imported with one property twice, or with none', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    const { location } = await admin.sendFile('/import', GOOD, 'contacts.csv')
    const path = location.slice(admin.base.length)
    const form = { objectType: '0-1', sheet: '', name: 'X', operation: 'UPSERT', dateFormat: 'DAY_MONTH_YEAR' }

    const twice = await admin.send(path, { ...form, 'column-0': 'email', 'column-1': 'email' })
    const none = await admin.send(path, { ...form, 'column-0': '', 'column-1': '' })

    expect(twice.text).toContain('is chosen for two columns')
    expect(none.text).toContain('Choose a property for at least one column')
  })

  it('is forgotten with its bytes when it is discarded, after a day, when a contact is forgotten, and when the account leaves', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    const drafts = [await prepareDraft(admin, GOOD), await prepareDraft(admin, GOOD)]

    await admin.send(`${drafts[0]}/discard`)
    expect(await app.storedFiles()).toHaveLength(1)
    await app.query(`UPDATE "Draft" SET "expiresAt" = now() - interval '1 second'`)
    await app.sweep()

    expect(await app.query('SELECT 1 FROM "Draft"')).toEqual([])
    expect(await app.storedFiles()).toEqual([])
    expect((await admin.go(`${admin.base}${drafts[1]}`)).status).toBe(404)
    await prepareDraft(admin, GOOD)
    await app.query(`UPDATE "Portal" SET "status" = 'disconnected', "disconnectedAt" = now(), "erasedAt" = now()`)
    await app.sweep()
    expect(await app.storedFiles()).toEqual([])
  })

  it.each([
    ['a picture', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'contacts.csv', 415],
    ['nothing', '', 'contacts.csv', 422],
    ['another ending', GOOD, 'contacts.exe', 415],
    ['control characters in its name', GOOD, 'con\u202etacts.csv', 400],
  ])('is refused with words when it is %s, and leaves nothing', async (_name, file, fileName, status) => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)

    const res = await admin.sendFile('/import', file, fileName)

    expect(res.status).toBe(status)
    expect(res.text).toContain('<h2>What to do</h2>')
    expect(await app.storedFiles()).toEqual([])
    expect(await app.query('SELECT 1 FROM "Draft"')).toEqual([])
  })

  it('may be the file of an earlier import, with the columns chosen as they were', async () => {
    const app = await testApp()
    const admin = await openAdmin(app)
    const { body } = await uploadFile(app)
    await untilState(app, body, 'done')

    const again = await admin.send(`/imports/${body.id}/again`)
    const mapping = await admin.go(again.location)

    expect(again.status).toBe(303)
    expect(mapping.text).toMatch(/name="column-0"[\s\S]*?value="email" selected/)
  })
})

describe('rows that were not imported', () => {
  it('are corrected on the page and imported alone, once, however often the form is sent', async () => {
    const app = await testApp()
    const admin = await openAdmin(app)
    const draft = await prepareDraft(admin, WRONG)
    const started = await admin.send(`${draft}/start`)
    await until(
      () => admin.go(started.location),
      ({ text }) => text.includes('Correct the rows here'),
    )
    const path = started.location.slice(admin.base.length)
    const page = await admin.go(`${started.location}/fix`)
    const once = /name="once" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const form = { once, 'cell-6-0': 'right@example.com', 'cell-6-1': 'E', 'cell-7-0': 'worse', 'cell-7-1': 'F', 'skip-7': '1' }

    const sent = await admin.send(`${path}/fix`, form)
    const again = await admin.send(`${path}/fix`, form)
    await until(
      () => app.query<{ state: string }>('SELECT "state" FROM "Import" WHERE "correctionOf" IS NOT NULL'),
      (rows) => rows.length === 1 && rows[0]?.state === 'done',
    )

    expect(page.text).toContain('value="wrong"')
    expect(page.text).not.toContain('a@example.com')
    expect(again.location).toBe(sent.location)
    const records = app.hubspot.control.imports(PORTAL).at(-1)
    expect(JSON.stringify(records)).not.toContain('worse')
    expect(await app.query('SELECT sum("created")::int AS created FROM "ImportDay"')).toEqual([{ created: 5 }])
  })

  it('come back as a file, and a corrected one is imported alone', async () => {
    const app = await testApp()
    const admin = await openAdmin(app)
    const draft = await prepareDraft(admin, WRONG)
    const started = await admin.send(`${draft}/start`)
    await until(
      () => admin.go(started.location),
      ({ text }) => text.includes('Correct the rows here'),
    )
    const path = started.location.slice(admin.base.length)
    const csv = await admin.go(`${started.location}/errors.csv`)

    const sent = await admin.sendFile(
      `${path}/corrections`,
      csv.text.replace('wrong', 'right@example.com').replace('worse', 'better@example.com'),
      'fixed.csv',
    )

    expect(csv.headers.get('content-disposition')).toContain('attachment')
    expect(sent.status).toBe(303)
    await until(
      () => app.query<{ state: string }>('SELECT "state" FROM "Import" WHERE "correctionOf" IS NOT NULL'),
      (rows) => rows[0]?.state === 'done',
    )
    expect(await app.query('SELECT sum("created")::int AS created FROM "ImportDay"')).toEqual([{ created: 6 }])
  })
})

describe('what is kept', () => {
  it('is erased after the days that the admin has set: files and values, not that there was an import', async () => {
    const app = await testApp()
    const admin = await openAdmin(app)
    const draft = await prepareDraft(admin, WRONG)
    const { location } = await admin.send(`${draft}/start`)
    await until(
      () => admin.go(location),
      ({ text }) => text.includes('Correct the rows here'),
    )
    await admin.send('/connection/retention', { days: '2', was: '30' })

    await app.query(`UPDATE "Import" SET "finishedAt" = now() - interval '47 hours'`)
    await app.sweep()
    expect(await app.storedFiles()).toHaveLength(1)
    await app.query(`UPDATE "Import" SET "finishedAt" = now() - interval '49 hours'`)
    await app.sweep()
    await app.sweep()

    expect(await app.storedFiles()).toEqual([])
    expect(await app.query('SELECT 1 FROM "RowError" WHERE "value" IS NOT NULL')).toEqual([])
    expect((await admin.go(location)).text).toContain('Erased')
    expect((await admin.go(`${location}/fix`)).text).toContain('cannot be shown any more')
  })
})

describe('the history', () => {
  it('is searched by words, by id, by state, sender, object and day, a page at a time', async () => {
    const app = await testApp({ work: false })
    const admin = await openAdmin(app)
    const { body } = await uploadFile(app)
    await app.query(
      `INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "state", "objectTypes", "createdAt")
       SELECT 'imp_' || lpad(to_hex((extract(epoch FROM '2026-01-01'::date + n) * 1000)::bigint), 12, '0') || lpad(to_hex(n), 20, '0'), "portalId", "partnerId", 'Kundenliste Nummer ' || n, "request",
              CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'done' END, CASE WHEN n % 2 = 0 THEN '{0-2}'::text[] ELSE '{0-1}' END, '2026-01-01'::date + n
       FROM "Import", generate_series(1, 60) n WHERE "id" = $1`,
      [body.id],
    )
    const names = async (query: string) => {
      const { text } = await admin.go(`${admin.base}/imports${query}`)
      return [...text.matchAll(/\/imports\/imp_[0-9a-f]{32}">([^<]+)</g)].map(([, name]) => name)
    }

    expect(await names('')).toHaveLength(25)
    expect(await names('?text=kundenl%20nummer%2017')).toEqual(['Kundenliste Nummer 17'])
    expect(await names(`?text=${body.id}`)).toEqual(['Contacts of today'])
    expect(await names('?state=failed')).toHaveLength(6)
    expect(await names('?objectType=0-2&state=failed')).toHaveLength(6)
    expect(await names('?from=2026-01-11&to=2026-01-12')).toEqual(['Kundenliste Nummer 11', 'Kundenliste Nummer 10'])
    expect(await names('?partnerId=prt_00000000000000000000000000000000')).toEqual([])
    const { text } = await admin.go(`${admin.base}/imports?state=done`)
    const [, older = ''] = /href="([^"]+)" rel="next"/.exec(text) ?? []
    expect((await names(older.replaceAll('&amp;', '&').replace(`${admin.base}/imports`, ''))).length).toBe(25)
    for (const nonsense of ['?text=%27%22%3C%3E%26%7C!', '?text=%00', '?from=yesterday', '?after=x', '?state=zzz'])
      expect((await admin.go(`${admin.base}/imports${nonsense}`)).status).toBe(200)
  })
})
