//! What consent hides looks as if it did not exist (house, invariant 3): random consents, askers and purposes over a small hospital; what
//! every door of a session gives is compared with a decision of a few lines that shares no code with the real one.

use super::{HUB, NORTE, Place, SUR, open};
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dictionary::{Coding, uids};
use badiano_dicom::{query as dicom, tags};
use badiano_fhir::search::{self, Query, Total};
use badiano_fhir::{Value, fhir};
use badiano_kernel::principal::{Representative, Role, Staff, Standing};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_record::class::DataClass;
use badiano_record::consent::{Consent, Recipient, Rule, Speaker};
use badiano_record::consent_register::Statement;
use badiano_record::emergency::Emergency;
use badiano_record::history::Asked;
use badiano_record::resources::Precondition;
use badiano_record::{NodeRole, Session};
use badiano_testkit::Rng;
use badiano_testkit::proof::{Plan, Proof};
use std::collections::BTreeSet;

const OTRO: &str = "YNSSA999103";
const CEDULAS: [&str; 2] = ["99000001", "99000002"];
const PATIENTS: usize = 4;
const ZONE: &str = "America/Mexico_City";

/// Each kind of content once a patient: type, its class by law, a label or a code that makes it sensitive, and which class that is.
const CONTENT: &[(&str, DataClass, &str, Option<DataClass>)] = &[
    ("Encounter", DataClass::Encounters, "", None),
    ("ServiceRequest", DataClass::Orders, "", None),
    ("ImagingStudy", DataClass::Imaging, "", None),
    ("Observation", DataClass::Laboratory, "", None),
    ("Observation", DataClass::Laboratory, "label:HIV", Some(DataClass::Hiv)),
    ("Observation", DataClass::Laboratory, "loinc:56888-1", Some(DataClass::Hiv)),
    ("MedicationStatement", DataClass::Medication, "", None),
    ("AllergyIntolerance", DataClass::Allergies, "", None),
    ("Condition", DataClass::Conditions, "", None),
    ("Condition", DataClass::Conditions, "icd:F32.1", Some(DataClass::MentalHealth)),
    ("Condition", DataClass::Conditions, "icd:O04.9", Some(DataClass::Reproduction)),
    ("Immunization", DataClass::Immunizations, "", None),
    ("Condition", DataClass::Conditions, "icd:T74.1", Some(DataClass::Violence)),
    ("DiagnosticReport", DataClass::Reports, "", None),
    ("DocumentReference", DataClass::Documents, "", None),
    ("CarePlan", DataClass::Other, "", None),
];

/// Something of a patient, as the decision sees it.
struct Thing {
    kind: &'static str,
    id: String,
    patient: usize,
    classes: Vec<DataClass>,
}

struct Hospital {
    place: Place,
    patients: Vec<(String, String)>,
    things: Vec<Thing>,
    consents: Vec<Consent>,
    versions: Vec<u64>,
}

/// Who asks, in the words of the decision.
struct Asker {
    principal: Principal,
    purpose: Purpose,
    emergency: Option<Emergency>,
}

// ---------------------------------------------------------------- the decision

