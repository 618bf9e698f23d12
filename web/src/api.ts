// The contract between the pages and the node: shapes of /api, in the words of HL7 FHIR R4 and DICOM where they have one.
//
// Rules for every call:
// - JSON both ways (UTF-8); fields are snake_case; instants are RFC 3339 in UTC; dates keep their precision (YYYY, YYYY-MM, YYYY-MM-DD).
// - A refusal has status 4xx/5xx and the body `Refusal`; `text` is in the language of Accept-Language, `code` is stable.
// - What changes something is POST, PUT or DELETE and carries `X-CSRF-Token: session.csrf`. Only sign-in and set-up have no token to show yet.
// - No CURP ever stands in an address; it goes in a body.
// - What consent hides is answered as if it did not exist (404, or simply absent from a list).

export type NodeRole = 'hospital' | 'hub';
/** The codes of kernel's `Role`; `administrator` and `security-office` see no clinical content. */
export type StaffRole = 'radiologist' | 'resident' | 'technologist' | 'clinician' | 'pharmacist' | 'registrar' | 'administrator' | 'security-office';
/** YYYY-MM-DDThh:mm:ssZ */
export type Instant = string;

/** Stable codes: those of `FaultKind`, and a few that a page must tell apart. */
export type RefusalCode =
  | 'invalid' | 'not_found' | 'conflict' | 'unmet' | 'forbidden' | 'unauthenticated' | 'too_costly' | 'unavailable' | 'not_supported' | 'bug'
  | 'bad_credentials' | 'totp_required' | 'totp_wrong' | 'locked' | 'second_factor_required' | 'second_factor_wrong' | 'mismatch' | 'not_opened';

export interface Refusal {
  code: RefusalCode;
  /** A sentence for the person, in their language. */
  text: string;
  /** The fault's own words, for support. */
  detail?: string;
}

/** Shown again for what weighs: signing, emergency access. One of the two. */
export interface SecondFactor { totp?: string; password?: string }

// ---------------------------------------------------------------- session

/** GET /api/session (no sign-in needed) */
export interface Session {
  node: { name: string; role: NodeRole; institution: string; clues: string };
  user: User | null;
  /** Empty when nobody is signed in. */
  csrf: string;
  providers: { id: string; name: string }[];
  /** True while the node has no account at all: the page asks for the one-time link. */
  setup: boolean;
}
export interface User { account: string; name: string; roles: StaffRole[]; citizen: boolean }

/** POST /api/sign-in -> Session. 401 with code bad_credentials, totp_required, totp_wrong or locked. */
export interface SignIn { account: string; password: string; totp?: string }
/** POST /api/sign-in/second-factor -> Session, for staff whom a provider sent back to `/#/entrar/codigo`; 401 totp_wrong, locked, or unauthenticated when it took too long. `/#/entrar/sin-cuenta`: nobody is linked. */
export interface SecondHalf { totp: string }
/** POST /api/sign-out -> 204 */

/** POST /api/setup -> SetUpAnswer. The code comes from the one-time link `/#/setup/CODE`; 403 when it was used. */
export interface SetUp { code: string; account: string; name: string; password: string }
export interface SetUpAnswer {
  /** otpauth://totp/... */
  totp_uri: string;
  /** A complete `<svg xmlns=...>` element (shown as an image) with width, height and viewBox, without script, style attributes or outside references. */
  qr_svg: string;
}
/** POST /api/setup/confirm -> 204: the second factor works. */
export interface SetUpConfirm { code: string; account: string; totp: string }

// ---------------------------------------------------------------- reading

/** States of radiology's workflow (GET /api/departments/radiology names them and their lists). */
export type CaseState =
  | 'to-read' | 'cosign' | 'second' | 'arbitration' | 'claimed' | 'preliminary' | 'final' | 'amended' | 'excused' | 'cancelled'
  | 'placed' | 'scheduled' | 'arrived' | 'in-progress' | 'performed';

/** What a screen shows of a patient so that two are not mixed up: two identifiers beside the name. */
export interface PatientHead {
  name: string;
  /** FHIR administrative gender. */
  gender: string;
  birth_date: string;
  /** Empty when unknown. */
  curp: string;
  /** The local record number. Empty when unknown. */
  record_number: string;
}

/** GET /api/worklist?state=open|signed|all&modality=&topic=&overdue=true -> { items }, 500 at most. `open` (the default): what cannot wait first,
 *  then oldest first. `signed`: newest first. */
