import { openTestPortal } from '../../src/partners/test-portal.js'
import type { TestApp } from './app.js'

/** A test key of a partner of the operator's, as the command line makes one. */
export async function createTestKeyFor(
  { deps, createKey }: TestApp,
  partner = 'Partner',
): Promise<{ key: string; portalId: string }> {
  const portalId = await openTestPortal(deps, await deps.partners.named(partner), 'operator')
  return { key: await createKey(partner, portalId), portalId }
}