/// All of it: the law, what the person said, and what a role is for.
fn may_see(asker: &Asker, own: Option<&str>, consent: &Consent, classes: &[DataClass], now: Instant) -> bool {
    if let Principal::Citizen { curp, .. } = &asker.principal {
        return asker.purpose == Purpose::PatientRequest && own == Some(curp);
    }
    if let Principal::Representative(r) = &asker.principal {
        let open = |c: &DataClass| !law_closes(r, c, now) && !person_closes(consent, c, now);
        return asker.purpose == Purpose::PatientRequest
            && own == Some(r.person.as_str())
            && classes.iter().all(open);
    }
    if !classes.iter().all(|c| role_reads(asker, *c)) {
        return false;
    }
    let staff = asker.principal.staff();
    if asker.purpose == Purpose::Emergency {
        let licensed = staff.is_some_and(|s| s.cedula.is_some() && s.roles.iter().any(|r| r.is_clinical()));
        return asker.emergency.as_ref().is_some_and(|e| {
            let in_time = now < e.signed_in.plus_seconds(4 * 3600) && e.signed_in <= now.plus_seconds(60);
            let asked = |c: &DataClass| !is_sensitive(c) || e.sensitive & c.bit() != 0;
            licensed && in_time && own == Some(e.person.as_str()) && classes.iter().all(asked)
        });
    }
    let who = asker.principal.institution().unwrap_or("");
    let word = |class: &DataClass, said: &dyn Fn(&Rule) -> bool| {
        let year = |r: &Rule| r.permit && is_sensitive(class) && r.from.plus_seconds(365 * 86_400) <= now;
        let rules = consent.rules.iter().filter(|r| said(r)).filter(|r| {
            r.class.map_or(!(r.permit && is_sensitive(class)), |c| c == *class)
                && r.recipient.as_ref().is_none_or(|to| exactness(to, who, staff).is_some())
                && r.purpose.map_or(!r.permit || asker.purpose == Purpose::Treatment, |p| p == asker.purpose)
                && (r.from <= now && r.to.is_none_or(|end| now < end) && !year(r))
        });
        let exact = |r: &&Rule| {
            let to = r.recipient.as_ref().map_or(0, |to| exactness(to, who, staff).unwrap_or(0));
            (to, r.class.is_some(), r.purpose.is_some())
        };
        rules.max_by_key(exact).map(|rule| {
            let unnamed = matches!(rule.recipient, None | Some(Recipient::Role(_)));
            rule.permit || who == NORTE && unnamed
        })
    };
    classes.iter().all(|class| {
        let law = match (who == NORTE, asker.purpose) {
            (true, Purpose::Treatment | Purpose::Operations) => true,
            (false, Purpose::Treatment) => !is_sensitive(class),
            _ => false,
        };
        let of = |speaker: &str| word(class, &|r| r.by.as_ref().map_or("", |s| &s.representation) == speaker);
        let words = |beside: bool, former: bool| {
            let those = SPEAKERS.iter().filter(move |s| s.1 == beside && s.2 == former);
            those.filter_map(|s| of(s.0)).collect::<Vec<bool>>()
        };
        let joint: Vec<bool> = of("").into_iter().chain(words(true, false)).collect();
        let instead = words(false, false);
        if !joint.is_empty() {
            joint.iter().all(|open| *open)
        } else if !instead.is_empty() {
            instead.iter().all(|open| *open)
        } else {
            law && !words(true, true).contains(&false) && !words(false, true).contains(&false)
        }
    })
}

/// Who speaks for a person beside them: the representation, whether beside the person or where they are silent, whether it has ended.
const SPEAKERS: [(&str, bool, bool); 4] =
    [("mother", true, false), ("father", true, false), ("attorney", false, false), ("aunt", true, true)];

/// The law for who acts in a person's place.
fn law_closes(r: &Representative, class: &DataClass, now: Instant) -> bool {
    let digits = &r.person[4..10];
    let century = if r.person.as_bytes()[16].is_ascii_digit() { 1900 } else { 2000 };
    let born = (century + digits[..2].parse::<i32>().expect("a year"), &digits[2..]);
    let today = now.to_rfc3339_in(ZONE);
    let (year, day) =
        (today[..4].parse::<i32>().expect("a year"), format!("{}{}", &today[5..7], &today[8..10]));
    let age = year - born.0 - i32::from(day.as_str() < born.1);
    match (r.standing, age) {
        (Standing::Attorney, _) | (Standing::Parent | Standing::Guardian, 12..=17) => is_sensitive(class),
        (Standing::Parent | Standing::Guardian, 0..=11) | (Standing::Guardian, _) => {
            *class == DataClass::Violence
        }
        (Standing::Parent, _) => false,
    }
}

