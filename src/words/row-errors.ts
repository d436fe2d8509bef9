import type { InBoth, Language } from './language.js'

/** What is wrong with a row, and what to do about it. */
export type Explanation = { title: string; what: string; fix: string }

type Words = readonly [title: string, what: string, fix: string]

function told(en: Words, de: Words): InBoth<Explanation> {
  const [toEnglish, toGerman] = [en, de].map(([title, what, fix]) => ({ title, what, fix }))
  return { en: toEnglish as Explanation, de: toGerman as Explanation }
}

/** HubSpot's row error types, of the import API 2026-03. */
export const ROW_ERRORS = {
  // The file
  FILE_NOT_FOUND: told(
    ['File not found', 'HubSpot could not find the file of the import.', 'Import the file again.'],
    ['Datei nicht gefunden', 'HubSpot konnte die Datei des Imports nicht finden.', 'Importieren Sie die Datei noch einmal.'],
  ),
  INVALID_FILE_TYPE: told(
    ['Wrong kind of file', 'HubSpot takes CSV and Excel files only.', 'Save the file as CSV or .xlsx.'],
    ['Falsche Dateiart', 'HubSpot nimmt nur CSV- und Excel-Dateien an.', 'Speichern Sie die Datei als CSV oder .xlsx.'],
  ),
  INVALID_SHEET_COUNT: told(
    [
      'More than one worksheet',
      'The workbook has another number of worksheets than HubSpot takes.',
      'Keep one worksheet with data.',
    ],
    [
      'Mehr als ein Tabellenblatt',
      'Die Arbeitsmappe hat eine andere Anzahl Tabellenblätter, als HubSpot annimmt.',
      'Behalten Sie ein Tabellenblatt mit Daten.',
    ],
  ),
  INVALID_SPREADSHEET: told(
    ['Unreadable workbook', 'HubSpot could not read the workbook.', 'Open it in Excel and save it again as .xlsx, or as CSV.'],
    [
      'Unlesbare Arbeitsmappe',
      'HubSpot konnte die Arbeitsmappe nicht lesen.',
      'Öffnen Sie sie in Excel und speichern Sie sie neu als .xlsx oder CSV.',
    ],
  ),
  COLUMN_TOO_LARGE: told(
    ['Cell too long', 'A cell holds more text than its property takes.', 'Shorten the text.'],
    ['Zelle zu lang', 'Eine Zelle enthält mehr Text, als ihre Eigenschaft aufnimmt.', 'Kürzen Sie den Text.'],
  ),
  ROW_DATA_TOO_LARGE: told(
    [
      'Row too long',
      'The row holds more data than HubSpot takes in one.',
      'Shorten long cells, or import some columns separately.',
    ],
    [
      'Zeile zu lang',
      'Die Zeile enthält mehr Daten, als HubSpot auf einmal annimmt.',
      'Kürzen Sie lange Zellen, oder importieren Sie einige Spalten getrennt.',
    ],
  ),
  COULD_NOT_PARSE_ROW: told(
    ['Unreadable row', 'HubSpot could not read the row.', 'Check its quotation marks and the number of its cells.'],
    ['Unlesbare Zeile', 'HubSpot konnte die Zeile nicht lesen.', 'Prüfen Sie ihre Anführungszeichen und die Zahl ihrer Zellen.'],
  ),
  INCORRECT_NUMBER_OF_COLUMNS: told(
    [
      'Wrong number of cells',
      'The row has more or fewer cells than there are columns.',
      'Put cells that contain the delimiter in quotation marks, and fill missing ones with nothing.',
    ],
    [
      'Falsche Zahl von Zellen',
      'Die Zeile hat mehr oder weniger Zellen, als es Spalten gibt.',
      'Setzen Sie Zellen, die das Trennzeichen enthalten, in Anführungszeichen, und lassen Sie fehlende leer.',
    ],
  ),
  INVALID_COLUMN_CONFIGURATION: told(
    ['Column set up wrongly', 'What was chosen for a column does not fit the object.', 'Choose another property for the column.'],
    [
      'Spalte falsch zugeordnet',
      'Was für eine Spalte gewählt wurde, passt nicht zum Objekt.',
      'Wählen Sie für die Spalte eine andere Eigenschaft.',
    ],
  ),
  MANY_ERRORS_IN_ROW: told(
    [
      'Several errors',
      'The row has so many errors that HubSpot does not list them.',
      'Compare every cell of the row with its column.',
    ],
    [
      'Mehrere Fehler',
      'Die Zeile hat so viele Fehler, dass HubSpot sie nicht einzeln nennt.',
      'Vergleichen Sie jede Zelle der Zeile mit ihrer Spalte.',
    ],
  ),
  DUPLICATE_ROW_CONTENT: told(
    ['Row is there twice', 'Another row of the file has the same content.', 'Leave one of the rows out.'],
    ['Zeile doppelt', 'Eine andere Zeile der Datei hat denselben Inhalt.', 'Lassen Sie eine der Zeilen weg.'],
  ),
  // Values
  AMBIGUOUS_ENUMERATION_OPTION: told(
    ['Option not clear', 'The value fits more than one option of the property.', 'Use the option’s internal name.'],
    [
      'Option nicht eindeutig',
      'Der Wert passt zu mehreren Optionen der Eigenschaft.',
      'Verwenden Sie den internen Namen der Option.',
    ],
  ),
  COULD_NOT_PARSE_DATE: told(
    [
      'Not a date',
      'The value is not a date in the format chosen for the import.',
      'Write it as the format says, such as 31.12.2026.',
    ],
    [
      'Kein Datum',
      'Der Wert ist kein Datum in dem Format, das für den Import gewählt wurde.',
      'Schreiben Sie ihn wie im Format, etwa 31.12.2026.',
    ],
  ),
  COULD_NOT_PARSE_NUMBER: told(
    ['Not a number', 'The property takes numbers only.', 'Leave out units and currency signs, and write decimals with a point.'],
    [
      'Keine Zahl',
      'Die Eigenschaft nimmt nur Zahlen an.',
      'Lassen Sie Einheiten und Währungszeichen weg, und schreiben Sie Dezimalstellen mit Punkt.',
    ],
  ),
  COULD_NOT_PARSE_TERM: told(
    ['Not a term', 'The value is not a duration that HubSpot knows.', 'Write it in months or years, such as P12M.'],
    ['Keine Laufzeit', 'Der Wert ist keine Laufzeit, die HubSpot kennt.', 'Schreiben Sie sie in Monaten oder Jahren, etwa P12M.'],
  ),
  INVALID_CUSTOM_PROPERTY_VALIDATION: told(
    [
      'Breaks a rule of the property',
      'The value breaks a validation rule that somebody set for the property in HubSpot.',
      'Change the value, or the rule under Settings > Properties.',
    ],
    [
      'Verletzt eine Regel der Eigenschaft',
      'Der Wert verletzt eine Validierungsregel, die in HubSpot für die Eigenschaft gesetzt ist.',
      'Ändern Sie den Wert, oder die Regel unter Einstellungen > Eigenschaften.',
    ],
  ),
  INVALID_DOMAIN: told(
    ['Not a domain', 'The value is not a domain name.', 'Write it like example.com, without http:// and without a path.'],
    ['Keine Domain', 'Der Wert ist kein Domainname.', 'Schreiben Sie ihn wie beispiel.de, ohne http:// und ohne Pfad.'],
  ),
  INVALID_EMAIL: told(
    ['Not an e-mail address', 'The value is not an e-mail address.', 'Write it like name@example.com.'],
    ['Keine E-Mail-Adresse', 'Der Wert ist keine E-Mail-Adresse.', 'Schreiben Sie sie wie name@beispiel.de.'],
  ),
  INVALID_ENUM_FILE_ID_OR_URL: told(
    [
      'File not found in HubSpot',
      'The value is neither the ID nor the address of a file in HubSpot.',
      'Upload the file in HubSpot and use its address.',
    ],
    [
      'Datei in HubSpot nicht gefunden',
      'Der Wert ist weder die ID noch die Adresse einer Datei in HubSpot.',
      'Laden Sie die Datei in HubSpot hoch und verwenden Sie ihre Adresse.',
    ],
  ),
  INVALID_ENUMERATION_OPTION: told(
    [
      'Not one of the options',
      'The value is not one of the options that the property has.',
      'Use an option’s label or internal name, or add the option in HubSpot under Settings > Properties.',
    ],
    [
      'Keine der Optionen',
      'Der Wert gehört nicht zu den Optionen der Eigenschaft.',
      'Verwenden Sie Beschriftung oder internen Namen einer Option, oder fügen Sie die Option in HubSpot unter Einstellungen > Eigenschaften hinzu.',
    ],
  ),
  INVALID_NUMBER_SIZE: told(
    ['Number out of range', 'The number is too large or too small for the property.', 'Check the number and its decimal places.'],
    [
      'Zahl außerhalb des Bereichs',
      'Die Zahl ist für die Eigenschaft zu groß oder zu klein.',
      'Prüfen Sie die Zahl und ihre Dezimalstellen.',
    ],
  ),
  INVALID_PROPERTY_VALUE_FORMAT: told(
    [
      'Wrong format',
      'The value does not have the form that the property needs.',
      'Compare it with values that the property has in HubSpot.',
    ],
    [
      'Falsches Format',
      'Der Wert hat nicht die Form, die die Eigenschaft braucht.',
      'Vergleichen Sie ihn mit Werten, die die Eigenschaft in HubSpot hat.',
    ],
  ),
  OUTSIDE_VALID_TERM_RANGE: told(
    ['Term out of range', 'The duration is longer or shorter than HubSpot takes.', 'Write a shorter or a longer one.'],
    [
      'Laufzeit außerhalb des Bereichs',
      'Die Laufzeit ist länger oder kürzer, als HubSpot annimmt.',
      'Geben Sie eine kürzere oder längere an.',
    ],
  ),
  OUTSIDE_VALID_TIME_RANGE: told(
    ['Date out of range', 'The date lies too far in the past or in the future.', 'Check its year.'],
    ['Datum außerhalb des Bereichs', 'Das Datum liegt zu weit in der Vergangenheit oder Zukunft.', 'Prüfen Sie das Jahr.'],
  ),
  FAILED_VALIDATION: told(
    [
      'Not accepted by HubSpot',
      'HubSpot checked the row and did not accept a value in it.',
      'Compare its values with the properties in HubSpot.',
    ],
    [
      'Von HubSpot nicht angenommen',
      'HubSpot hat die Zeile geprüft und einen Wert nicht angenommen.',
      'Vergleichen Sie ihre Werte mit den Eigenschaften in HubSpot.',
    ],
  ),
  // Properties
  INVALID_REQUIRED_PROPERTY: told(
    ['Required value is wrong', 'A value that a new record needs cannot be used.', 'Correct the value.'],
    ['Pflichtwert falsch', 'Ein Wert, den ein neuer Datensatz braucht, ist nicht verwendbar.', 'Korrigieren Sie den Wert.'],
  ),
  MISSING_REQUIRED_PROPERTY: told(
    ['Required value is missing', 'A new record needs a value that the row does not have.', 'Fill it in, or leave the row out.'],
    [
      'Pflichtwert fehlt',
      'Ein neuer Datensatz braucht einen Wert, den die Zeile nicht hat.',
      'Tragen Sie ihn ein, oder lassen Sie die Zeile weg.',
    ],
  ),
  PROPERTY_DEFINITION_NOT_FOUND: told(
    ['No such property', 'The account has no property of this name.', 'Choose another property, or make this one in HubSpot.'],
    [
      'Eigenschaft nicht vorhanden',
      'Der Account hat keine Eigenschaft dieses Namens.',
      'Wählen Sie eine andere Eigenschaft, oder legen Sie diese in HubSpot an.',
    ],
  ),
  PROPERTY_VALUE_NOT_FOUND: told(
    [
      'Value not found',
      'HubSpot looked for a record with this value and found none.',
      'Check the value, or import that record first.',
    ],
    [
      'Wert nicht gefunden',
      'HubSpot suchte einen Datensatz mit diesem Wert und fand keinen.',
      'Prüfen Sie den Wert, oder importieren Sie den Datensatz zuerst.',
    ],
  ),
  MISSING_OBJECT_DEFINITION: told(
    ['No such object', 'The account does not have this kind of object.', 'Choose another object for the import.'],
    ['Objekt nicht vorhanden', 'Der Account hat diese Art von Objekt nicht.', 'Wählen Sie für den Import ein anderes Objekt.'],
  ),
  FAILED_TO_PROCESS_OBJECT_WITH_EMPTY_PROPERTY_VALUES: told(
    ['Row is empty', 'No value of the row can be imported.', 'Fill in at least one value, or leave the row out.'],
    [
      'Zeile ist leer',
      'Kein Wert der Zeile kann importiert werden.',
      'Tragen Sie mindestens einen Wert ein, oder lassen Sie die Zeile weg.',
    ],
  ),
  // Which record is meant
  CREATE_ONLY_IMPORT: told(
    [
      'Record is there already',
      'The import only creates records, and this one exists.',
      'Leave the row out, or choose to update records as well.',
    ],
    [
      'Datensatz schon vorhanden',
      'Der Import legt nur Datensätze an, und diesen gibt es schon.',
      'Lassen Sie die Zeile weg, oder wählen Sie, dass auch aktualisiert wird.',
    ],
  ),
  UPDATE_ONLY_IMPORT: told(
    [
      'Record is not there',
      'The import only updates records, and this one does not exist.',
      'Leave the row out, or choose to create records as well.',
    ],
    [
      'Datensatz nicht vorhanden',
      'Der Import aktualisiert nur Datensätze, und diesen gibt es nicht.',
      'Lassen Sie die Zeile weg, oder wählen Sie, dass auch angelegt wird.',
    ],
  ),
  DUPLICATE_ALTERNATE_ID: told(
    [
      'Same record twice',
      'Another row names the same record, such as by the same e-mail address.',
      'Put the rows together, or leave one out.',
    ],
    [
      'Derselbe Datensatz doppelt',
      'Eine andere Zeile nennt denselben Datensatz, etwa mit derselben E-Mail-Adresse.',
      'Fassen Sie die Zeilen zusammen, oder lassen Sie eine weg.',
    ],
  ),
  DUPLICATE_OBJECT_ID: told(
    ['Same record ID twice', 'Another row has the same record ID.', 'Put the rows together, or leave one out.'],
    [
      'Dieselbe Datensatz-ID doppelt',
      'Eine andere Zeile hat dieselbe Datensatz-ID.',
      'Fassen Sie die Zeilen zusammen, oder lassen Sie eine weg.',
    ],
  ),
  DUPLICATE_RECORD_ID: told(
    ['Same record ID twice', 'Another row has the same record ID.', 'Put the rows together, or leave one out.'],
    [
      'Dieselbe Datensatz-ID doppelt',
      'Eine andere Zeile hat dieselbe Datensatz-ID.',
      'Fassen Sie die Zeilen zusammen, oder lassen Sie eine weg.',
    ],
  ),
  DUPLICATE_UNIQUE_CREATION_KEY: told(
    ['Record was made already', 'Another row has made a record with the same key.', 'Leave one of the rows out.'],
    [
      'Datensatz schon angelegt',
      'Eine andere Zeile hat einen Datensatz mit demselben Schlüssel angelegt.',
      'Lassen Sie eine der Zeilen weg.',
    ],
  ),
  DUPLICATE_UNIQUE_PROPERTY_VALUE: told(
    [
      'Value is taken',
      'The property takes each value once, and another record has this one.',
      'Use another value, or update that record.',
    ],
    [
      'Wert schon vergeben',
      'Die Eigenschaft nimmt jeden Wert nur einmal an, und ein anderer Datensatz hat diesen.',
      'Verwenden Sie einen anderen Wert, oder aktualisieren Sie jenen Datensatz.',
    ],
  ),
  INVALID_ALTERNATE_ID: told(
    [
      'Record cannot be told',
      'The value by which the record is to be found cannot be used.',
      'Correct it, such as the e-mail address.',
    ],
    [
      'Datensatz nicht erkennbar',
      'Der Wert, nach dem der Datensatz gefunden werden soll, ist nicht verwendbar.',
      'Korrigieren Sie ihn, etwa die E-Mail-Adresse.',
    ],
  ),
  INVALID_OBJECT_ID: told(
    ['Wrong record ID', 'The value is not the ID of a record in HubSpot.', 'Copy the record ID from HubSpot.'],
    [
      'Falsche Datensatz-ID',
      'Der Wert ist nicht die ID eines Datensatzes in HubSpot.',
      'Kopieren Sie die Datensatz-ID aus HubSpot.',
    ],
  ),
  INVALID_RECORD_ID: told(
    ['Wrong record ID', 'The value is not the ID of a record in HubSpot.', 'Copy the record ID from HubSpot.'],
    [
      'Falsche Datensatz-ID',
      'Der Wert ist nicht die ID eines Datensatzes in HubSpot.',
      'Kopieren Sie die Datensatz-ID aus HubSpot.',
    ],
  ),
  MULTIPLE_COMPANIES_WITH_THIS_DOMAIN: told(
    ['Several companies', 'More than one company in HubSpot has this domain.', 'Merge them in HubSpot, or use the record ID.'],
    [
      'Mehrere Unternehmen',
      'Mehrere Unternehmen in HubSpot haben diese Domain.',
      'Führen Sie sie in HubSpot zusammen, oder verwenden Sie die Datensatz-ID.',
    ],
  ),
  SECONDARY_EMAIL_WRITE_FAILURE: told(
    [
      'Additional address not written',
      'An additional e-mail address of the contact could not be written.',
      'Add it to the contact in HubSpot.',
    ],
    [
      'Weitere Adresse nicht geschrieben',
      'Eine weitere E-Mail-Adresse des Kontakts konnte nicht geschrieben werden.',
      'Fügen Sie sie in HubSpot beim Kontakt hinzu.',
    ],
  ),
  // Associations
  ASSOCIATION_LABEL_NOT_FOUND: told(
    [
      'No such association label',
      'The account has no association label of this name.',
      'Use a label that exists, or make it in HubSpot.',
    ],
    [
      'Zuordnungslabel nicht vorhanden',
      'Der Account hat kein Zuordnungslabel dieses Namens.',
      'Verwenden Sie ein vorhandenes, oder legen Sie es in HubSpot an.',
    ],
  ),
  ASSOCIATION_LIMIT_EXCEEDED: told(
    [
      'Too many associations',
      'A record has as many associations as HubSpot allows.',
      'Remove associations in HubSpot that are not needed.',
    ],
    [
      'Zu viele Zuordnungen',
      'Ein Datensatz hat so viele Zuordnungen, wie HubSpot erlaubt.',
      'Entfernen Sie in HubSpot Zuordnungen, die nicht gebraucht werden.',
    ],
  ),
  ASSOCIATION_RECORD_NOT_FOUND: told(
    [
      'Associated record not found',
      'The record that this one is to be associated with does not exist.',
      'Import that record first.',
    ],
    [
      'Zugeordneter Datensatz nicht gefunden',
      'Den Datensatz, dem dieser zugeordnet werden soll, gibt es nicht.',
      'Importieren Sie jenen Datensatz zuerst.',
    ],
  ),
  DUPLICATE_ASSOCIATION_ID: told(
    ['Association is there twice', 'The row names the same association more than once.', 'Name it once.'],
    ['Zuordnung doppelt', 'Die Zeile nennt dieselbe Zuordnung mehrmals.', 'Nennen Sie sie nur einmal.'],
  ),
  FAILED_TO_CREATE_ASSOCIATION: told(
    [
      'Association not made',
      'The records were written, but could not be associated.',
      'Associate them in HubSpot, or import the row again.',
    ],
    [
      'Zuordnung nicht angelegt',
      'Die Datensätze wurden geschrieben, konnten aber nicht zugeordnet werden.',
      'Ordnen Sie sie in HubSpot zu, oder importieren Sie die Zeile noch einmal.',
    ],
  ),
  FAILED_TO_FIND_RECORD_FOR_ASSOCIATIONS: told(
    ['Record for the association not found', 'HubSpot found no record to associate.', 'Check the value that names it.'],
    [
      'Datensatz für die Zuordnung nicht gefunden',
      'HubSpot fand keinen Datensatz zum Zuordnen.',
      'Prüfen Sie den Wert, der ihn nennt.',
    ],
  ),
  INVALID_ASSOCIATION_IDENTIFIER: told(
    [
      'Wrong association value',
      'The value that names the other record cannot be used.',
      'Use its record ID, e-mail address or domain.',
    ],
    [
      'Falscher Zuordnungswert',
      'Der Wert, der den anderen Datensatz nennt, ist nicht verwendbar.',
      'Verwenden Sie dessen Datensatz-ID, E-Mail-Adresse oder Domain.',
    ],
  ),
  INVALID_ASSOCIATION_KEY: told(
    [
      'Wrong association key',
      'The key that ties rows together cannot be used.',
      'Use the same value in all rows that belong together.',
    ],
    [
      'Falscher Zuordnungsschlüssel',
      'Der Schlüssel, der Zeilen verbindet, ist nicht verwendbar.',
      'Verwenden Sie in allen Zeilen, die zusammengehören, denselben Wert.',
    ],
  ),
  NO_OBJECT_ID_FROM_ASSOCIATION_IDENTIFIER: told(
    ['Associated record not told', 'The value does not lead to a record in HubSpot.', 'Check it, or import that record first.'],
    [
      'Zugeordneter Datensatz nicht erkennbar',
      'Der Wert führt zu keinem Datensatz in HubSpot.',
      'Prüfen Sie ihn, oder importieren Sie jenen Datensatz zuerst.',
    ],
  ),
  UNKNOWN_ASSOCIATION_RECORD_ID: told(
    ['Unknown record ID', 'HubSpot has no record of the ID that is to be associated.', 'Copy the record ID from HubSpot.'],
    [
      'Unbekannte Datensatz-ID',
      'HubSpot hat keinen Datensatz mit der ID, die zugeordnet werden soll.',
      'Kopieren Sie die Datensatz-ID aus HubSpot.',
    ],
  ),
  LINE_ITEM_MULTIPLE_PARENTS_IN_ROW: told(
    ['Line item with several parents', 'A line item can belong to one record only.', 'Keep one of the parents in the row.'],
    [
      'Artikel mit mehreren Zuordnungen',
      'Ein Artikel kann nur zu einem Datensatz gehören.',
      'Behalten Sie in der Zeile eine der Zuordnungen.',
    ],
  ),
  // Owners and units
  COULD_NOT_FIND_BUSINESS_UNIT: told(
    ['No such brand', 'The account has no business unit of this name.', 'Use the name as it is in HubSpot.'],
    [
      'Marke nicht vorhanden',
      'Der Account hat keine Geschäftseinheit dieses Namens.',
      'Verwenden Sie den Namen, wie er in HubSpot steht.',
    ],
  ),
  COULD_NOT_FIND_OWNER: told(
    [
      'No such owner',
      'Nobody in the account has this name, e-mail address or ID.',
      'Use the e-mail address of a user of the account.',
    ],
    [
      'Zuständiger Mitarbeiter nicht gefunden',
      'Niemand im Account hat diesen Namen, diese E-Mail-Adresse oder ID.',
      'Verwenden Sie die E-Mail-Adresse eines Benutzers des Accounts.',
    ],
  ),
  MULTIPLE_OWNERS_FOUND: told(
    ['Owner not clear', 'More than one user of the account has this name.', 'Use the e-mail address instead.'],
    [
      'Zuständiger Mitarbeiter nicht eindeutig',
      'Mehrere Benutzer des Accounts haben diesen Namen.',
      'Verwenden Sie die E-Mail-Adresse.',
    ],
  ),
  // Consent
  FAILED_TO_OPT_OUT_CONTACT: told(
    ['Opt-out not written', 'The contact could not be opted out of e-mails.', 'Do it in HubSpot, on the contact.'],
    [
      'Abmeldung nicht geschrieben',
      'Der Kontakt konnte nicht von E-Mails abgemeldet werden.',
      'Tun Sie das in HubSpot beim Kontakt.',
    ],
  ),
  GDPR_BLACKLISTED_EMAIL: told(
    [
      'Address was deleted for good',
      'The contact was deleted at its own wish, and must not be created again.',
      'Leave the row out. Only the person can come back, by a form of yours.',
    ],
    [
      'Adresse endgültig gelöscht',
      'Der Kontakt wurde auf eigenen Wunsch gelöscht und darf nicht wieder angelegt werden.',
      'Lassen Sie die Zeile weg. Nur die Person selbst kann über eines Ihrer Formulare zurückkommen.',
    ],
  ),
  // Events
  DUPLICATE_EVENT: told(
    ['Event is there already', 'The event was imported before.', 'Leave the row out.'],
    ['Ereignis schon vorhanden', 'Das Ereignis wurde schon importiert.', 'Lassen Sie die Zeile weg.'],
  ),
  INVALID_EVENT: told(
    ['Wrong event', 'HubSpot cannot use the event of the row.', 'Compare it with the event’s definition in HubSpot.'],
    [
      'Falsches Ereignis',
      'HubSpot kann das Ereignis der Zeile nicht verwenden.',
      'Vergleichen Sie es mit der Definition des Ereignisses in HubSpot.',
    ],
  ),
  INVALID_EVENT_TIMESTAMP: told(
    ['Wrong time of the event', 'The time of the event cannot be read.', 'Write it as the date format of the import says.'],
    [
      'Falsche Zeit des Ereignisses',
      'Die Zeit des Ereignisses ist nicht lesbar.',
      'Schreiben Sie sie im Datumsformat des Imports.',
    ],
  ),
  MISSING_EVENT_DEFINITION: told(
    ['No such event', 'The account has no event of this name.', 'Make it in HubSpot, or use another name.'],
    [
      'Ereignis nicht vorhanden',
      'Der Account hat kein Ereignis dieses Namens.',
      'Legen Sie es in HubSpot an, oder verwenden Sie einen anderen Namen.',
    ],
  ),
  MISSING_EVENT_TIMESTAMP: told(
    ['Time of the event is missing', 'The row does not say when the event took place.', 'Fill in the time.'],
    ['Zeit des Ereignisses fehlt', 'Die Zeile sagt nicht, wann das Ereignis stattfand.', 'Tragen Sie die Zeit ein.'],
  ),
  // Limits, and the rest
  LIMIT_EXCEEDED: told(
    [
      'Limit of the account reached',
      'The account has as many of these as its plan allows.',
      'Delete some, or talk to HubSpot about the plan.',
    ],
    [
      'Limit des Accounts erreicht',
      'Der Account hat so viele davon, wie sein Tarif erlaubt.',
      'Löschen Sie einige, oder sprechen Sie mit HubSpot über den Tarif.',
    ],
  ),
  PORTAL_WIDE_CUSTOM_OBJECT_LIMIT_EXCEEDED: told(
    [
      'Too many custom objects',
      'The account has as many records of custom objects as its plan allows.',
      'Delete some, or talk to HubSpot about the plan.',
    ],
    [
      'Zu viele benutzerdefinierte Objekte',
      'Der Account hat so viele Datensätze benutzerdefinierter Objekte, wie sein Tarif erlaubt.',
      'Löschen Sie einige, oder sprechen Sie mit HubSpot über den Tarif.',
    ],
  ),
  UNKNOWN_BAD_REQUEST: told(
    [
      'Not accepted by HubSpot',
      'HubSpot did not accept the row and gives no reason.',
      'Compare its values with the properties in HubSpot.',
    ],
    [
      'Von HubSpot nicht angenommen',
      'HubSpot hat die Zeile nicht angenommen und nennt keinen Grund.',
      'Vergleichen Sie ihre Werte mit den Eigenschaften in HubSpot.',
    ],
  ),
  UNKNOWN_ERROR: told(
    ['Error in HubSpot', 'Something went wrong in HubSpot while it wrote the row.', 'Import the row again.'],
    [
      'Fehler in HubSpot',
      'Beim Schreiben der Zeile ist in HubSpot etwas schiefgegangen.',
      'Importieren Sie die Zeile noch einmal.',
    ],
  ),
} as const satisfies Record<string, InBoth<Explanation>>