export interface Worklist { items: WorklistItem[] }
export interface WorklistItem {
  study_uid: string;
  state: CaseState;
  patient: PatientHead;
  accession: string;
  modality: string;
  description: string;
  /** FHIR request-priority: routine, urgent, asap, stat. */
  priority: string;
  /** Code of the subspecialty that reads it. */
  topic: string;
  /** When the first image came; empty while there is none. */
  arrived: Instant;
  /** Since when it stands on its list, and by when it should be off. */
  since: Instant;
  due: Instant;
  overdue: boolean;
  instances: number;
  /** Name of the reader who claimed it, and whether that is the one who asks. */
  reader: string | null;
  mine: boolean;
  /** The images name a patient that no order and no registration knows. */
  unmatched: boolean;
  /** `only`: one reading. `cosign`: by a resident, for another to sign. `first`, `second`, `arbiter`: of a case that is read apart. */
  stage: 'only' | 'cosign' | 'first' | 'second' | 'arbiter';
  /** Why it ended without a result; else empty. */
  reason: string;
}

/** POST /api/studies/{uid}/claim -> WorklistItem; 409 when another reader has it, who is named. Body: {} */
/** POST /api/studies/{uid}/move CaseMove -> WorklistItem. What the workflow does not allow is a 409. */
export interface CaseMove {
  event: 'claim' | 'release' | 'hand-over' | 'excuse' | 'recall' | 'confirm';
  /** Account of the one who takes over. */
  to?: string;
  /** At least ten characters for excuse, recall and confirm. */
  reason?: string;
}
/** GET /api/readers -> { readers }: to whom a study may be handed over */
export interface Readers { readers: { account: string; name: string }[] }

/** GET /api/clinicians -> { clinicians }: to whom a critical result may be addressed */
export interface Clinicians { clinicians: { account: string; name: string }[] }

/** GET /api/notices -> { notices }, newest first, 200 at most. POST /api/notices/read { ids } -> 204 */
export interface StaffNotices { notices: StaffNotice[] }
export interface StaffNotice {
  id: string;
  when: Instant;
  why: 'amended' | 'amended-elsewhere' | 'critical' | 'critical-unanswered';
  /** Who amended or raised it. */
  by: string;
  /** amended-elsewhere: who opened the earlier version and is not told by this node. */
  names: string[];
  unread: boolean;
  /** Null where the role or the person's consent hides it. */
  study: WorklistItem | null;
}

/** GET /api/critical?state=open|heard -> { items }: what cannot wait first, or the newest that were heard */
export interface CriticalResults { items: CriticalResult[] }
export interface CriticalResult {
  id: string;
  /** Code of one of the department's `critical`. */
  level: string;
  finding: string;
  by: string;
  at: Instant;
  due: Instant;
  overdue: boolean;
  /** Name of whom it is addressed to; empty for whoever treats the patient. */
  to: string;
  /** How many times it was told further up. */
  step: number;
  heard: { by: string; told: string; read_back: string; at: Instant } | null;
  /** The one who asks raised it, and so writes down whom they told. */
  mine: boolean;
  study: WorklistItem;
}
/** POST /api/studies/{uid}/critical -> { id }. The finding has at least ten characters. */
export interface CriticalRaise { level: string; finding: string; to?: string }
/** POST /api/critical/{id}/heard -> { id }; 409 when somebody has heard it. */
export interface CriticalHeard { told?: string; read_back: string }

/** GET /api/ledger: how many cases stand on each open list. `age` counts the bounds that a case is older than. */
export interface Ledger {
  ages_hours: number[];
  tallies: { list: string; state: CaseState; modality: string; topic: string; age: number; overdue: boolean; cases: number }[];
}
/** GET /api/indicators: counts and times of nobody; `null` is a count below `count_min`, and times of so few. */
export interface Indicators {
  ages_hours: number[];
  count_min: number;
  modalities: { code: string; unread: (number | null)[]; overdue: number | null; ended: number | null }[];
  times: { from: CaseState; to: CaseState; cases: number | null; median_minutes: number | null; ninetieth_minutes: number | null }[];
}
/** GET /api/cases?list=&state=&modality=&topic=&overdue=true -> { items }, 500 at most; `list` empty is what has ended */
export interface Cases { items: WorklistItem[] }

