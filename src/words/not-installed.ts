import { inBoth } from './language.js'

export const NOT_INSTALLED = inBoth({
  en: {
    title: 'Not installed',
    heading: 'Importal was not installed',
    text: 'HubSpot says that the request was turned down. Nothing was changed, and nothing was stored.',
    again: 'Try again',
  },
  de: {
    title: 'Nicht installiert',
    heading: 'Importal wurde nicht installiert',
    text: 'HubSpot meldet, dass die Anfrage abgelehnt wurde. Nichts wurde geändert, und nichts wurde gespeichert.',
    again: 'Noch einmal versuchen',
  },
})
