/**
 * What columns are called elsewhere. Names are separated by commas and compared as `normalise.ts` folds them: case,
 * umlauts, punctuation, spaces and doubled letters make no difference, so one spelling of each is enough.
 */
type Names = Record<string, string>

/** What a table holds for a name that others chose, which may be `constructor`. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

const OWNER = `Owner, Record owner, Owner name, Zuständig, Zuständiger Mitarbeiter, Zuständiger, Verantwortlich, Verantwortlicher,
  Betreuer, Kundenbetreuer, Besitzer, Inhaber, Sachbearbeiter, Bearbeiter, Assignee, Assigned to, Account manager, Sales rep,
  Sales representative, Salesperson, Sales owner, Rep, Vertriebsmitarbeiter, Vertriebler, Verkäufer, Außendienst, Außendienstmitarbeiter`

const PLACE: Names = {
  address: `Address, Adresse, Anschrift, Street, Street address, Street name, Straße, Straße Hausnr, Straße Nr, Straße und Nr, Straße u Nr,
    Straße und Hausnummer, Straße Hausnummer, Str, Str Nr, Postanschrift, Address line 1, Address line, Adresszeile 1, Adresszeile,
    Street and number, Street line 1, Stras, Adr, Mailing address, Postal address, Straßenname`,
  city: 'City, Town, Town City, City Town, Ort, Stadt, Wohnort, Ortschaft, Gemeinde, Locality, Suburb, Municipality, Ortsname, Ort Stadt, Stadt Ort',
  state: `State, State Region, State Province, Province State, Province, Province code, State code, Region, Regio, Bundesland, Bundesländer, Kanton, Canton,
    County, Bundesland Region, Bundesland Kanton, Provinz, Federal state, Administrative area, ST`,
  zip: `ZIP, ZIP code, PLZ, Postleitzahl, Post code, Postal code, ZIP Postal code, Postal ZIP code, Postal ZIP, ZIP Post code, Pstlz, Post LZ, Eircode,
    Pin code, Postal, Code postal`,
  country: `Country, Land, Staat, Nation, Country Region, Land Region, Country code, Country name, Country ISO, Ländercode, Länderkennzeichen,
    Länderschlüssel, Landeskennzeichen, Länderkürzel, Land ISO, ISO country code, LKZ, Ländername, Pays`,
}

const PHONE = `Phone, Phone number, Telephone, Telephone number, Telefon, Telefonnummer, Tel, Tel Nummer, Tel no, Phone no, Rufnummer, Fon, Fone, Festnetz,
  Festnetznummer, Landline, Telf, Call number, Durchwahl, Business line, Work phone, Office phone, Phone work, Telefonnr`
const WEBSITE = `Website, Web site, Website URL, Web, Webseite, Homepage, Home page, Internet, Internetadresse, Internetseite, Web page, Web address,
  Webadresse, WWW, Company website, Firmenwebseite, Unternehmenswebsite, Website address, Internetauftritt, Site, Webpräsenz`
const INDUSTRY = `Industry, Branche, Industries, Sector, Industrie, Wirtschaftszweig, Business sector, Primary industry, Geschäftsfeld, Industry sector,
  Branchenbezeichnung, Industriezweig, Brsch`
const EMPLOYEES = `Number of employees, Employees, Employee count, No of employees, Nr of employees, Num employees, Headcount, Mitarbeiter, Mitarbeiterzahl,
  Mitarbeiteranzahl, Anzahl Mitarbeiter, Anzahl der Mitarbeiter, Beschäftigte, Beschäftigtenzahl, Anzahl Beschäftigte, Unternehmensgröße,
  Firmengröße, Company headcount, Staff, Staff count, Total employees`
const REVENUE = `Annual revenue, Revenue, Umsatz, Jahresumsatz, Umsatz pro Jahr, Yearly revenue, Turnover, Annual turnover, Annual sales, Sales revenue,
  Umsatzvolumen, Jahreserlös`
const COMPANY = `Company, Firma, Company name, Firmenname, Firmenbezeichnung, Firmierung, Unternehmen, Unternehmensname, Name des Unternehmens, Name der Firma,
  Organization, Organisation, Organization name, Organisationsname, Account name, Accountname, Account, Company Account, Org, Org name, Betrieb, Business name,
  Legal name, Firma Name, Unternehmensbezeichnung, Firma Unternehmen, Gesellschaft`

/** Names that mean a property whenever they are the whole header, by object type id. */
export const SYNONYMS: Record<string, Names> = {
  '0-1': {
    ...PLACE,
    email: `Email, Mail, Email address, Emailadresse, Mail address, Mailadresse, Email Adr, Email value, Mail Adr, E Post, Primary email, Electronic mail, Smtp Addr, Smtp address,
      Email ID, Elektronische Adresse, Work email, Business email, Work email address, Business email address`,
    firstname:
      'First name, Vorname, Given name, Given names, Forename, First, Fname, Vornamen, Rufname, Prénom, Christian name, Given name s',
    lastname: 'Last name, Nachname, Surname, Family name, Familienname, Last, Lname, Zuname, Nom de famille',
    salutation: 'Salutation, Anrede, Prefix, Name prefix, Honorific, Courtesy title, Geschlechtsanrede',
    jobtitle: `Job title, Position, Jobtitel, Jobbezeichnung, Funktion, Function, Role, Rolle, Job role, Job, Berufsbezeichnung, Berufsbez, Beruf, Stelle,
      Stellenbezeichnung, Stellung, Occupation, Profession, Job position, Organization title, Dienstbezeichnung, Position Funktion, Position title,
      Dienststellung, Funktionsbezeichnung, Tätigkeit, Aufgabe, Stellentitel`,
    company: `${COMPANY}, Employer, Arbeitgeber, Company employer, Firma Organisation, Institution`,
    website: WEBSITE,
    phone: PHONE,
    mobilephone: `Mobile, Mobile phone, Mobile phone number, Mobile number, Mobile no, Handy, Handynummer, Mobil, Mobiltelefon, Mobilnummer, Mobiltelefonnummer,
      Telefon mobil, Phone mobile, Cell, Cell phone, Cell number, Cellular, Cellphone number, Mobilfunk, Mobilfunknummer, Handy Mobil, Tel mobil, Mobil Tel,
      Mobilrufnummer, Natel`,
    fax: 'Fax, Fax number, Faxnummer, Telefax, Telefaxnummer, Fax no, Telfx, Fax Nummer, Faxnr',
    numemployees: EMPLOYEES,
    annualrevenue: REVENUE,
    industry: INDUSTRY,
    date_of_birth: `Date of birth, Birth date, Birthdate, Birthday, DOB, Geburtsdatum, Geburtstag, Geb, Geb Datum, Gebdatum, Geboren, Geboren am, Geb am, Born, Born on`,
    gender: 'Gender, Sex, Geschlecht',
    marital_status: 'Marital status, Familienstand, Zivilstand, Personenstand',
    degree: 'Degree, Abschluss, Academic degree, Hochschulabschluss',
    school: 'School, University, Schule, Universität, Hochschule',
    seniority: 'Seniority, Seniority level, Job seniority, Management level',
    job_function: 'Job function',
    hs_language:
      'Language, Sprache, Preferred language, Bevorzugte Sprache, Korrespondenzsprache, Language code, Sprachcode, Spras',
    hs_linkedin_url:
      'LinkedIn, LinkedIn URL, LinkedIn profile, LinkedIn profile URL, LinkedIn Profil, LinkedIn link, LinkedIn contact profile URL',
    twitterhandle: 'Twitter, Twitter handle, Twitter username, Twitter URL, X handle',
    hs_whatsapp_phone_number: 'WhatsApp, WhatsApp number, WhatsApp Nummer, WhatsApp phone',
    lifecyclestage: 'Lifecycle stage, Lifecycle, Lifecycle Phase, Lebenszyklusphase',
    hs_lead_status: 'Lead status, Leadstatus',
    hs_persona: 'Persona',
    hubspot_owner_id: `${OWNER}, Contact owner, Kontaktinhaber, Lead owner, Leadinhaber, Kontaktbesitzer, HubSpot owner`,
    hs_email_optout: 'Email opt out, Has opted out of email, Email optout, Unsubscribed, Abgemeldet vom Newsletter',
  },
  '0-2': {
    ...PLACE,
    name: `${COMPANY}, Name, Kundenname, Customer name, Firma 1, Lieferant, Lieferantenname, Mandantenname, Vendor name, Supplier, Supplier name, Vendor, Client name,
      Mandant, Geschäftspartner, Business partner`,
    domain:
      'Domain, Domain name, Company domain, Company domain name, Domäne, Domainname, Webdomain, Web domain, Website domain, Unternehmensdomain',
    website: WEBSITE,
    phone: `${PHONE}, Zentrale, Telefonzentrale, Switchboard`,
    address2: 'Address 2, Address line 2, Adresszeile 2, Adresszusatz, Street address 2, Street 2, Straße 2',
    industry: INDUSTRY,
    numberofemployees: EMPLOYEES,
    annualrevenue: REVENUE,
    description:
      'Description, Beschreibung, Company description, Unternehmensbeschreibung, Firmenbeschreibung, Kurzbeschreibung, Short description',
    about_us: 'About us, Über uns, About',
    type: 'Type, Company type, Account type, Unternehmenstyp, Kontotyp',
    founded_year:
      'Year founded, Founded year, Founded, Gründungsjahr, Gegründet, Year established, Established, Gegründet im Jahr',
    timezone: 'Time zone, Zeitzone',
    linkedin_company_page: `LinkedIn, LinkedIn URL, LinkedIn page, LinkedIn company page, LinkedIn profile, LinkedIn profile URL, LinkedIn Company Profile URL, LinkedIn Profil,
      LinkedIn Seite, LinkedIn Unternehmensseite`,
    twitterhandle: 'Twitter, Twitter handle, Twitter URL, X handle',
    facebook_company_page: 'Facebook, Facebook page, Facebook company page, Facebook URL, Facebook Seite',
    total_money_raised: 'Total money raised, Total funding, Total funding amount, Funding total',
    lifecyclestage: 'Lifecycle stage, Lifecycle, Lifecycle Phase, Lebenszyklusphase',
    hs_lead_status: 'Lead status, Leadstatus',
    hubspot_owner_id: `${OWNER}, Company owner, Account owner, Accountinhaber, Kontoinhaber, HubSpot owner`,
  },
  '0-3': {
    dealname: `Deal name, Deal, Dealname, Deal title, Opportunity, Opportunity name, Name, Title, Titel, Geschäft, Geschäftsname, Verkaufschance, Verkaufschancenname,
      Opportunity Titel, Projekt, Projektname, Project name, Vorgang, Auftrag, Auftragsname, Bezeichnung, Angebotsbezeichnung, Topic, Potential name`,
    amount: `Amount, Betrag, Value, Deal value, Deal amount, Wert, Summe, Umsatz, Auftragswert, Auftragssumme, Angebotssumme, Angebotswert, Volumen, Auftragsvolumen,
      Deal size, Opportunity amount, Est revenue, Estimated revenue, Expected revenue, Total, Gesamtbetrag, Geschätzter Umsatz, Nettobetrag, Total value,
      Price, Preis, Umsatzpotenzial, Budget`,
    closedate: `Close date, Abschlussdatum, Closing date, Expected close, Expected close date, Closed date, Est close date, Estimated close date, Abschluss,
      Voraussichtlicher Abschluss, Voraussichtliches Abschlussdatum, Erwarteter Abschluss, Erwartetes Abschlussdatum, Geplanter Abschluss, Abschluss am, Closed on,
      Won time, Won date, Entscheidungsdatum, Expected closing date, Abschlusstermin, Schlusstermin`,
    pipeline: 'Pipeline, Sales pipeline, Vertriebspipeline, Pipeline name',
    dealstage: `Stage, Deal stage, Phase, Dealphase, Verkaufsphase, Vertriebsphase, Sales stage, Opportunity stage, Pipeline stage, Pipelinephase, Status, Deal status,
      Stage name, Stufe, Verkaufsstufe, Geschäftsphase`,
    dealtype: 'Type, Deal type, Dealtyp, Opportunity type, Geschäftsart, Typ, Art des Geschäfts',
    description: 'Description, Deal description, Beschreibung, Dealbeschreibung, Details',
    hs_priority: 'Priority, Priorität, Prio, Dringlichkeit',
    hs_next_step: 'Next step, Next steps, Nächster Schritt, Nächste Schritte',
    deal_currency_code: 'Currency, Währung, Currency code, Währungscode, Waers, Währungsschlüssel, Currency ISO code',
    closed_lost_reason:
      'Closed lost reason, Lost reason, Loss reason, Verlustgrund, Grund für Verlust, Reason lost, Ablehnungsgrund, Absagegrund',
    closed_won_reason: 'Closed won reason, Won reason, Win reason, Gewinngrund, Grund für Gewinn',
    hubspot_owner_id: `${OWNER}, Deal owner, Opportunity owner, Dealinhaber, HubSpot owner`,
  },
  '0-5': {
    subject:
      'Subject, Betreff, Ticket name, Ticketname, Title, Titel, Ticket title, Summary, Thema, Name, Case subject, Issue, Zusammenfassung, Ticket subject',
    content: `Content, Description, Beschreibung, Ticket description, Ticketbeschreibung, Message, Nachricht, Body, Details, Inhalt, Anfrage, Problem,
      Problembeschreibung, Fehlerbeschreibung, Case description`,
    hs_pipeline: 'Pipeline, Ticket pipeline, Support pipeline',
    hs_pipeline_stage: 'Status, Ticket status, Ticketstatus, Stage, Phase, Case status, State, Zustand, Bearbeitungsstatus',
    hs_ticket_priority: 'Priority, Priorität, Prio, Dringlichkeit, Urgency, Severity, Ticket priority',
    hs_ticket_category: 'Category, Kategorie, Ticket category, Case category, Ticketkategorie',
    source_type: 'Source, Quelle, Channel, Kanal, Origin, Case origin, Via, Herkunft, Eingangskanal',
    hs_resolution: 'Resolution, Lösung, Auflösung',
    closed_date:
      'Close date, Closed at, Closed on, Closed date, Solved at, Resolved at, Resolved time, Resolved on, Closed time, Geschlossen am, Gelöst am, Abschlussdatum, Erledigt am, Schließdatum',
    hubspot_owner_id: `${OWNER}, Ticket owner, Agent, Case owner, Support agent`,
  },
}

