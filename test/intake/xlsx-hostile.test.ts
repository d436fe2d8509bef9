import { randomBytes } from 'node:crypto'
import { constants, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppError, PROBLEMS } from '../../src/errors.js'
import { openWorkbook } from '../../src/intake/xlsx/workbook.js'
import {
  pack,
  readRows,
  sheetXml,
  toBytes,
  workbookParts,
  writeZip,
  type ZipEnd,
  type ZipEntry,
  zip64Extra,
} from '../support/xlsx-writer.js'

const SHEET = 'xl/worksheets/sheet1.xml'
const STRINGS = 'xl/sharedStrings.xml'
const ROW = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" s="1"><v>45000</v></c></row>'
const PARTS = workbookParts(ROW, { strings: ['<t>text</t>'], formats: [14] })
const GOOD = pack(PARTS)
const MIB = 1024 * 1024
const GIB = 1024 * MIB

/** The status and code of what it is refused with; the detail must tell a person what to do. */
async function refusalOf(file: Buffer): Promise<string> {
  const error: unknown = await readRows(file).then(
    () => new Error('it was read'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof AppError)) throw error
  expect(error.options.detail).toMatch(/^The (file|workbook) .+\. .+\.$|worksheet/)
  return `${PROBLEMS[error.code].status} ${error.code}`
}

/** The workbook with one entry changed. */
function withEntry(name: string, change: Partial<ZipEntry>): Buffer {
  return pack(PARTS, (entry) => (entry.name === name ? { ...entry, ...change } : entry))
}

function withPart(name: string, content: string): Buffer {
  return pack({ ...PARTS, [name]: content })
}

function withEnd(end: ZipEnd): Buffer {
  return writeZip(
    Object.entries(PARTS).map(([name, content]) => ({ name, content })),
    end,
  )
}

const withSheet = (xml: string) => withPart(SHEET, xml)
const withData = (data: string) => withSheet(sheetXml(data))
const withExtra = (name: string, content = '') => pack({ ...PARTS, [name]: content })
const typed = (from: string | RegExp, to: string) =>
  withPart('[Content_Types].xml', (PARTS['[Content_Types].xml'] ?? '').replace(from, to))

/** What inflates to `times` × 16 MiB of the same, in as little as can be. */
function bomb(before: string, piece: string, times: number): Buffer {
  const flush = { finishFlush: constants.Z_FULL_FLUSH }
  const block = deflateRawSync(Buffer.from(piece.repeat((16 * MIB) / piece.length)), flush)
  return Buffer.concat([deflateRawSync(Buffer.from(before), flush), ...Array<Buffer>(times).fill(block), Buffer.from([3, 0])])
}

/** A mebibyte of them, of which nothing comes again within what deflate remembers. */
function differentTexts(): string {
  const texts = Array.from({ length: 1_024 }, () => `<si><t>${randomBytes(753).toString('base64')}</t></si>`)
  return texts.join('').padEnd(MIB, ' ')
}

const inflatesTo = (raw: Buffer, bytes: number): Partial<ZipEntry> => ({ raw, local: { bytes }, central: { bytes } })
const sheetBomb = bomb(sheetXml('').replace(/<\/sheetData>.*/s, ''), '<!-- -->', 640)

