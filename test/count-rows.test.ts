import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createRowCounter } from '../src/intake/count-rows.js'

const cell = fc.oneof(
  fc.string({ maxLength: 5 }).map((text) => text.replaceAll(/["\r\n]/g, 'x')),
  fc.constantFrom('"a\nb"', '"a""\r\nb"', '""', '"\r"'),
)
const newline = fc.constantFrom('\n', '\r\n', '\r')

it('counts the records of any CSV but its header, however its bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(cell, { minLength: 1, maxLength: 30 }),
      newline,
      fc.boolean(),
      fc.integer({ min: 1, max: 9 }),
      async (cells, separator, endsWithNewline, size) => {
        const bytes = Buffer.from(
          `h${separator}${cells.map((one) => `${one},1`).join(separator)}${endsWithNewline ? separator : ''}`,
        )
        const counter = createRowCounter()
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
        const passed: Buffer[] = []
        for await (const chunk of counter.watch(
          (async function* () {
            yield* chunks
          })(),
        ))
          passed.push(chunk)

        expect(Buffer.concat(passed).equals(bytes)).toBe(true)
        expect(counter.rows()).toBe(cells.length)
      },
    ),
  )
})