/** Names that may mean a property: taken when the values say so or nothing else asks for it, and never surely without values. */
export const HINTS: Record<string, Names> = {
  '0-1': {
    hs_lead_status: 'Status, Kontaktstatus',
    jobtitle: 'Title, Titel',
    salutation: 'Title, Titel',
    lifecyclestage: 'Phase, Stage, Contact type, Kontakttyp',
    website: 'URL, Link',
    phone: 'Nummer, Contact number, Kontaktnummer, Kontakt Telefon',
    state: 'Gebiet',
    numemployees: 'Company size',
    hs_email_optout: 'Opt out, Optout, Abgemeldet',
  },
  '0-2': {
    website: 'URL, Link',
    type: 'Typ, Kundentyp, Art',
    name: 'Kunde, Customer, Client, Auftraggeber, Partner, Debitor, Kreditor',
    lifecyclestage: 'Phase, Stage, Status',
    domain: 'URL, Email domain',
    numberofemployees: 'Company size, Größe',
    description: 'Geschäftszweck, Unternehmensgegenstand',
  },
  '0-3': { closedate: 'Datum, Date, Due date, Fällig am', amount: 'Price total, Angebot', dealname: 'Subject, Betreff' },
  '0-5': { hs_ticket_category: 'Type, Typ, Art, Ticket type', closed_date: 'Closed, Geschlossen', content: 'Comment, Kommentar' },
}

