import { findScopeUse, type SCOPES } from '../hubspot/scopes.js'
import { inBoth, type Language } from '../words/language.js'

type ScopeWords = { unknown: string; known: Record<keyof typeof SCOPES, string> | null }

const WORDS = inBoth<ScopeWords>({
  en: { unknown: 'To do what HubSpot refused for the lack of it', known: null },
  de: {
    unknown: 'Für das, was HubSpot ohne diese Berechtigung abgelehnt hat',
    known: {
      oauth: 'Um zu wissen, welcher HubSpot-Account verbunden wurde, welche Zeitzone er hat und wo seine Daten liegen',
      'crm.import': 'Um Importe zu starten, zu verfolgen und zu erfahren, welche Zeilen HubSpot nicht angenommen hat',
      'crm.schemas.contacts.read':
        'Um zu sehen, welche Eigenschaften Kontakte haben: So finden Spalten ihr Ziel, und falsche Werte fallen früh auf',
      'crm.schemas.companies.read': 'Um zu sehen, welche Eigenschaften Unternehmen haben',
      'crm.schemas.deals.read': 'Um zu sehen, welche Eigenschaften Deals haben',
      tickets: 'Um zu sehen, welche Eigenschaften Tickets haben; eine engere Berechtigung bietet HubSpot dafür nicht',
      'crm.schemas.custom.read': 'Um zu sehen, welche benutzerdefinierten Objekte der Account hat, und ihre Eigenschaften',
      'crm.objects.owners.read':
        'Um zu sehen, welchen Benutzern Datensätze gehören können: So fallen Zeilen früh auf, die niemanden nennen',
    },
  },
})

/** What a permission is for, in a sentence; HubSpot may have refused something for the lack of one that we do not know. */
export function explainScope(language: Language, scope: string): string {
  const { known, unknown } = WORDS[language]
  const purpose = findScopeUse(scope)?.purpose
  if (purpose === undefined) return unknown
  return known?.[scope as keyof typeof SCOPES] ?? purpose
}