/// What the person closed to them.
fn person_closes(consent: &Consent, class: &DataClass, now: Instant) -> bool {
    let words = consent.rules.iter().filter(|r| {
        r.recipient == Some(Recipient::Representatives)
            && r.by.is_none()
            && r.from <= now
            && r.to.is_none_or(|end| now < end)
            && r.class.map_or(!(r.permit && is_sensitive(class)), |c| c == *class)
    });
    words.max_by_key(|r| (r.class.is_some(), r.purpose.is_some())).is_some_and(|r| !r.permit)
}

/// How exactly somebody is named; nothing when it is somebody else.
fn exactness(to: &Recipient, institution: &str, staff: Option<&Staff>) -> Option<u8> {
    match to {
        Recipient::Professional(cedula) => {
            staff.and_then(|s| (s.cedula.as_ref() == Some(cedula)).then_some(3))
        }
        Recipient::Institution(clues) => (clues == institution).then_some(2),
        Recipient::Role(role) => staff.and_then(|s| s.roles.contains(role).then_some(1)),
        Recipient::Representatives => None,
    }
}

fn is_sensitive(class: &DataClass) -> bool {
    use DataClass::{Hiv, MentalHealth, Reproduction, Violence};
    matches!(class, Hiv | MentalHealth | Reproduction | Violence)
}

fn role_reads(asker: &Asker, class: DataClass) -> bool {
    use DataClass::{Allergies, Demographics, Encounters, Imaging, Laboratory, Medication, Orders};
    let sensitive = is_sensitive(&class);
    let of = |role: &Role| match role {
        Role::Radiologist | Role::Resident | Role::Clinician => true,
        Role::Technologist => sensitive || matches!(class, Demographics | Encounters | Orders | Imaging),
        Role::Pharmacist => sensitive || matches!(class, Demographics | Medication | Allergies),
        Role::Registrar => matches!(class, Demographics | Encounters),
        Role::Administrator | Role::SecurityOffice => false,
    };
    match &asker.principal {
        Principal::Staff(staff) => {
            let for_care =
                matches!(asker.purpose, Purpose::Treatment | Purpose::Emergency | Purpose::Operations);
            for_care && staff.roles.iter().any(of)
        }
        Principal::Node { on_behalf_of: Some(staff), .. } => staff.roles.iter().any(of),
        Principal::Node { .. } => false,
        Principal::Peer { .. } => sensitive || matches!(class, Demographics | Encounters | Orders | Imaging),
        Principal::System { scopes, .. } => {
            scopes[0] == "system/*.read"
                || scopes[0] == "system/Observation.read" && (sensitive || class == Laboratory)
        }
        Principal::Citizen { .. } | Principal::Representative(_) | Principal::Job { .. } => false,
    }
}

// ---------------------------------------------------------------- the hospital

