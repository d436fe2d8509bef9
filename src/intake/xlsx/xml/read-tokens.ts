import { toUtf8 } from './text.js'
import { createXml, type Token, type Xml } from './xml.js'

/** Reads a whole part, and shows every token of it. */
export async function readTokens(
  part: string,
  chunks: AsyncIterable<Buffer>,
  see: (xml: Xml, token: Token) => void,
): Promise<void> {
  const xml = createXml(part)
  for await (const chunk of toUtf8(chunks)) {
    xml.push(chunk)
    for (let token = xml.next(); token !== 'more'; token = xml.next()) see(xml, token)
  }
  xml.finish()
}
