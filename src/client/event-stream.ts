/** A block of a stream: an event when it has `data`; otherwise a comment, or how long to wait before coming back. */
export type Block = { id?: string; data?: string; retryMs?: number }

/**
 * Reads server-sent events, block by block. A stream that says nothing for so long, not even a comment, is given up:
 * `onSilence` is to end it. @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* readBlocks(
  body: ReadableStream<Uint8Array>,
  silenceMs: number,
  onSilence: (reason: Error) => void,
): AsyncGenerator<Block> {
  const decoder = new TextDecoder()
  let text = ''
  const startTimer = () => setTimeout(() => onSilence(new Error(`nothing within ${silenceMs} ms`)), silenceMs)
  let timer = startTimer()
  try {
    for await (const chunk of body) {
      clearTimeout(timer)
      timer = startTimer()
      text += decoder.decode(chunk, { stream: true })
      // A CR at the end may be half of a CRLF.
      const ready = text.endsWith('\r') ? text.length - 1 : text.length
      const blocks = text.slice(0, ready).replaceAll(/\r\n?/g, '\n').split('\n\n')
      text = (blocks.pop() ?? '') + text.slice(ready)
      for (const block of blocks) yield parseBlock(block)
    }
  } finally {
    clearTimeout(timer)
  }
}

function parseBlock(block: string): Block {
  const parsed: Block = {}
  for (const line of block.split('\n')) {
    const [, name, value = ''] = /^([^:]+)(?:: ?(.*))?$/s.exec(line) ?? []
    if (name === 'id' && !value.includes('\0')) parsed.id = value
    if (name === 'data') parsed.data = parsed.data === undefined ? value : `${parsed.data}\n${value}`
    if (name === 'retry' && /^\d{1,7}$/.test(value)) parsed.retryMs = Number(value)
  }
  return parsed
}