impl Hospital {
    async fn open() -> Hospital {
        let place = open(NodeRole::Hospital, NORTE);
        let writer = Principal::System {
            client_id: "w".into(),
            name: "w".into(),
            institution: NORTE.into(),
            scopes: vec!["system/*.cruds".into()],
        };
        let session = place.node.session(writer, Purpose::Treatment, Instant::now());
        let people = badiano_testkit::people::population(11, 400);
        // A child, an adolescent, and people of age: the law on representatives tells them apart.
        let born = |p: &&badiano_testkit::people::Person, years: std::ops::Range<u16>| {
            years.contains(&p.born.year())
        };
        let ages = [2016..2026, 2010..2013, 1950..2000, 1950..2000];
        let chosen = ages
            .into_iter()
            .enumerate()
            .filter_map(|(n, years)| people.iter().filter(|p| born(p, years.clone())).nth(n));
        let known = chosen.map(|p| p.patient("urn:badiano:authority:N"));
        let with_curp = known.filter_map(|p| badiano_record::patient_index::curp_in(&p).map(|c| (p, c)));
        let (mut patients, mut things) = (Vec::new(), Vec::new());
        for (patient, (resource, curp)) in with_curp.take(PATIENTS).enumerate() {
            let number = number_of(&resource);
            let id = session.register_patient(resource).await.expect("registered").resource.id().to_owned();
            store_image(&place, &number, &study_of(patient)).await;
            things.push(Thing {
                kind: "Patient",
                id: id.clone(),
                patient,
                classes: vec![DataClass::Demographics],
            });
            for (n, (kind, class, mark, more)) in CONTENT.iter().enumerate() {
                let made = content(kind, mark, &id, &format!("t{patient}-{n}"), &format!("t{patient}-0"));
                session.update(made, Precondition::None).await.expect("written");
                let classes = [*class].into_iter().chain(*more).collect();
                things.push(Thing { kind, id: format!("t{patient}-{n}"), patient, classes });
            }
            patients.push((id, curp));
        }
        let consents = vec![Consent::default(); patients.len()];
        let versions = vec![0; patients.len()];
        Hospital { place, patients, things, consents, versions }
    }

    /// A person says something else altogether.
    async fn say(&mut self, patient: usize, consent: Consent, now: Instant) {
        self.versions[patient] += 1;
        let hub = Principal::Node { institution: HUB.into(), name: "hub".into(), on_behalf_of: None };
        let statement = Statement {
            curp: self.patients[patient].1.clone(),
            version: self.versions[patient],
            consent: consent.clone(),
        };
        let session = self.place.node.session(hub, Purpose::Operations, now);
        session.take_consent(statement).await.expect("taken");
        self.consents[patient] = consent;
    }

    fn visible(&self, asker: &Asker, thing: &Thing, now: Instant) -> bool {
        let own = Some(self.patients[thing.patient].1.as_str());
        may_see(asker, own, &self.consents[thing.patient], &thing.classes, now)
    }
}

fn study_of(patient: usize) -> String {
    format!("2.25.4100{patient}")
}

/// The number that the hospital gave.
fn number_of(patient: &Value) -> String {
    let own = patient["identifier"].items().iter().find(|i| i.str_of("system") == "urn:badiano:authority:N");
    own.expect("a number of the hospital").str_of("value").to_owned()
}

/// An object without pixels, as a modality of the hospital sends it.
async fn store_image(place: &Place, number: &str, study: &str) {
    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    let sop = format!("{study}.1.1");
    let mut set = DataSet::new();
    set.set_text(tags::SOP_CLASS_UID, CT);
    set.set_text(tags::SOP_INSTANCE_UID, &sop);
    set.set_text(tags::MODALITY, "CT");
    set.set_text(tags::PATIENT_NAME, "PEREZ^ANA");
    set.set_text(tags::PATIENT_ID, number);
    set.set_text(tags::STUDY_INSTANCE_UID, study);
    set.set_text(tags::SERIES_INSTANCE_UID, &format!("{study}.1"));
    let peer = Principal::Peer { name: "AE".into(), institution: NORTE.into() };
    let session = place.node.session(peer, Purpose::Treatment, Instant::now());
    let receiving = session.receive_data_set(CT, &sop, uids::EXPLICIT_VR_LITTLE_ENDIAN, "AE");
    let mut receiving = receiving.expect("a peer may store");
    receiving.feed(&set.write(Coding::ExplicitLittle)).expect("it is read");
    receiving.finish().await.expect("it is stored");
}