/** GET /api/departments/{code}: what the screens of a department are drawn from */
export interface Department {
  code: string;
  name: Bilingual;
  states: (Bilingual & { code: CaseState; list: string })[];
  topics: (Bilingual & { code: string })[];
  /** How urgently somebody must hear of what cannot wait. */
  critical: (Bilingual & { code: string })[];
  /** What a reading comes to, of a case that is read apart. */
  assessments: (Bilingual & { code: string })[];
  procedures: { code: string; name: string; modality: string; body_part: string; topic: string; minutes: number; preparation: string }[];
  screens: { lists: ListScreen[] };
}
export interface Bilingual { es: string; en: string }
/** A list as data: its columns and what may be done in a row. */
export interface ListScreen extends Bilingual {
  code: string;
  columns: ('state' | 'patient' | 'study' | 'accession' | 'since' | 'due' | 'holder' | 'reason')[];
  actions: ('open' | 'hand-over' | 'excuse' | 'recall')[];
}

/** GET /api/studies/{uid} */
export interface Study extends WorklistItem {
  /** What the order says; empty strings where there is no order. */
  order: { reason: string; requester: string; procedure: string };
  series: { series_uid: string; modality: string; description: string; instances: number }[];
  /** Of a case that is read apart and not signed: the reading of the one who asks, and no other. */
  report: Report | null;
  /** What was read apart: for who decides, and for all once it is signed. */
  readings: { author: string; at: Instant; assessment: string; sections: Section[]; conclusion: string }[];
  /** Whether the one who asks may write, sign and amend. */
  may_report: boolean;
}
export interface Section { title: string; text: string }
export interface Report {
  id: string;
  /** FHIR DiagnosticReport.status: preliminary, final, amended. */
  status: 'preliminary' | 'final' | 'amended';
  /** Version to send back as `version`; another one in between is a conflict. */
  version: number;
  template: string;
  sections: Section[];
  conclusion: string;
  /** Code of one of the department's `assessments`; empty where there is one reading. */
  assessment: string;
  author: string;
  issued: Instant;
  /** Earlier versions that were signed, newest first. */
  earlier: { version: number; status: string; author: string; issued: Instant; sections: Section[]; conclusion: string }[];
}

/** GET /api/rooms. PUT /api/rooms (Room) -> 204, in the place of an earlier one of the same code; for technologists and administrators. */
export interface Rooms { rooms: Room[] }
export interface Room {
  code: string;
  name: string;
  modality: string;
  station_ae: string;
  /** Minutes between two patients. */
  changeover: number;
  /** `days`: 1 is Monday; `from` and `to` are HH:MM, local. */
  opens: { days: number[]; from: string; to: string; staff: string[] }[];
  /** YYYY-MM-DDTHH:MM, local. */
  closed: { from: string; to: string; why: string }[];
}

/** GET /api/free-times?procedure=CODE|modality=CT&minutes=20&from=2026-11-23&days=7 */
export interface FreeTimes {
  minutes: number;
  preparation: string;
  free: { room: string; name: string; day: string; starts: { start: string; on_duty: string[] }[] }[];
}

/** GET /api/appointments?day=2026-11-23: every room, by room and time. */
export interface DayBoard { lines: BoardLine[] }
export type AppointmentStatus = 'booked' | 'arrived' | 'cancelled' | 'noshow';
export interface BoardLine {
  room: string;
  day: string;
  start: string;
  minutes: number;
  status: AppointmentStatus;
  /** null where the patient or the order is hidden: the time is taken, and that is all. */
  visible: {
    id: string;
    patient: string;
    name: string;
    order: string;
    accession: string;
    study_uid: string;
    description: string;
    priority: string;
    /** State of the case in the department. */
    state: string;
    emergency: string;
    reason: string;
  } | null;
}
/** POST /api/appointments -> the appointment. Without `start`, the first free time from now on today. `order` is the id of a ServiceRequest. */
export interface AppointmentBook { order: string; room: string; start?: string; procedure?: string; minutes?: number; emergency?: string }
/** POST /api/appointments/{id}/move -> the appointment. `cancel` takes a reason; 409 conflict: the time is taken, the room closed, or what it was is over. */
export interface AppointmentChange { event: 'move' | 'cancel' | 'no-show' | 'arrive'; room?: string; start?: string; reason?: string }