/** The only names under which a column may be HubSpot's own number of a record; a bare “ID” is anybody's. */
export const RECORD_ID =
  'Record ID, HubSpot ID, HubSpot record ID, Datensatz ID, HubSpot Datensatz ID, HS object ID, HubSpot object ID'

/** Words that may stand beside those: a record id of another kind of object identifies something else. */
export const RECORD_WORDS: Record<string, string> = {
  '0-1': 'contact, kontakt',
  '0-2': 'company, unternehmen, unternehmens',
  '0-3': 'deal',
  '0-5': 'ticket',
}

/** Names that every program gives to its own numbers: no reason to be sure, even where a property goes by them. */
export const ANYBODYS_ID = 'ID, Nummer, Number, No, Key, Code, Schlüssel'

/** A person's whole name, which HubSpot keeps in two properties. */
export const FULL_NAME = `Full name, Vollständiger Name, Vor und Nachname, Name und Vorname, Vorname und Nachname, Vorname Nachname, Nachname Vorname, Name Vorname,
  Vorname Name, First and last name, First name Last name, Contact name, Kontaktname, Person name, Ansprechpartner, Ansprechpartnerin, Ansprechperson, Kontaktperson,
  Contact person, Contact, Kontakt, Display name, Anzeigename, Kundenname, Customer name`

