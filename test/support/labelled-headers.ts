import type { Property } from '../../src/hubspot/answers.js'
import { property } from './portal-properties.js'

/** A file as somebody's program exports it, and what each column should become. */
export type LabelledTable = {
  name: string
  objectTypeId: string
  /** Whether the object is asked for; otherwise it has to be told from the headers. */
  isAsked: boolean
  /** Never looked at while the guessing is improved. */
  isHeldOut: boolean
  /** Properties that this portal has beyond the usual ones. */
  custom: Property[]
  columns: { header: string; expected: string | null; cells: string[] }[]
}

type Options = { asked?: boolean; heldOut?: boolean; custom?: Property[] }

/** A line is a column: header | expected property, or - for none | cells of a few rows. */
function table(name: string, objectTypeId: string, lines: string, { asked = false, heldOut = false, custom = [] }: Options = {}) {
  const columns = lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [header = '', expected = '-', ...cells] = line.split('|').map((part) => part.trim())
      return { header, expected: expected === '-' ? null : expected, cells }
    })
  return { name, objectTypeId, isAsked: asked, isHeldOut: heldOut, custom, columns }
}

const HELD_OUT = { heldOut: true }
const CUSTOMER_NUMBER = property('kundennummer', 'Kundennummer', { hasUniqueValue: true })