/** GET /api/report-templates?modality=CT -> { templates }, the fitting ones first. POST /api/report-templates (an IHE MRRT file, text/html)
 *  -> { template, left_out }; DELETE /api/report-templates/{id} -> 204, those of the house alone */
export interface ReportTemplates { templates: ReportTemplate[] }
export interface ReportTemplate {
  id: string;
  name: string;
  modalities: string[];
  /** `text` is what the section begins with; often empty. */
  sections: { title: string; text: string; hint: string }[];
}

/** POST /api/studies/{uid}/report -> Report. 409 conflict: someone was quicker. 401 second_factor_required / second_factor_wrong. */
export interface ReportWrite {
  action: 'save' | 'sign' | 'amend';
  template: string;
  sections: Section[];
  conclusion: string;
  /** Needed to sign at the stages first, second and arbiter. */
  assessment?: string;
  /** Of the report as shown; null when there is none yet. */
  version: number | null;
  /** Needed for sign and amend, both. 409 mismatch: viewer, report, person or order differ; 409 not_opened: images that this reader never opened. */
  second_factor?: SecondFactor;
  shown?: { viewer_study_uid: string; accession: string; patient: PatientHead };
}

// ---------------------------------------------------------------- national query

/** POST /api/national/query -> NationalAnswer */
export interface NationalQuery { curp: string; purpose: 'TREAT' }
/** POST /api/national/emergency -> NationalAnswer; reason of at least ten characters. The person is told; it ends after four hours.
 *  Sensitive classes are asked for again, by name, once the access is open: 403 before. */
export interface NationalEmergency { curp: string; reason: string; sensitive: string[]; second_factor: SecondFactor }
/** GET /api/emergencies?state=pending|reviewed, for the security office; newest first, 500 at most. */
export interface EmergencyAccesses { items: EmergencyAccess[] }
export interface EmergencyAccess {
  id: string;
  when: Instant;
  until: Instant;
  account: string;
  who: string;
  institution: string;
  institution_name: string;
  cedula: string;
  /** CURP of the patient. */
  person: string;
  reason: string;
  /** Codes of the sensitive classes that it opened. */
  sensitive: string[];
  /** The last one holds. */
  reviews: { when: Instant; by: string; justified: boolean; reason: string }[];
}
/** POST /api/emergencies/{id}/review -> 204; reason of at least ten characters. The person is told. 403 for one's own access. */
export interface EmergencyReview { justified: boolean; reason: string }

export interface NationalAnswer {
  /** Null when nobody is found, or nothing may be seen: the two look the same. */
  person: PatientHead | null;
  purpose: 'TREAT' | 'ETREAT';
  /** Present only where it was recorded; an empty list says nothing about the person. */
  allergies: { text: string; source: string }[];
  conditions: { text: string; since: string; source: string }[];
  medications: { text: string; source: string }[];
  reports: NationalReport[];
  studies: NationalStudy[];
  /** Institutions that answered, and those that did not; one that consent excluded is in neither. */
  answered: { clues: string; name: string }[];
  failed: { clues: string; name: string; why: string }[];
  /** The standing sentence that a citizen may have restricted information. Always there. */
  notice: string;
}
export interface NationalReport {
  id: string;
  title: string;
  status: string;
  issued: Instant;
  institution: string;
  author: string;
  sections: Section[];
  conclusion: string;
  /** Study that it is about, when its images may be opened; else empty. */
  study_uid: string;
}
export interface NationalStudy {
  study_uid: string;
  description: string;
  modality: string;
  started: Instant;
  institution: string;
  series: number;
  instances: number;
}

// ---------------------------------------------------------------- the citizen (hub)

/** GET /api/me */
export interface Me {
  person: PatientHead;
  allergies: { text: string; source: string }[];
  conditions: { text: string; since: string; source: string }[];
  medications: { text: string; source: string }[];
  immunizations: { text: string; when: string; source: string }[];
  studies: MyStudy[];
  failed: { clues: string; name: string; why: string }[];
  /** Accesses in the last 30 days, and notices not yet read. */
  accesses_recent: number;
  notices_unread: number;
}
export interface MyStudy {
  study_uid: string;
  description: string;
  modality: string;
  started: Instant;
  institution: string;
  instances: number;
  /** Address on this origin of one rendered image (image/jpeg), or empty when there is none. Loaded only when the person opens the study. */
  image_url: string;
  report: { title: string; status: string; issued: Instant; author: string; conclusion: string; sections: Section[] } | null;
}