fn content(kind: &str, mark: &str, patient: &str, id: &str, encounter: &str) -> Value {
    let about = fhir!({ "reference": (format!("Patient/{patient}")) });
    let mut made = fhir!({ "resourceType": kind, "id": id });
    let subject = if matches!(kind, "AllergyIntolerance" | "Immunization") { "patient" } else { "subject" };
    made.set(subject, about);
    let (system, code) = match mark.split_once(':') {
        Some(("loinc", code)) => ("http://loinc.org", code),
        Some(("icd", code)) => ("http://hl7.org/fhir/sid/icd-10", code),
        _ => ("urn:local", "x1"),
    };
    let concept = fhir!({ "coding": [{ "system": system, "code": code }] });
    if let Some(("label", label)) = mark.split_once(':') {
        made.set("meta", fhir!({ "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": label }] }));
    }
    match kind {
        "Encounter" => {
            made.set("status", "finished");
            made.set("class", fhir!({ "system": "urn:class", "code": "AMB" }));
        }
        "ServiceRequest" => {
            made.set("status", "active");
            made.set("intent", "order");
            made.set("code", concept);
        }
        "ImagingStudy" => made.set("status", "available"),
        "Observation" | "DiagnosticReport" => {
            made.set("status", "final");
            made.set("code", concept);
            made.set("encounter", fhir!({ "reference": (format!("Encounter/{encounter}")) }));
        }
        "MedicationStatement" => {
            made.set("status", "active");
            made.set("medicationCodeableConcept", concept);
        }
        "AllergyIntolerance" => {
            let system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
            made.set("clinicalStatus", fhir!({ "coding": [{ "system": system, "code": "active" }] }));
            made.set("code", concept);
        }
        "Immunization" => {
            made.set("status", "completed");
            made.set("vaccineCode", concept);
            made.set("occurrenceDateTime", "2020-01-01");
        }
        "DocumentReference" => {
            made.set("status", "current");
            made.push("content", fhir!({ "attachment": { "title": "a" } }));
        }
        "CarePlan" => {
            made.set("status", "active");
            made.set("intent", "plan");
        }
        _ => made.set("code", concept),
    }
    made
}

// ---------------------------------------------------------------- what is drawn

fn consent(rng: &mut Rng, now: Instant) -> Consent {
    let rules = (0..rng.below(6)).map(|_| Rule {
        permit: rng.percent(45),
        class: rng.percent(60).then(|| *rng.pick(&DataClass::ALL)).filter(|c| *c != DataClass::Public),
        recipient: rng.percent(60).then(|| recipient(rng)),
        purpose: rng.percent(30).then(|| *rng.pick(&Purpose::ALL)),
        from: now.plus_seconds(*rng.pick(&[-60, -60, -60, -60, -60, 60, -366 * 86_400])),
        to: rng.percent(25).then(|| now.plus_seconds(if rng.percent(50) { -30 } else { 30 })),
        by: rng.percent(35).then(|| {
            let (representation, beside, former) = *rng.pick(&SPEAKERS);
            let to = now.plus_seconds(if former { -30 } else { 3600 });
            Speaker { representation: representation.into(), beside, to: (former || beside).then_some(to) }
        }),
    });
    Consent { rules: rules.collect() }
}

fn recipient(rng: &mut Rng) -> Recipient {
    match rng.below(7) {
        0 => Recipient::Role(*rng.pick(&Role::ALL)),
        2 | 3 => Recipient::Representatives,
        1 => Recipient::Professional((*rng.pick(&CEDULAS)).to_owned()),
        _ => Recipient::Institution((*rng.pick(&[NORTE, SUR, OTRO])).to_owned()),
    }
}

/// Of one of the patients; now and then too old or of the future, or for sensitive classes too.
fn emergency(rng: &mut Rng, hospital: &Hospital, now: Instant) -> Emergency {
    let sensitive = [DataClass::Hiv, DataClass::MentalHealth, DataClass::Reproduction, DataClass::Violence];
    Emergency {
        person: hospital.patients[rng.below(PATIENTS as u64) as usize].1.clone(),
        reason: "sin respuesta en urgencias".to_owned(),
        signed_in: now.plus_seconds(*rng.pick(&[0, 0, -60, -4 * 3600 + 60, -4 * 3600, 120])),
        sensitive: if rng.percent(40) { rng.pick(&sensitive).bit() } else { 0 },
    }
}

