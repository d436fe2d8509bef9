import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below what any system hands out by itself (Linux from 32768, macOS from 49152), so that nobody is given one of these meanwhile. */
const [LOWEST, HIGHEST] = [20_000, 31_999]

/**
 * A port for somebody who must know his address before he listens on it: nobody else's now, nor, until he does, one that
 * the system gives to whoever asks for any port or opens a connection.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1))
    const probe = createServer().listen(port)
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}
