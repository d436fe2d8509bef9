import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHubSpot } from '../src/hubspot/hubspot.js'
import { createOAuth } from '../src/hubspot/oauth.js'
import { secret } from '../src/secret.js'

// Of nobody: made for this test, trusted by no machine.
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBkzCCATmgAwIBAgIUAmoQNLEKCpX/ozzfrrBG8vkzP30wCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTbm90LWh1YnNwb3QuZXhhbXBsZTAgFw0yNjExMjUxOTAwMDRa
GA8yMTI2MTEwMTE5MDAwNFowHjEcMBoGA1UEAwwTbm90LWh1YnNwb3QuZXhhbXBs
ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABErXZmWsWvaG8HL7dQaD2xa/fN4i
p8QVNmQkQvWZRnd0hz38yIrXT0rvgSQEFY1gum2RZMQ+9WK1bsUayeKwcPqjUzBR
MB0GA1UdDgQWBBRdZ16+ugCHFartVZSXdJhSSdLYADAfBgNVHSMEGDAWgBRdZ16+
ugCHFartVZSXdJhSSdLYADAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gA
MEUCICGmtb/SPUDGNdmNLGWXPiyw3/a9Io1tmyGitmC35RyvAiEA8K50NhOp3O4x
yu6kUdO7rGDko1+HVUtwRjhY0Po0PX8=
-----END CERTIFICATE-----`
const PRIVATE_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgRmxRpXZNavmkJe2F
4YUyAaF0oCg0yQZiXFOUwn5dMsahRANCAARK12ZlrFr2hvBy+3UGg9sWv3zeIqfE
FTZkJEL1mUZ3dIc9/MiK109K74EkBBWNYLptkWTEPvVitW7FGsnisHD6
-----END PRIVATE KEY-----`

const token = secret('na1-token')

/** A server that writes down what reaches it. */
async function listen(protocol: 'http' | 'https', answer: RequestListener) {
  const seen: string[] = []
  const listener: RequestListener = (req, res) => {
    seen.push(`${req.method} ${req.url}`)
    req.resume()
    answer(req, res)
  }
  const server =
    protocol === 'https' ? createHttpsServer({ key: PRIVATE_KEY, cert: CERTIFICATE }, listener) : createHttpServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { url: `${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

/** Every call that carries a token, a code or the client secret. */
function calls(apiUrl: string): Record<string, () => Promise<unknown>> {
  const hubspot = createHubSpot({ apiUrl, apiVersion: '2026-03', clientSecret: secret('client-secret') })
  const oauth = createOAuth({
    publicUrl: 'http://localhost:3000',
    hubspot: {
      clientId: 'client',
      clientSecret: secret('client-secret'),
      scopes: ['oauth'],
      optionalScopes: [],
      journalScopes: [],
      apiUrl,
      appUrl: apiUrl,
      apiVersion: '2026-03',
    },
  })
  const create = () =>
    hubspot.createImport({
      accessToken: token,
      importRequest: {},
      files: [{ name: 'a.csv', format: 'CSV', bytes: 0, sha256: EMPTY_SHA256, read: () => Readable.from([]) }],
      beforeLastBytes: async () => undefined,
      signal: new AbortController().signal,
    })
  return {
    'exchange of a code': () => oauth.exchangeCode(secret('code')),
    refresh: () => oauth.refresh(token),
    introspection: () => oauth.introspect(token),
    revocation: () => oauth.revoke(token),
    'create of an import': create,
    'list of imports': () => hubspot.listImports(token),
    uninstall: () => hubspot.uninstall(token),
    'account details': () => hubspot.accountDetails(token),
  }
}
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const NAMES = Object.keys(calls('http://127.0.0.1:1'))

describe('T35: whoever poses as HubSpot', () => {
  it.each(NAMES)('by sending us elsewhere is not followed: %s', async (name) => {
    const elsewhere = await listen('http', (_req, res) => void res.end('{}'))
    const hubspot = await listen('http', (_req, res) => void res.writeHead(307, { location: `${elsewhere.url}/x` }).end())

    const outcome = await calls(hubspot.url)
      [name]?.()
      .catch((error: unknown) => error)

    expect(hubspot.seen).toHaveLength(1)
    expect(elsewhere.seen).toEqual([])
    expect(outcome).toSatisfy((got: object) => got instanceof Error || ('outcome' in got && got.outcome !== 'submitted'))
  })

  it.each(NAMES)('with a certificate that nobody vouches for is told nothing: %s', async (name) => {
    const impostor = await listen('https', (_req, res) => void res.end('{}'))

    const outcome = await calls(impostor.url)
      [name]?.()
      .catch((error: unknown) => error)

    expect(impostor.seen).toEqual([])
    expect(outcome).toSatisfy((got: object) => got instanceof Error || ('outcome' in got && got.outcome === 'retry'))
  })
})