/** Words beside a name that leave its meaning as it is. */
export const PLAIN_WORDS = `business, work, geschäftlich, geschäftl, gesch, geschäfts, dienstlich, dienstl, beruflich, main, primary, haupt, standard, default,
  value, current, aktuell, of, the, der, die, das, des, für, for, user, required, pflichtfeld, number, nummer, no`

/** Words that leave the meaning of a place or a telephone as it is; whose e-mail address it is with them is less clear. */
export const PLACE_WORDS = `mailing, billing, invoice, rechnung, rechnungs, Rechnungsadresse, Rechnungsanschrift, Postanschrift, Postadresse, Firmenanschrift,
  Hauptanschrift, Hauptadresse, headquarters, HQ, office, büro, direct, durchwahl`

/** Words that make a column one of several of its kind, and rarely the one that is wanted. */
export const OTHER_WORDS = `home, private, privat, priv, personal, persönlich, other, andere, sonstige, shipping, delivery, liefer, lieferung, Lieferadresse, Lieferanschrift, versand,
  zentrale, corporate, Privatadresse, Privatanschrift, temporary,
  Ansprechpartner, Ansprechpartnerin, Ansprechperson, Kontaktperson`

/** Words for the second of two, as are the numbers from 2. */
export const LATER_WORDS =
  'second, secondary, zweite, zweiter, weitere, weiterer, additional, alternate, alternative, alternativ, zusätzlich, zusätzliche, old, alt, alte, ehemalig, former, previous'

