import { parse } from 'csv-parse/sync'
import iconv from 'iconv-lite'
import { expect, it } from 'vitest'
import { AppError } from '../../src/errors.js'
import { convertText } from '../../src/intake/convert.js'
import { readHeader } from '../../src/intake/head.js'
import { inspect } from '../../src/intake/inspect.js'
import { collect, inChunks } from '../support/tables.js'

/** A file, and what is to be made of it: its cells, or the problem that it is. */
type Sample = {
  name: string
  fileName: string
  bytes: Buffer
  expected: { cells: string[][]; codes: string[] } | { problem: string }
}

// What programs export. Numbers, dates and money as people of the country write them.
const TABLES: Record<string, string[][]> = {
  'German contacts': [
    ['Anrede', 'Vorname', 'Nachname', 'E-Mail', 'PLZ', 'Umsatz'],
    ['Frau', 'Jördis', 'Groß', 'joerdis@example.com', '01067', '1.234,50'],
    ['Herr', 'Özgür', 'Müller-Lüdenscheidt', 'oezguer@example.com', '80331', '0,99'],
    ['', 'Zoë', 'Ångström; geb. Meier', 'zoe@example.com', '', '-12,00'],
  ],
  'English contacts': [
    ['First name', 'Last name', 'Email', 'Company', 'Amount', 'Notes'],
    ['Ann', "O'Neil", 'ann@example.com', 'Smith, Jones & Co', '1,234.50', 'said "yes"'],
    ['Bob', 'Ray', 'bob@example.com', 'A|B Ltd', '(5.00)', ''],
  ],
  'a CRM’s export': [
    ['Account ID', 'Account Name', 'Created Date', 'Description'],
    ['0018Z00002abcDE', 'Café "Zum Löwen"', '31.12.2025 14:30', 'first line\nsecond line; with more\n\nend'],
    ['0018Z00002abcDF', '=HYPERLINK("x")', '01.01.2026 00:00', '\ttabbed'],
  ],
  'a shop’s orders': [
    ['Order', 'Customer', 'Total €', 'Tags'],
    ['#1001', 'Élodie', '€ 12,50', 'a;b;c'],
    ['#1002', 'François', '€ 1.000,00', 'x, y'],
    ['#1003', 'Ñandú', '€ 7', ''],
  ],
  'two columns': [
    ['Email', 'Name'],
    ['a@example.com', 'Ä'],
    ['b@example.com', 'ß'],
  ],
}
type Writing = { encoding: string; codec: string; bom?: boolean; isLikeAscii?: boolean; code?: string }
const WRITINGS: Writing[] = [
  { encoding: 'UTF-8', codec: 'utf8' },
  { encoding: 'UTF-8 with a mark', codec: 'utf8', bom: true },
  { encoding: 'Windows-1252', codec: 'win1252', isLikeAscii: true, code: 'encoding' },
  { encoding: 'UTF-16 LE', codec: 'utf16le', bom: true, code: 'encoding' },
  { encoding: 'UTF-16 BE', codec: 'utf16be', bom: true, code: 'encoding' },
  { encoding: 'UTF-16 LE without a mark', codec: 'utf16le', code: 'encoding' },
]
const DELIMITERS = [',', ';', '\t', '|']
const LINE_ENDS = { CRLF: '\r\n', LF: '\n' }