/** GET /api/me/accesses -> { entries, failed } newest first. Reading one's own record is in it too, marked `own`. */
export interface MyAccesses { entries: Access[]; failed: { clues: string; name: string; why: string }[] }
export interface Access {
  /** Log and index: `badiano.mx/DFSSA000001#12`; percent-encoded in the address of the proof. */
  id: string;
  when: Instant;
  who: string;
  /** Name of the institution, its CLUES when the name is not known. */
  institution: string;
  clues: string;
  /** What was looked at, in words. */
  what: string;
  /** Code of the interaction: read, search-type, C-STORE ... */
  interaction: string;
  /** HL7 v3 PurposeOfUse: TREAT, ETREAT, PATRQT, HOPERAT, PUBHLTH, HRESCH. */
  purpose: string;
  reason: string;
  emergency: boolean;
  refused: boolean;
  /** By who reads this list. */
  own: boolean;
  /** By what who looked acted in the person's place; empty where they did not. */
  in_place: string;
  /** False for about a second, until the next checkpoint of the log. */
  has_proof: boolean;
}
/** GET /api/me/accesses/{id}/proof -> text/plain, Content-Disposition: attachment; what `badiano verify` checks */

export type DataClass =
  | 'demographics' | 'encounters' | 'orders' | 'imaging' | 'reports' | 'laboratory' | 'medication' | 'allergies' | 'conditions'
  | 'immunizations' | 'documents' | 'other' | 'hiv' | 'mental-health' | 'reproduction' | 'violence';

/** GET /api/me/consents; POST answers the same */
export interface MyConsents {
  institutions: { clues: string; name: string; /** Holds records of the person. */ holds: boolean }[];
  /** Rules that stand, newest first. `clues` null: every institution; `data_class` null: everything. */
  rules: ConsentRule[];
  /** Classes that are closed unless opened by name. */
  sensitive: DataClass[];
  /** What the rules come to: for each institution the classes that are closed to it for treatment. */
  closed: { clues: string; data_classes: DataClass[] }[];
}
export interface ConsentRule {
  permit: boolean; clues: string | null; cedula: string | null; role: string | null; data_class: DataClass | null;
  /** Code of v3-ActReason; null: for care where it permits, for all where it refuses. */
  purpose: string | null; from: Instant; until: Instant | null;
  /** To whoever acts in the person's place; said by one of them. */
  representatives?: boolean; by_representative?: boolean;
  /** The same in plain words, in the reader's language. */
  sentence: string;
}
/** POST /api/me/consents. 200 only when it stands durably at the hub; nodes are told at once. */
export interface ConsentChange {
  permit: boolean; clues: string | null; data_class: DataClass | null;
  /** Instead of `clues`: a professional by their licence, or everybody with a clinical role. */
  cedula?: string; role?: string;
  /** Instead of all of these: whoever acts in the person's place. */
  representatives?: boolean;
  purpose?: 'TREAT' | 'PUBHLTH' | 'HRESCH' | 'HOPERAT';
  /** The last day, or the moment. */
  until?: string;
}

/**
 * GET /api/me/representatives; POST { curp, name, until? } gives a power of attorney and answers the same; POST .../{id}/end {} -> 204.
 * All other doors of /api/me take the header `x-badiano-in-place-of`: the id of one of `theirs`.
 */
export interface MyRepresentatives { mine: Representation[]; theirs: Representation[] }
export interface Representation {
  id: string; name: string; standing: 'PRN' | 'GUARD' | 'POWATT';
  /** Kind of the document that was checked; empty for a power that the person gave. */
  document: string; institution: string; from: Instant; until: Instant | null; in_force: boolean; can_end: boolean;
}

/** GET /api/me/notices -> { notices } newest first; POST /api/me/notices/read {} -> 204 marks all as read */
export interface MyNotices { notices: Notice[] }
export interface Notice { when: Instant; kind: 'emergency-access' | 'emergency-justified' | 'emergency-not-justified' | 'representative-named' | 'representative-ended'; who: string; institution: string; reason: string; sensitive: string[]; unread: boolean }

// ---------------------------------------------------------------- administration (role administrator)

