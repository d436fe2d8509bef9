import { expect, it } from 'vitest'
import { pack, readRows, workbookParts } from '../support/xlsx-writer.js'

it('tells what each cell shows', async () => {
  const file = pack(
    workbookParts(
      '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" s="1"><v>45000</v></c><c r="D1"><v>0.30000000000000004</v></c></row>',
      { strings: ['<t>Name &amp; more</t>'], formats: [14] },
    ),
  )

  const rows = await readRows(file)

  expect(rows).toEqual([{ line: 1, cells: ['Name & more', '', '2023-03-15', '0.3'], kinds: ['text', 'empty', 'date', 'number'] }])
})
