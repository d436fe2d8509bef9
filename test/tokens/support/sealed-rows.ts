import type { TestApp } from '../../support/app.js'

/** What is stored of the version of a portal's tokens that counts: the portal's row, and that version's. */
export type SealedRow = {
  portalId: string
  dataKey: string
  tokenVersion: number
  version: number
  accessToken: string
  refreshToken: string
}

type Query = TestApp['query']

/** Every portal's. */
export async function readRows(query: Query): Promise<SealedRow[]> {
  return query<SealedRow>(
    `SELECT p."id" AS "portalId", p."dataKey", p."tokenVersion", t."version", t."accessToken", t."refreshToken"
     FROM "Portal" p JOIN "PortalToken" t ON t."portalId" = p."id" AND t."version" = p."tokenVersion" ORDER BY p."id"`,
  )
}

/** Makes rows other ones, of other portals and versions if need be, all at once. */
export async function replaceRows(query: Query, from: SealedRow[], to: SealedRow[]): Promise<void> {
  const column = <Name extends keyof SealedRow>(rows: SealedRow[], name: Name) => rows.map((row) => row[name])
  await query(
    `UPDATE "Portal" p SET "id" = c."newId", "dataKey" = c."dataKey", "tokenVersion" = c."tokenVersion"
     FROM unnest($1::text[], $2::text[], $3::text[], $4::int[]) AS c("oldId", "newId", "dataKey", "tokenVersion")
     WHERE p."id" = c."oldId"`,
    [column(from, 'portalId'), column(to, 'portalId'), column(to, 'dataKey'), column(to, 'tokenVersion')],
  )
  await query(
    `UPDATE "PortalToken" t SET "version" = c."newVersion", "accessToken" = c."accessToken", "refreshToken" = c."refreshToken"
     FROM unnest($1::text[], $2::int[], $3::int[], $4::text[], $5::text[])
       AS c("id", "oldVersion", "newVersion", "accessToken", "refreshToken")
     WHERE t."portalId" = c."id" AND t."version" = c."oldVersion"`,
    [
      column(to, 'portalId'),
      column(from, 'version'),
      column(to, 'version'),
      column(to, 'accessToken'),
      column(to, 'refreshToken'),
    ],
  )
}

const FIELDS = ['dataKey', 'accessToken', 'refreshToken'] as const
const TEXT = /^(.*\.)([^.]*)$/
const IV_BYTES = 12
const TAG_BYTES = 16

/** What there is to put in a row's place: another portal's row, and this portal's older ones with the data keys they had. */
type Material = { row: SealedRow; other: SealedRow; older: SealedRow[]; random: (below: number) => number }

/** Every way to tamper with stored rows: each makes one that must not open. */
export const ATTEMPTS: Record<string, (material: Material) => SealedRow> = {
  'another portal’s access token': ({ row, other }) => ({ ...row, accessToken: other.accessToken }),
  'another portal’s refresh token': ({ row, other }) => ({ ...row, refreshToken: other.refreshToken }),
  'another portal’s pair': ({ row, other: { accessToken, refreshToken } }) => ({ ...row, accessToken, refreshToken }),
  'another portal’s data key': ({ row, other }) => ({ ...row, dataKey: other.dataKey }),
  'everything of another portal': ({ row, other }) => ({ ...other, portalId: row.portalId }),
  'access and refresh token swapped': ({ row }) => ({ ...row, accessToken: row.refreshToken, refreshToken: row.accessToken }),
  'the access token in both places': ({ row }) => ({ ...row, refreshToken: row.accessToken }),
  'the data key in a token’s place': ({ row }) => ({ ...row, accessToken: row.dataKey }),

  'an older pair put back': ({ row, older, random }) => {
    const { accessToken, refreshToken } = pick(older, random)
    return { ...row, accessToken, refreshToken }
  },
  'an older access token put back': ({ row, older, random }) => ({ ...row, accessToken: pick(older, random).accessToken }),
  'an older refresh token put back': ({ row, older, random }) => ({ ...row, refreshToken: pick(older, random).refreshToken }),
  'an older data key put back': ({ row, older, random }) => ({ ...row, dataKey: pick(older, random).dataKey }),
  'an older pair put back with its data key': ({ row, older, random }) => {
    const { accessToken, refreshToken, dataKey } = pick(older, random)
    return { ...row, accessToken, refreshToken, dataKey }
  },
  'the number put back': ({ row, older, random }) => ({ ...row, tokenVersion: pick(older, random).version }),
  'the number put back, with the data key of a third version': ({ row, older, random }) => {
    const at = random(older.length)
    const third = older[(at + 1) % older.length]
    return { ...row, tokenVersion: older[at]?.version ?? 0, dataKey: third?.dataKey ?? '' }
  },

  'one bit flipped': ({ row, random }) =>
    changeBytes(row, random, (bytes) => {
      const at = random(bytes.length)
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random(8)), at)
      return bytes
    }),
  'one character changed': ({ row, random }) =>
    changeText(row, random, (text) => {
      const at = random(text.length)
      return text.slice(0, at) + differentCharacter(text[at], random) + text.slice(at + 1)
    }),
  'the end cut off': ({ row, random }) => changeText(row, random, (text) => text.slice(0, random(text.length))),
  'a character appended': ({ row, random }) => changeText(row, random, (text) => text + differentCharacter('', random)),
  'the tag shortened': ({ row, random }) =>
    changeBytes(row, random, (bytes) => {
      const keptBytes = random(TAG_BYTES)
      return Buffer.concat([bytes.subarray(0, IV_BYTES + keptBytes), bytes.subarray(IV_BYTES + TAG_BYTES)])
    }),
  'nothing left but nonce and tag': ({ row, random }) =>
    changeBytes(row, random, (bytes) => bytes.subarray(0, IV_BYTES + TAG_BYTES)),
  'the encryption key’s name changed': ({ row, random }) => {
    const [scheme, , sealed] = row.dataKey.split('.')
    return { ...row, dataKey: [scheme, pick(['older', 'unknown', ''], random), sealed].join('.') }
  },
  'the version’s number changed': ({ row, random }) => {
    const version = row.version + 1 + random(1_000)
    return { ...row, version, tokenVersion: version }
  },
  'the portal’s id changed': ({ row, random }) => ({ ...row, portalId: `${1 + random(9)}${row.portalId}` }),
}

function changeText({ ...row }: SealedRow, random: Material['random'], change: (text: string) => string): SealedRow {
  const field = pick(FIELDS, random)
  return { ...row, [field]: change(row[field]) }
}

function changeBytes(row: SealedRow, random: Material['random'], change: (bytes: Buffer) => Buffer): SealedRow {
  return changeText(row, random, (text) => {
    const [, beginning = '', encoded = ''] = TEXT.exec(text) ?? []
    return beginning + change(Buffer.from(encoded, 'base64url')).toString('base64url')
  })
}

function pick<T>(list: readonly T[], random: Material['random']): T {
  const one = list[random(list.length)]
  if (one === undefined) throw new Error('nothing to pick from')
  return one
}

function differentCharacter(character: string | undefined, random: Material['random']): string {
  return pick(
    [...'ABCXYZabcxyz019-_.= '].filter((other) => other !== character),
    random,
  )
}
