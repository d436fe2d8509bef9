import { expect, it } from 'vitest'
import { PORTAL, testApp } from '../support/app.js'
import { collectForbidden, describeWithBrowser, openChromium, openSignedIn } from '../support/chromium.js'
import { uploadFile } from '../support/requests.js'

const SLOW_MS = 170_000

/** Ways of getting a script to run, or a page to break, each in several wrappings. */
const SEEDS = [
  '<script>window.hit=1</script>',
  '<img src=x onerror="window.hit=1">',
  '<svg onload=window.hit=1>',
  '<svg><script>window.hit=1</script></svg>',
  '<body onload=window.hit=1>',
  '<iframe srcdoc="<script>parent.hit=1</script>">',
  '<a href="javascript:window.hit=1">x</a>',
  '<form action="javascript:window.hit=1"><button>x</button></form>',
  '<details open ontoggle=window.hit=1>',
  '<input autofocus onfocus=window.hit=1>',
  '<math><mi xlink:href="javascript:window.hit=1">',
  '<style>@import "https://evil.example/x.css"</style>',
  '<link rel=stylesheet href=https://evil.example/x.css>',
  '<base href=https://evil.example/>',
  '<meta http-equiv=refresh content="0;url=https://evil.example/">',
  '<object data="data:text/html,<script>parent.hit=1</script>">',
  '<template><script>window.hit=1</script></template>',
  '<%= it.portal.id %><% window.hit=1 %>',
  '{{constructor.constructor("window.hit=1")()}}',
  '$' + '{window.hit=1}',
]
const WRAPPINGS = [
  (seed: string) => seed,
  (seed: string) => `">${seed}`,
  (seed: string) => `'>${seed}`,
  (seed: string) => `</textarea></title></script></style>${seed}`,
  (seed: string) => `" onmouseover=window.hit=1 x="${seed}`,
  (seed: string) => `--><!--${seed}`,
  (seed: string) => `]]>${seed}`,
  (seed: string) => seed.replaceAll('<', '＜') + seed,
  (seed: string) => seed.toUpperCase(),
  (seed: string) => `\u202e${seed}\u0009&lt;${seed}`,
]
const PAYLOADS = SEEDS.flatMap((seed) => WRAPPINGS.map((wrap) => wrap(seed)))
const PAGE_OF = 25

describeWithBrowser('T21: markup in names, files, cells and in what HubSpot says', () => {
  it(
    'is shown as the text that it is, wherever it stands, and runs nothing',
    async () => {
      expect(PAYLOADS.length).toBe(200)
      const app = await testApp({ work: false })
      const { body } = await uploadFile(app)
      const json = JSON.stringify(PAYLOADS)
      await app.query(
        `INSERT INTO "Import" ("id", "portalId", "partnerId", "name", "request", "state", "problem", "splitState", "partCount")
         SELECT 'imp_' || lpad(to_hex(1000 + n), 32, '0'), i."portalId", i."partnerId", p, i."request", 'failed',
                jsonb_build_object('code', p, 'detail', p, 'correlationId', p), NULL, NULL
         FROM "Import" i, jsonb_array_elements_text($2::jsonb) WITH ORDINALITY AS t(p, n) WHERE i."id" = $1`,
        [body.id, json],
      )
      await app.query(
        `INSERT INTO "ImportFile" ("id", "importId", "position", "name", "format", "bytes", "sha256")
         SELECT 'fil_' || n, 'imp_' || lpad(to_hex(1000 + n), 32, '0'), 0, p, 'CSV', 1, p FROM jsonb_array_elements_text($1::jsonb) WITH ORDINALITY AS t(p, n)`,
        [json],
      )
      await app.query(
        `INSERT INTO "RowError" ("importId", "origin", "severity", "code", "message", "fix", "file", "line", "columnName", "value")
         SELECT $1, o, 'error', p, p, p, p, 2, p, p FROM jsonb_array_elements_text($2::jsonb) p, unnest(ARRAY['hubspot', 'finding']) o`,
        [body.id, json],
      )
      await app.query(
        `INSERT INTO "ImportEvent" ("importId", "type", "detail") SELECT $1, p, jsonb_build_object('reason', p) FROM jsonb_array_elements_text($2::jsonb) p`,
        [body.id, json],
      )
      await app.query(`UPDATE "Portal" SET "hubDomain" = $1, "uiDomain" = $1, "dataHostingLocation" = $1, "timeZone" = $1`, [
        PAYLOADS[1],
      ])
      await app.query(
        `WITH made AS (INSERT INTO "Partner" ("id", "name", "portalId") SELECT 'prt_' || n, p, $1 FROM jsonb_array_elements_text($2::jsonb) WITH ORDINALITY AS t(p, n) RETURNING "id")
         INSERT INTO "Grant" ("partnerId", "portalId", "objectTypes") SELECT "id", $1, '{}' FROM made`,
        [PORTAL, json],
      )
      await app.query(
        `INSERT INTO "Template" ("id", "version", "portalId", "name", "mapping", "properties")
         SELECT 'tpl_' || n, 1, $1, p, '{"columnMappings":[{"columnObjectTypeId":"0-1","columnName":"x","propertyName":"email"}]}', '{}'
         FROM jsonb_array_elements_text($2::jsonb) WITH ORDINALITY AS t(p, n)`,
        [PORTAL, json],
      )
      const page = await openSignedIn(await openChromium(), app)
      const forbidden = collectForbidden(page)
      const dialogs: string[] = []
      page.on('dialog', (dialog) => void dialogs.push(dialog.message()))
      const requests: string[] = []
      page.on('request', (request) => requests.push(request.url()))
      const base = `${app.url}/settings/${PORTAL}`

      const look = async (url: string, expected: string[]) => {
        await page.goto(url)
        const shown = ((await page.evaluate('document.body.textContent')) as string).replaceAll(/\s+/g, ' ')
        expect([url, expected.filter((payload) => !shown.includes(payload.replaceAll(/\s+/g, ' ').trim()))]).toEqual([url, []])
        expect([url, await page.evaluate('window.hit')]).toEqual([url, undefined])
      }
      await look(`${base}/partners`, PAYLOADS)
      await look(`${base}/templates`, PAYLOADS)
      await look(`${base}/imports/${body.id}`, PAYLOADS.slice(0, 50))
      for (let first = 0; first < PAYLOADS.length; first += PAGE_OF)
        await look(
          `${base}/imports?after=imp_${(1001 + first + PAGE_OF).toString(16).padStart(32, '0')}`,
          PAYLOADS.slice(first, first + PAGE_OF),
        )
      for (let n = 0; n < PAYLOADS.length; n += 10)
        await look(`${base}/imports/imp_${(1001 + n).toString(16).padStart(32, '0')}`, [PAYLOADS[n] ?? ''])
      await look(base, [])
      await look(`${base}/connection`, [])

      // A file whose columns and cells are all of this.
      await page.goto(`${base}/import`)
      const quoted = PAYLOADS.map((payload) => `"${payload.replaceAll('"', '""')}"`).join(',')
      await page
        .locator('#files')
        .setInputFiles({ name: 'x.csv', mimeType: 'text/csv', buffer: Buffer.from(`${quoted}\n${quoted}\n`) })
      await page.locator('form[enctype] button').click()
      await look(
        page.url(),
        PAYLOADS.map((payload) => payload.slice(0, 30)),
      )

      expect(forbidden).toEqual([])
      expect(dialogs).toEqual([])
      expect(requests.filter((url) => !url.startsWith(app.url) && !url.startsWith('data:'))).toEqual([])
    },
    SLOW_MS,
  )
})
