import { inBoth } from '../words/language.js'

export const REFERENCE = inBoth({
  en: {
    title: 'API reference',
    intro:
      'How partners’ systems send files and learn what became of them. Every call needs a key; an unmodified HubSpot SDK works as well.',
    plain: 'Quick starts and plain version',
    explore: 'Interactive version',
    openApi: 'OpenAPI 3.1',
    llms: 'llms.txt',
    noScript: 'This version needs JavaScript. The plain one does not.',
    quickStarts: 'Quick starts',
    calls: 'All calls',
    parameters: 'Parameters',
    name: 'Name',
    where: 'Where',
    meaning: 'Meaning',
    body: 'What is sent',
    answer: 'Answer',
    schemas: 'Schemas',
  },
  de: {
    title: 'API-Referenz',
    intro:
      'Wie Systeme von Partnern Dateien senden und erfahren, was aus ihnen wurde. Jeder Aufruf braucht einen Schlüssel; auch ein unverändertes HubSpot-SDK funktioniert. Die Beschreibungen der Aufrufe sind auf Englisch.',
    plain: 'Schnelleinstiege und einfache Fassung',
    explore: 'Interaktive Fassung',
    openApi: 'OpenAPI 3.1',
    llms: 'llms.txt',
    noScript: 'Diese Fassung braucht JavaScript. Die einfache nicht.',
    quickStarts: 'Schnelleinstiege',
    calls: 'Alle Aufrufe',
    parameters: 'Parameter',
    name: 'Name',
    where: 'Wo',
    meaning: 'Bedeutung',
    body: 'Was gesendet wird',
    answer: 'Antwort',
    schemas: 'Schemata',
  },
})