fn asker(rng: &mut Rng, hospital: &Hospital, now: Instant) -> Asker {
    let staff = |institution: &str, rng: &mut Rng| Staff {
        account: "a".into(),
        name: "A".into(),
        roles: vec![*rng.pick(&Role::ALL)],
        institution: institution.into(),
        cedula: rng.percent(80).then(|| (*rng.pick(&CEDULAS)).to_owned()),
    };
    let elsewhere = *rng.pick(&[SUR, OTRO]);
    let principal = match rng.below(9) {
        0 => Principal::Staff(staff(NORTE, rng)),
        1 | 2 => Principal::Node {
            institution: HUB.into(),
            name: "hub".into(),
            on_behalf_of: Some(staff(elsewhere, rng)),
        },
        3 => Principal::Peer { name: "AE".into(), institution: (*rng.pick(&[NORTE, SUR])).into() },
        4 | 5 => Principal::System {
            client_id: "s".into(),
            name: "s".into(),
            institution: (*rng.pick(&[NORTE, SUR, OTRO])).into(),
            scopes: vec![(*rng.pick(&["system/*.read", "system/Observation.read"])).into()],
        },
        6 | 7 => Principal::Representative(Representative {
            curp: "SABC560626MDFLRN01".into(),
            name: "R".into(),
            person: hospital.patients[rng.below(PATIENTS as u64) as usize].1.clone(),
            standing: *rng.pick(&Standing::ALL),
            representation: "mother".into(),
        }),
        _ => {
            let (_, curp) = &hospital.patients[rng.below(PATIENTS as u64) as usize];
            Principal::Citizen { curp: curp.clone(), name: "C".into() }
        }
    };
    let purpose = if rng.percent(50) { Purpose::Treatment } else { *rng.pick(&Purpose::ALL) };
    let purpose = match principal {
        Principal::Citizen { .. } | Principal::Representative(_) if rng.percent(80) => {
            Purpose::PatientRequest
        }
        _ => purpose,
    };
    let emergency = (purpose == Purpose::Emergency && rng.percent(90)).then(|| emergency(rng, hospital, now));
    Asker { principal, purpose, emergency }
}

// ---------------------------------------------------------------- the doors

/// One case: what everybody may see of one patient, through every door.
struct Case<'h> {
    hospital: &'h Hospital,
    asker: &'h Asker,
    session: Session,
    patient: usize,
    now: Instant,
    doors: u64,
}

