import { inBoth } from '../../words/language.js'

export const TEMPLATES = inBoth({
  en: {
    title: 'Templates',
    intro: 'A template keeps which column goes to which property. Save one at the last step before an import.',
    none: 'No template is saved yet.',
    importFile: 'Import a file',
    name: 'Name',
    version: 'Version',
    object: 'Objects',
    columns: 'Columns',
    made: 'Saved',
    action: 'Action',
    delete: 'Delete',
    deleteNamed: (name: string) => `Delete ${name}`,
  },
  de: {
    title: 'Vorlagen',
    intro:
      'Eine Vorlage hält fest, welche Spalte zu welcher Eigenschaft gehört. Speichern Sie eine beim letzten Schritt vor einem Import.',
    none: 'Noch ist keine Vorlage gespeichert.',
    importFile: 'Datei importieren',
    name: 'Name',
    version: 'Version',
    object: 'Objekte',
    columns: 'Spalten',
    made: 'Gespeichert',
    action: 'Aktion',
    delete: 'Löschen',
    deleteNamed: (name) => `${name} löschen`,
  },
})
