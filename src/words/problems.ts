import { PROBLEMS, type ProblemCode } from '../errors.js'
import type { InBoth, Language } from './language.js'

/** A problem in a person's words: what it is called, why it arises, and what to do about it. */
export type ProblemWords = { title: string; cause: string; fix: string }

type English = readonly [cause: string, fix: string]
type German = readonly [title: string, cause: string, fix: string]

const WORDS: Record<ProblemCode, readonly [English, German]> = {
  // Who is calling
  key_missing: [
    ['The request has no API key, or more than one.', 'Send your key in one header: Authorization: Bearer imp_live_….'],
    [
      'Kein API-Schlüssel',
      'Die Anfrage enthält keinen API-Schlüssel, oder mehr als einen.',
      'Senden Sie Ihren Schlüssel in einem Header: Authorization: Bearer imp_live_….',
    ],
  ],
  key_invalid: [
    [
      'The key is unknown, revoked, expired, or not good from this address.',
      'Check that the whole key was copied; ask the account’s admin for a new one.',
    ],
    [
      'Unbekannter API-Schlüssel',
      'Der Schlüssel ist unbekannt, widerrufen, abgelaufen oder von dieser Adresse aus nicht gültig.',
      'Prüfen Sie, ob der ganze Schlüssel kopiert wurde; bitten Sie den Admin des Accounts um einen neuen.',
    ],
  ],
  key_exposed: [
    [
      'The URL held the key, and URLs are written to logs on their way.',
      'Send the key in the Authorization header, and have this one replaced.',
    ],
    [
      'Der API-Schlüssel steht in der URL',
      'Die URL enthielt den Schlüssel, und URLs werden unterwegs protokolliert.',
      'Senden Sie den Schlüssel im Header Authorization, und lassen Sie diesen ersetzen.',
    ],
  ],
  signature_invalid: [
    [
      'The request is not signed by HubSpot, or is older than five minutes.',
      'Only HubSpot sends requests to this address; nothing needs to be done.',
    ],
    [
      'Nicht von HubSpot signiert',
      'Die Anfrage ist nicht von HubSpot signiert oder älter als fünf Minuten.',
      'An diese Adresse sendet nur HubSpot; es ist nichts zu tun.',
    ],
  ],
  // What a partner may do
  partner_paused: [
    [
      'The account’s admin has paused this partner: reading is possible, sending is not.',
      'Ask the account’s admin to let you in again, and send the request again then.',
    ],
    [
      'Der Admin des Accounts hat diesen Partner pausiert',
      'Der Admin des Accounts hat diesen Partner pausiert: Lesen ist möglich, Senden nicht.',
      'Bitten Sie den Admin des Accounts, Sie wieder zuzulassen, und senden Sie die Anfrage dann noch einmal.',
    ],
  ],
  object_not_allowed: [
    [
      'The account’s admin lets this partner import other objects only.',
      'Import only what is allowed, or ask the admin to change the limits on the page Partners.',
    ],
    [
      'Diese Objekte dürfen mit diesem Schlüssel nicht importiert werden',
      'Der Admin des Accounts lässt diesen Partner nur andere Objekte importieren.',
      'Importieren Sie nur, was erlaubt ist, oder bitten Sie den Admin, die Grenzen auf der Seite Partner zu ändern.',
    ],
  ],
  operation_not_allowed: [
    [
      'The account’s admin lets this partner do something else only, such as create but not update.',
      'Name an allowed operation in importOperations, or ask the admin to change the limits.',
    ],
    [
      'Das darf mit diesem Schlüssel nicht getan werden',
      'Der Admin des Accounts erlaubt diesem Partner nur anderes, etwa Anlegen, aber nicht Aktualisieren.',
      'Nennen Sie in importOperations eine erlaubte Operation, oder bitten Sie den Admin, die Grenzen zu ändern.',
    ],
  ],
  row_budget_exceeded: [
    [
      'With this file the partner would import more rows in 24 hours than the account’s admin allows.',
      'Send it later, or a smaller file; send .xls as .xlsx or CSV, so that its rows can be counted. The admin can raise the limit.',
    ],
    [
      'Die Zeilen dieses Tages sind aufgebraucht',
      'Mit dieser Datei würde der Partner in 24 Stunden mehr Zeilen importieren, als der Admin des Accounts erlaubt.',
      'Senden Sie sie später, oder eine kleinere Datei; .xls als .xlsx oder CSV, damit die Zeilen zählbar sind. Der Admin kann die Grenze erhöhen.',
    ],
  ],
  // What is asked for
  not_found: [
    ['There is nothing at this address.', 'Check the address for a typing error.'],
    ['Seite nicht gefunden', 'Unter dieser Adresse gibt es nichts.', 'Prüfen Sie die Adresse auf Tippfehler.'],
  ],
  portal_not_found: [
    [
      'There is no such account, or you have no access to it.',
      'Check the Hub ID; connect the account, or ask its admin for access.',
    ],
    [
      'Account nicht gefunden',
      'Diesen Account gibt es nicht, oder Sie haben keinen Zugang zu ihm.',
      'Prüfen Sie die Hub-ID; verbinden Sie den Account, oder bitten Sie seinen Admin um Zugang.',
    ],
  ],
  template_not_found: [
    ['There is no such template in this account, or it was deleted.', 'List the templates, and use the id of one of them.'],
    [
      'Vorlage nicht gefunden',
      'Diese Vorlage gibt es in diesem Account nicht, oder sie wurde gelöscht.',
      'Lassen Sie sich die Vorlagen auflisten, und verwenden Sie die ID einer davon.',
    ],
  ],
  too_many_requests: [
    [
      'More requests came in a minute than are let in: with this key, or with wrong keys from this address.',
      'Wait as long as Retry-After says; the RateLimit header says how many are left.',
    ],
    [
      'Zu viele Anfragen',
      'In einer Minute kamen mehr Anfragen, als zugelassen sind: mit diesem Schlüssel oder mit falschen Schlüsseln von dieser Adresse.',
      'Warten Sie so lange, wie Retry-After sagt; der Header RateLimit sagt, wie viele noch möglich sind.',
    ],
  ],
  byte_budget_exceeded: [
    [
      'As much was uploaded with this key today as is possible in a day.',
      'Go on after midnight in UTC, or ask whoever runs this Importal for more.',
    ],
    [
      'Das Tagesvolumen ist aufgebraucht',
      'Mit diesem Schlüssel wurde heute so viel hochgeladen, wie an einem Tag möglich ist.',
      'Machen Sie nach Mitternacht (UTC) weiter, oder bitten Sie den Betreiber dieses Importal um mehr.',
    ],
  ],
  too_many_streams: [
    [
      'As many streams of events are open as a server has room for.',
      'Try again in a few seconds, or ask for the import itself now and then.',
    ],
    [
      'Zu viele Ereignis-Streams',
      'Es sind so viele Ereignis-Streams offen, wie ein Server Platz hat.',
      'Versuchen Sie es in einigen Sekunden erneut, oder fragen Sie hin und wieder den Import selbst ab.',
    ],
  ],
  overloaded: [
    ['The server has more to do than it can; nothing was done for this request.', 'Send it again as Retry-After says.'],
    [
      'Überlastet',
      'Der Server hat mehr zu tun, als er schafft; für diese Anfrage wurde nichts getan.',
      'Senden Sie sie erneut, wie Retry-After es sagt.',
    ],
  ],
  endpoint_not_found: [
    ['There is no such webhook endpoint, or it is not yours.', 'Check its ID; the list of endpoints has them all.'],
    [
      'Endpunkt nicht gefunden',
      'Diesen Webhook-Endpunkt gibt es nicht, oder er gehört Ihnen nicht.',
      'Prüfen Sie die ID; die Liste der Endpunkte enthält alle.',
    ],
  ],
  delivery_not_found: [
    [
      'There is no such message to this endpoint. Messages are kept for 30 days.',
      'Check its ID; the log of the endpoint has them all.',
    ],
    [
      'Nachricht nicht gefunden',
      'Eine solche Nachricht an diesen Endpunkt gibt es nicht. Nachrichten werden 30 Tage aufbewahrt.',
      'Prüfen Sie die ID; das Protokoll des Endpunkts enthält alle.',
    ],
  ],
  url_not_allowed: [
    [
      'Messages are only sent to public addresses, encrypted: so nobody can use us to reach what is not meant for him.',
      'Give an address that begins with https:// and a public host name, without a user, on port 443 or 8443.',
    ],
    [
      'An diese Adresse kann nichts gesendet werden',
      'Nachrichten gehen nur verschlüsselt an öffentliche Adressen: So kann niemand über uns erreichen, was nicht für ihn bestimmt ist.',
      'Geben Sie eine Adresse mit https:// und einem öffentlichen Hostnamen an, ohne Benutzer, auf Port 443 oder 8443.',
    ],
  ],
  too_many_endpoints: [
    ['As many webhook endpoints as are possible are there already.', 'Delete one that is no longer needed.'],
    [
      'Zu viele Endpunkte',
      'Es gibt bereits so viele Webhook-Endpunkte, wie möglich sind.',
      'Löschen Sie einen, der nicht mehr gebraucht wird.',
    ],
  ],
  too_many_tests: [
    ['Several test events were sent to this endpoint within a minute.', 'Look at what came back, and try again in a minute.'],
    [
      'Zu viele Testereignisse',
      'An diesen Endpunkt gingen innerhalb einer Minute mehrere Testereignisse.',
      'Sehen Sie sich die Antworten an, und versuchen Sie es in einer Minute erneut.',
    ],
  ],
  template_name_taken: [
    ['Another template has this name already.', 'Choose another name, or change the one that is there.'],
    [
      'Eine Vorlage dieses Namens gibt es schon',
      'Eine andere Vorlage hat diesen Namen bereits.',
      'Wählen Sie einen anderen Namen, oder ändern Sie die vorhandene.',
    ],
  ],
  import_not_found: [
    ['There is no such import in this account, or it is not yours.', 'Check its ID; the history lists all imports.'],
    [
      'Import nicht gefunden',
      'Diesen Import gibt es in diesem Account nicht, oder er gehört Ihnen nicht.',
      'Prüfen Sie seine ID; der Verlauf zeigt alle Importe.',
    ],
  ],
  method_not_allowed: [
    ['The address exists, but not for this HTTP method.', 'Use one of the methods in the header Allow.'],
    [
      'Methode nicht erlaubt',
      'Die Adresse gibt es, aber nicht für diese HTTP-Methode.',
      'Verwenden Sie eine der Methoden im Header Allow.',
    ],
  ],
  url_malformed: [
    ['The address holds an invalid escape, such as %zz.', 'Encode the parts of the address as UTF-8.'],
    [
      'Fehlerhafte URL',
      'Die Adresse enthält eine ungültige Kodierung, etwa %zz.',
      'Kodieren Sie die Teile der Adresse als UTF-8.',
    ],
  ],
  query_invalid: [
    ['A parameter is unknown, or its value is not possible.', 'See errors for which one, and what it may be.'],
    [
      'Ungültige Abfrage',
      'Ein Parameter ist unbekannt, oder sein Wert ist nicht möglich.',
      'In errors steht, welcher es ist und was er sein darf.',
    ],
  ],
  request_malformed: [
    ['The request could not be read.', 'Load the page again and repeat it; a program must send what the API’s description says.'],
    [
      'Fehlerhafte Anfrage',
      'Die Anfrage war nicht lesbar.',
      'Laden Sie die Seite neu und wiederholen Sie den Schritt; ein Programm muss senden, was die Beschreibung der API sagt.',
    ],
  ],
  body_invalid: [
    [
      'The JSON of the request has fields that are unknown or have impossible values.',
      'See errors for which ones, or detail where there are none.',
    ],
    [
      'Ungültiger Inhalt der Anfrage',
      'Das JSON der Anfrage hat unbekannte Felder oder unmögliche Werte.',
      'In errors steht, welche es sind, sonst in detail.',
    ],
  ],
  body_too_large: [
    ['The request is larger than this address takes.', 'Send less at once.'],
    ['Anfrage zu groß', 'Die Anfrage ist größer, als diese Adresse annimmt.', 'Senden Sie weniger auf einmal.'],
  ],
  media_type_unsupported: [
    [
      'The request is of another kind than this address takes.',
      'Send the header Content-Type that the description names, mostly application/json.',
    ],
    [
      'Medientyp nicht unterstützt',
      'Die Anfrage ist von anderer Art, als diese Adresse annimmt.',
      'Senden Sie den Content-Type, den die Beschreibung nennt, meist application/json.',
    ],
  ],
  request_timeout: [
    ['The request did not come in fast enough.', 'Send it again over a faster or steadier connection.'],
    [
      'Die Anfrage dauerte zu lange',
      'Die Anfrage kam nicht schnell genug herein.',
      'Senden Sie sie noch einmal über eine schnellere oder stabilere Verbindung.',
    ],
  ],
  expectation_failed: [
    ['The header Expect asks for something other than 100-continue.', 'Leave the header out.'],
    ['Erwartung nicht unterstützt', 'Der Header Expect verlangt etwas anderes als 100-continue.', 'Lassen Sie den Header weg.'],
  ],
  headers_too_large: [
    ['The headers of the request are too long.', 'Send fewer or shorter headers; in a browser, delete old cookies.'],
    [
      'Header der Anfrage zu groß',
      'Die Header der Anfrage sind zu lang.',
      'Senden Sie weniger oder kürzere Header; löschen Sie im Browser alte Cookies.',
    ],
  ],
  // The upload
  multipart_required: [
    ['Files are taken as multipart/form-data only.', 'Send the file as a part named files of multipart/form-data.'],
    [
      'Kein multipart/form-data',
      'Dateien werden nur als multipart/form-data angenommen.',
      'Senden Sie die Datei als Teil namens files in multipart/form-data.',
    ],
  ],
  encoding_unsupported: [
    ['The whole body is compressed, which is not possible here.', 'Send the body uncompressed; a file itself may be gzip.'],
    [
      'Kodierung nicht unterstützt',
      'Der ganze Inhalt ist komprimiert, was hier nicht möglich ist.',
      'Senden Sie den Inhalt unkomprimiert; eine Datei selbst darf gzip sein.',
    ],
  ],
  multipart_malformed: [
    ['The upload is not well-formed multipart/form-data.', 'Let a library make the body, and send its boundary in Content-Type.'],
    [
      'Fehlerhafter Upload',
      'Der Upload ist kein wohlgeformtes multipart/form-data.',
      'Lassen Sie eine Bibliothek den Inhalt erzeugen, und senden Sie deren boundary im Content-Type.',
    ],
  ],
  too_many_parts: [
    ['The upload has more parts than are possible.', 'Send at most five files and one importRequest.'],
    [
      'Zu viele Teile',
      'Der Upload hat mehr Teile, als möglich sind.',
      'Senden Sie höchstens fünf Dateien und einen importRequest.',
    ],
  ],
  unexpected_field: [
    ['The upload has a field that is not known here.', 'Name the parts files and importRequest.'],
    ['Unerwartetes Feld', 'Der Upload hat ein Feld, das hier unbekannt ist.', 'Nennen Sie die Teile files und importRequest.'],
  ],
  duplicate_field: [
    ['A field was sent twice.', 'Send it once.'],
    ['Feld doppelt gesendet', 'Ein Feld wurde zweimal gesendet.', 'Senden Sie es einmal.'],
  ],
  file_missing: [
    [
      'No file came with the request, or several where one is possible.',
      'Choose a file; a program sends a part named files with a filename.',
    ],
    [
      'Keine Datei',
      'Mit der Anfrage kam keine Datei, oder mehrere, wo nur eine möglich ist.',
      'Wählen Sie eine Datei; ein Programm sendet einen Teil namens files mit einem Dateinamen.',
    ],
  ],
  files_mismatch: [
    [
      'The files that were uploaded are not those that importRequest names.',
      'Give each file the name that it has in importRequest.files.',
    ],
    [
      'Dateien passen nicht zum importRequest',
      'Die hochgeladenen Dateien sind nicht die, die importRequest nennt.',
      'Geben Sie jeder Datei den Namen, den sie in importRequest.files hat.',
    ],
  ],
  filename_missing: [
    ['A file was sent without a name, or none was chosen.', 'Choose a file; a program sends a filename with the part.'],
    [
      'Datei ohne Namen',
      'Eine Datei wurde ohne Namen gesendet, oder es wurde keine gewählt.',
      'Wählen Sie eine Datei; ein Programm sendet einen Dateinamen mit dem Teil.',
    ],
  ],
  filename_invalid: [
    ['The name of the file holds control or invisible characters.', 'Rename the file.'],
    ['Ungültiger Dateiname', 'Der Name der Datei enthält Steuer- oder unsichtbare Zeichen.', 'Benennen Sie die Datei um.'],
  ],
  upload_too_large: [
    ['The file is larger than this Importal takes.', 'Split the file, and send the parts one after the other.'],
    [
      'Upload zu groß',
      'Die Datei ist größer, als dieses Importal annimmt.',
      'Teilen Sie die Datei, und senden Sie die Teile nacheinander.',
    ],
  ],
  idempotency_key_invalid: [
    [
      'The header Idempotency-Key is empty, too long, or there twice.',
      'Send one key of 1 to 255 printable ASCII characters, such as a UUID.',
    ],
    [
      'Ungültiger Idempotency-Key',
      'Der Header Idempotency-Key ist leer, zu lang oder doppelt.',
      'Senden Sie einen Schlüssel aus 1 bis 255 druckbaren ASCII-Zeichen, etwa eine UUID.',
    ],
  ],
  idempotency_key_in_use: [
    [
      'Another request with the same Idempotency-Key is still coming in.',
      'Send it again after the time in Retry-After: if the first one succeeded, you get its import.',
    ],
    [
      'Ein Upload mit diesem Idempotency-Key läuft',
      'Eine andere Anfrage mit demselben Idempotency-Key kommt noch herein.',
      'Senden Sie sie nach der Zeit in Retry-After noch einmal: War die erste erfolgreich, erhalten Sie deren Import.',
    ],
  ],
  idempotency_key_reused: [
    ['The same Idempotency-Key was used for another request or another file.', 'Use a new key for each import.'],
    [
      'Dieser Idempotency-Key wurde für anderes verwendet',
      'Derselbe Idempotency-Key wurde für eine andere Anfrage oder Datei verwendet.',
      'Verwenden Sie für jeden Import einen neuen Schlüssel.',
    ],
  ],
  too_many_waiting: [
    [
      'So many imports or files are waiting that no more are taken.',
      'Wait until some have ended, or start or discard those that wait.',
    ],
    [
      'Zu viele Importe warten',
      'Es warten so viele Importe oder Dateien, dass keine weiteren angenommen werden.',
      'Warten Sie, bis einige beendet sind, oder starten oder verwerfen Sie die wartenden.',
    ],
  ],
  too_many_uploads: [
    ['Too many uploads are coming in at the same time.', 'Send this one again after the time in Retry-After.'],
    [
      'Zu viele Uploads gleichzeitig',
      'Es kommen zu viele Uploads gleichzeitig herein.',
      'Senden Sie diesen nach der Zeit in Retry-After noch einmal.',
    ],
  ],
  upload_incomplete: [
    [
      'The connection ended before the file was complete. Nothing was kept.',
      'Send it again, with the same Idempotency-Key if there was one.',
    ],
    [
      'Der Upload brach ab',
      'Die Verbindung endete, bevor die Datei vollständig war. Nichts wurde behalten.',
      'Senden Sie sie noch einmal, mit demselben Idempotency-Key, falls es einen gab.',
    ],
  ],
  storage_full: [
    ['The disk of this Importal is almost full.', 'Try again later; the operator has to make room.'],
    [
      'Kein Platz für Uploads',
      'Der Speicher dieses Importal ist fast voll.',
      'Versuchen Sie es später noch einmal; der Betreiber muss Platz schaffen.',
    ],
  ],
  storage_unavailable: [
    ['The file could not be stored just now.', 'Try again in a minute.'],
    [
      'Der Upload konnte nicht gespeichert werden',
      'Die Datei konnte gerade nicht gespeichert werden.',
      'Versuchen Sie es in einer Minute noch einmal.',
    ],
  ],
  // The file itself
  file_type_unsupported: [
    [
      'The file is neither CSV nor an Excel workbook, or its ending says something else than its content.',
      'Save it as .csv or .xlsx with the program that made it; do not just rename it.',
    ],
    [
      'Diese Datei kann nicht importiert werden',
      'Die Datei ist weder CSV noch eine Excel-Arbeitsmappe, oder ihre Endung passt nicht zum Inhalt.',
      'Speichern Sie sie mit dem Programm, aus dem sie stammt, als .csv oder .xlsx; Umbenennen genügt nicht.',
    ],
  ],
  format_mismatch: [
    [
      'The fileFormat in importRequest is not the format of the file.',
      'Set fileFormat to CSV for text, and to SPREADSHEET for a workbook.',
    ],
    [
      'Die Datei ist nicht, was sie heißt',
      'Das fileFormat im importRequest ist nicht das Format der Datei.',
      'Setzen Sie fileFormat auf CSV für Text und auf SPREADSHEET für eine Arbeitsmappe.',
    ],
  ],
  file_empty: [
    ['The file has no content.', 'Check the export that made it.'],
    ['Die Datei ist leer', 'Die Datei hat keinen Inhalt.', 'Prüfen Sie den Export, aus dem sie stammt.'],
  ],
  no_rows: [
    ['The file has no rows, or none below the names of the columns.', 'Check the export that made it.'],
    [
      'Die Datei hat keine Zeilen',
      'Die Datei hat keine Zeilen, oder keine unter den Spaltennamen.',
      'Prüfen Sie den Export, aus dem sie stammt.',
    ],
  ],
  encoding: [
    ['The text of the file is in no encoding that can be told.', 'Save it as UTF-8.'],
    [
      'Der Text der Datei ist nicht lesbar',
      'Der Text der Datei hat keine erkennbare Zeichenkodierung.',
      'Speichern Sie sie als UTF-8.',
    ],
  ],
  quotes_unbalanced: [
    ['A quotation mark opens a cell that never ends.', 'Close it, or write quotation marks inside a cell twice.'],
    [
      'Eine Zelle in Anführungszeichen endet nie',
      'Ein Anführungszeichen öffnet eine Zelle, die nie endet.',
      'Schließen Sie sie, oder schreiben Sie Anführungszeichen in einer Zelle doppelt.',
    ],
  ],
  mapping_unclear: [
    [
      'Nobody said what the columns are, and it cannot be told: by their names, in an .xls, or without the account’s properties.',
      'Choose the columns on the settings page, or send an importRequest or a template.',
    ],
    [
      'Was die Spalten sind, ist nicht klar',
      'Es ist nicht angegeben, was die Spalten sind, und nicht zu ermitteln: aus den Namen, bei .xls oder ohne die Eigenschaften.',
      'Wählen Sie die Spalten auf der Einstellungsseite, oder senden Sie einen importRequest oder eine Vorlage.',
    ],
  ],
  header_invalid: [
    [
      'The first row does not have the columns that are expected, or a name in it is too long.',
      'Compare the names of the columns with the mapping; errors says which ones differ.',
    ],
    [
      'Die Kopfzeile der Datei ist nicht verwendbar',
      'Die erste Zeile hat nicht die erwarteten Spalten, oder ein Name darin ist zu lang.',
      'Vergleichen Sie die Spaltennamen mit der Zuordnung; errors nennt die Abweichungen.',
    ],
  ],
  too_many_columns: [
    ['HubSpot takes fewer than 1,000 columns.', 'Leave out columns that are not needed.'],
    ['Zu viele Spalten', 'HubSpot nimmt weniger als 1.000 Spalten an.', 'Lassen Sie nicht benötigte Spalten weg.'],
  ],
  row_too_large: [
    [
      'A row is longer than can be read; mostly a quotation mark is missing.',
      'Look at the row that is named, and at the one before it.',
    ],
    [
      'Eine Zeile ist zu lang',
      'Eine Zeile ist länger, als gelesen werden kann; meist fehlt ein Anführungszeichen.',
      'Sehen Sie sich die genannte Zeile und die davor an.',
    ],
  ],
  too_many_rows: [
    ['The file has more rows than can be imported at once.', 'Split it into several files.'],
    [
      'Zu viele Zeilen',
      'Die Datei hat mehr Zeilen, als auf einmal importiert werden können.',
      'Teilen Sie sie auf mehrere Dateien auf.',
    ],
  ],
  split_impossible: [
    [
      'The file is larger than HubSpot takes, and cannot be cut into parts.',
      'Save an .xls workbook as .xlsx or CSV, or send fewer rows; files that belong together cannot be split.',
    ],
    [
      'Die Datei ist zu groß und nicht teilbar',
      'Die Datei ist größer, als HubSpot annimmt, und kann nicht in Teile zerlegt werden.',
      'Speichern Sie eine .xls-Mappe als .xlsx oder CSV, oder senden Sie weniger Zeilen; zusammengehörige Dateien sind nicht teilbar.',
    ],
  ],
  normalization_needed: [
    [
      'HubSpot takes UTF-8 with commas, or a workbook with one sheet, and no gzip; normalize=never forbids to convert the file.',
      'Send it so, or leave normalize=never out.',
    ],
    [
      'HubSpot kann die Datei so nicht annehmen',
      'HubSpot nimmt UTF-8 mit Kommas oder eine Arbeitsmappe mit einem Blatt, kein gzip; normalize=never verbietet das Umwandeln.',
      'Senden Sie die Datei so, oder lassen Sie normalize=never weg.',
    ],
  ],
  archive_too_large: [
    ['The file unpacks to far more than its size lets expect.', 'Split the file, or send the sheet as CSV without packing it.'],
    [
      'Die Datei wird entpackt zu groß',
      'Die Datei wird beim Entpacken weit größer, als zu erwarten ist.',
      'Teilen Sie die Datei, oder senden Sie das Blatt ungepackt als CSV.',
    ],
  ],
  archive_damaged: [
    ['The file is damaged or was cut off on its way.', 'Save it again, and upload it again.'],
    [
      'Die Datei lässt sich nicht entpacken',
      'Die Datei ist beschädigt oder wurde unterwegs abgeschnitten.',
      'Speichern Sie sie neu, und laden Sie sie noch einmal hoch.',
    ],
  ],
  encrypted: [
    ['The workbook is protected by a password.', 'Take the password off in Excel, and save it.'],
    [
      'Die Datei ist durch ein Passwort geschützt',
      'Die Arbeitsmappe ist durch ein Passwort geschützt.',
      'Entfernen Sie in Excel das Passwort, und speichern Sie sie.',
    ],
  ],
  file_has_macros: [
    ['The workbook contains macros, which are never taken.', 'Save it as .xlsx, without macros.'],
    [
      'Die Datei enthält Makros',
      'Die Arbeitsmappe enthält Makros, die nie angenommen werden.',
      'Speichern Sie sie als .xlsx, ohne Makros.',
    ],
  ],
  file_too_complex: [
    ['The workbook has more parts, styles or text than is read.', 'Copy the cells into a new workbook, or save it as CSV.'],
    [
      'Die Datei ist zu komplex',
      'Die Arbeitsmappe hat mehr Teile, Formate oder Text, als gelesen wird.',
      'Kopieren Sie die Zellen in eine neue Arbeitsmappe, oder speichern Sie sie als CSV.',
    ],
  ],
  workbook_invalid: [
    ['The workbook is not as Excel writes them.', 'Open it in Excel, and save it as .xlsx or CSV.'],
    [
      'Die Arbeitsmappe ist nicht lesbar',
      'Die Arbeitsmappe ist nicht so, wie Excel sie schreibt.',
      'Öffnen Sie sie in Excel, und speichern Sie sie als .xlsx oder CSV.',
    ],
  ],
  sheet_unclear: [
    [
      'The workbook has several worksheets and none was chosen, or none has the name that was.',
      'Choose one on the settings page, or send sheet=NAME.',
    ],
    [
      'Welches Tabellenblatt, ist nicht klar',
      'Die Arbeitsmappe hat mehrere Tabellenblätter und keines wurde gewählt, oder keines heißt wie das gewählte.',
      'Wählen Sie eines auf der Einstellungsseite, oder senden Sie sheet=NAME.',
    ],
  ],
  no_worksheet: [
    ['The workbook has no worksheet that can be seen.', 'Show a worksheet with data, and save the workbook.'],
    [
      'Kein lesbares Tabellenblatt',
      'Die Arbeitsmappe hat kein sichtbares Tabellenblatt.',
      'Blenden Sie ein Tabellenblatt mit Daten ein, und speichern Sie.',
    ],
  ],
  findings_refused: [
    ['Cells are wrong, and strict=true refuses the file then.', 'Correct what errors names, or leave strict=true out.'],
    [
      'Zellen sind falsch',
      'Zellen sind falsch, und strict=true lehnt die Datei dann ab.',
      'Korrigieren Sie, was errors nennt, oder lassen Sie strict=true weg.',
    ],
  ],
  corrections_impossible: [
    [
      'The rows that failed cannot be told: the file is not kept any more, is an .xls, or there were several.',
      'Import the corrected rows as a new file.',
    ],
    [
      'Die Zeilen sind nicht zu ermitteln',
      'Welche Zeilen fehlschlugen, ist nicht zu ermitteln: Die Datei ist nicht mehr da, ist .xls, oder es waren mehrere.',
      'Importieren Sie die korrigierten Zeilen als neue Datei.',
    ],
  ],
  // On the settings page
  partner_not_found: [
    ['There is no such partner in this account, or it was disconnected.', 'Load the page Partners again.'],
    [
      'Partner nicht gefunden',
      'Diesen Partner gibt es in diesem Account nicht, oder er wurde getrennt.',
      'Laden Sie die Seite Partner neu.',
    ],
  ],
  partner_name_taken: [
    ['Another partner of this account has this name.', 'Choose another name.'],
    [
      'Einen Partner dieses Namens gibt es schon',
      'Ein anderer Partner dieses Accounts hat diesen Namen.',
      'Wählen Sie einen anderen Namen.',
    ],
  ],
  key_not_found: [
    ['There is no such key in force.', 'Load the page Partners again: it may have been revoked or replaced.'],
    [
      'Schlüssel nicht gefunden',
      'Ein solcher Schlüssel ist nicht in Kraft.',
      'Laden Sie die Seite Partner neu: Er wurde vielleicht widerrufen oder ersetzt.',
    ],
  ],
  draft_not_found: [
    ['A file that is chosen and not imported is kept for a day, or until it is discarded.', 'Choose the file again.'],
    [
      'Diese Datei wartet hier nicht mehr',
      'Eine gewählte Datei wird einen Tag lang aufbewahrt, oder bis sie verworfen wird.',
      'Wählen Sie die Datei noch einmal.',
    ],
  ],
  draft_started: [
    ['The import was started a moment ago, perhaps by a second click.', 'Look at the history: it is there once.'],
    [
      'Der Import dieser Datei wurde schon gestartet',
      'Der Import wurde eben gestartet, vielleicht durch einen zweiten Klick.',
      'Sehen Sie im Verlauf nach: Dort steht er einmal.',
    ],
  ],
  again_impossible: [
    ['The file is not kept any more, or the import was made of several files.', 'Choose the file again.'],
    [
      'Das kann nicht noch einmal importiert werden',
      'Die Datei wird nicht mehr aufbewahrt, oder der Import bestand aus mehreren Dateien.',
      'Wählen Sie die Datei noch einmal.',
    ],
  ],
  // The importRequest
  import_request_missing: [
    [
      'The importRequest is empty, or was left out where it is needed: with several files, with none, or in HubSpot’s own calls.',
      'Send HubSpot’s importRequest as a field of that name.',
    ],
    [
      'Kein importRequest',
      'Der importRequest ist leer oder fehlt, wo er nötig ist: bei mehreren Dateien, bei keiner oder bei HubSpots eigenen Aufrufen.',
      'Senden Sie HubSpots importRequest als Feld dieses Namens.',
    ],
  ],
  import_request_too_large: [
    ['The importRequest is larger than 256 kB.', 'Leave out what is not needed.'],
    ['importRequest zu groß', 'Der importRequest ist größer als 256 kB.', 'Lassen Sie weg, was nicht gebraucht wird.'],
  ],
  import_request_invalid: [
    [
      'The importRequest has unknown fields, or values that HubSpot does not take.',
      'See errors: each has a pointer to the place.',
    ],
    [
      'Ungültiger importRequest',
      'Der importRequest hat unbekannte Felder, oder Werte, die HubSpot nicht annimmt.',
      'Sehen Sie in errors nach: Jeder Eintrag zeigt auf die Stelle.',
    ],
  ],
  json_invalid: [
    ['The text is not JSON.', 'Let a library write it; the answer names the place.'],
    [
      'Ungültiges JSON',
      'Der Text ist kein JSON.',
      'Lassen Sie ihn von einer Bibliothek schreiben; die Antwort nennt die Stelle.',
    ],
  ],
  too_deep: [
    ['The JSON is nested deeper than any importRequest needs.', 'Send it flatter.'],
    [
      'JSON zu tief verschachtelt',
      'Das JSON ist tiefer verschachtelt, als ein importRequest es braucht.',
      'Senden Sie es flacher.',
    ],
  ],
  duplicate_key: [
    ['An object of the JSON has the same key twice, and which one is meant is not clear.', 'Send each key once.'],
    [
      'JSON-Schlüssel doppelt',
      'Ein Objekt im JSON hat denselben Schlüssel zweimal; welcher gilt, ist unklar.',
      'Senden Sie jeden Schlüssel einmal.',
    ],
  ],
  // HubSpot's own calls
  create_twin: [
    [
      'The very same import was asked for a moment ago, and has not been answered yet.',
      'Wait for the answer of the first call; nothing is imported twice.',
    ],
    [
      'Derselbe Import wird gerade angelegt',
      'Genau dieser Import wurde eben verlangt und ist noch nicht beantwortet.',
      'Warten Sie auf die Antwort des ersten Aufrufs; nichts wird doppelt importiert.',
    ],
  ],
  // Connecting a portal
  oauth_missing_code: [
    ['HubSpot sent the browser back without a code.', 'Start the installation again.'],
    [
      'HubSpot hat keinen Code gesendet',
      'HubSpot hat den Browser ohne Code zurückgeschickt.',
      'Beginnen Sie die Installation noch einmal.',
    ],
  ],
  oauth_state_invalid: [
    [
      'The link was used already, is older than ten minutes, or was opened in another browser.',
      'Start again, and finish within ten minutes in the same browser.',
    ],
    [
      'Dieser Installationslink ist nicht gültig',
      'Der Link wurde schon benutzt, ist älter als zehn Minuten oder wurde in einem anderen Browser geöffnet.',
      'Beginnen Sie neu, und schließen Sie innerhalb von zehn Minuten im selben Browser ab.',
    ],
  ],
  oauth_request_invalid: [
    ['The address with which HubSpot sent the browser back is malformed.', 'Start the installation again.'],
    [
      'Dieser Installationslink ist fehlerhaft',
      'Die Adresse, mit der HubSpot den Browser zurückgeschickt hat, ist fehlerhaft.',
      'Beginnen Sie die Installation noch einmal.',
    ],
  ],
  oauth_code_refused: [
    ['HubSpot did not take the code that it had sent; it is good once, and for minutes only.', 'Start the installation again.'],
    [
      'HubSpot hat den Installationscode abgelehnt',
      'HubSpot hat den Code, den es gesendet hatte, nicht angenommen; er gilt einmal und nur für Minuten.',
      'Beginnen Sie die Installation noch einmal.',
    ],
  ],
  oauth_answer_invalid: [
    ['HubSpot gave an answer that cannot be used. Nothing was stored.', 'Start again in a few minutes.'],
    [
      'HubSpots Antwort ist nicht verwendbar',
      'HubSpot hat eine nicht verwendbare Antwort gegeben. Nichts wurde gespeichert.',
      'Beginnen Sie in einigen Minuten noch einmal.',
    ],
  ],
  oauth_portal_mismatch: [
    [
      'HubSpot named two different accounts. Nothing was stored.',
      'Start again; if it comes back, tell whoever runs this Importal.',
    ],
    [
      'HubSpot nannte zwei verschiedene Accounts',
      'HubSpot nannte zwei verschiedene Accounts. Nichts wurde gespeichert.',
      'Beginnen Sie noch einmal; kommt es wieder, wenden Sie sich an den Betreiber.',
    ],
  ],
  oauth_scopes_missing: [
    [
      'Not all permissions that Importal needs were allowed. Nothing was stored.',
      'Start again, and allow all of them; a Super Admin can.',
    ],
    [
      'Berechtigungen fehlen',
      'Nicht alle Berechtigungen, die Importal braucht, wurden erteilt. Nichts wurde gespeichert.',
      'Beginnen Sie noch einmal, und erteilen Sie alle; ein Super-Admin kann das.',
    ],
  ],
  oauth_other_portal: [
    [
      'Another account was chosen at HubSpot than the one it was begun for. Nothing was changed.',
      'Start again, and choose the right account.',
    ],
    [
      'Ein anderer Account wurde gewählt',
      'Bei HubSpot wurde ein anderer Account gewählt als der, für den begonnen wurde. Nichts wurde geändert.',
      'Beginnen Sie noch einmal, und wählen Sie den richtigen Account.',
    ],
  ],
  portal_disconnecting: [
    ['The account was just disconnected, and its data is still being deleted.', 'Try again in a minute.'],
    [
      'Dieser Account wird gerade getrennt',
      'Der Account wurde eben getrennt, und seine Daten werden noch gelöscht.',
      'Versuchen Sie es in einer Minute noch einmal.',
    ],
  ],
  oauth_misconfigured: [
    [
      'HubSpot refuses this Importal’s own credentials. Accounts stay connected.',
      'Whoever runs it has been told; try again later.',
    ],
    [
      'HubSpot lehnt unsere Zugangsdaten ab',
      'HubSpot lehnt die Zugangsdaten dieses Importal ab. Accounts bleiben verbunden.',
      'Der Betreiber ist benachrichtigt; versuchen Sie es später noch einmal.',
    ],
  ],
  sign_in_required: [
    ['Nobody is signed in, or the sign-in has ended.', 'Sign in with HubSpot.'],
    ['Bitte melden Sie sich an', 'Niemand ist angemeldet, oder die Anmeldung ist abgelaufen.', 'Melden Sie sich mit HubSpot an.'],
  ],
  edited_meanwhile: [
    [
      'Somebody else has changed the same thing since you opened the page.',
      'Load the page again, look at what it is now, and change it then.',
    ],
    [
      'Jemand anderes hat dies inzwischen geändert',
      'Jemand anderes hat dasselbe geändert, seit Sie die Seite geöffnet haben.',
      'Laden Sie die Seite neu, sehen Sie sich den jetzigen Stand an, und ändern Sie dann.',
    ],
  ],
  form_forged: [
    [
      'The form was not sent from a page of ours that you opened, or you signed in anew since.',
      'Go back, load the page again, and send the form once more.',
    ],
    [
      'Dieses Formular kam nicht von unserer Seite',
      'Das Formular wurde nicht von einer unserer Seiten gesendet, die Sie geöffnet haben, oder Sie haben sich seither neu angemeldet.',
      'Gehen Sie zurück, laden Sie die Seite neu, und senden Sie das Formular noch einmal.',
    ],
  ],
  ticket_invalid: [
    ['The link was used already, or is older than ten minutes.', 'Make a new one on the command line: operator link.'],
    [
      'Dieser Link ist nicht gültig',
      'Der Link wurde schon benutzt oder ist älter als zehn Minuten.',
      'Erzeugen Sie auf der Kommandozeile einen neuen: operator link.',
    ],
  ],
  // HubSpot, on the way of an import
  token_refused: [
    ['HubSpot did not take our access token.', 'It is renewed by itself; nothing needs to be done.'],
    [
      'HubSpot lehnt das Zugriffstoken ab',
      'HubSpot hat unser Zugriffstoken nicht angenommen.',
      'Es wird von selbst erneuert; es ist nichts zu tun.',
    ],
  ],
  portal_disconnected: [
    ['The account is not connected any more.', 'Its admin can connect it again at any time.'],
    [
      'Der Account ist nicht verbunden',
      'Der Account ist nicht mehr verbunden.',
      'Sein Admin kann ihn jederzeit erneut verbinden.',
    ],
  ],
  scope_missing: [
    ['HubSpot wants a permission for this that was not given.', 'The account’s admin allows it on the page Connection.'],
    [
      'Eine HubSpot-Berechtigung fehlt',
      'HubSpot verlangt hierfür eine Berechtigung, die nicht erteilt wurde.',
      'Der Admin des Accounts erteilt sie auf der Seite Verbindung.',
    ],
  ],
  hubspot_refused: [
    [
      'HubSpot looked at the import and did not take it.',
      'Read what HubSpot says, correct the file or the columns, and import it again.',
    ],
    [
      'HubSpot hat den Import abgelehnt',
      'HubSpot hat den Import geprüft und nicht angenommen.',
      'Lesen Sie, was HubSpot sagt, korrigieren Sie Datei oder Spalten, und importieren Sie noch einmal.',
    ],
  ],
  hubspot_import_failed: [
    ['HubSpot began the import and gave up.', 'Compare in HubSpot what was written, and import the rest again.'],
    [
      'HubSpot konnte den Import nicht beenden',
      'HubSpot hat den Import begonnen und aufgegeben.',
      'Vergleichen Sie in HubSpot, was geschrieben wurde, und importieren Sie den Rest noch einmal.',
    ],
  ],
  hubspot_import_lost: [
    ['HubSpot had the import, and does not know it any more.', 'Compare in HubSpot what was written before you import it again.'],
    [
      'Der Import ist bei HubSpot verschwunden',
      'HubSpot hatte den Import und kennt ihn nicht mehr.',
      'Vergleichen Sie in HubSpot, was geschrieben wurde, bevor Sie noch einmal importieren.',
    ],
  ],
  hubspot_duplicate: [
    [
      'HubSpot holds more than one import of this file. All but the first were canceled where that was possible.',
      'Compare in HubSpot what was written.',
    ],
    [
      'HubSpot hat diesen Import mehrfach',
      'HubSpot hat mehr als einen Import dieser Datei. Alle außer dem ersten wurden, wo möglich, abgebrochen.',
      'Vergleichen Sie in HubSpot, was geschrieben wurde.',
    ],
  ],
  hubspot_unavailable: [
    ['HubSpot cannot be reached, or answers with an error.', 'It passes by itself: imports wait and go on.'],
    [
      'HubSpot hat nicht geantwortet',
      'HubSpot ist nicht erreichbar oder antwortet mit einem Fehler.',
      'Es geht von selbst vorüber: Importe warten und gehen weiter.',
    ],
  ],
  hubspot_path_unknown: [
    [
      'HubSpot does not know the address that we call: the API’s version has ended, or the settings are wrong.',
      'Whoever runs this Importal has been told; imports wait.',
    ],
    [
      'HubSpot kennt die Adresse nicht, die wir aufrufen',
      'HubSpot kennt die aufgerufene Adresse nicht: Die API-Version ist beendet, oder die Einstellungen sind falsch.',
      'Der Betreiber ist benachrichtigt; Importe warten.',
    ],
  ],
  submission_delayed: [
    ['The import is accepted and has not been sent to HubSpot yet.', 'It goes by itself; nothing needs to be done.'],
    [
      'Noch nicht an HubSpot gesendet',
      'Der Import ist angenommen und noch nicht an HubSpot gesendet.',
      'Das geschieht von selbst; es ist nichts zu tun.',
    ],
  ],
  hubspot_migrating: [
    ['HubSpot is moving the account to another data centre.', 'Imports wait and go on afterwards.'],
    [
      'HubSpot zieht den Account um',
      'HubSpot zieht den Account in ein anderes Rechenzentrum um.',
      'Importe warten und gehen danach weiter.',
    ],
  ],
  hubspot_busy: [
    ['HubSpot asks us to call less often.', 'Imports wait and go on by themselves.'],
    ['HubSpot bittet uns zu warten', 'HubSpot bittet uns, seltener anzufragen.', 'Importe warten und gehen von selbst weiter.'],
  ],
  file_damaged: [
    ['The stored file is not what was uploaded. It was not sent.', 'Import the file again, and tell whoever runs this Importal.'],
    [
      'Die gespeicherte Datei stimmt nicht mehr',
      'Die gespeicherte Datei ist nicht mehr, was hochgeladen wurde. Sie wurde nicht gesendet.',
      'Importieren Sie die Datei noch einmal, und informieren Sie den Betreiber.',
    ],
  ],
  file_lost: [
    ['The stored file is not there any more. It was not sent.', 'Import the file again, and tell whoever runs this Importal.'],
    [
      'Die gespeicherte Datei ist weg',
      'Die gespeicherte Datei ist nicht mehr da. Sie wurde nicht gesendet.',
      'Importieren Sie die Datei noch einmal, und informieren Sie den Betreiber.',
    ],
  ],
  lease_lost: [
    ['Another process went on with the import.', 'Nothing needs to be done.'],
    ['Ein anderer Prozess hat übernommen', 'Ein anderer Prozess hat den Import weitergeführt.', 'Es ist nichts zu tun.'],
  ],
  encryption_key_missing: [
    ['The key that seals the account’s access is not configured.', 'Whoever runs this Importal has to set ENCRYPTION_KEYS.'],
    [
      'Ein Verschlüsselungsschlüssel fehlt',
      'Der Schlüssel, mit dem der Zugang des Accounts versiegelt ist, ist nicht eingerichtet.',
      'Der Betreiber muss ENCRYPTION_KEYS setzen.',
    ],
  ],
  seal_broken: [
    ['A stored secret of the account cannot be opened.', 'Connect the account again.'],
    [
      'Ein gespeichertes Geheimnis ist nicht zu öffnen',
      'Ein gespeichertes Geheimnis des Accounts lässt sich nicht öffnen.',
      'Verbinden Sie den Account erneut.',
    ],
  ],
  database_unavailable: [
    ['The database of this Importal does not answer just now.', 'Try again after the time in Retry-After.'],
    [
      'Die Datenbank antwortet nicht',
      'Die Datenbank dieses Importal antwortet gerade nicht.',
      'Versuchen Sie es nach der Zeit in Retry-After noch einmal.',
    ],
  ],
  internal: [
    [
      'Something went wrong on our side, and was logged with the number of the request.',
      'Try again; if it comes back, send the number of the request to support.',
    ],
    [
      'Bei uns ist etwas schiefgegangen',
      'Bei uns ist etwas schiefgegangen; es wurde mit der Nummer der Anfrage protokolliert.',
      'Versuchen Sie es noch einmal; kommt es wieder, senden Sie dem Support die Nummer der Anfrage.',
    ],
  ],
}

/** What a problem is called, why it arises and what to do, in the reader's language. */
export function explainProblem(code: ProblemCode, language: Language): ProblemWords {
  const [[cause, fix], [title, ursache, abhilfe]] = WORDS[code]
  const words: InBoth<ProblemWords> = {
    en: { title: PROBLEMS[code].title, cause, fix },
    de: { title, cause: ursache, fix: abhilfe },
  }
  return words[language]
}