export type PeerKind = 'dicom' | 'hl7';
/** GET /api/admin/peers; PUT /api/admin/peers PeerWrite -> Peer */
export interface Peers {
  peers: Peer[];
  /** Who knocked and is not listed. */
  strangers: { kind: PeerKind; name: string; host: string; seen: Instant }[];
}
export interface PeerWrite {
  kind: PeerKind;
  /** AE title, or `MSH-3|MSH-4`. */
  name: string;
  description: string;
  /** The address it speaks from. */
  host: string;
  /** Where it listens; 0 when it only sends. */
  port: number;
  /** CLUES; empty is this node's own. */
  institution: string;
}
export interface Peer extends PeerWrite { id: string; active: boolean }
/** POST /api/admin/peers/{id}/test {} -> PeerTest (C-ECHO, or an HL7 message that asks for nothing) */
export interface PeerTest { ok: boolean; text: string; milliseconds: number }
/** POST /api/admin/peers/{id}/active { active } -> Peer */

/** GET /api/admin/users; POST /api/admin/users NewUser -> NewUserAnswer; POST /api/admin/users/{account}/active {active} -> 204;
 *  PUT /api/admin/users/{account}/roles {roles} -> 204 */
export interface Users { users: UserRow[] }
export interface UserRow { account: string; name: string; roles: StaffRole[]; cedula: string | null; active: boolean }
export interface NewUser { account: string; name: string; roles: StaffRole[]; cedula: string | null; password: string }
export interface NewUserAnswer extends SetUpAnswer { account: string }

/** GET /api/admin/links; POST /api/admin/links Link -> 204; POST /api/admin/links/remove { issuer, subject } -> 204 */
export interface Links {
  links: Link[];
  /** Whom a provider signed in since the start, and who has no account. */
  unlinked: { issuer: string; subject: string; name: string; seen: Instant }[];
  /** Issuers of the providers that staff may come from. */
  issuers: string[];
}
export interface Link { account: string; issuer: string; subject: string }

/** GET /api/admin/systems; PUT /api/admin/systems SystemWrite -> System; POST /api/admin/systems/active { id, active } -> System */
export interface Systems { systems: System[] }
/** `jwks` is the text of a JSON Web Key Set with public keys. */
export interface SystemWrite { id: string; name: string; jwks: string; scopes: string[] }
export interface System extends SystemWrite { active: boolean }

/** GET /api/admin/apps; PUT /api/admin/apps AppRegistered -> AppRegistered */
export interface Apps { apps: AppRegistered[] }
export interface AppRegistered { id: string; name: string; redirect_uris: string[]; scopes: string[]; active: boolean }
/** GET /api/apps/asking?{query of /oauth/authorize}: who asks to act for the one who is signed in. */
export interface AppAsking { name: string; /** Where the answer is sent. */ host: string; scopes: string[]; wants_patient: boolean }
/** POST /api/apps/let-in {...query of /oauth/authorize, patient}: the address to go on to. */
export interface AppAnswer { redirect: string }

/** POST /api/admin/institutions/{clues}/revoke {} -> 204: its certificate is taken by no node any more. */
/** GET /api/admin/institutions (hub); POST /api/admin/institutions/{clues}/active {active} -> 204 */
export interface Institutions { institutions: Institution[] }
export interface Institution { clues: string; name: string; address: string; active: boolean; certificate_serial: string; /** How it has answered since the node began; null where it was never asked. */ exchange: Exchange | null }
export interface Exchange { breaker: 'closed' | 'open' | 'half-open'; asked: number; failed: number; why: string; answers_in_ms: number }
/** POST /api/admin/join-codes {clues} -> JoinCode (hub), shown once */
export interface JoinCode { clues: string; code: string; expires: Instant; /** The command that the hospital types. */ command: string }

/** GET /api/admin/queues; POST /api/admin/queues/{id}/retry {} -> 204; DELETE /api/admin/queues/{id} -> 204 */
export interface Queues { items: QueueItem[] }
export interface QueueItem { id: number; queue: string; tries: number; due: Instant; why: string; /** Waits for a person, not for time. */ dead: boolean }

/** An object of DICOM JSON (PS3.18 annex F) */
export type DicomObject = Record<string, { vr: string; Value?: unknown[] }>;
/** GET /api/rejected, GET /api/studies/{uid}/rejected; POST /api/studies/{uid}/reject { reason, comment, series, objects }; POST .../restore { objects } */
export interface RejectedObjects { objects: RejectedObject[] }
export interface RejectedObject { study: string; series: string; sop: string; sop_class: string; reason: string; meaning: string; note: string; at: Instant; awaited: boolean }