impl Case<'_> {
    fn expected(&self, wanted: impl Fn(&Thing) -> bool) -> BTreeSet<String> {
        let all = self.hospital.things.iter().filter(|t| wanted(t));
        let seen = all.filter(|t| self.hospital.visible(self.asker, t, self.now));
        seen.map(|t| format!("{}/{}", t.kind, t.id)).collect()
    }

    fn agree(&mut self, door: &str, given: BTreeSet<String>, expected: &BTreeSet<String>) {
        self.doors += 1;
        let leaked: Vec<&String> = given.difference(expected).collect();
        let withheld: Vec<&String> = expected.difference(&given).collect();
        assert!(
            leaked.is_empty() && withheld.is_empty(),
            "{door}: leaked {leaked:?}, withheld {withheld:?}, asked by {:?} for {:?} (emergency: {:?}), consent {:?}",
            self.asker.principal,
            self.asker.purpose,
            self.asker.emergency,
            self.hospital.consents[self.patient],
        );
    }

    fn ask(&self, kind: &str, text: &str) -> Result<badiano_record::session::Page, Fault> {
        let pairs: Vec<(String, String)> = text
            .split('&')
            .filter_map(|p| p.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        let parsed = search::parse(kind, &pairs, true, ZONE).expect("a question that is understood");
        self.session.search(&Query { count: 200, total: Total::Accurate, ..parsed.query })
    }

    /// The hits; a refusal of the whole type is nothing seen.
    fn found(&self, kind: &str, text: &str) -> BTreeSet<String> {
        let Ok(page) = self.ask(kind, text) else { return BTreeSet::new() };
        let hits: BTreeSet<String> = page.hits.iter().map(|h| name(&h.resource)).collect();
        assert_eq!(page.total, Some(hits.len()), "{kind}?{text}: what is hidden is not counted");
        hits
    }

    fn every_door(&mut self) {
        let patient = self.patient;
        let id = self.hospital.patients[patient].0.clone();
        let things: Vec<&Thing> = self.hospital.things.iter().filter(|t| t.patient == patient).collect();
        let all = self.expected(|t| t.patient == patient);
        let tried = |good: &dyn Fn(&Thing) -> bool| {
            things.iter().filter(|t| good(t)).map(|t| format!("{}/{}", t.kind, t.id)).collect::<BTreeSet<_>>()
        };
        let read = tried(&|t| self.session.read(t.kind, &t.id).is_ok());
        let vread = tried(&|t| self.session.read_version(t.kind, &t.id, 1).is_ok());
        let history = tried(&|t| {
            let asked = Asked { kind: t.kind.into(), id: t.id.clone(), count: 10, ..Asked::default() };
            self.session.history(&asked).is_ok_and(|page| !page.versions.is_empty())
        });
        self.agree("read", read, &all);
        self.agree("vread", vread, &all);
        self.agree("history of one", history, &all);
        let kinds: BTreeSet<&str> = CONTENT.iter().map(|(kind, ..)| *kind).collect();
        for kind in kinds {
            let expected = self.expected(|t| t.patient == patient && t.kind == kind);
            self.agree("search by patient", self.found(kind, &format!("patient=Patient/{id}")), &expected);
            let every = self.expected(|t| t.kind == kind);
            self.agree("search of a type", self.found(kind, ""), &every);
            let asked = Asked { kind: kind.into(), count: 500, ..Asked::default() };
            let past = self.session.history(&asked).map(|p| p.names).unwrap_or_default();
            self.agree(
                "history of a type",
                past.into_iter().map(|(k, i)| format!("{k}/{i}")).collect(),
                &every,
            );
        }
        self.by_way_of_others(&id, &all);
        self.images();
    }

    /// Queries, objects and what would be sent to another node.
    fn images(&mut self) {
        let uid = study_of(self.patient);
        let own = Some(self.hospital.patients[self.patient].1.as_str());
        let consent = &self.hospital.consents[self.patient];
        let open = may_see(self.asker, own, consent, &[DataClass::Imaging], self.now);
        let expected: BTreeSet<String> = open.then(|| uid.clone()).into_iter().collect();
        let query = dicom::Query {
            level: dicom::Level::Study,
            conditions: vec![(tags::STUDY_INSTANCE_UID, dicom::Condition::Single(uid.clone()))],
            combined_date_time: false,
            fuzzy: false,
            limit: usize::MAX,
            offset: 0,
        };
        let given = |any: bool| any.then(|| uid.clone()).into_iter().collect::<BTreeSet<_>>();
        let found = given(self.session.find_images(&query).is_ok_and(|all| !all.is_empty()));
        let objects = given(self.session.archived(&uid, None).is_ok_and(|all| !all.is_empty()));
        let one = given(self.session.archived_by_sop(&format!("{uid}.1.1")).is_ok());
        let sent = given(self.session.retrievable(&query, None).is_ok_and(|all| !all.is_empty()));
        self.agree("query of images", found, &expected);
        self.agree("objects of a study", objects, &expected);
        self.agree("one object", one, &expected);
        // In an emergency nothing is taken along.
        let kept = if self.asker.purpose == Purpose::Emergency { BTreeSet::new() } else { expected };
        self.agree("objects to be sent", sent, &kept);
    }

    /// Chains, `_has`, includes and `$everything`: nothing is told by way of something else.
    fn by_way_of_others(&mut self, id: &str, all: &BTreeSet<String>) {
        let patient = self.patient;
        let me = format!("Patient/{id}");
        for (code, wanted) in [("56888-1", "loinc:56888-1"), ("x1", "")] {
            let is_of = |n: &str| {
                CONTENT.iter().enumerate().any(|(at, (kind, _, mark, _))| {
                    let coded = if wanted.is_empty() { !mark.starts_with("loinc") } else { *mark == wanted };
                    *kind == "Observation" && coded && n == format!("Observation/t{patient}-{at}")
                })
            };
            let expected: BTreeSet<String> =
                all.iter().filter(|n| **n == me && all.iter().any(|o| is_of(o))).cloned().collect();
            let asked = format!("_id={id}&_has:Observation:patient:code={code}");
            self.agree("_has", self.found("Patient", &asked), &expected);
        }
        let encounter = format!("Encounter/t{patient}-0");
        let through: BTreeSet<String> = all
            .iter()
            .filter(|n| n.starts_with("Observation/") && all.contains(&encounter))
            .cloned()
            .collect();
        let asked = format!("patient={me}&encounter:Encounter.status=finished");
        self.agree("chain", self.found("Observation", &asked), &through);
        let asked = format!("_id={id}&_revinclude=Observation:patient&_revinclude=Condition:patient");
        let brought = self.brought("Patient", &asked);
        let expected: BTreeSet<String> = all
            .iter()
            .filter(|n| all.contains(&me) && (n.starts_with("Observation/") || n.starts_with("Condition/")))
            .cloned()
            .collect();
        self.agree("_revinclude", self.unless_refused(brought, &expected), &expected);
        let brought = self.brought("Observation", &format!("patient={me}&_include=Observation:encounter"));
        let expected: BTreeSet<String> = all
            .iter()
            .filter(|n| **n == encounter && all.iter().any(|o| o.starts_with("Observation/")))
            .cloned()
            .collect();
        self.agree("_include", self.unless_refused(brought, &expected), &expected);
    }

    /// What came along, or nothing when the question itself is refused.
    fn brought(&self, kind: &str, text: &str) -> Option<BTreeSet<String>> {
        let page = self.ask(kind, text).ok()?;
        Some(page.included.iter().map(|h| name(&h.resource)).collect())
    }

    /// A token whose scopes do not name the type that is asked for may be refused where something could be seen another way.
    fn unless_refused(
        &self,
        brought: Option<BTreeSet<String>>,
        expected: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        brought.unwrap_or_else(|| expected.clone())
    }
}

fn name(of: &Value) -> String {
    format!("{}/{}", of.resource_type(), of.id())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_consent_hides_is_given_by_no_door_of_a_session() {
    let mut hospital = Hospital::open().await;
    let mut proof = Proof::begin("leaks_of_a_session", Plan { slice: 150, full: 30_000 });
    let (mut doors, mut open) = (0, 0);
    for mut case in proof.by_ref() {
        let now = Instant::now();
        let patient = case.rng.below(PATIENTS as u64) as usize;
        let said = consent(&mut case.rng, now);
        hospital.say(patient, said, now).await;
        let asker = asker(&mut case.rng, &hospital, now);
        let mut session = hospital.place.node.session(asker.principal.clone(), asker.purpose, now);
        if let Some(emergency) = &asker.emergency {
            session = session.in_emergency(emergency.clone());
        }
        let mut one = Case { hospital: &hospital, asker: &asker, session, patient, now, doors: 0 };
        one.every_door();
        open += one.expected(|t| t.patient == patient).len() as u64;
        doors += one.doors;
    }
    proof.note("answers compared", doors);
    proof.note("things that were open", open);
    assert!(open > 0, "something is open now and then");
}
