import { constants, deflateRawSync, gzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import iconv from 'iconv-lite'
import { expect, it } from 'vitest'
import { AppError } from '../../src/errors.js'
import { validateUpload } from '../../src/imports/accept.js'
import { inspect } from '../../src/intake/inspect.js'
import { unpack } from '../../src/intake/unpack.js'
import { PORTAL, type TestApp, testApp } from '../support/app.js'
import { collect, inChunks } from '../support/tables.js'
import { escapeXml, pack, readRows, sheetXml, workbookParts, type ZipEntry, zip64Extra } from '../support/xlsx-writer.js'

/** What is made of a file: the cells that HubSpot gets and the codes of the findings, or the problem that it is. */
type Outcome = { cells: string[][]; codes: string[] } | { problem: string }
type Sample = { name: string; fileName: string; bytes: Buffer; sheet?: string | undefined; expected: Outcome }

/** A table, whether all of it is ASCII, and what is wrong with it however it is written. */
type Export = { isAscii?: boolean; codes: string[]; cells: string[][] }

// What programs export. Numbers, dates and money as people of the country write them.
const TABLES: Record<string, Export> = {
  'German contacts': {
    codes: [],
    cells: [
      ['Anrede', 'Vorname', 'Nachname', 'E-Mail', 'PLZ', 'Umsatz'],
      ['Frau', 'Jördis', 'Groß', 'joerdis@example.com', '01067', '1.234,50'],
      ['Herr', 'Özgür', 'Müller-Lüdenscheidt', 'oezguer@example.com', '80331', '0,99'],
      ['', 'Zoë', 'Ångström; geb. Meier', 'zoe@example.com', '', '-12,00'],
    ],
  },
  'English contacts': {
    isAscii: true,
    codes: ['COULD_NOT_PARSE_NUMBER'],
    cells: [
      ['First name', 'Last name', 'Email', 'Company', 'Amount', 'Notes'],
      ['Ann', "O'Neil", 'ann@example.com', 'Smith, Jones & Co', '1,234.50', 'said "yes"'],
      ['Bob', 'Ray', 'bob@example.com', 'A|B Ltd', '(5.00)', ''],
    ],
  },
  'a CRM’s export': {
    codes: ['FORMULA_LIKE_VALUE', 'INVALID_COLUMN_CONFIGURATION'],
    cells: [
      ['Account ID', 'Account Name', 'Created Date', 'Description'],
      ['0018Z00002abcDE', 'Café "Zum Löwen"', '31.12.2025 14:30', 'first line\nsecond line; with more\n\nend'],
      ['0018Z00002abcDF', '=HYPERLINK("x")', '01.01.2026 00:00', '\ttabbed'],
    ],
  },
  'a shop’s orders': {
    codes: ['COULD_NOT_PARSE_NUMBER', 'INVALID_COLUMN_CONFIGURATION', 'INVALID_ENUMERATION_OPTION', 'MISSING_REQUIRED_PROPERTY'],
    cells: [
      ['Order', 'Customer', 'Total €', 'Tags'],
      ['#1001', 'Élodie', '€ 12,50', 'a;b;c'],
      ['#1002', 'François', '€ 1.000,00', 'x, y'],
      ['#1003', 'Ñandú', '€ 7', ''],
    ],
  },
  'two columns': {
    codes: [],
    cells: [
      ['Email', 'Name'],
      ['a@example.com', 'Ä'],
      ['b@example.com', 'ß'],
    ],
  },
}
/** What each column goes to, whichever file it is in. */
const PROPERTIES: Record<string, string> = {
  Anrede: '0-1 salutation',
  Vorname: '0-1 firstname',
  Nachname: '0-1 lastname',
  'E-Mail': '0-1 email',
  PLZ: '0-1 zip',
  Umsatz: '0-1 numemployees',
  Geboren: '0-1 date_of_birth',
  'First name': '0-1 firstname',
  'Last name': '0-1 lastname',
  Name: '0-1 lastname',
  Email: '0-1 email',
  Company: '0-1 company',
  Amount: '0-1 numemployees',
  Notes: '0-1 jobtitle',
  Address: '0-1 address',
  Born: '0-1 date_of_birth',
  'Record ID': '0-1 hs_object_id',
  Domain: '0-2 domain',
  'Account ID': '0-2 zip',
  'Account Name': '0-2 name',
  'Created Date': '0-2 createdate',
  Description: '0-2 description',
  Order: '0-3 dealname',
  Customer: '0-3 description',
  'Total €': '0-3 amount',
  Tags: '0-3 dealtype',
}
const IDENTIFIERS: Record<string, string> = { email: 'HUBSPOT_ALTERNATE_ID', hs_object_id: 'HUBSPOT_OBJECT_ID' }

type Writing = { encoding: string; codec: string; bom?: boolean; codes: string[]; codesOfAscii?: string[] }
const WRITINGS: Writing[] = [
  { encoding: 'UTF-8', codec: 'utf8', codes: [] },
  { encoding: 'UTF-8 with a mark', codec: 'utf8', bom: true, codes: [] },
  { encoding: 'Windows-1252', codec: 'win1252', codes: ['ENCODING_CONVERTED'], codesOfAscii: [] },
  { encoding: 'UTF-16 LE', codec: 'utf16le', bom: true, codes: ['ENCODING_CONVERTED'] },
  { encoding: 'UTF-16 BE', codec: 'utf16be', bom: true, codes: ['ENCODING_CONVERTED'] },
  { encoding: 'UTF-16 LE without a mark', codec: 'utf16le', codes: ['ENCODING_CONVERTED'] },
]
const DELIMITERS = [
  { delimiter: ',', called: 'comma', codes: [] },
  { delimiter: ';', called: 'semicolon', codes: ['DELIMITER_CONVERTED'] },
  { delimiter: '\t', called: 'tab', codes: ['DELIMITER_CONVERTED'] },
  { delimiter: '|', called: 'bar', codes: ['DELIMITER_CONVERTED'] },
]
const LINE_ENDS = { CRLF: '\r\n', LF: '\n' }

function write(table: string[][], delimiter: string, lineEnd: string): string {
  const cell = (value: string) =>
    /["\r\n]/.test(value) || value.includes(delimiter) ? `"${value.replaceAll('"', '""')}"` : value
  return table.map((row) => row.map(cell).join(delimiter) + lineEnd).join('')
}

function exported(): Sample[] {
  return Object.entries(TABLES).flatMap(([what, { cells, isAscii = false, codes }]) =>
    WRITINGS.flatMap(({ encoding, codec, bom = false, ...written }) =>
      DELIMITERS.flatMap(({ delimiter, called, codes: ofDelimiter }) =>
        Object.entries(LINE_ENDS).map(
          ([ending, lineEnd]): Sample => ({
            name: `${what}, ${encoding}, ${called}, ${ending}`,
            fileName: 'export.csv',
            bytes: iconv.encode(write(cells, delimiter, lineEnd), codec, { addBOM: bom }),
            expected: {
              cells,
              codes: [...codes, ...((isAscii && written.codesOfAscii) || written.codes), ...ofDelimiter].toSorted(),
            },
          }),
        ),
      ),
    ),
  )
}

const plain = [
  ['Email', 'Name'],
  ['a@example.com', 'A'],
]
const odd = (name: string, text: string | Buffer, expected: Outcome, fileName = 'odd.csv'): Sample => ({
  name,
  fileName,
  bytes: Buffer.isBuffer(text) ? text : Buffer.from(text),
  expected,
})

const ODD: Sample[] = [
  odd('Excel’s hint of a separator', 'sep=;\r\nEmail;Name\r\na@example.com;A\r\n', {
    cells: plain,
    codes: ['DELIMITER_CONVERTED'],
  }),
  odd('the same with a mark', '\ufeffsep=;\r\nEmail;Name\r\na@example.com;A\r\n', {
    cells: plain,
    codes: ['DELIMITER_CONVERTED'],
  }),
  odd('an old Mac’s lines', 'Email,Name\ra@example.com,A\r', { cells: plain, codes: ['LINE_ENDS_CONVERTED'] }),
  odd('lines of all kinds', 'Email,Name\r\na@example.com,A\rb@example.com,B\n', {
    cells: [...plain, ['b@example.com', 'B']],
    codes: ['LINE_ENDS_CONVERTED'],
  }),
  odd('no line end at the end', 'Email,Name\na@example.com,A', { cells: plain, codes: [] }),
  odd('a decimal comma between semicolons', 'Email;Name\na@example.com;1,5\nb@example.com;2,5\n', {
    cells: [
      ['Email', 'Name'],
      ['a@example.com', '1,5'],
      ['b@example.com', '2,5'],
    ],
    codes: ['DELIMITER_CONVERTED'],
  }),
  odd('one column', 'Email\na@example.com\n', { cells: [['Email'], ['a@example.com']], codes: [] }),
  odd('one column of addresses with commas in quotes', 'Address\n"a, b"\n"c, d"\n', {
    cells: [['Address'], ['a, b'], ['c, d']],
    codes: ['INVALID_COLUMN_CONFIGURATION', 'MISSING_REQUIRED_PROPERTY'],
  }),
  odd('everything in quotes', '"Email";"Name"\r\n"a@example.com";"A"\r\n', { cells: plain, codes: ['DELIMITER_CONVERTED'] }),
  odd(
    'a tab-separated file by its name',
    'Email\tName\na@example.com\tA\n',
    { cells: plain, codes: ['DELIMITER_CONVERTED', 'FILE_NAME_REPAIRED'] },
    'odd.tsv',
  ),
  odd('blank lines before and between', '\n\nEmail,Name\n\na@example.com,A\n\n', { cells: plain, codes: [] }),
  odd('a quote within a cell', 'Email;Name\na@example.com;5" disk\n', {
    cells: [
      ['Email', 'Name'],
      ['a@example.com', '5" disk'],
    ],
    codes: ['DELIMITER_CONVERTED'],
  }),
  // Written anew, such a cell is in quotes; between commas it goes as it is.
  odd('a quote within a cell between commas', 'Email,Name\na@example.com,5" disk\n', {
    cells: [
      ['Email', 'Name'],
      ['a@example.com', '5" disk'],
    ],
    codes: ['STRAY_QUOTES'],
  }),
  odd('text after a quoted cell', 'Email;Name\na@example.com;"A" B\n', {
    cells: [
      ['Email', 'Name'],
      ['a@example.com', 'A B'],
    ],
    codes: ['DELIMITER_CONVERTED'],
  }),
  odd('emoji and Chinese', 'Email,Name\na@example.com,😀 你好\n', {
    cells: [
      ['Email', 'Name'],
      ['a@example.com', '😀 你好'],
    ],
    codes: [],
  }),
  odd('a letter at the edge of Windows-1252', Buffer.from('Email,Name\na@example.com,\x80uro \x99\n', 'latin1'), {
    cells: [
      ['Email', 'Name'],
      ['a@example.com', '€uro ™'],
    ],
    codes: ['ENCODING_CONVERTED'],
  }),
  odd('no bytes', '', { problem: 'file_empty' }),
  odd('a NUL', 'Email,Name\na@example.com,\0\n', { problem: 'encoding' }),
  odd(
    'letters of two encodings',
    Buffer.concat([Buffer.from('Email,Name\na@example.com,ü\n'), Buffer.from('b@example.com,\xfc\n', 'latin1')]),
    { problem: 'encoding' },
  ),
  odd('what Windows-1252 has no letter for', Buffer.from('Email,Name\na@example.com,\x81\n', 'latin1'), { problem: 'encoding' }),
  odd('UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x45, 0, 0, 0]), { problem: 'encoding' }),
  odd('half a letter of UTF-16', Buffer.concat([Buffer.from('\ufeffEmail,Name\n', 'utf16le'), Buffer.from([0x41])]), {
    problem: 'encoding',
  }),
  odd('a PDF', '%PDF-1.4 x', { problem: 'file_type_unsupported' }),
  odd('a web page', '\n <html><table><tr><td>x</td></tr></table>', { problem: 'file_type_unsupported' }),
  odd('a web page named .xls', '<html><table>', { problem: 'file_type_unsupported' }, 'report.xls'),
  odd('XML named .xls', '<?xml version="1.0"?><Workbook>', { problem: 'file_type_unsupported' }, 'report.xls'),
  odd('JSON', '[{"email": "a@example.com"}]', { problem: 'file_type_unsupported' }),
  odd('a zip', 'PK\x03\x04', { problem: 'file_type_unsupported' }),
  odd('a gzip', Buffer.from([0x1f, 0x8b, 8, 0]), { problem: 'file_type_unsupported' }),
  odd('a program', Buffer.from('4d5a9000', 'hex'), { problem: 'file_type_unsupported' }),
  odd('a picture', Buffer.from('ffd8ffe0', 'hex'), { problem: 'file_type_unsupported' }),
  odd('text named .xlsx', 'Email,Name\n', { problem: 'file_type_unsupported' }, 'odd.xlsx'),
  odd('a workbook with macros by its name', 'PK\x03\x04', { problem: 'file_type_unsupported' }, 'odd.xlsm'),
  odd('a script', 'Email,Name\n', { problem: 'file_type_unsupported' }, 'odd.csv.js'),
  odd('a semicolon at the end of every row', 'Email;Name;\na@example.com;A;\n', {
    cells: [
      ['Email', 'Name', ''],
      ['a@example.com', 'A', ''],
    ],
    codes: ['COLUMN_WITHOUT_NAME', 'DELIMITER_CONVERTED'],
  }),
  odd('an address twice, and one that is none', 'Email,Name\na@example.com,A\na@example.com,B\nnone,C\n', {
    cells: [...plain, ['a@example.com', 'B'], ['none', 'C']],
    codes: ['DUPLICATE_ALTERNATE_ID', 'INVALID_EMAIL'],
  }),
  odd('rows of other lengths', 'Email,Name\na@example.com\nb@example.com,B,C\n', {
    cells: [['Email', 'Name'], ['a@example.com'], ['b@example.com', 'B', 'C']],
    codes: ['INCORRECT_NUMBER_OF_COLUMNS'],
  }),
  odd('days of another country', 'Email,Born\na@example.com,31.12.1980\nb@example.com,12/31/1980\n', {
    cells: [
      ['Email', 'Born'],
      ['a@example.com', '31.12.1980'],
      ['b@example.com', '12/31/1980'],
    ],
    codes: ['COULD_NOT_PARSE_DATE'],
  }),
  odd('a record’s id twice', 'Record ID,Name\n1,A\n2,B\n1,C\n', {
    cells: [
      ['Record ID', 'Name'],
      ['1', 'A'],
      ['2', 'B'],
      ['1', 'C'],
    ],
    codes: ['DUPLICATE_OBJECT_ID'],
  }),
  odd('a company’s domain that is none', 'Domain,Account Name\nexample.com,A\nno domain,B\n', {
    cells: [
      ['Domain', 'Account Name'],
      ['example.com', 'A'],
      ['no domain', 'B'],
    ],
    codes: ['INVALID_DOMAIN'],
  }),
  odd('a row of more than two mebibytes', `Email,Name\na@example.com,A\nb@example.com,${'x'.repeat(2_200_000)}\n`, {
    cells: [...plain, ['b@example.com', 'x'.repeat(2_200_000)]],
    codes: ['ROW_DATA_TOO_LARGE'],
  }),
  odd('a header alone', 'Email,Name\n', { problem: 'no_rows' }),
  odd('blank lines alone', '\r\n\r\n', { problem: 'no_rows' }),
  odd('a quote that never closes', 'Email,Name\na@example.com,"A\nb@example.com,B\n', { problem: 'quotes_unbalanced' }),
  odd('a thousand columns', `${'Email,'.repeat(999)}Name\n`, { problem: 'too_many_columns' }),
  odd(
    'a gzip of Excel’s',
    gzipSync(iconv.encode('Email;Name\r\na@example.com;Ä\r\n', 'win1252')),
    {
      cells: [
        ['Email', 'Name'],
        ['a@example.com', 'Ä'],
      ],
      codes: ['DELIMITER_CONVERTED', 'ENCODING_CONVERTED', 'GZIP_UNPACKED'],
    },
    'odd.csv.gz',
  ),
  odd('a gzip bomb', gzipSync(Buffer.alloc(64 * 1024 * 1024, 'a,b\n')), { problem: 'archive_too_large' }, 'odd.csv.gz'),
  odd(
    'a gzip that is cut off',
    gzipSync(write(TABLES['two columns']?.cells ?? [], ',', '\n')).subarray(0, -6),
    { problem: 'archive_damaged' },
    'odd.csv.gz',
  ),
  odd('a web page in a gzip', gzipSync('<!DOCTYPE html>'), { problem: 'file_type_unsupported' }, 'odd.csv.gz'),
]

/** What is something else and has rows as well: the first bytes of each, before a good table. */
const POLYGLOTS: Sample[] = Object.entries({
  'a web page': '<!DOCTYPE html><!--',
  'a web page after a mark': '\ufeff<html><!--',
  'a table of HTML': '<table><tr><td>',
  XML: '<?xml version="1.0"?><!--',
  JSON: '{"a": 1}',
  'a list of JSON': '[{"a": 1}]',
  'a PDF': '%PDF-1.7\n',
  'a program of Windows': Buffer.from('4d5a9000', 'hex'),
  'a program of Linux': Buffer.from('7f454c46', 'hex'),
  'a PNG': Buffer.from('89504e470d0a1a0a', 'hex'),
  'a JPEG': Buffer.from('ffd8ffe0', 'hex'),
  'a zip': Buffer.from('504b0304', 'hex'),
  'a gzip': Buffer.from('1f8b0800', 'hex'),
  'a RAR': 'Rar!',
  'a 7z': Buffer.from('377abcaf', 'hex'),
  'an old workbook': Buffer.from('d0cf11e0a1b11ae1', 'hex'),
  'a web page in capitals': '<HTML><!--',
  'a web page after blank lines': '\n\r\n <Body><!--',
  'a web page that begins with a comment': '<!-- saved from a page',
  'a script in a web page': '<script>/*',
  'a drawing': '<svg><!--',
  'XML after a mark': '\ufeff<?xml version="1.0"?><!--',
  'XML after blanks': '  <?xml version="1.0"?><!--',
  'JSON after a mark': '\ufeff{"a": 1}',
  'JSON line by line': '{"a": 1}\n{"a": 2}',
  'an empty list of JSON': '[]',
  'a PDF after blank lines': '\n\n%PDF-1.4\n',
  'a zip without entries': Buffer.concat([Buffer.from('504b0506', 'hex'), Buffer.alloc(18)]),
  'a zip in pieces': Buffer.from('504b0708504b0304', 'hex'),
  'a bzip2': 'BZh91AY&SY',
  'an xz': Buffer.from('fd377a585a00', 'hex'),
  'a Zstandard archive': Buffer.from('28b52ffd', 'hex'),
  'a GIF': 'GIF89a',
  'a TIFF': Buffer.from('II*\0', 'latin1'),
  'a WebP': Buffer.from('RIFF\x24\x01\x02\x01WEBPVP8 ', 'latin1'),
  'a recording with a title': Buffer.from('ID3\x03\0', 'latin1'),
  'a program of Java': Buffer.from('cafebabe', 'hex'),
  'a program of a Mac': Buffer.from('cffaedfe', 'hex'),
  'a program for browsers': Buffer.from('\0asm\x01', 'latin1'),
  'a script of a shell': '#!/bin/sh\n: <<END',
  'a script of PHP': '<?php /*',
  'a database': 'SQLite format 3\0',
  RTF: '{\\rtf1 ',
  PostScript: '%!PS-Adobe-3.0',
}).map(([what, start]) =>
  odd(
    `${what} with a table after it, named .csv`,
    Buffer.concat([Buffer.from(start), Buffer.from('\nEmail,Name\na@example.com,A\n')]),
    {
      problem: 'file_type_unsupported',
    },
  ),
)

type Value = string | number | { xml: string }
const day = (days: number) => ({ xml: `<c s="1"><v>${days}</v></c>` })
const shared = (at: number) => ({ xml: `<c t="s"><v>${at}</v></c>` })

/** A sheet's rows, texts as their own. */
function rowsXml(rows: Value[][]): string {
  const cell = (value: Value) => {
    if (typeof value === 'number') return `<c><v>${value}</v></c>`
    if (typeof value === 'object') return value.xml
    return value === '' ? '<c/>' : `<c t="inlineStr"><is><t xml:space="preserve">${escapeXml(value)}</t></is></c>`
  }
  return rows.map((row, i) => `<row r="${i + 1}">${row.map(cell).join('')}</row>`).join('')
}

const xlsx = (name: string, bytes: Buffer, expected: Outcome, more: { sheet?: string; fileName?: string } = {}): Sample => ({
  name: `a workbook: ${name}`,
  fileName: more.fileName ?? 'export.xlsx',
  bytes,
  sheet: more.sheet,
  expected,
})

const SHEET = 'xl/worksheets/sheet1.xml'
const GERMAN: Value[][] = [
  ['E-Mail', 'Nachname', 'Geboren', 'PLZ', 'Umsatz'],
  ['a@example.com', 'Groß', day(45_000), '01067', 1234.5],
  ['b@example.com', 'Ångström; "Z"', '', '80331', -0.3],
]
const GERMAN_CELLS = [
  ['E-Mail', 'Nachname', 'Geboren', 'PLZ', 'Umsatz'],
  ['a@example.com', 'Groß', '2023-03-15', '01067', '1234.5'],
  ['b@example.com', 'Ångström; "Z"', '', '80331', '-0.3'],
]
const TEXTS = ['Email', 'Last name', 'Born', 'a@example.com', "O'Neil & Sons <x>"]
const ENGLISH: Value[][] = [
  [shared(0), shared(1), shared(2)],
  [shared(3), shared(4), day(43_538)],
]
const SIMPLE: Value[][] = [
  ['Email', 'Name'],
  ['a@example.com', 'A'],
]
const PARTS = workbookParts(rowsXml(SIMPLE), { formats: [14] })
const GOOD = pack(PARTS)
const changed = (name: string, change: Partial<ZipEntry>) =>
  pack(PARTS, (entry) => (entry.name === name ? { ...entry, ...change } : entry))
const twoSheets = (state: string) =>
  pack(
    workbookParts(
      [
        { name: 'Notizen', state, data: rowsXml([['x']]) },
        { name: 'Kontakte', data: rowsXml(GERMAN) },
      ],
      { formats: [14] },
    ),
  )
// HubSpot reads the days of CSV in the import's own form.
const AS_CSV = GERMAN_CELLS.map((row) => row.map((cell) => (cell === '2023-03-15' ? '03/15/2023' : cell)))

/** A sheet that inflates to ten gibibytes. */
function sheetBomb(): Buffer {
  const flush = { finishFlush: constants.Z_FULL_FLUSH }
  const block = deflateRawSync(Buffer.alloc(16 * 1024 * 1024, '<!-- -->'), flush)
  const before = deflateRawSync(Buffer.from(sheetXml('').replace(/<\/sheetData>.*/s, '')), flush)
  return Buffer.concat([before, ...Array<Buffer>(640).fill(block), Buffer.from([3, 0])])
}

const WORKBOOKS: Sample[] = [
  xlsx('Excel’s in German', pack(workbookParts([{ name: 'Tabelle1', data: rowsXml(GERMAN) }], { formats: [14] })), {
    cells: GERMAN_CELLS,
    codes: [],
  }),
  xlsx(
    'Excel’s in English, on a Mac: its days from 1904, its texts shared',
    pack(
      workbookParts(rowsXml(ENGLISH), {
        formats: [14],
        isDate1904: true,
        strings: TEXTS.map((text) => `<t>${escapeXml(text)}</t>`),
      }),
    ),
    {
      cells: [
        ['Email', 'Last name', 'Born'],
        ['a@example.com', "O'Neil & Sons <x>", '2023-03-15'],
      ],
      codes: [],
    },
  ),
  xlsx(
    'texts in pieces, and a format of days by its letters',
    pack(
      workbookParts(rowsXml(ENGLISH), {
        formats: ['dd\\.mm\\.yyyy'],
        strings: TEXTS.map(
          (text) => `<r><t>${escapeXml(text.slice(0, 2))}</t></r><r><t xml:space="preserve">${escapeXml(text.slice(2))}</t></r>`,
        ),
      }),
    ),
    {
      cells: [
        ['Email', 'Last name', 'Born'],
        ['a@example.com', "O'Neil & Sons <x>", '2019-03-14'],
      ],
      codes: [],
    },
  ),
  xlsx(
    'formulas, and errors of them',
    pack(
      workbookParts(
        rowsXml([
          ['Email', 'Name', 'Amount'],
          ['a@example.com', { xml: '<c t="str"><f>A1</f><v>made</v></c>' }, { xml: '<c><f>1+2</f><v>3</v></c>' }],
          ['b@example.com', { xml: '<c><f>A1</f></c>' }, { xml: '<c t="e"><v>#N/A</v></c>' }],
        ]),
      ),
    ),
    {
      cells: [
        ['Email', 'Name', 'Amount'],
        ['a@example.com', 'made', '3'],
        ['b@example.com', '', '#N/A'],
      ],
      codes: ['COULD_NOT_PARSE_NUMBER', 'ERROR_VALUE', 'FORMULA_WITHOUT_VALUE'],
    },
  ),
  xlsx('an address twice', pack(workbookParts(rowsXml([...SIMPLE, ['a@example.com', 'B']]))), {
    cells: [
      ['Email', 'Name'],
      ['a@example.com', 'A'],
      ['a@example.com', 'B'],
    ],
    codes: ['DUPLICATE_ALTERNATE_ID'],
  }),
  xlsx('a hidden sheet beside it', twoSheets('hidden'), { cells: AS_CSV, codes: ['FILE_NAME_REPAIRED', 'SHEET_CONVERTED'] }),
  xlsx(
    'two sheets, one of them asked for',
    twoSheets('visible'),
    { cells: AS_CSV, codes: ['FILE_NAME_REPAIRED', 'SHEET_CONVERTED'] },
    { sheet: 'Kontakte' },
  ),
  xlsx('two sheets', twoSheets('visible'), { problem: 'sheet_unclear' }),
  xlsx(
    'links to others, and objects',
    pack({
      ...PARTS,
      'xl/_rels/workbook.xml.rels': (PARTS['xl/_rels/workbook.xml.rels'] ?? '').replace(
        '</Relationships>',
        '<Relationship Id="x" Type="http://x/externalLink" Target="externalLinks/externalLink1.xml"/></Relationships>',
      ),
      'xl/embeddings/oleObject1.bin': '',
    }),
    { cells: plain, codes: ['EMBEDDED_OBJECTS', 'EXTERNAL_LINKS'] },
  ),
  xlsx('no rows', pack(workbookParts(rowsXml(SIMPLE.slice(0, 1)))), { problem: 'no_rows' }),
  xlsx('an empty sheet', pack(workbookParts('')), { problem: 'no_rows' }),
  xlsx('no sheet', pack(workbookParts([])), { problem: 'no_worksheet' }),
  xlsx('macros', pack({ ...PARTS, 'xl/vbaProject.bin': '' }), { problem: 'file_has_macros' }),
  xlsx('entities', pack({ ...PARTS, [SHEET]: `<!DOCTYPE x [<!ENTITY a "b">]>${sheetXml('')}` }), { problem: 'workbook_invalid' }),
  xlsx('a sheet that is cut off', pack({ ...PARTS, [SHEET]: sheetXml(rowsXml(SIMPLE)).slice(0, -9) }), {
    problem: 'workbook_invalid',
  }),
  xlsx(
    'a bomb that says so',
    changed(SHEET, { raw: sheetBomb(), local: { bytes: 0xfffffffe }, central: { bytes: 0xfffffffe } }),
    { problem: 'archive_too_large' },
  ),
  xlsx('a bomb that lies', changed(SHEET, { raw: sheetBomb(), local: { bytes: 1024 }, central: { bytes: 1024 } }), {
    problem: 'archive_damaged',
  }),
  xlsx('cut off in its middle', GOOD.subarray(0, GOOD.length >> 1), { problem: 'archive_damaged' }),
  xlsx('cut off at its end', GOOD.subarray(0, -1), { problem: 'archive_damaged' }),
  xlsx('a wrong checksum', changed(SHEET, { local: { crc: 1 }, central: { crc: 1 } }), { problem: 'archive_damaged' }),
  xlsx('a size that lies', changed(SHEET, { local: { bytes: 9 }, central: { bytes: 9 } }), { problem: 'archive_damaged' }),
  xlsx('a size of a terabyte', changed(SHEET, { central: { bytes: 0xffffffff, extra: zip64Extra(2 ** 40) } }), {
    problem: 'archive_damaged',
  }),
  xlsx('parts that overlap', changed(SHEET, { central: { offset: 0 } }), { problem: 'archive_damaged' }),
  xlsx('a part called ../x', pack({ ...PARTS, '../x': '' }), { problem: 'archive_damaged' }),
  xlsx('a password', changed(SHEET, { central: { flags: 1 } }), { problem: 'encrypted' }),
  xlsx('a CSV before it', Buffer.concat([Buffer.from('Email,Name\n'), GOOD]), { problem: 'file_type_unsupported' }),
  xlsx('a CSV after it', Buffer.concat([GOOD, Buffer.from('Email,Name\na@example.com,A\n')]), {
    problem: 'file_type_unsupported',
  }),
  xlsx('named .csv', GOOD, { problem: 'file_type_unsupported' }, { fileName: 'export.csv' }),
  xlsx('named .xls', GOOD, { problem: 'file_type_unsupported' }, { fileName: 'export.xls' }),
]

/** An importRequest for a file with these columns. */
function requestFor(fileName: string, columns: string[]): string {
  const columnMappings = columns.map((columnName) => {
    const [columnObjectTypeId, propertyName] = PROPERTIES[columnName]?.split(' ') ?? []
    const columnType = IDENTIFIERS[propertyName ?? '']
    return { columnObjectTypeId, columnName, propertyName, columnType }
  })
  const fileFormat = /\.xls\w?$/.test(fileName) ? 'SPREADSHEET' : 'CSV'
  return JSON.stringify({
    name: 'Corpus',
    files: [{ fileName, fileFormat, fileImportPage: { hasHeader: true, columnMappings } }],
  })
}

/** What is made of a file at first guess, from its first byte to what HubSpot would get. */
async function readSample({ deps }: TestApp, { fileName, bytes: sent, sheet, expected }: Sample): Promise<Outcome> {
  const removed = new Map<string, Buffer>()
  const files = {
    ...deps.files,
    remove: async (storeKey: string) => {
      removed.set(storeKey, await collect(deps.files.read(storeKey)))
      await deps.files.remove(storeKey)
    },
  }
  const columns = 'cells' in expected ? (expected.cells[0] ?? []) : ['Email', 'Name']
  try {
    const { name, bytes, packed } = unpack(fileName, inChunks(sent, 60_000), 2 ** 30)
    const inspection = inspect(name)
    const stored = await files.save(inspection.watch(bytes))
    const { problem, checked } = await validateUpload(
      { ...deps, files },
      {
        portalId: PORTAL,
        partnerId: 'prt_corpus',
        text: requestFor(
          name,
          columns.filter((column) => column !== ''),
        ),
        files: [{ ...stored, name, inspected: inspection.result(), packed: packed() }],
        options: { normalize: 'auto', strict: false, sheet },
      },
    )
    const [file] = checked?.files ?? []
    if (problem || !checked || !file) return { problem: problem?.code ?? 'nothing' }
    const received = removed.get(file.storeKey ?? '') ?? Buffer.alloc(0)
    return { cells: await cellsOf(file.format, received), codes: Object.keys(checked.counts.byCode).toSorted() }
  } catch (error) {
    if (error instanceof AppError) return { problem: error.code }
    throw error
  }
}

async function cellsOf(format: string, received: Buffer): Promise<string[][]> {
  if (format !== 'CSV') {
    const rows = (await readRows(received)).map(({ cells }) => cells)
    return rows.map((row) => [...row, ...Array<string>((rows[0]?.length ?? 0) - row.length).fill('')])
  }
  const options = {
    bom: true,
    skip_empty_lines: true,
    relax_column_count: true,
    relax_quotes: true,
    record_delimiter: ['\r\n', '\n'],
  }
  return parse(received, options) as unknown as string[][]
}

it('files as programs export them are known for what they are at first guess, and no value is changed', async () => {
  const app = await testApp({ work: false })
  const corpus = [...exported(), ...ODD, ...POLYGLOTS, ...WORKBOOKS]
  const wrong: string[] = []
  const corrupted: string[] = []
  for (const sample of corpus) {
    const found = await readSample(app, sample)
    if (JSON.stringify(found) === JSON.stringify(sample.expected)) continue
    wrong.push(`${sample.name}: ${JSON.stringify('cells' in found ? found.codes : found)}`)
    const isSame =
      'cells' in found && 'cells' in sample.expected && JSON.stringify(found.cells) === JSON.stringify(sample.expected.cells)
    if ('cells' in found && !isSame) corrupted.push(sample.name)
  }
  const share = (1 - wrong.length / corpus.length) * 100
  process.stdout.write(
    `${corpus.length} files: ${share.toFixed(1)} % right at first guess, ${corrupted.length} with other values\n${wrong.map((line) => `  ${line}\n`).join('')}`,
  )

  expect(corpus.length).toBeGreaterThanOrEqual(200)
  expect(corrupted).toEqual([])
  expect(share, wrong.join('\n')).toBeGreaterThanOrEqual(99)
  expect(await app.storedFiles()).toEqual([])
}, 120_000)