/** POST /api/wrap?study=|accession=|patient=&title=&origin= with a JPEG, PNG, MP4, PDF or CDA */
export interface WrappedFile { study: string; series: string; sop: string; sop_class: string; kind: 'jpeg' | 'png' | 'mp4' | 'pdf' | 'cda' }

/** GET /api/admin/routes; PUT a Route -> Route */
export interface Routes { routes: Route[]; waiting: WaitingErrand[] }
/** A route as data; docs/operations says its words. */
export interface Route { name: string; description: string; active: boolean; when: unknown; to: string[]; hours: { from: string; to: string } | null; priority: number; kilobytesPerSecond: number | null; settleSeconds: number; priors: unknown }
export interface WaitingErrand { id: number; route: string; to: string; study: string; step: string; objects: number; tries: number; due: Instant; why: string; dead: boolean }
/** GET /api/destinations; POST /api/studies/{uid}/send { to } -> { objects } */
export interface Destinations { destinations: { name: string; description: string }[] }

/** GET /api/admin/coercion-rules; PUT a CoercionRule -> RuleKept; POST /{name}/active { version, active } -> RuleKept */
export interface CoercionRules { rules: RuleKept[] }
export interface RuleKept { rule: CoercionRule; active: boolean; by: string }
/** A rule as data; docs/operations says its words. */
export interface CoercionRule { name: string; description?: string; version: number; when?: unknown; changes: unknown[] }
/** POST /api/admin/coercion-trial?rule=&ae= with a DICOM file */
export interface CoercionTrial { followed: RuleFollowed[]; canBeGiven: boolean; issues: string[] }
export interface RuleFollowed { rule: string; version: number; changed: { attribute: string; was: string; now: string }[]; not_done?: string[] }

/** GET /api/admin/messages; POST /api/admin/messages/{id}/replay {} -> MessageRow */
export interface Messages {
  messages: MessageRow[];
  /** By sender: where something was not understood, and how often. */
  losses: { sender: string; locations: { location: string; count: number }[] }[];
}
export interface MessageRow {
  id: string;
  kind: string;
  control_id: string;
  sender: string;
  received: Instant;
  state: 'applied' | 'repeated' | 'held';
  why: string;
  losses: { location: string; reason: string }[];
  /** How often a person had it applied again. */
  replays: number;
}

/** GET /api/admin/status */
export interface Status {
  version: string;
  started: Instant;
  disk: { free_bytes: number; total_bytes: number; state: 'ok' | 'warning' | 'full' };
  /** `cosigned`: entries under the newest checkpoint that witnesses have cosigned; `witnessed`: logs of other nodes, with an alarm where one showed another history. */
  log: { entries: number; checkpoint_at: Instant | null; cosigned?: number; witnessed?: { origin: string; entries: number; cosigned_at: Instant; alarm_at: Instant | null }[] };
  /** Seconds since the hub was last heard on consent; null at the hub and where no hub was joined. */
  consent_age_seconds: number | null;
  hub: { name: string; address: string; reachable: boolean } | null;
  stored: { patients: number; studies: number; instances: number; bytes: number };
  waiting: number;
  stuck: number;
}

// ---------------------------------------------------------------- who is who

/** GET /api/identity/pairs?state=open|decided: records that may be of one person, most alike first (decided: newest first); a hundred at most. */
export interface IdentityPairs { pairs: IdentityPair[]; total: number }
export interface IdentityPair {
  /** Logarithm of the odds to base 2 that both are one person. */
  bits: number;
  /** FHIR match-grade; empty when no score has found them. */
  grade: 'certain' | 'probable' | 'possible' | '';
  guard: string | null;
  fields: { field: string; level: string; bits: number }[];
  found: Instant;
  decided: { verdict: 'same' | 'different'; kept?: string; by: string; at: Instant; reason: string } | null;
  records: [IdentityRecord, IdentityRecord];
}
export interface IdentityRecord extends PatientHead { id: string; address: string; phone: string; updated: Instant }
/** POST /api/identity/decision -> 204. `same` merges (into `kept`, or into the one with more identifiers), `open` takes back what was said. */
export interface IdentityDecision { a: string; b: string; verdict: 'same' | 'different' | 'open'; kept?: string; reason: string }
