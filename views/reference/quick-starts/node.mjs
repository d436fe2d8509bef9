// Needs: IMPORTAL_URL, IMPORTAL_KEY, PORTAL_ID. Node 20 or later, no packages.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const { IMPORTAL_URL, IMPORTAL_KEY, PORTAL_ID } = process.env
const imports = `${IMPORTAL_URL}/v1/portals/${PORTAL_ID}/imports`
const authorization = `Bearer ${IMPORTAL_KEY}`

const form = new FormData()
form.append('files', new Blob(['Email,First name,Last name\nanna@example.com,Anna,Muster\n']), 'contacts.csv')
const sent = await fetch(imports, {
  method: 'POST',
  headers: { authorization, 'idempotency-key': randomUUID() },
  body: form,
})
let made = await sent.json()
if (!sent.ok) throw new Error(`${made.code}: ${made.detail ?? made.title} (${made.type})`)

while (!['done', 'failed', 'canceled', 'needs_review'].includes(made.state)) {
  await sleep(1_000)
  made = await (await fetch(`${imports}/${made.id}`, { headers: { authorization } })).json()
}
console.log(made.id, made.state, made.counters)