/** What we find in files and HubSpot has no word for. */
export const FINDINGS = {
  COLUMNS_REORDERED: told(
    [
      'Columns put in order',
      'The columns of the file were in another order than expected, and were found by their names.',
      'Nothing needs to be done.',
    ],
    [
      'Spalten geordnet',
      'Die Spalten der Datei standen in anderer Reihenfolge und wurden nach ihren Namen gefunden.',
      'Es ist nichts zu tun.',
    ],
  ),
  COLUMN_NAME_REPAIRED: told(
    [
      'Name of a column repaired',
      'A column’s name differed in spelling, capitals or blanks, and was taken to be the expected one.',
      'Use the same name next time.',
    ],
    [
      'Spaltenname angepasst',
      'Der Name einer Spalte wich in Schreibweise, Großschreibung oder Leerzeichen ab und wurde als der erwartete genommen.',
      'Verwenden Sie künftig denselben Namen.',
    ],
  ),
  COLUMN_NOT_MAPPED: told(
    ['Column not imported', 'The file has a column that is not imported.', 'Choose a property for it if it is needed.'],
    [
      'Spalte nicht importiert',
      'Die Datei hat eine Spalte, die nicht importiert wird.',
      'Wählen Sie eine Eigenschaft für sie, falls sie gebraucht wird.',
    ],
  ),
  COLUMN_WITHOUT_NAME: told(
    ['Column without a name', 'A column has no name in the first row.', 'Give it a name if it is needed.'],
    [
      'Spalte ohne Namen',
      'Eine Spalte hat in der ersten Zeile keinen Namen.',
      'Geben Sie ihr einen Namen, falls sie gebraucht wird.',
    ],
  ),
  DELIMITER_CONVERTED: told(
    [
      'Delimiter adapted',
      'The cells were separated by something else than commas; HubSpot gets commas.',
      'Nothing needs to be done.',
    ],
    ['Trennzeichen angepasst', 'Die Zellen waren nicht durch Kommas getrennt; HubSpot erhält Kommas.', 'Es ist nichts zu tun.'],
  ),
  DUPLICATES_NOT_LOOKED_FOR: told(
    [
      'Duplicates not looked for',
      'The file has more rows than duplicates are looked for in.',
      'Import it in parts if you want that.',
    ],
    [
      'Dubletten nicht gesucht',
      'Die Datei hat mehr Zeilen, als nach Dubletten durchsucht werden.',
      'Importieren Sie sie in Teilen, wenn Sie das wünschen.',
    ],
  ),
  EMBEDDED_OBJECTS: told(
    ['Embedded objects left out', 'The workbook contains embedded objects, which are not imported.', 'Nothing needs to be done.'],
    [
      'Eingebettete Objekte ausgelassen',
      'Die Arbeitsmappe enthält eingebettete Objekte, die nicht importiert werden.',
      'Es ist nichts zu tun.',
    ],
  ),
  ENCODING_CONVERTED: told(
    [
      'Encoding adapted',
      'The file was in another character encoding; HubSpot gets UTF-8.',
      'Look at a few umlauts in the sample rows.',
    ],
    [
      'Zeichenkodierung angepasst',
      'Die Datei hatte eine andere Zeichenkodierung; HubSpot erhält UTF-8.',
      'Sehen Sie sich in den ersten Zeilen einige Umlaute an.',
    ],
  ),
  ERROR_VALUE: told(
    ['Error of a formula', 'The cell shows an error of a formula, such as #N/A.', 'Correct the formula, or write the value.'],
    [
      'Fehler einer Formel',
      'Die Zelle zeigt den Fehler einer Formel, etwa #NV.',
      'Korrigieren Sie die Formel, oder schreiben Sie den Wert.',
    ],
  ),
  EXTERNAL_LINKS: told(
    [
      'Links to other files',
      'The workbook refers to other files; the values it had when it was saved are imported.',
      'Nothing needs to be done.',
    ],
    [
      'Verweise auf andere Dateien',
      'Die Arbeitsmappe verweist auf andere Dateien; importiert werden die Werte vom letzten Speichern.',
      'Es ist nichts zu tun.',
    ],
  ),
  FILE_NAME_REPAIRED: told(
    ['File name adapted', 'HubSpot gets the file under a slightly different name.', 'Nothing needs to be done.'],
    ['Dateiname angepasst', 'HubSpot erhält die Datei unter einem leicht geänderten Namen.', 'Es ist nichts zu tun.'],
  ),
  FORMULA_LIKE_VALUE: told(
    [
      'Looks like a formula',
      'The cell begins with a sign that a spreadsheet takes for a formula. It is imported as it is.',
      'Check that it is meant.',
    ],
    [
      'Sieht wie eine Formel aus',
      'Die Zelle beginnt mit einem Zeichen, das eine Tabellenkalkulation für eine Formel hält. Sie wird unverändert importiert.',
      'Prüfen Sie, ob das so gemeint ist.',
    ],
  ),
  FORMULA_WITHOUT_VALUE: told(
    [
      'Formula without a value',
      'The cell has a formula, but the workbook holds no value of it.',
      'Open the workbook in Excel and save it.',
    ],
    [
      'Formel ohne Wert',
      'Die Zelle hat eine Formel, aber die Arbeitsmappe enthält keinen Wert dazu.',
      'Öffnen Sie die Arbeitsmappe in Excel und speichern Sie sie.',
    ],
  ),
  GZIP_UNPACKED: told(
    ['Unpacked', 'The file came as gzip and was unpacked.', 'Nothing needs to be done.'],
    ['Entpackt', 'Die Datei kam als gzip und wurde entpackt.', 'Es ist nichts zu tun.'],
  ),
  LINE_ENDS_CONVERTED: told(
    ['Line ends adapted', 'Lines ended in different ways; HubSpot gets them alike.', 'Nothing needs to be done.'],
    ['Zeilenenden angepasst', 'Zeilen endeten auf verschiedene Weise; HubSpot erhält sie einheitlich.', 'Es ist nichts zu tun.'],
  ),
  MAPPING_GUESSED: told(
    [
      'Columns suggested',
      'Nobody said what the columns are, so they were recognised by names and values.',
      'Look at the columns, and save a template.',
    ],
    [
      'Spalten vorgeschlagen',
      'Es war nicht angegeben, was die Spalten sind; sie wurden an Namen und Werten erkannt.',
      'Sehen Sie sich die Spalten an, und speichern Sie eine Vorlage.',
    ],
  ),
  NOT_LOOKED_INTO: told(
    [
      'Not looked into',
      'Workbooks of the old format (.xls) are passed on without a check.',
      'Save it as .xlsx to have its rows checked.',
    ],
    [
      'Nicht geprüft',
      'Arbeitsmappen im alten Format (.xls) werden ungeprüft weitergegeben.',
      'Speichern Sie sie als .xlsx, damit die Zeilen geprüft werden.',
    ],
  ),
  PROPERTIES_NOT_KNOWN: told(
    [
      'Properties not known',
      'The account’s properties could not be looked up: cells were only checked for what is the same everywhere.',
      'Try again in a minute, or review the permissions.',
    ],
    [
      'Eigenschaften nicht bekannt',
      'Die Eigenschaften des Accounts waren nicht abrufbar: Zellen wurden nur auf das geprüft, was überall gleich ist.',
      'Versuchen Sie es in einer Minute noch einmal, oder prüfen Sie die Berechtigungen.',
    ],
  ),
  SHEET_CONVERTED: told(
    [
      'One worksheet chosen',
      'The workbook has several worksheets; the one you chose goes to HubSpot as CSV.',
      'Nothing needs to be done.',
    ],
    [
      'Ein Tabellenblatt gewählt',
      'Die Arbeitsmappe hat mehrere Tabellenblätter; das gewählte geht als CSV an HubSpot.',
      'Es ist nichts zu tun.',
    ],
  ),
  STRAY_QUOTES: told(
    [
      'Stray quotation marks',
      'A quotation mark stands where none belongs, so cells may be cut wrongly.',
      'Write quotation marks inside a cell twice.',
    ],
    [
      'Verirrte Anführungszeichen',
      'Ein Anführungszeichen steht, wo keines hingehört; Zellen könnten falsch getrennt sein.',
      'Schreiben Sie Anführungszeichen in einer Zelle doppelt.',
    ],
  ),
  TEMPLATE_HEADER_CHANGED: told(
    [
      'Columns differ from the template',
      'The file has other columns than the template was made for.',
      'Look at the columns, and save the template anew.',
    ],
    [
      'Spalten weichen von der Vorlage ab',
      'Die Datei hat andere Spalten als die, für die die Vorlage gemacht wurde.',
      'Sehen Sie sich die Spalten an, und speichern Sie die Vorlage neu.',
    ],
  ),
  TEMPLATE_PROPERTIES_CHANGED: told(
    [
      'Properties have changed',
      'Properties that the template uses have changed in HubSpot since.',
      'Look at the columns, and save the template anew.',
    ],
    [
      'Eigenschaften haben sich geändert',
      'Eigenschaften, die die Vorlage nutzt, haben sich seither in HubSpot geändert.',
      'Sehen Sie sich die Spalten an, und speichern Sie die Vorlage neu.',
    ],
  ),
} as const satisfies Record<string, InBoth<Explanation>>

const UNKNOWN = {
  en: { what: 'HubSpot reports this without further explanation.', fix: 'Compare the row with the properties in HubSpot.' },
  de: { what: 'HubSpot meldet dies ohne weitere Erklärung.', fix: 'Vergleichen Sie die Zeile mit den Eigenschaften in HubSpot.' },
} as const

/** The explanation of a row error or a finding; an unknown code degrades to its name, in words. */
export function explainCode(code: string, language: Language): Explanation {
  const known: Record<string, InBoth<Explanation>> = { ...ROW_ERRORS, ...FINDINGS }
  const found = Object.hasOwn(known, code) ? known[code] : undefined
  if (found) return found[language]
  const words = code.toLowerCase().replaceAll('_', ' ')
  return { title: words.charAt(0).toUpperCase() + words.slice(1), ...UNKNOWN[language] }
}