/** Beginnings of German compounds that are words of their own in the lists above. */
export const COMPOUND_BEGINNINGS = 'geschäfts, firmen, haupt, rechnungs, privat, liefer, kunden, kontakt, standard'

/** What an object is called: as a prefix of its own columns it says nothing. */
export const OBJECT_WORDS: Record<string, string> = {
  '0-1': 'contact, kontakt, person, lead, customer, kunde, kunden, client, attendee, teilnehmer, mitglied, member',
  '0-2':
    'company, firma, firmen, unternehmen, unternehmens, organization, organisation, account, customer, kunde, kunden, org, business',
  '0-3': 'deal, opportunity, geschäft, verkaufschance, potential, auftrag',
  '0-5': 'ticket, case, vorgang, incident',
}

/** Words that say that a value belongs to somebody or something else: only the whole header can mean a property then. */
export const FOREIGN_WORDS = `owner, inhaber, besitzer, assistant, assistent, assistenz, assistants, manager, vorgesetzter, supervisor, spouse, partner, parent, eltern, mutter,
  vater, emergency, notfall, referrer, referred, referral, created, erstellt, angelegt, modified, geändert, requester, sender, cc, bcc, agent, vertreter, betreuer, berater,
  optin, bounce, bounced, status, type, typ, label, id, domain, consent, campaign, kampagne, form, ad, join, verified, validation, template, branch, checksum`

/** The properties that tell what a file is about, with the weight of each. */
export const TELLING: Record<string, Record<string, number>> = {
  '0-1': { firstname: 3, lastname: 3, jobtitle: 3, date_of_birth: 3, mobilephone: 2, email: 2, salutation: 1 },
  '0-2': { name: 3, domain: 3, numberofemployees: 2, annualrevenue: 2, founded_year: 2, linkedin_company_page: 1 },
  '0-3': { dealname: 3, amount: 2, closedate: 2, dealstage: 2, pipeline: 1, closed_lost_reason: 2, dealtype: 1 },
  '0-5': { subject: 3, content: 2, hs_ticket_priority: 2, hs_pipeline_stage: 1, hs_ticket_category: 1, source_type: 1 },
}