function write(table: string[][], delimiter: string, lineEnd: string): string {
  const cell = (value: string) =>
    /["\r\n]/.test(value) || value.includes(delimiter) ? `"${value.replaceAll('"', '""')}"` : value
  return table.map((row) => row.map(cell).join(delimiter) + lineEnd).join('')
}

function isAscii(cells: string[][]): boolean {
  return /^[\0-\x7f]*$/.test(cells.flat().join(''))
}

function exported(): Sample[] {
  return Object.entries(TABLES).flatMap(([what, cells]) =>
    WRITINGS.flatMap(({ encoding, codec, bom = false, isLikeAscii = false, code }) =>
      DELIMITERS.flatMap((delimiter) =>
        Object.entries(LINE_ENDS).map(
          ([ending, lineEnd]): Sample => ({
            name: `${what}, ${encoding}, "${delimiter === '\t' ? 'tab' : delimiter}", ${ending}`,
            fileName: 'export.csv',
            bytes: iconv.encode(write(cells, delimiter, lineEnd), codec, { addBOM: bom }),
            expected: {
              cells,
              codes: [...(code && !(isLikeAscii && isAscii(cells)) ? [code] : []), ...(delimiter === ',' ? [] : ['delimiter'])],
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
const odd = (name: string, text: string | Buffer, expected: Sample['expected'], fileName = 'odd.csv'): Sample => ({
  name,
  fileName,
  bytes: Buffer.isBuffer(text) ? text : Buffer.from(text),
  expected,
})

const ODD: Sample[] = [
  odd('Excel’s hint of a separator', 'sep=;\r\nEmail;Name\r\na@example.com;A\r\n', { cells: plain, codes: ['delimiter'] }),
  odd('the same with a mark', '\ufeffsep=;\r\nEmail;Name\r\na@example.com;A\r\n', { cells: plain, codes: ['delimiter'] }),
  odd('an old Mac’s lines', 'Email,Name\ra@example.com,A\r', { cells: plain, codes: ['line ends'] }),
  odd('lines of all kinds', 'Email,Name\r\na@example.com,A\rb@example.com,B\n', {
    cells: [...plain, ['b@example.com', 'B']],
    codes: ['line ends'],
  }),
  odd('no line end at the end', 'Email,Name\na@example.com,A', { cells: plain, codes: [] }),
  odd('a decimal comma between semicolons', 'Email;Name\na@example.com;1,5\nb@example.com;2,5\n', {
    cells: [
      ['Email', 'Name'],
      ['a@example.com', '1,5'],
      ['b@example.com', '2,5'],
    ],
    codes: ['delimiter'],
  }),
  odd('one column', 'Email\na@example.com\n', { cells: [['Email'], ['a@example.com']], codes: [] }),
  odd('one column of addresses with commas in quotes', 'Address\n"a, b"\n"c, d"\n', {
    cells: [['Address'], ['a, b'], ['c, d']],
    codes: [],
  }),
  odd('everything in quotes', '"Email";"Name"\r\n"a@example.com";"A"\r\n', { cells: plain, codes: ['delimiter'] }),
  odd('a tab-separated file by its name', 'Email\tName\na@example.com\tA\n', { cells: plain, codes: ['delimiter'] }, 'odd.tsv'),
  odd('blank lines before and between', '\n\nEmail,Name\n\na@example.com,A\n\n', { cells: plain, codes: [] }),
  odd('a quote within a cell', 'Email;Name\na@example.com;5" disk\n', {
    cells: [
      ['Email', 'Name'],
      ['a@example.com', '5" disk'],
    ],
    codes: ['delimiter'],
  }),
  odd('text after a quoted cell', 'Email;Name\na@example.com;"A" B\n', {
    cells: [
      ['Email', 'Name'],
      ['a@example.com', 'A B'],
    ],
    codes: ['delimiter'],
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
    codes: ['encoding'],
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
]

/** What is made of a file at first guess. */
async function readSample({ fileName, bytes }: Sample): Promise<Sample['expected']> {
  try {
    const inspection = inspect(fileName)
    await collect(inspection.watch(inChunks(bytes, 7)))
    const text = inspection.result()
    if (text.kind !== 'text') throw new Error('no text')
    const converted = await collect(convertText(inChunks(bytes, 11), text).bytes)
    const codes = [
      ...(text.encoding === 'utf-8' ? [] : ['encoding']),
      ...(text.delimiter === ',' ? [] : ['delimiter']),
      ...((text.structure?.lineEnds.cr ?? 0) > 0 ? ['line ends'] : []),
    ]
    if (text.structure) readHeader(text)
    return {
      cells: parse(converted, { skip_empty_lines: true, relax_column_count: true, record_delimiter: '\n' }) as string[][],
      codes,
    }
  } catch (error) {
    if (error instanceof AppError) return { problem: error.code }
    throw error
  }
}

it('files as programs export them are known for what they are at first guess, and no value is changed', async () => {
  const corpus = [...exported(), ...ODD]
  const wrong: string[] = []
  const corrupted: string[] = []
  for (const sample of corpus) {
    const found = await readSample(sample)
    const isRight = JSON.stringify(found) === JSON.stringify(sample.expected)
    if (!isRight) wrong.push(`${sample.name}: ${JSON.stringify(found).slice(0, 300)}`)
    if (!isRight && 'cells' in found && 'cells' in sample.expected) corrupted.push(sample.name)
  }
  const share = (1 - wrong.length / corpus.length) * 100
  process.stdout.write(
    `${corpus.length} files: ${share.toFixed(1)} % right at first guess, ${corrupted.length} with other values\n`,
  )

  expect(corpus.length).toBeGreaterThanOrEqual(200)
  expect(corrupted).toEqual([])
  expect(share, wrong.join('\n')).toBeGreaterThanOrEqual(99)
})