describe('a damaged container', () => {
  const opened = GOOD.indexOf('PK\x01\x02')
  const swapped = Buffer.from(GOOD)
  swapped.writeUInt32LE(0, opened)

  it.each<[string, Buffer, string]>([
    ['whose directory is overwritten', swapped, '422 archive_damaged'],
    ['whose directory is said to be elsewhere', withEnd({ offset: 10 }), '422 archive_damaged'],
    ['whose directory is said to have more entries', withEnd({ entries: 30 }), '422 archive_damaged'],
    ['with a wrong checksum', withEntry(SHEET, { local: { crc: 1 }, central: { crc: 1 } }), '422 archive_damaged'],
    ['with a wrong size', withEntry(SHEET, { local: { bytes: 9 }, central: { bytes: 9 } }), '422 archive_damaged'],
    ['with a part that says two sizes', withEntry(SHEET, { local: { bytes: 9 } }), '422 archive_damaged'],
    ['with a part that says two names', withEntry(SHEET, { local: { name: SHEET.replace('1', '2') } }), '422 archive_damaged'],
    ['with a part that says two methods', withEntry(SHEET, { local: { method: 0 } }), '422 archive_damaged'],
    ['with parts that overlap', withEntry(SHEET, { central: { offset: 0 } }), '422 archive_damaged'],
    [
      'with a part that reaches into the next',
      withEntry(STRINGS, { central: { compressedBytes: 5_000 } }),
      '422 archive_damaged',
    ],
    ['with a part that ends after its content', withEntry(SHEET, { raw: Buffer.alloc(9, 'x') }), '422 archive_damaged'],
    ['with sizes that are left out', withEntry(SHEET, { central: { bytes: 0xffffffff } }), '422 archive_damaged'],
    [
      'with an impossible ZIP64 size',
      withEntry(SHEET, { central: { bytes: 0xffffffff, extra: zip64Extra(2 ** 60) } }),
      '422 archive_damaged',
    ],
    [
      'with a ZIP64 size of 1 TB',
      withEntry(SHEET, { central: { bytes: 0xffffffff, extra: zip64Extra(2 ** 40) } }),
      '422 archive_damaged',
    ],
    ['with a ZIP64 end that lies', withEnd({ zip64: { entries: 1 } }), '422 archive_damaged'],
    ['with a ZIP64 end that is elsewhere', withEnd({ zip64: { at: 3 } }), '422 archive_damaged'],
    ['with a ZIP64 end that says other than the old one', withEnd({ entries: 3, zip64: {} }), '422 archive_damaged'],
    ['with a ZIP64 directory of 1 PB', withEnd({ zip64: { bytes: 2 ** 50 } }), '422 file_too_complex'],
    ['with two parts of one name', pack({ ...PARTS, 'XL/Workbook.xml': '' }), '422 archive_damaged'],
    ['with a part called ../x', withExtra('../x'), '422 archive_damaged'],
    ['with a part called xl\\..\\..\\x', withExtra('xl\\..\\..\\x'), '422 archive_damaged'],
    ['with a part called /etc/passwd', withExtra('/etc/passwd'), '422 archive_damaged'],
    ['with a part called C:/x', withExtra('C:/x'), '422 archive_damaged'],
    ['with a symbolic link', withEntry(SHEET, { central: { unixMode: 0o120777 } }), '422 archive_damaged'],
    ['with another compression', withEntry(SHEET, { central: { method: 14 } }), '422 archive_damaged'],
    ['with archives inside', writeZip([{ name: 'a.zip', content: GOOD }]), '422 archive_damaged'],
    ['that is encrypted', withEntry(SHEET, { central: { flags: 1 } }), '422 encrypted'],
    ['that is encrypted with AES', withEntry(SHEET, { central: { method: 99 } }), '422 encrypted'],
  ])('%s is refused', async (_, file, refusal) => {
    expect(await refusalOf(file)).toBe(refusal)
  })

  it('is refused wherever it is cut off', async () => {
    for (let length = 4; length < GOOD.length; length++)
      expect(await refusalOf(GOOD.subarray(0, length))).toBe('422 archive_damaged')
  })

  it('is refused or read as it was, whichever of its bytes is changed', async () => {
    const rows = await readRows(GOOD)
    await fc.assert(
      fc.asyncProperty(fc.nat(GOOD.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const file = Buffer.from(GOOD)
        file.writeUInt8(file.readUInt8(at) ^ change, at)

        const read = await readRows(file).catch((error: unknown) => error)

        if (!(read instanceof AppError)) expect(read).toEqual(rows)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('a bomb', () => {
  it.each<[string, Buffer, string]>([
    ['of 10 GiB that says so', withEntry(SHEET, inflatesTo(sheetBomb, 0xfffffffe)), '422 archive_too_large'],
    ['of 10 GiB that claims 4 GiB', withEntry(SHEET, inflatesTo(sheetBomb, 4 * GIB - 16)), '422 archive_too_large'],
    ['of 10 GiB that claims 1 MiB', withEntry(SHEET, inflatesTo(sheetBomb, MIB)), '422 archive_damaged'],
    ['in its styles', withEntry('xl/styles.xml', inflatesTo(sheetBomb, 33 * MIB)), '422 archive_too_large'],
    [
      'of 2 GiB of shared texts',
      withEntry(STRINGS, inflatesTo(bomb('<sst>', `<si><t>${'x'.repeat(1004)}</t></si>`, 128), 1000 * MIB)),
      '422 archive_too_large',
    ],
    [
      'of 80 MiB of shared texts that are as long as they are in the file',
      withEntry(STRINGS, inflatesTo(bomb('<sst>', differentTexts(), 5), 80 * MIB)),
      '422 file_too_complex',
    ],
    [
      'of 100,000 parts',
      writeZip(
        Array.from({ length: 100_000 }, (_, i) => ({ name: `${i}`, content: '', isStored: true })),
        { zip64: {} },
      ),
      '422 file_too_complex',
    ],
    [
      'of 3,000 parts',
      writeZip(Array.from({ length: 3_000 }, (_, i) => ({ name: `${i}`, content: '', isStored: true }))),
      '422 file_too_complex',
    ],
    ['of nested elements', withData('<a>'.repeat(100)), '422 file_too_complex'],
    ['of attributes', withData(`<row ${Array.from({ length: 200 }, (_, i) => `a${i}=""`).join(' ')}/>`), '422 file_too_complex'],
    ['of names', withData(Array.from({ length: 2_000 }, (_, i) => `<a${i}/>`).join('')), '422 file_too_complex'],
    ['of one text', withData(`<row><c t="str"><v>${'x'.repeat(MIB)}</v></c></row>`), '422 file_too_complex'],
    [
      'of one text in pieces',
      withData(`<row><c t="str"><v>${`${'x'.repeat(1_000)}<!-- -->`.repeat(1_100)}</v></c></row>`),
      '422 file_too_complex',
    ],
    ['of cells far to the right', withData('<row><c r="XFD1"><v>1</v></c></row>'.repeat(16_000)), '422 too_many_columns'],
    ['of gaps', withData('<row><c r="ALK1"><v>1</v></c></row>'.repeat(16_000)), '422 file_too_complex'],
    ['of rows', withData('<row/>'.repeat(1_048_577)), '422 too_many_rows'],
  ])('%s is refused', async (_, file, refusal) => {
    expect(await refusalOf(file)).toBe(refusal)
  })

  it('of cells far to the right is refused at the first of them, and answered at once', async () => {
    const far = '<row><c><v>1</v></c></row>'.repeat(300) + '<row><c r="XFD1"><v>1</v></c></row>'.repeat(15_000)
    const { sheets, readRows: read } = await openWorkbook(toBytes(withData(far)))
    const started = performance.now()
    let rows = 0

    const reading = (async () => {
      for await (const batch of read(sheets[0] ?? { name: '', isHidden: false, part: '' })) rows += batch.length
    })()

    await expect(reading).rejects.toMatchObject({ code: 'too_many_columns', message: expect.stringContaining('row 301') })
    expect(rows).toBeLessThan(301)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it.each([
    '[Content_Types].xml',
    '_rels/.rels',
    'xl/workbook.xml',
    'xl/_rels/workbook.xml.rels',
    'xl/styles.xml',
    STRINGS,
    SHEET,
  ])('of entities, or anything else in a document type, is refused in %s', async (name) => {
    const declarations = [
      '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
      '<!DOCTYPE x SYSTEM "http://localhost:1/x.dtd">',
      '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
    ]

    for (const declaration of declarations)
      expect(await refusalOf(withPart(name, declaration + (PARTS[name] ?? '').replace(/^<\?.*?\?>/, '')))).toBe(
        '422 workbook_invalid',
      )
  })
})

describe('a worksheet', () => {
  it.each<[string, string, string]>([
    ['of something else', '<chartsheet/>', '422 workbook_invalid'],
    ['that is cut off', sheetXml(ROW).slice(0, -5), '422 workbook_invalid'],
    ['that is empty', '', '422 workbook_invalid'],
    ['that ends another element', sheetXml('<row></c>'), '422 workbook_invalid'],
    ['that ends too much', `${sheetXml('')}</x>`, '422 workbook_invalid'],
    ['with two roots', `${sheetXml('')}<x/>`, '422 workbook_invalid'],
    ['with text after its root', `${sheetXml('')}x`, '422 workbook_invalid'],
    ['with an attribute twice', sheetXml('<row r="1" r="2"/>'), '422 workbook_invalid'],
    ['with an attribute without quotes', sheetXml('<row r=1/>'), '422 workbook_invalid'],
    ['with an attribute without a value', sheetXml('<row r/>'), '422 workbook_invalid'],
    ['with a < in an attribute', sheetXml('<row r="<"/>'), '422 workbook_invalid'],
    ['with attributes that touch', sheetXml('<row r="1"s="1"/>'), '422 workbook_invalid'],
    ['with a tag without a name', sheetXml('< row/>'), '422 workbook_invalid'],
    ['with an entity that is not declared', sheetXml('<row><c t="str"><v>&e;</v></c></row>'), '422 workbook_invalid'],
    ['with a bare ampersand', sheetXml('<row><c t="str"><v>a & b</v></c></row>'), '422 workbook_invalid'],
    ['with a character that XML has not', sheetXml('<row><c t="str"><v>&#0;</v></c></row>'), '422 workbook_invalid'],
    ['with a control character', sheetXml('<row><c t="str"><v>\x01</v></c></row>'), '422 workbook_invalid'],
    ['with a word as a number', sheetXml('<row><c><v>0x10</v></c></row>'), '422 workbook_invalid'],
    ['with a number beyond all', sheetXml('<row><c><v>1e999</v></c></row>'), '422 workbook_invalid'],
    ['with a text that is not there', sheetXml('<row><c t="s"><v>7</v></c></row>'), '422 workbook_invalid'],
    ['in another encoding', sheetXml('').replace('UTF-8', 'ISO-8859-1'), '422 workbook_invalid'],
    ['with a cell XFE9999999', sheetXml('<row><c r="XFE9999999"/></row>'), '422 workbook_invalid'],
    ['with a cell XFE1', sheetXml('<row><c r="XFE1"/></row>'), '422 workbook_invalid'],
    ['with a cell beyond XFD', sheetXml('<row><c r="XFD1"/><c/></row>'), '422 workbook_invalid'],
    ['with a cell AAAAA1', sheetXml('<row><c r="AAAAA1"/></row>'), '422 workbook_invalid'],
    ['with a cell 1A', sheetXml('<row><c r="1A"/></row>'), '422 workbook_invalid'],
    ['with a cell A1048577', sheetXml('<row><c r="A1048577"/></row>'), '422 too_many_rows'],
    ['with a row 1048577', sheetXml('<row r="1048577"/>'), '422 too_many_rows'],
    ['with a row 0', sheetXml('<row r="0"/>'), '422 workbook_invalid'],
  ])('%s is refused', async (_, xml, refusal) => {
    expect(await refusalOf(withSheet(xml))).toBe(refusal)
  })

  it('with bytes that are not UTF-8 is refused', async () => {
    const xml = Buffer.from(sheetXml('<row><c t="str"><v>#</v></c></row>'))
    xml.writeUInt8(0xe9, xml.indexOf('#'))

    expect(await refusalOf(pack({ ...PARTS, [SHEET]: xml }))).toBe('422 workbook_invalid')
  })
})

describe('what is not a workbook', () => {
  const compound = (name: string) =>
    Buffer.concat([
      Buffer.from('d0cf11e0a1b11ae1', 'hex'),
      Buffer.alloc(1016),
      Buffer.from(`${name}\0`, 'utf16le'),
      Buffer.alloc(99),
    ])
  const WORD = /spreadsheetml\.sheet\.main/
  const suffixed = Buffer.concat([GOOD, Buffer.from('Email,Name\na@b.co,A\n')])

  it.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), '415 file_type_unsupported'],
    ['a CSV', Buffer.from('Email,Name\n'), '415 file_type_unsupported'],
    ['an empty ZIP', writeZip([]), '415 file_type_unsupported'],
    ['a plain ZIP', writeZip([{ name: 'contacts.csv', content: 'Email' }]), '415 file_type_unsupported'],
    [
      'an OpenDocument sheet',
      writeZip([{ name: 'mimetype', content: 'application/vnd.oasis.opendocument.spreadsheet', isStored: true }]),
      '415 file_type_unsupported',
    ],
    ['a Word document', typed(WORD, 'wordprocessingml.document.main'), '415 file_type_unsupported'],
    [
      'a binary workbook',
      typed(/application\/[^"]*sheet\.main\+xml/, 'application/vnd.ms-excel.sheet.binary.macroEnabled.main'),
      '415 file_type_unsupported',
    ],
    [
      'a workbook with macros',
      typed(/application\/[^"]*sheet\.main\+xml/, 'application/vnd.ms-excel.sheet.macroEnabled.main+xml'),
      '415 file_type_unsupported',
    ],
    ['an old workbook', compound('Workbook'), '415 file_type_unsupported'],
    ['a workbook behind a CSV', withEnd({ prefix: Buffer.from('Email,Name\n') }), '415 file_type_unsupported'],
    ['a workbook behind what looks like one', withEnd({ prefix: Buffer.from('PK\x03\x04\n') }), '415 file_type_unsupported'],
    ['a workbook before a CSV', suffixed, '415 file_type_unsupported'],
    ['a workbook with a password', compound('EncryptedPackage'), '422 encrypted'],
    ['a workbook with a macro project', withExtra('xl/vbaProject.bin'), '422 file_has_macros'],
    [
      'a workbook with a hidden macro project',
      withPart(
        '[Content_Types].xml',
        (PARTS['[Content_Types].xml'] ?? '').replace(
          '</Types>',
          '<Override PartName="/xl/styles.xml" ContentType="application/vnd.ms-office.vbaProject"/></Types>',
        ),
      ),
      '422 file_has_macros',
    ],
    ['a workbook with a macro sheet', withExtra('xl/macrosheets/sheet1.xml'), '422 file_has_macros'],
    ['a workbook without sheets', pack(workbookParts([])), '422 no_worksheet'],
    ['a workbook of hidden sheets', pack(workbookParts([{ state: 'hidden' }, { state: 'veryHidden' }])), '422 no_worksheet'],
    [
      'a workbook without its sheet',
      pack(Object.fromEntries(Object.entries(PARTS).filter(([name]) => name !== SHEET))),
      '422 workbook_invalid',
    ],
  ])('such as %s is refused', async (_, file, refusal) => {
    expect(await refusalOf(file)).toBe(refusal)
  })

  it('is not what links to other files or holds objects: that is told', async () => {
    const rels = (PARTS['xl/_rels/workbook.xml.rels'] ?? '').replace(
      '</Relationships>',
      '<Relationship Id="x" Type="http://x/externalLink" Target="externalLinks/externalLink1.xml"/></Relationships>',
    )

    const { warnings } = await openWorkbook(
      toBytes(pack({ ...PARTS, 'xl/_rels/workbook.xml.rels': rels, 'xl/embeddings/oleObject1.bin': '' })),
    )

    expect(warnings).toEqual(['external_links', 'embedded_objects'])
  })
})
