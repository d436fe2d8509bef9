import type { Config } from '../config.js'
import { secret } from '../secret.js'
import { createHubSpot } from './hubspot.js'
import { createOAuth } from './oauth.js'

/** Its own: ours are not for a simulator. */
const [CLIENT_ID, CLIENT_SECRET] = ['demo-client', 'demo-secret']

/** A simulated HubSpot in this process. */
export type StartSimulator = (as: {
  clientId: string
  clientSecret: string
}) => Promise<{ url: string; close: () => Promise<void> }>

/**
 * The HubSpot of test keys: the one at SIMULATOR_URL, or else one in this process, which begins when somebody first needs
 * it and forgets its imports when the process ends.
 */
export function createSimulated(
  { hubspot, publicUrl, simulatorUrl }: Pick<Config, 'hubspot' | 'publicUrl' | 'simulatorUrl'>,
  start: StartSimulator,
) {
  let own: ReturnType<StartSimulator> | undefined

  async function url(): Promise<string> {
    if (simulatorUrl !== undefined) return simulatorUrl
    own ??= start({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET })
    return (await own).url
  }
  const settings = async () => {
    const apiUrl = await url()
    return { ...hubspot, apiUrl, appUrl: apiUrl, clientId: CLIENT_ID, clientSecret: secret(CLIENT_SECRET) }
  }
  let api: Promise<ReturnType<typeof createHubSpot>> | undefined
  let oauth: Promise<ReturnType<typeof createOAuth>> | undefined

  return {
    hubspot: () => {
      api ??= settings().then((known) => createHubSpot(known))
      return api
    },
    oauth: () => {
      oauth ??= settings().then((known) => createOAuth({ hubspot: known, publicUrl }))
      return oauth
    },
    async close(): Promise<void> {
      await (await own)?.close()
    },
  }
}