/** Headers of German and English exports, as whole tables. About three in ten are held out. */
export const LABELLED_TABLES: LabelledTable[] = [
  table(
    'Outlook, English',
    '0-1',
    `
    Title                   | salutation  | Mr.                    | Mrs.                  |
    First Name              | firstname   | Peter                  | Susan                 | Amir
    Middle Name             | -           | J.                     |                       |
    Last Name               | lastname    | Miller                 | Shaw                  | Haddad
    Suffix                  | -           | Jr.                    |                       |
    Company                 | company     | Northwind Ltd          | Fabrikam Inc.         | Contoso
    Department              | -           | Sales                  | Finance               |
    Job Title               | jobtitle    | Account Manager        | CFO                   | Buyer
    Business Street         | address     | 12 High Street         | 5 Mill Lane           |
    Business City           | city        | Leeds                  | York                  |
    Business State          | state       | West Yorkshire         |                       |
    Business Postal Code    | zip         | LS1 4AP                | YO1 7HH               |
    Business Country/Region | country     | United Kingdom         | United Kingdom        |
    Home Street             | -           | 3 Oak Avenue           |                       |
    Home City               | -           | Leeds                  |                       |
    Business Fax            | fax         | +44 113 496 0001       |                       |
    Business Phone          | phone       | +44 113 496 0000       | 01904 960123          |
    Home Phone              | -           | 0113 496 0999          |                       |
    Mobile Phone            | mobilephone | 07700 900123           | 07700 900456          |
    Birthday                | date_of_birth | 3/14/1980            | 0/0/00                |
    E-mail Address          | email       | peter@northwind.test   | susan@fabrikam.test   | amir@contoso.test
    E-mail Type             | -           | SMTP                   | SMTP                  | SMTP
    E-mail Display Name     | -           | Peter Miller (peter@northwind.test) | Susan Shaw |
    E-mail 2 Address        | -           | pete@home.test         |                       |
    Web Page                | website     | http://northwind.test  |                       |
    Notes                   | -           | Met at the fair        |                       |
    `,
  ),
  table(
    'Outlook, German',
    '0-1',
    `
    Anrede                        | salutation    | Herr                 | Frau                |
    Vorname                       | firstname     | Jens                 | Ute                 | Karl
    Weitere Vornamen              | -             | Peter                |                     |
    Nachname                      | lastname      | Brandt               | Schäfer             | Wolf
    Suffix                        | -             |                      |                     | MBA
    Firma                         | company       | Brandt Bau GmbH      | Schäfer & Söhne     |
    Abteilung                     | -             | Einkauf              |                     |
    Position                      | jobtitle      | Leiter Einkauf       | Geschäftsführerin   |
    Straße geschäftlich           | address       | Hafenstr. 4          | Am Markt 1          |
    Ort geschäftlich              | city          | Kiel                 | Fulda               |
    Region geschäftlich           | state         | Schleswig-Holstein   | Hessen              |
    Postleitzahl geschäftlich     | zip           | 24103                | 36037               |
    Land/Region geschäftlich      | country       | Deutschland          | Deutschland         |
    Straße privat                 | -             | Birkenweg 7          |                     |
    Ort privat                    | -             | Kiel                 |                     |
    Fax geschäftlich              | fax           | 0431 123457          |                     |
    Telefon geschäftlich          | phone         | 0431 123456          | 0661/98765          |
    Telefon privat                | -             | 0431 998877          |                     |
    Mobiltelefon                  | mobilephone   | 0171 2345678         | 0160 9988776        |
    Geburtstag                    | date_of_birth | 14.3.1971            | 0.0.00              |
    E-Mail-Adresse                | email         | brandt@brandtbau.test | u.schaefer@soehne.test | k.wolf@web.test
    E-Mail-Typ                    | -             | SMTP                 | SMTP                | SMTP
    E-Mail 2: Adresse             | -             | jens@privat.test     |                     |
    Webseite                      | website       | www.brandtbau.test   |                     |
    Notizen                       | -             | Messekontakt         |                     |
    `,
  ),
  table(
    'Google Contacts, new',
    '0-1',
    `
    First Name               | firstname     | Laura               | Tom                |
    Middle Name              | -             |                     | B.                 |
    Last Name                | lastname      | Stein               | Ford               |
    Nickname                 | -             | Lolo                |                    |
    Organization Name        | company       | Stein Design        | Ford & Co          |
    Organization Title       | jobtitle      | Designer            | Partner            |
    Organization Department  | -             |                     | Legal              |
    Birthday                 | date_of_birth | 1988-05-17          |                    |
    Labels                   | -             | * myContacts        | * myContacts       |
    E-mail 1 - Label         | -             | * Work              | Work               |
    E-mail 1 - Value         | email         | laura@stein.test    | tom@fordco.test    |
    E-mail 2 - Label         | -             | Home                |                    |
    E-mail 2 - Value         | -             | lolo@mail.test      |                    |
    Phone 1 - Label          | -             | Mobile              | Work               |
    Phone 1 - Value          | phone         | +49 151 23456789    | +1 555-010-7788    |
    Address 1 - Street       | address       | Parkstr. 9          |                    |
    Address 1 - City         | city          | Köln                |                    |
    Address 1 - Region       | state         | NRW                 |                    |
    Address 1 - Postal Code  | zip           | 50667               |                    |
    Address 1 - Country      | country       | Germany             |                    |
    Website 1 - Value        | website       | https://stein.test  |                    |
    `,
  ),
  table(
    'Google Contacts, old',
    '0-1',
    `
    Name                    | -         | Nina Vogt          | Paul Reed         |
    Given Name              | firstname | Nina               | Paul              |
    Additional Name         | -         |                    |                   |
    Family Name             | lastname  | Vogt               | Reed              |
    Name Prefix             | -         | Dr.                |                   |
    Group Membership        | -         | * myContacts       | * myContacts      |
    E-mail 1 - Type         | -         | Work               | Other             |
    E-mail 1 - Value        | email     | nina.vogt@vogt.test | paul@reed.test   |
    Phone 1 - Type          | -         | Mobile             | Mobile            |
    Phone 1 - Value         | phone     | 0172 5550101       | 555-0102          |
    Organization 1 - Name   | company   | Vogt KG            | Reed LLC          |
    Organization 1 - Title  | jobtitle  | Inhaberin          | Engineer          |
    `,
    HELD_OUT,
  ),
  table(
    'Salesforce contacts, report',
    '0-1',
    `
    Contact ID              | -             | 0035g00000AbCdE     | 0035g00000AbCdF    |
    Salutation              | salutation    | Ms.                 | Mr.                |
    First Name              | firstname     | Rose                | Sean               |
    Last Name               | lastname      | Gonzalez            | Forbes             |
    Title                   | jobtitle      | SVP, Procurement    | CFO                |
    Account Name            | company       | Edge Communications | Edge Communications |
    Mailing Street          | address       | 312 Constitution Pl | 312 Constitution Pl |
    Mailing City            | city          | Austin              | Austin             |
    Mailing State/Province  | state         | TX                  | TX                 |
    Mailing Zip/Postal Code | zip           | 78767               | 78767              |
    Mailing Country         | country       | USA                 | USA                |
    Phone                   | phone         | (512) 757-6000      | (512) 757-6000     |
    Mobile                  | mobilephone   | (512) 757-9340      | (512) 757-4561     |
    Fax                     | fax           | (512) 757-9000      | (512) 757-9000     |
    Email                   | email         | rose@edge.test      | sean@edge.test     |
    Contact Owner           | hubspot_owner_id | Ana Lopez        | Ana Lopez          |
    Lead Source             | -             | Public Relations    | Trade Show         |
    Birthdate               | date_of_birth | 1/23/1971           |                    |
    Description             | -             |                     | Long-time customer |
    `,
  ),
  table(
    'Salesforce contacts, API names',
    '0-1',
    `
    Id                | -             | 0035g00000AbCdEAAV | 0035g00000AbCdFAAV
    IsDeleted         | -             | false              | false
    AccountId         | -             | 0015g00000XyZ12AAB | 0015g00000XyZ13AAB
    LastName          | lastname      | Gonzalez           | Forbes
    FirstName         | firstname     | Rose               | Sean
    Salutation        | salutation    | Ms.                | Mr.
    MailingStreet     | address       | 312 Constitution   | 525 S. Lexington
    MailingCity       | city          | Austin             | Burlington
    MailingState      | state         | TX                 | NC
    MailingPostalCode | zip           | 78767              | 27215
    MailingCountry    | country       | USA                | USA
    OtherCity         | -             |                    | Raleigh
    Phone             | phone         | (512) 757-6000     | (336) 222-7000
    Fax               | fax           | (512) 757-9000     | (336) 222-8000
    MobilePhone       | mobilephone   | (512) 757-9340     | (336) 222-9340
    HomePhone         | -             |                    | (336) 222-1111
    AssistantName     | -             | Kim Doe            |
    Email             | email         | rose@edge.test     | jack@burl.test
    Title             | jobtitle      | SVP                | VP, Facilities
    Department        | -             | Procurement        | Facilities
    Birthdate         | date_of_birth | 1971-01-23         | 1964-11-02
    CreatedDate       | -             | 2021-02-02T10:00:00.000Z | 2021-02-02T10:00:00.000Z
    `,
    HELD_OUT,
  ),
  table(
    'Salesforce accounts, report',
    '0-2',
    `
    Account ID              | -                 | 0015g00000XyZ12    | 0015g00000XyZ13
    Account Name            | name              | Edge Communications | Burlington Textiles
    Website                 | website           | http://edge.test   | www.burlington.test
    Phone                   | phone             | (512) 757-6000     | (336) 222-7000
    Billing Street          | address           | 312 Constitution   | 525 S. Lexington Ave
    Billing City            | city              | Austin             | Burlington
    Billing State/Province  | state             | TX                 | NC
    Billing Zip/Postal Code | zip               | 78767              | 27215
    Billing Country         | country           | USA                | USA
    Shipping City           | -                 | Austin             | Burlington
    Industry                | industry          | Telecommunications | Machinery
    Employees               | numberofemployees | 1000               | 9000
    Annual Revenue          | annualrevenue     | 139000000          | 350000000
    Account Owner           | hubspot_owner_id  | Ana Lopez          | Ana Lopez
    Description             | description       | Telco of Texas     | Textiles since 1923
    `,
  ),
  table(
    'Salesforce opportunities',
    '0-3',
    `
    Opportunity ID    | -                | 0065g00000QwErT      | 0065g00000QwErU
    Opportunity Name  | dealname         | Edge - 200 routers   | Burlington Mills Weaving Plant
    Account Name      | -                | Edge Communications  | Burlington Textiles
    Stage             | dealstage        | Closed Won           | Qualification
    Amount            | amount           | 75000                | 235000
    Close Date        | closedate        | 3/31/2024            | 6/15/2024
    Probability (%)   | -                | 100                  | 10
    Type              | dealtype         | New Business         | Existing Business
    Next Step         | hs_next_step     |                      | Send contract
    Opportunity Owner | hubspot_owner_id | Ana Lopez            | Ana Lopez
    Lead Source       | -                | Web                  | Partner
    Created Date      | -                | 1/12/2024            | 2/2/2024
    `,
  ),
  table(
    'Salesforce leads',
    '0-1',
    `
    First Name        | firstname      | Bertha           | Phyllis
    Last Name         | lastname       | Boxer            | Cotton
    Company / Account | company        | Farmers Coop     | Abbott Insurance
    Title             | jobtitle       | Director         | CFO
    Email             | email          | bertha@fcof.test | pcotton@abbott.test
    Phone             | phone          | (850) 644-4200   | (703) 757-1000
    Street            | address        | 321 Westcott Bldg | 1 Main St
    City              | city           | Tallahassee      | Reston
    State/Province    | state          | FL               | VA
    Zip/Postal Code   | zip            | 32306            | 20190
    Country           | country        | USA              | USA
    Lead Status       | hs_lead_status | Open             | New
    Lead Source       | -              | Web              | Web
    Rating            | -              | Hot              | Warm
    Lead Owner        | hubspot_owner_id | Ana Lopez      | Ana Lopez
    `,
    HELD_OUT,
  ),
  table(
    'Salesforce contacts, German',
    '0-1',
    `
    Kontakt-ID            | -                | 0035g00000AbCdE   | 0035g00000AbCdG
    Anrede                | salutation       | Frau              | Herr
    Vorname               | firstname        | Silke             | Bernd
    Nachname              | lastname         | Kaiser            | Ott
    Accountname           | company          | Kaiser Logistik   | Ott Metallbau
    Titel                 | jobtitle         | Leiterin Vertrieb | Geschäftsführer
    Postanschrift (Straße) | address         | Ringstr. 12       | Gewerbepark 3
    Postanschrift (Ort)   | city             | Ulm               | Aalen
    Postanschrift (PLZ)   | zip              | 89073             | 73430
    Postanschrift (Land)  | country          | Deutschland       | Deutschland
    Telefon               | phone            | 0731 445566       | 07361 9900
    Mobil                 | mobilephone      | 0170 1112223      |
    E-Mail                | email            | kaiser@kaiser.test | ott@ott.test
    Kontaktinhaber        | hubspot_owner_id | Anna Lang         | Anna Lang
    Lead-Quelle           | -                | Messe             | Web
    Geburtsdatum          | date_of_birth    | 23.01.1971        |
    `,
  ),
  table(
    'Pipedrive people',
    '0-1',
    `
    Person - ID             | -                | 12                 | 13
    Person - Name           | -                | Mia Holm           | Lars Berg
    Person - First name     | firstname        | Mia                | Lars
    Person - Last name      | lastname         | Holm               | Berg
    Person - Organization   | company          | Holm AS            | Berg AB
    Person - Phone - Work   | phone            | +47 22 12 34 56    |
    Person - Phone - Home   | -                |                    | +46 8 123 456
    Person - Phone - Mobile | mobilephone      | +47 912 34 567     | +46 70 123 45 67
    Person - Email - Work   | email            | mia@holm.test      | lars@berg.test
    Person - Email - Home   | -                |                    |
    Person - Owner          | hubspot_owner_id | Jon Sand           | Jon Sand
    Person - Open deals     | -                | 2                  | 0
    Person - Next activity date | -            | 2024-05-02         |
    Person - Label          | -                | Hot lead           |
    `,
  ),
  table(
    'Pipedrive deals',
    '0-3',
    `
    Deal - ID                  | -                  | 301                 | 302
    Deal - Title               | dealname           | Holm AS deal        | Berg AB renewal
    Deal - Value               | amount             | 12000               | 4500
    Deal - Currency            | deal_currency_code | EUR                 | EUR
    Deal - Organization        | -                  | Holm AS             | Berg AB
    Deal - Contact person      | -                  | Mia Holm            | Lars Berg
    Deal - Pipeline            | pipeline           | Sales Pipeline      | Sales Pipeline
    Deal - Stage               | dealstage          | Contract Sent       | Closed Won
    Deal - Owner               | hubspot_owner_id   | Jon Sand            | Jon Sand
    Deal - Expected close date | closedate          | 2024-06-30          | 2024-07-15
    Deal - Lost reason         | closed_lost_reason |                     |
    Deal - Deal created        | -                  | 2024-01-05 09:12:00 | 2024-02-11 14:30:00
    `,
    HELD_OUT,
  ),
  table(
    'Pipedrive organizations',
    '0-2',
    `
    Organization - ID           | -                | 5                   | 6
    Organization - Name         | name             | Holm AS             | Berg AB
    Organization - Address      | address          | Storgata 1, Oslo    | Kungsgatan 2, Stockholm
    Organization - Owner        | hubspot_owner_id | Jon Sand            | Jon Sand
    Organization - People       | -                | 3                   | 1
    Organization - Website      | website          | https://holm.test   | https://berg.test
    Organization - LinkedIn profile | linkedin_company_page | https://www.linkedin.com/company/holm |
    Organization - Industry     | industry         | Retail              | Construction
    Organization - Annual revenue | annualrevenue  | 1200000             | 800000
    Organization - Number of employees | numberofemployees | 14         | 8
    `,
  ),
  table(
    'HubSpot contacts, exported',
    '0-1',
    `
    Record ID                | hs_object_id     | 51               | 101               | 4711
    First Name               | firstname        | Brian            | Maria             | Lea
    Last Name                | lastname         | Halligan         | Johnson           | Kurz
    Email                    | email            | bh@hubspot.test  | mj@hubspot.test   | lea@kurz.test
    Phone Number             | phone            | +1 555 0100      |                   | 089 123456
    Contact owner            | hubspot_owner_id | No owner         | Sam Hill          |
    Primary Associated Company ID | associatedcompanyid | 88123    |                   |
    Last Activity Date       | -                | 2024-03-01 10:22 |                   |
    Lead Status              | hs_lead_status   | New              | Open              |
    Marketing contact status | -                | Non-marketing    | Marketing contact |
    Create Date              | -                | 2023-11-02 08:00 | 2023-11-02 08:00  | 2024-01-01 12:00
    Lifecycle Stage          | lifecyclestage   | Lead             | Customer          | Lead
    `,
  ),
  table(
    'HubSpot companies, exported',
    '0-2',
    `
    Record ID           | hs_object_id      | 8811         | 8812
    Company name        | name              | HubSpot      | Kurz AG
    Company owner       | hubspot_owner_id  | Sam Hill     |
    Create Date         | -                 | 2023-11-02 08:00 | 2023-12-02 09:00
    Phone Number        | phone             | +1 888 482 7768 |
    Last Activity Date  | -                 |              | 2024-02-02 10:00
    City                | city              | Cambridge    | Bonn
    Country/Region      | country           | United States | Germany
    Industry            | industry          | Computer Software | Retail
    Company Domain Name | domain            | hubspot.test | kurz.test
    Number of Employees | numberofemployees | 7000         | 25
    `,
  ),
  table(
    'HubSpot contacts, exported in German',
    '0-1',
    `
    Datensatz-ID        | hs_object_id     | 51                | 101
    Vorname             | firstname        | Brian             | Maria
    Nachname            | lastname         | Halligan          | Johnson
    E-Mail              | email            | bh@hubspot.test   | mj@hubspot.test
    Telefonnummer       | phone            | +1 555 0100       | +49 30 1234
    Mobiltelefonnummer  | mobilephone      |                   | +49 171 1234567
    Jobbezeichnung      | jobtitle         | Vorstand          | Analystin
    Name des Unternehmens | company        | HubSpot           | HubSpot
    Straße und Hausnummer | address        | 2 Canal Park      | Am Postbahnhof 17
    Stadt               | city             | Cambridge         | Berlin
    Bundesland/Region   | state            | MA                | Berlin
    Postleitzahl        | zip              | 02141             | 10243
    Land/Region         | country          | USA               | Deutschland
    Lead-Status         | hs_lead_status   | New               | Open
    Zuständiger Mitarbeiter für Kontakt | hubspot_owner_id | Sam Hill | Sam Hill
    Erstellungsdatum    | -                | 2023-11-02        | 2023-11-02
    `,
    HELD_OUT,
  ),
  table(
    'HubSpot deals, exported',
    '0-3',
    `
    Record ID           | hs_object_id     | 991              | 992
    Deal Name           | dealname         | Website relaunch | Support 2024
    Deal Stage          | dealstage        | Contract Sent    | Closed Won
    Close Date          | closedate        | 2024-05-31 10:00 | 2024-02-29 10:00
    Deal owner          | hubspot_owner_id | Sam Hill         | Sam Hill
    Amount              | amount           | 18000            | 2400
    Pipeline            | pipeline         | Sales Pipeline   | Sales Pipeline
    Deal Type           | dealtype         | New Business     | Existing Business
    Deal probability    | -                | 0.9              | 1
    Associated Company  | -                | Kurz AG          | HubSpot
    `,
  ),
  table(
    'HubSpot tickets, exported',
    '0-5',
    `
    Ticket ID          | -                  | 71               | 72
    Ticket name        | subject            | Login fails      | Invoice missing
    Pipeline           | hs_pipeline        | Support Pipeline | Support Pipeline
    Ticket status      | hs_pipeline_stage  | New              | Closed
    Create date        | -                  | 2024-03-01       | 2024-03-02
    Priority           | hs_ticket_priority | High             | Low
    Ticket owner       | hubspot_owner_id   | Sam Hill         | Sam Hill
    Source             | source_type        | Email            | Form
    Ticket description | content            | I cannot log in since Monday | Please send it again
    Category           | hs_ticket_category | Product Issue    | Billing Issue
    `,
  ),
  table(
    'SAP debtors, table names',
    '0-2',
    `
    KUNNR     | -       | 0000100234       | 0000100235
    NAME1     | name    | Maier Stahl GmbH | Huber Holz KG
    NAME2     | -       | Werk Süd         |
    STRAS     | address | Industriestr. 8  | Waldweg 2
    PSTLZ     | zip     | 70565            | 83022
    ORT01     | city    | Stuttgart        | Rosenheim
    LAND1     | country | DE               | DE
    REGIO     | state   | 08               | 09
    TELF1     | phone   | 0711 7788990     | 08031 4455
    TELFX     | -       | 0711 7788999     |
    STCEG     | -       | DE123456789      | DE987654321
    SMTP_ADDR | -       | info@maier.test  | buero@huber.test
    `,
    { asked: true },
  ),
  table(
    'SAP-like customers, German',
    '0-2',
    `
    Debitor         | -       | 100234           | 100235
    Name 1          | name    | Maier Stahl GmbH | Huber Holz KG
    Name 2          | -       | Werk Süd         |
    Suchbegriff     | -       | MAIER            | HUBER
    Straße          | address | Industriestr. 8  | Waldweg 2
    Postleitzahl    | zip     | 70565            | 83022
    Ort             | city    | Stuttgart        | Rosenheim
    Länderschlüssel | country | DE               | DE
    Telefon 1       | phone   | 0711 7788990     | 08031 4455
    Telefax         | -       | 0711 7788999     |
    USt-IdNr.       | -       | DE123456789      | DE987654321
    Branche         | industry | Machinery       | Construction
    `,
  ),
  table(
    'DATEV debtors',
    '0-2',
    `
    Konto                         | -       | 10001             | 10002
    Name (Adressattyp Unternehmen) | name   | Alpha Bau GmbH    | Beta IT GmbH
    Kurzbezeichnung               | -       | ALPHA             | BETA
    EU-Land                       | -       | DE                | AT
    EU-UStID                      | -       | 123456789         | U12345678
    Straße                        | address | Hauptstr. 1       | Ring 5
    Postleitzahl                  | zip     | 90402             | 1010
    Ort                           | city    | Nürnberg          | Wien
    Land                          | country | DE                | AT
    Telefon                       | phone   | 0911 123456       | +43 1 5123
    E-Mail                        | -       | info@alpha.test   | office@beta.test
    Internet                      | website | www.alpha.test    | www.beta.test
    IBAN 1                        | -       | DE02120300000000202051 | AT611904300234573201
    `,
    { asked: true, heldOut: true },
  ),
  table(
    'lexoffice contacts',
    '0-2',
    `
    Kundennummer   | kundennummer | 10001          | 10002          | 10003
    Firmenname     | name    | Alpha Bau GmbH      | Beta IT GmbH   | Gamma UG
    Anrede         | -       | Herr                | Frau           |
    Ansprechpartner Vorname | - | Jan              | Eva            |
    Ansprechpartner Nachname | - | Roth            | Blum           |
    Straße         | address | Hauptstr. 1         | Ring 5         | Gasse 3
    PLZ            | zip     | 90402               | 10115          | 80331
    Ort            | city    | Nürnberg            | Berlin         | München
    Land           | country | Deutschland         | Deutschland    | Deutschland
    USt-IdNr.      | -       | DE123456789         |                |
    Steuernummer   | -       | 241/123/45678       |                |
    Telefon        | phone   | 0911 123456         | 030 998877     |
    E-Mail         | -       | info@alpha.test     | post@beta.test |
    `,
    { custom: [CUSTOMER_NUMBER] },
  ),
  table(
    'Shop customers (Shopware)',
    '0-1',
    `
    id             | -             | 1                | 2                 | 3
    customerNumber | -             | 10023            | 10024             | 10025
    email          | email         | a.lenz@mail.test | b.roth@mail.test  | c.kuhn@mail.test
    active         | -             | 1                | 1                 | 0
    salutation     | salutation    | mr               | mrs               | mr
    title          | -             |                  | Dr.               |
    firstName      | firstname     | Arno             | Britta            | Claus
    lastName       | lastname      | Lenz             | Roth              | Kuhn
    company        | company       |                  | Roth Praxis       |
    street         | address       | Weg 1            | Allee 22          | Platz 3
    zipcode        | zip           | 01067            | 22761             | 50670
    city           | city          | Dresden          | Hamburg           | Köln
    country        | country       | Germany          | Germany           | Germany
    phoneNumber    | phone         | 0351 1122        |                   | 0221 3344
    birthday       | date_of_birth | 1975-02-28       |                   | 1990-12-01
    newsletter     | -             | 1                | 0                 | 0
    `,
  ),
  table(
    'Shopify customers',
    '0-1',
    `
    Customer ID             | -         | 6871234567890     | 6871234567891
    First Name              | firstname | Joan              | Max
    Last Name               | lastname  | Park              | Ruiz
    Email                   | email     | joan@park.test    | max@ruiz.test
    Accepts Email Marketing | -         | yes               | no
    Default Address Company | company   | Park LLC          |
    Default Address Address1 | address  | 10 Elm St         | 8 Pine Rd
    Default Address Address2 | -        | Apt 4             |
    Default Address City    | city      | Boise             | Reno
    Default Address Province Code | state | ID             | NV
    Default Address Country Code | country | US            | US
    Default Address Zip     | zip       | 83702             | 89501
    Phone                   | phone     | '+12085550111     | '+17755550112
    Total Spent             | -         | 120.50            | 0.00
    Total Orders            | -         | 3                 | 0
    Tags                    | -         | vip               |
    Tax Exempt              | -         | no                | no
    `,
    HELD_OUT,
  ),
  table(
    'WooCommerce customers',
    '0-1',
    `
    customer_id        | -         | 17                | 18
    user_login         | -         | joan.park         | max77
    user_email         | email     | joan@park.test    | max@ruiz.test
    first_name         | firstname | Joan              | Max
    last_name          | lastname  | Park              | Ruiz
    billing_company    | company   | Park LLC          |
    billing_address_1  | address   | 10 Elm St         | 8 Pine Rd
    billing_city       | city      | Boise             | Reno
    billing_postcode   | zip       | 83702             | 89501
    billing_country    | country   | US                | US
    billing_state      | state     | ID                | NV
    billing_phone      | phone     | 2085550111        | 7755550112
    shipping_city      | -         | Boise             | Reno
    total_spent        | -         | 120.50            | 0.00
    `,
  ),
  table(
    'Mailchimp audience',
    '0-1',
    `
    Email Address | email         | kim@lane.test      | bo@fern.test
    First Name    | firstname     | Kim                | Bo
    Last Name     | lastname      | Lane               | Fern
    Address       | address       | 4 Bay Rd Perth WA  |
    Phone Number  | phone         | 08 5550 1234       |
    Birthday      | date_of_birth | 04/23              |
    MEMBER_RATING | -             | 2                  | 4
    OPTIN_TIME    | -             | 2021-05-04 10:00:00 | 2022-01-01 09:00:00
    LATITUDE      | -             | -31.95             |
    LONGITUDE     | -             | 115.86             |
    TIMEZONE      | -             | Australia/Perth    |
    LAST_CHANGED  | -             | 2023-01-01 10:00:00 | 2023-02-01 10:00:00
    LEID          | -             | 123456789          | 123456790
    TAGS          | -             | "vip"              |
    `,
  ),
  table(
    'Brevo, German attributes',
    '0-1',
    `
    CONTACT ID   | -           | 1                | 2                 | 3
    EMAIL        | email       | iris@iris.test   | uwe@uwe.test      | leo@leo.test
    VORNAME      | firstname   | Iris             | Uwe               | Leo
    NACHNAME     | lastname    | Baum             | Stark             | Gut
    SMS          | -           | 491701234567     |                   |
    WHATSAPP     | hs_whatsapp_phone_number | 491701234567 |          |
    OPT_IN       | -           | true             | true              | true
    ADDED_TIME   | -           | 02-05-2023 10:11:12 | 02-05-2023 10:11:13 | 03-05-2023 09:00:00
    FIRMA        | company     | Baum GmbH        |                   | Gut & Co
    `,
    HELD_OUT,
  ),
  table(
    'CleverReach recipients',
    '0-1',
    `
    E-Mail-Adresse    | email      | iris@iris.test | uwe@uwe.test
    Registriert       | -          | 01.02.2023     | 05.03.2023
    Aktiviert         | -          | 01.02.2023     | 05.03.2023
    Quelle            | -          | Formular       | Import
    anrede            | salutation | Frau           | Herr
    vorname           | firstname  | Iris           | Uwe
    name              | lastname   | Baum           | Stark
    firma             | company    | Baum GmbH      |
    `,
  ),
  table(
    'LinkedIn connections',
    '0-1',
    `
    First Name    | firstname       | Olga             | Ian
    Last Name     | lastname        | Petrova          | Wood
    URL           | hs_linkedin_url | https://www.linkedin.com/in/olga-p | https://www.linkedin.com/in/ianwood
    Email Address | email           | olga@petrova.test |
    Company       | company         | Petrova Labs     | Wood Works
    Position      | jobtitle        | Founder          | Head of Sales
    Connected On  | -               | 12 Mar 2024      | 02 Feb 2023
    `,
  ),
  table(
    'Facebook leads',
    '0-1',
    `
    id            | -         | l:1234567890123456 | l:1234567890123457
    created_time  | -         | 2024-03-04T10:11:12+01:00 | 2024-03-05T10:11:12+01:00
    ad_name       | -         | Spring ad          | Spring ad
    campaign_name | -         | Spring             | Spring
    form_name     | -         | Brochure           | Brochure
    is_organic    | -         | false              | false
    platform      | -         | fb                 | ig
    full_name     | -         | Ben Adler          | Zoe Kern
    email         | email     | ben@adler.test     | zoe@kern.test
    phone_number  | phone     | p:+491701112223    | p:+491701112224
    company_name  | company   | Adler OHG          | Kern GmbH
    job_title     | jobtitle  | Inhaber            | Assistentin
    `,
  ),
  table(
    'Facebook leads, German questions',
    '0-1',
    `
    id              | -         | l:1234567890123456 | l:1234567890123457
    vorname         | firstname | Ben                | Zoe
    nachname        | lastname  | Adler              | Kern
    e-mail          | email     | ben@adler.test     | zoe@kern.test
    telefonnummer   | phone     | p:+491701112223    | p:+491701112224
    name_des_unternehmens | company | Adler OHG      | Kern GmbH
    berufsbezeichnung | jobtitle | Inhaber           | Assistentin
    postleitzahl    | zip       | 80331              | 20095
    ort             | city      | München            | Hamburg
    `,
    HELD_OUT,
  ),
  table(
    'Eventbrite attendees',
    '0-1',
    `
    Order no.       | -         | 8812345671       | 8812345672
    Order Date      | -         | 2024-02-01 10:00 | 2024-02-02 11:00
    First Name      | firstname | Hugo             | Pia
    Last Name       | lastname  | Voss             | Lang
    Email           | email     | hugo@voss.test   | pia@lang.test
    Quantity        | -         | 1                | 2
    Ticket Type     | -         | Early bird       | Regular
    Attendee no.    | -         | 123              | 124
    Job Title       | jobtitle  | Engineer         | Lead
    Company         | company   | Voss AG          | Lang Ltd
    Cell Phone      | mobilephone | +49 170 2223334 | 
    Home Address 1  | address   | Weg 3            | Gasse 4
    Home City       | city      | Trier            | Mainz
    Home Zip        | zip       | 54290            | 55116
    Home Country    | country   | Germany          | Germany
    `,
  ),
  table(
    'Zendesk tickets',
    '0-5',
    `
    Id            | -                  | 9001             | 9002
    Subject       | subject            | Printer is down  | Refund please
    Description   | content            | It does not print any more | I would like my money back
    Status        | hs_pipeline_stage  | Closed           | New
    Priority      | hs_ticket_priority | High             | Low
    Requester     | -                  | Tim Cole         | Ada King
    Requester email | -                | tim@cole.test    | ada@king.test
    Assignee      | hubspot_owner_id   | Sam Hill         | Sam Hill
    Created at    | -                  | 2024-03-01 10:00 | 2024-03-02 11:00
    Solved at     | closed_date        | 2024-03-03 10:00 |
    Ticket type   | -                  | Incident         | Question
    Tags          | -                  | printer          | refund
    `,
  ),
  table(
    'Helpdesk, German',
    '0-5',
    `
    Ticketnummer  | -                  | 2024030110       | 2024030111
    Betreff       | subject            | Drucker defekt   | Rückerstattung
    Beschreibung  | content            | Druckt nicht mehr | Ich möchte mein Geld zurück
    Status        | hs_pipeline_stage  | Neu              | Geschlossen
    Priorität     | hs_ticket_priority | Hoch             | Niedrig
    Kategorie     | hs_ticket_category | Technik          | Rechnung
    Bearbeiter    | hubspot_owner_id   | Sam Hill         | Sam Hill
    Erstellt am   | -                  | 01.03.2024       | 02.03.2024
    Gelöst am     | closed_date        | 03.03.2024       |
    Kunde         | -                  | Cole GmbH        | King AG
    `,
    HELD_OUT,
  ),
  table(
    'Freshdesk tickets',
    '0-5',
    `
    Ticket ID           | -                  | 55           | 56
    Subject             | subject            | Cannot sign in | Broken link
    Status              | hs_pipeline_stage  | Open         | Closed
    Priority            | hs_ticket_priority | Urgent       | Low
    Source              | source_type        | Email        | Phone
    Type                | -                  | Question     | Problem
    Agent               | hubspot_owner_id   | Sam Hill     | Sam Hill
    Group               | -                  | Support      | Support
    Created time        | -                  | 2024-03-01 10:00 | 2024-03-02 11:00
    Resolved time       | closed_date        | 2024-03-02 10:00 |
    Full name           | -                  | Tim Cole     | Ada King
    Email               | -                  | tim@cole.test | ada@king.test
    `,
  ),
  table(
    'Zoho CRM contacts',
    '0-1',
    `
    Record Id         | -                | zcrm_4150868000000225013 | zcrm_4150868000000225014
    Contact Owner.id  | -                | zcrm_4150868000000225001 | zcrm_4150868000000225001
    Contact Owner     | hubspot_owner_id | Ana Lopez       | Ana Lopez
    Lead Source       | -                | Cold Call       | Partner
    First Name        | firstname        | Ravi            | Sita
    Last Name         | lastname         | Patel           | Rao
    Account Name      | company          | Patel Traders   | Rao Exports
    Title             | jobtitle         | Owner           | Manager
    Email             | email            | ravi@patel.test | sita@rao.test
    Secondary Email   | -                | rp@mail.test    |
    Phone             | phone            | +91 22 5550 0101 | +91 44 5550 0102
    Mobile            | mobilephone      | +91 98 5550 0101 |
    Email Opt Out     | hs_email_optout  | false           | true
    Mailing Street    | address          | 7 MG Road       | 9 Anna Salai
    Mailing City      | city             | Mumbai          | Chennai
    Mailing Zip       | zip              | 400001          | 600002
    Other Street      | -                |                 | 1 Beach Rd
    `,
  ),
  table(
    'Dynamics contacts',
    '0-1',
    `
    (Do Not Modify) Contact         | -        | 8da6e5b9-88df-e311-b8e5-6c3be5a8b200 | 80ac35a0-01af-ea11-a812-000d3a8b3ec6
    (Do Not Modify) Row Checksum    | -        | abc==      | def==
    (Do Not Modify) Modified On     | -        | 3/1/2024 10:00 | 3/2/2024 10:00
    Full Name                       | -        | Yvonne McKay | Susanna Stubberod
    First Name                      | firstname | Yvonne    | Susanna
    Last Name                       | lastname | McKay      | Stubberod
    Job Title                       | jobtitle | Purchasing Manager | Purchasing Manager
    Company Name                    | company  | Fourth Coffee | Litware, Inc.
    Business Phone                  | phone    | 555-0100   | 555-0101
    Mobile Phone                    | mobilephone | 555-0177 |
    Email                           | email    | yvonne@fourth.test | susanna@litware.test
    Address 1: Street 1             | address  | 49 Harrison St. | 20 Park Ave
    Address 1: City                 | city     | Renton     | Dallas
    Address 1: ZIP/Postal Code      | zip      | 20175      | 55420
    Address 1: Country/Region       | country  | U.S.       | U.S.
    Preferred Method of Contact     | -        | Any        | Email
    `,
    HELD_OUT,
  ),
  table(
    'CAS genesisWorld addresses',
    '0-1',
    `
    Anrede          | salutation  | Herr            | Frau
    Titel           | -           | Dr.             | Prof. Dr.
    Vorname         | firstname   | Emil            | Hanna
    Name            | lastname    | Sauer           | Fink
    Firma           | company     | Sauer Optik     | Fink Labor GmbH
    Abteilung       | -           | Forschung       | Leitung
    Funktion        | jobtitle    | Laborleiter     | Geschäftsführung
    Straße (Firma)  | address     | Linse 4         | Kolbenweg 1
    PLZ (Firma)     | zip         | 07743           | 69120
    Ort (Firma)     | city        | Jena            | Heidelberg
    Telefon (Zentrale) | -        | 03641 5566      | 06221 7788
    Telefon (Durchwahl) | phone   | 03641 5566-12   | 06221 7788-1
    Mobil (geschäftlich) | mobilephone | 0172 333444 |
    E-Mail (geschäftlich) | email  | sauer@sauer.test | fink@fink.test
    Branche         | industry    | Optik           | Labor
    `,
  ),
  table(
    'weclapp customers',
    '0-2',
    `
    Kundennummer     | -                 | K1001           | K1002
    Firma            | name              | Nord Technik GmbH | Süd Handel AG
    Firma 2          | -                 |                 | Filiale West
    Kundenkategorie  | -                 | A               | B
    Branche          | industry          | Machinery       | Retail
    Unternehmensgröße | numberofemployees | 120            | 45
    Website          | website           | https://nordtechnik.test | https://suedhandel.test
    Telefon          | phone             | 040 112233      | 089 445566
    Straße           | address           | Kai 7           | Allee 9
    PLZ              | zip               | 20457           | 80637
    Ort              | city              | Hamburg         | München
    Land             | country           | Deutschland     | Deutschland
    Zuständiger Mitarbeiter | hubspot_owner_id | Anna Lang | Anna Lang
    Zahlungsbedingung | -                | 30 Tage netto   | 14 Tage
    `,
  ),
  table(
    'Sports club members',
    '0-1',
    `
    Mitgliedsnr.   | -             | 231              | 232              | 233
    Anrede         | salutation    | Frau             | Herr             | Frau
    Nachname       | lastname      | Blum             | Roth             | Zeh
    Vorname        | firstname     | Lisa             | Gerd             | Ida
    Straße Hausnr. | address       | Seeweg 12        | Hof 3            | Turm 1
    PLZ            | zip           | 78462            | 78464            | 78467
    Wohnort        | city          | Konstanz         | Konstanz         | Konstanz
    Geburtsdatum   | date_of_birth | 12.05.1990       | 30.11.1965       | 01.02.2001
    Geschlecht     | gender        | w                | m                | w
    Familienstand  | marital_status | ledig           | verheiratet      | ledig
    Tel.           | phone         | 07531 12345      | 07531 54321      |
    Handy          | mobilephone   | 0151 1234567     |                  | 0160 7654321
    E-Mail         | email         | lisa@blum.test   | gerd@roth.test   | ida@zeh.test
    Eintritt       | -             | 01.01.2015       | 01.07.1999       | 15.03.2020
    Beitrag        | -             | 120,00           | 120,00           | 60,00
    `,
  ),
  table(
    'Trade fair leads',
    '0-1',
    `
    Messe            | -           | Hannover 2024   | Hannover 2024
    Datum            | -           | 22.04.2024      | 23.04.2024
    Vor- und Nachname | -          | Ines Kraft      | Otto Sturm
    Unternehmen      | company     | Kraft Antriebe  | Sturm Pumpen
    Position         | jobtitle    | Einkäuferin     | Technischer Leiter
    E-Mail           | email       | kraft@kraft.test | sturm@sturm.test
    Telefon          | phone       | +49 511 1234    | +49 231 9876
    Interesse        | -           | Motoren         | Ventile
    Bemerkung        | -           | Angebot senden  | ruft an
    `,
    HELD_OUT,
  ),
  table(
    'Contacts kept by hand, German',
    '0-1',
    `
    Name        | lastname    | Möller            | Peters            | Franke
    Vorname     | firstname   | Jan               | Heike             | Tobias
    Firma       | company     | Möller GmbH       | Peters & Co.      | 
    Strasse     | address     | Dorfstr. 1        | Kirchplatz 4      | Weg 9
    Plz         | zip         | 26121             | 26122             | 26123
    Stadt       | city        | Oldenburg         | Oldenburg         | Oldenburg
    Tel         | phone       | 0441/123          | 0441/456          | 0441/789
    Mobil       | mobilephone | 0170/123456       |                   |
    Fax         | fax         | 0441/124          |                   |
    Mail        | email       | jan@moeller.test  | heike@peters.test | t.franke@web.test
    Homepage    | website     | www.moeller.test  |                   |
    Geb.        | date_of_birth | 03.04.1981      |                   | 27.09.1977
    Bemerkungen | -           | Stammkunde        |                   |
    `,
  ),
  table(
    'Contacts kept by hand, English',
    '0-1',
    `
    First       | firstname   | Jan               | Heidi             |
    Last        | lastname    | Moller            | Peters            |
    Org         | company     | Moller Inc        | Peters Ltd        |
    Role        | jobtitle    | CEO               | Buyer             |
    Mail        | email       | jan@moller.test   | heidi@peters.test |
    Tel.        | phone       | 555 0101          | 555 0102          |
    Cell        | mobilephone | 555 0201          |                   |
    Town        | city        | Salem             | Bend              |
    ST          | state       | OR                | OR                |
    ZIP         | zip         | 97301             | 97701             |
    DOB         | date_of_birth | 12/31/1980      | 7/4/1976          |
    Comments    | -           | met in May        |                   |
    `,
    HELD_OUT,
  ),
  table(
    'Companies kept by hand, German',
    '0-2',
    `
    Firma           | name              | Ahlers Tiefbau  | Bock Elektro      | Clasen Immobilien
    Adresse         | address           | Kai 1           | Damm 2            | Allee 3
    PLZ             | zip               | 28195           | 28197             | 28199
    Ort             | city              | Bremen          | Bremen            | Bremen
    Bundesland      | state             | Bremen          | Bremen            | Bremen
    Land            | country           | D               | D                 | D
    Telefon         | phone             | 0421 1          | 0421 234567       | 0421 345678
    Web             | website           | www.ahlers.test | www.bock.test     | www.clasen.test
    Domain          | domain            | ahlers.test     | bock.test         | clasen.test
    Branche         | industry          | Construction    | Construction      | Retail
    Mitarbeiter     | numberofemployees | 40              | 12                | 7
    Umsatz          | annualrevenue     | 4.500.000       | 1.200.000         | 900.000
    Ansprechpartner | -                 | Frau Ahlers     | Herr Bock         | Herr Clasen
    Gründungsjahr   | founded_year      | 1954            | 1999              | 2012
    Beschreibung    | description       | Straßenbau in Norddeutschland | Elektroarbeiten | Makler
    `,
  ),
  table(
    'Companies kept by hand, English',
    '0-2',
    `
    Company        | name              | Acme Corp        | Globex
    Web site       | website           | https://acme.test | https://globex.test
    Domain name    | domain            | acme.test        | globex.test
    Main phone     | phone             | 555 0100         | 555 0200
    Street         | address           | 1 Main St        | 2 Side St
    Suite          | -                 | 400              |
    Town/City      | city              | Salem            | Bend
    Post code      | zip               | 97301            | 97701
    Nation         | country           | USA              | USA
    Headcount      | numberofemployees | 120              | 33
    Revenue (USD)  | annualrevenue     | 12000000         | 800000
    Sector         | industry          | Retail           | Banking
    Year founded   | founded_year      | 1949             | 1989
    VAT ID         | -                 | GB123456789      | GB987654321
    `,
    HELD_OUT,
  ),
  table(
    'Deals kept by hand, German',
    '0-3',
    `
    Geschäft        | dealname         | Relaunch Website  | Wartung 2024
    Betrag          | amount           | 18.000,00 €       | 2.400,00 €
    Phase           | dealstage        | Angebot           | Gewonnen
    Abschlussdatum  | closedate        | 31.05.2024        | 29.02.2024
    Pipeline        | pipeline         | Sales Pipeline    | Sales Pipeline
    Zuständig       | hubspot_owner_id | Anna Lang         | Anna Lang
    Firma           | -                | Kurz AG           | Holm GmbH
    Ansprechpartner | -                | Lea Kurz          | Mia Holm
    Beschreibung    | description      | Neuer Auftritt mit Shop | Monatliche Wartung
    Priorität       | hs_priority      | hoch              | niedrig
    `,
  ),
  table(
    'Deals kept by hand, English',
    '0-3',
    `
    Deal name      | dealname         | Relaunch         | Care plan
    Value          | amount           | 18000            | 2400
    Deal stage     | dealstage        | Contract Sent    | Closed Won
    Expected close | closedate        | 05/31/2024       | 02/29/2024
    Sales rep      | hubspot_owner_id | Sam Hill         | Sam Hill
    Company        | -                | Kurz AG          | Holm GmbH
    Contact email  | -                | lea@kurz.test    | mia@holm.test
    Notes          | -                | call again       |
    `,
    HELD_OUT,
  ),
  table(
    'Sales chances from an ERP, German',
    '0-3',
    `
    Angebotsnummer        | -                  | AN-1001         | AN-1002
    Verkaufschance        | dealname           | Fördertechnik Halle 3 | Ersatzteile
    Kunde                 | -                  | Nord Technik    | Süd Handel
    Auftragswert          | amount             | 125000,00       | 3400,50
    Währung               | deal_currency_code | EUR             | CHF
    Verkaufsphase         | dealstage          | Contract Sent   | Closed Lost
    Voraussichtlicher Abschluss | closedate    | 15.09.2024      | 30.01.2024
    Wahrscheinlichkeit (%) | -                 | 60              | 0
    Vertriebsmitarbeiter  | hubspot_owner_id   | Anna Lang       | Tim Groß
    Verlustgrund          | closed_lost_reason |                 | Preis
    Nächster Schritt      | hs_next_step       | Besuch          |
    Angelegt am           | -                  | 01.02.2024      | 02.01.2024
    `,
  ),
  table(
    'Apollo people',
    '0-1',
    `
    First Name          | firstname       | Cara             | Dean
    Last Name           | lastname        | Moss             | Cole
    Title               | jobtitle        | VP Marketing     | Head of IT
    Company Name        | company         | Moss Media       | Cole Cloud
    Email               | email           | cara@moss.test   | dean@cole.test
    Email Status        | -               | Verified         | Verified
    Seniority           | seniority       | Vp               | Head
    Departments         | -               | Marketing        | IT
    Work Direct Phone   | phone           | +1 555 010 1111  |
    Home Phone          | -               |                  |
    Mobile Phone        | mobilephone     | +1 555 010 2222  |
    Corporate Phone     | -               | +1 555 010 3333  | +1 555 010 4444
    # Employees         | numemployees    | 25-50            | 5-25
    Industry            | industry        | marketing        | software
    Person Linkedin Url | hs_linkedin_url | http://www.linkedin.com/in/caramoss | http://www.linkedin.com/in/deancole
    Website             | website         | http://www.moss.test | http://www.cole.test
    Company Linkedin Url | -              | http://www.linkedin.com/company/moss | http://www.linkedin.com/company/cole
    City                | city            | Omaha            | Tulsa
    State               | state           | Nebraska         | Oklahoma
    Country             | country         | United States    | United States
    `,
  ),
  table(
    'ZoomInfo companies',
    '0-2',
    `
    ZoomInfo Company ID    | -                 | 345678901       | 345678902
    Company Name           | name              | Acme Corp       | Globex
    Website                | website           | www.acme.test   | www.globex.test
    Founded Year           | founded_year      | 1949            | 1989
    Company HQ Phone       | phone             | (555) 010-0100  | (555) 010-0200
    Revenue (in 000s USD)  | annualrevenue     | 12000           | 800
    Employees              | numberofemployees | 120             | 33
    Primary Industry       | industry          | Retail          | Banking
    LinkedIn Company Profile URL | linkedin_company_page | https://www.linkedin.com/company/acme | https://www.linkedin.com/company/globex
    Company Street Address | address           | 1 Main St       | 2 Side St
    Company City           | city              | Salem           | Bend
    Company State          | state             | Oregon          | Oregon
    Company Zip Code       | zip               | 97301           | 97701
    Company Country        | country           | United States   | United States
    `,
    HELD_OUT,
  ),
  table(
    'Stripe customers',
    '0-1',
    `
    id              | -       | cus_NffrFeUfNV2Hib | cus_NffrFeUfNV2Hic
    Name            | -       | Joan Park          | Max Ruiz
    Email           | email   | joan@park.test     | max@ruiz.test
    Description     | -       |                    |
    Created (UTC)   | -       | 2024-03-01 10:00   | 2024-03-02 11:00
    Delinquent      | -       | false              | false
    Card ID         | -       | card_1abc          | card_1abd
    Currency        | -       | eur                | usd
    Total Spend     | -       | 120.50             | 0.00
    Plan            | -       | basic              | pro
    `,
    { asked: true },
  ),
  table(
    'QuickBooks customers',
    '0-2',
    `
    Customer        | -       | 1001              | 1002
    Company         | name    | Acme Corp         | Globex
    Phone           | phone   | 555 0100          | 555 0200
    Email           | -       | ap@acme.test      | ap@globex.test
    Billing Street  | address | 1 Main St         | 2 Side St
    Billing City    | city    | Salem             | Bend
    Billing State   | state   | OR                | OR
    Billing ZIP     | zip     | 97301             | 97701
    Billing Country | country | USA               | USA
    Open Balance    | -       | 120.00            | 0.00
    `,
    { asked: true },
  ),
  table(
    'Contacts of an ERP with a customer number',
    '0-1',
    `
    Kundennummer   | kundennummer | 10001          | 10002             | 10003
    Ansprechpartner | -           | Jan Roth       | Eva Blum          | Udo Kern
    Vorname        | firstname    | Jan            | Eva               | Udo
    Zuname         | lastname     | Roth           | Blum              | Kern
    Kontakt: E-Mail | email       | roth@alpha.test | blum@beta.test   | kern@gamma.test
    Kontakt: Telefon | phone      | 0911 1         | 030 998877        | 089 1122
    Kontakt: Funktion | jobtitle  | Einkauf        | Leitung           | Technik
    Sprache        | hs_language  | de             | de                | en
    `,
    { custom: [CUSTOMER_NUMBER] },
  ),
  table(
    'Newsletter list',
    '0-1',
    `
    eMail-Adresse*   | email       | a@list.test     | b@list.test      | c@list.test
    Name, Vorname    | -           | Kohl, Anna      | Dorn, Bert       | Lind, Carl
    Sprache          | hs_language | de              | en               | de
    Abmeldung        | -           |                 | 01.03.2024       |
    Interessen       | -           | Technik         | Sport            |
    `,
  ),
  table(
    'Applicants, German',
    '0-1',
    `
    Bewerber-ID     | -             | 5001            | 5002
    Akad. Titel     | -             | Dr.             |
    Vorname         | firstname     | Nora            | Piet
    Familienname    | lastname      | Hahn            | Vos
    Geburtsort      | -             | Kassel          | Emden
    Geb.-Datum      | date_of_birth | 04.07.1992      | 19.10.1988
    Staatsangehörigkeit | -         | deutsch         | niederländisch
    Anschrift       | address       | Lange Gasse 5   | Deich 8
    Postleitzahl    | zip           | 34117           | 26721
    Ort             | city          | Kassel          | Emden
    Rufnummer       | phone         | 0561 2233       | 04921 4455
    Mobilnummer     | mobilephone   | 0176 1234567    | 0152 7654321
    E-Mailadresse   | email         | nora@hahn.test  | piet@vos.test
    LinkedIn-Profil | hs_linkedin_url | https://linkedin.com/in/norahahn |
    `,
    HELD_OUT,
  ),
  table(
    'University alumni, English',
    '0-1',
    `
    Prefix         | salutation    | Ms              | Mr
    Given name(s)  | firstname     | Aoife           | Rory
    Surname        | lastname      | Byrne           | Walsh
    Degree         | degree        | BSc             | MA
    Class of       | -             | 2012            | 2009
    Employer       | company       | Byrne & Co      | Walsh Foods
    Occupation     | jobtitle      | Analyst         | Chef
    Email (personal) | -           | aoife@mail.test | rory@mail.test
    Email (work)   | email         | ab@byrne.test   | rw@walsh.test
    Mobile no.     | mobilephone   | 086 555 0101    | 087 555 0102
    Address line 1 | address       | 1 Quay St       | 9 Hill Rd
    Address line 2 | -             | Flat 2          |
    Town           | city          | Galway          | Cork
    County         | state         | Galway          | Cork
    Eircode        | zip           | H91 AB12        | T12 CD34
    `,
  ),
  table(
    'Internal names of a portal',
    '0-1',
    `
    email            | email            | a@int.test    | b@int.test
    firstname        | firstname        | Ann           | Bob
    lastname         | lastname         | Ash           | Birch
    mobilephone      | mobilephone      | +1 555 0101   |
    hs_lead_status   | hs_lead_status   | NEW           | OPEN
    lifecyclestage   | lifecyclestage   | lead          | customer
    hs_email_domain  | -                | int.test      | int.test
    hubspot_owner_id | hubspot_owner_id | 1234567       | 1234568
    vertragsart      | vertragsart      | Basis         | Premium
    Vertragsende     | vertragsende     | 2025-12-31    | 2026-06-30
    `,
    {
      custom: [
        property('vertragsart', 'Art des Vertrags'),
        property('vertragsende', 'Ende des Vertrags', { type: 'date', fieldType: 'date' }),
      ],
    },
  ),
  table(
    'Property management tenants',
    '0-1',
    `
    Mieternr.       | -           | M-01             | M-02
    Mieter Vorname  | firstname   | Rita             | Sven
    Mieter Nachname | lastname    | Klose            | Thiel
    Objekt          | -           | Haus 4           | Haus 7
    E-Mail 1        | email       | rita@klose.test  | sven@thiel.test
    E-Mail 2        | -           | rk@mail.test     |
    Telefon 1       | phone       | 0201 123456      | 0201 654321
    Telefon 2       | -           | 0201 999888      |
    Telefon mobil   | mobilephone | 0178 123123      | 0179 321321
    Einzugsdatum    | -           | 01.04.2019       | 15.08.2021
    `,
    { heldOut: true, asked: true },
  ),
  table(
    'Two addresses for mail',
    '0-1',
    `
    Vorname              | firstname | Rita              | Sven
    Nachname             | lastname  | Klose             | Thiel
    E-Mail (privat)      | -         | rita@privat.test  | sven@privat.test
    E-Mail (dienstlich)  | email     | klose@firma.test  | thiel@firma.test
    Dienststelle         | -         | Amt 4             | Amt 7
    Dienstbezeichnung    | jobtitle  | Amtfrau           | Oberrat
    Tel. dienstl.        | phone     | 0201 123456       | 0201 654321
    Tel. priv.           | -         | 0201 999888       |
    `,
  ),
  table(
    'Suppliers, German',
    '0-2',
    `
    Lieferantennr.   | -       | 70001             | 70002
    Lieferant        | name    | Nagel Schrauben   | Hobel Holz
    Straße u. Nr.    | address | Werk 1            | Säge 2
    PLZ              | zip     | 58762             | 57392
    Ort              | city    | Altena            | Schmallenberg
    Land             | country | DE                | DE
    Tel.-Nr.         | phone   | 02352 1           | 02972 123456
    Fax-Nr.          | -       | 02352 2           | 02972 123457
    Internetadresse  | website | http://nagel.test | http://hobel.test
    USt-ID           | -       | DE111111111       | DE222222222
    Bankverbindung   | -       | Sparkasse         | Volksbank
    BIC              | -       | WELADED1ALT       | GENODEM1SMB
    Ansprechpartner  | -       | Frau Nagel        | Herr Hobel
    `,
    { heldOut: true, asked: true },
  ),
  table(
    'Crunchbase companies',
    '0-2',
    `
    Organization Name     | name                  | Acme Corp          | Globex
    Organization Name URL | -                     | https://www.crunchbase.com/organization/acme | https://www.crunchbase.com/organization/globex
    Industries            | industry              | Retail             | Banking
    Headquarters Location | -                     | Salem, Oregon      | Bend, Oregon
    Description           | description           | Makes everything   | Makes the rest
    Founded Date          | -                     | 1949-01-01         | 1989-12-17
    Number of Employees   | numberofemployees     | 120                | 33
    Website               | website               | https://www.acme.test | https://www.globex.test
    Twitter               | twitterhandle         | https://twitter.com/acme | https://twitter.com/globex
    Facebook              | facebook_company_page | https://facebook.com/acme | https://facebook.com/globex
    LinkedIn              | linkedin_company_page | https://linkedin.com/company/acme | https://linkedin.com/company/globex
    Contact Email         | -                     | hi@acme.test       | hi@globex.test
    Phone Number          | phone                 | 555 0100           | 555 0200
    Total Funding Amount  | total_money_raised    | 1200000            | 50000
    `,
    { asked: true },
  ),
  table(
    'Monday board of deals',
    '0-3',
    `
    Name           | dealname         | Relaunch         | Care plan
    Owner          | hubspot_owner_id | Sam Hill         | Sam Hill
    Stage          | dealstage        | Contract Sent    | Closed Won
    Deal Value     | amount           | $18,000          | $2,400
    Expected Close Date | closedate   | 2024-05-31       | 2024-02-29
    Accounts       | -                | Kurz AG          | Holm GmbH
    Contacts       | -                | Lea Kurz         | Mia Holm
    Priority       | hs_priority      | High             | Low
    Item ID        | -                | 1234567890       | 1234567891
    `,
  ),
  table(
    'Odd spellings',
    '0-1',
    `
    VORNAME:        | firstname   | Rita            | Sven
    Nach-Name       | lastname    | Klose           | Thiel
    E Mail Adr.     | email       | rita@odd.test   | sven@odd.test
    Telefon-Nr      | phone       | 0201 123456     | 0201 654321
    Handy-Nr.       | mobilephone | 0178 123123     | 0179 321321
    strasse_hausnr  | address     | Weg 1           | Weg 2
    PLZ/Ort         | -           | 45127 Essen     | 45128 Essen
    Geb.datum       | date_of_birth | 01.02.1980    | 13.04.1979
    Bundeslaender   | state       | NRW             | NRW
    Firmierung      | company     | Klose KG        | Thiel AG
    Berufsbez.      | jobtitle    | Chefin          | Monteur
    `,
    HELD_OUT,
  ),
  table(
    'Misspelled',
    '0-1',
    `
    Frist Name      | firstname | Rita            | Sven
    Lastnmae        | lastname  | Klose           | Thiel
    E-mial          | email     | rita@odd.test   | sven@odd.test
    Telephon        | phone     | 0201 123456     | 0201 654321
    Comapny         | company   | Klose KG        | Thiel AG
    Adress          | address   | Weg 1           | Weg 2
    Citty           | city      | Essen           | Essen
    Contry          | country   | Germany         | Germany
    `,
  ),
  table(
    'Tax adviser clients',
    '0-2',
    `
    Mandantennr.      | -       | 30001            | 30002
    Mandantenname     | name    | Alpha Bau GmbH   | Beta IT GmbH
    Rechtsform        | -       | GmbH             | GmbH
    Straße, Nr.       | address | Hauptstr. 1      | Ring 5
    PLZ               | zip     | 90402            | 10115
    Ort               | city    | Nürnberg         | Berlin
    Finanzamt         | -       | Nürnberg-Süd     | Mitte
    Steuernummer      | -       | 241/123/45678    | 27/123/45678
    Handelsregister   | -       | HRB 1234         | HRB 5678
    Tel.              | phone   | 0911 123456      | 030 998877
    Jahresumsatz      | annualrevenue | 1500000    | 320000
    Anzahl Mitarbeiter | numberofemployees | 14     | 3
    `,
    { asked: true },
  ),
  table(
    'Webinar registrations',
    '0-1',
    `
    First Name         | firstname | Hugo             | Pia
    Last Name          | lastname  | Voss             | Lang
    Email              | email     | hugo@voss.test   | pia@lang.test
    Registration Time  | -         | 2024-02-01 10:00 | 2024-02-02 11:00
    Approval Status    | -         | approved         | approved
    Organization       | company   | Voss AG          | Lang Ltd
    Job Title          | jobtitle  | Engineer         | Lead
    Country/Region     | country   | Germany          | Austria
    Questions & Comments | -       |                  | Looking forward
    Join URL           | -         | https://zoom.test/w/1 | https://zoom.test/w/2
    `,
    HELD_OUT,
  ),
]
