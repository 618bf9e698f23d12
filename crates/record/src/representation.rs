//! Who acts in a person's place: parents and guardians of minors, checked by a registrar, and whom a person gave a power of attorney
//! (FHIR R4 RelatedPerson; LGDNNA arts. 5 and 76; Código Civil Federal arts. 425, 449 and 646).
//!
//! The hub decides who acts for whom; a hospital's registrar tells it by a RelatedPerson that names the document they checked. What is
//! closed to representatives by law is the table `representation_rules.csv`; what the person closed to them stands in their consent.

use crate::accesses::Notice;
use crate::audit::Act;
use crate::class::DataClass;
use crate::consent::{Consent, Speaker};
use crate::consent_register;
use crate::node::{Node, NodeRole};
use crate::patient_index::{curp_of, patients_of_curp};
use crate::resources::Writer;
use crate::session::Session;
use badiano_fhir::{Value, fhir};
use badiano_kernel::id::random_uuid;
use badiano_kernel::principal::{Representative, Role, Standing};
use badiano_kernel::time::Span;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_mexico::curp::Curp;
use badiano_mexico::date::Date;
use badiano_mexico::naming;
use badiano_store::{Expect, Tx, View};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// The queue that carries representations from a hospital to the hub; its key is the person.
pub const REPRESENTATIONS: &str = "hub-representation";
/// The extension of a RelatedPerson that makes it a representation: which document a registrar has checked.
pub const CHECKED_DOCUMENT: &str = "https://badiano.example/fhir/StructureDefinition/checked-document";
/// Kinds of documents that a registrar checks (the extension's `kind`).
pub const DOCUMENTS: [&str; 4] = ["birth-certificate", "adoption", "court-act", "notarial-power"];
/// The one of them that reaches beyond majority.
const COURT_ACT: &str = "court-act";
/// From this age on nobody acts for a person but by a court's act or their own power of attorney.
pub const MAJORITY_YEARS: u16 = 18;
/// People who act for one person, and people for whom one person acts, as far as both are listed.
const LISTED_MAX: usize = 64;
/// Longest name and document number, in characters.
const TEXT_MAX: usize = 200;

const ROLE_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
/// Documents of the store: by person, by representative, and at a node by its RelatedPerson.
const OF_PERSON: &str = "representation";
const BY_REPRESENTATIVE: &str = "represents";
const OF_RESOURCE: &str = "related-person-represents";

/// One person may act in another's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Representation {
    pub id: String,
    /// CURP of the person in whose place.
    pub person: String,
    /// CURP and name of who acts.
    pub representative: String,
    pub name: String,
    /// Code of [`Standing`].
    pub standing: String,
    /// One of [`DOCUMENTS`] and its number; nothing where the person has named them.
    pub document: String,
    pub number: String,
    pub checked_by: String,
    /// CLUES of the registrar's institution.
    pub institution: String,
    /// Microseconds since 1970.
    pub from: i64,
    pub to: Option<i64>,
    /// When somebody ended it.
    pub ended: Option<i64>,
}

/// Whom a citizen names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Power {
    pub representative: String,
    pub name: String,
    pub to: Option<Instant>,
}

impl Representation {
    pub fn standing(&self) -> Option<Standing> {
        Standing::from_code(&self.standing)
    }

    /// When it ends: by its period, by somebody's word, or when the person comes of age.
    pub fn end(&self, zone: &str) -> Option<Instant> {
        let of_age = match self.standing() {
            Some(Standing::Parent | Standing::Guardian) if self.document != COURT_ACT => {
                Curp::parse(&self.person).ok().and_then(|curp| majority(&curp, zone))
            }
            _ => None,
        };
        let said = [self.to, self.ended].into_iter().flatten().map(Instant::from_micros);
        said.chain(of_age).min()
    }

    pub fn in_force(&self, now: Instant, zone: &str) -> bool {
        self.from <= now.micros && self.end(zone).is_none_or(|end| now < end)
    }

    fn speaker(&self, zone: &str) -> Speaker {
        let beside = self.standing() != Some(Standing::Attorney);
        Speaker { representation: self.id.clone(), beside, to: self.end(zone) }
    }

    fn check(&self, now: Instant, zone: &str) -> Result<(), Fault> {
        for (curp, place) in [(&self.person, "patient"), (&self.representative, "identifier")] {
            Curp::parse(curp).map_err(|e| Fault::invalid(e.to_string()).at(place))?;
        }
        if self.person == self.representative {
            return Err(Fault::invalid("nobody represents themselves").at("identifier"));
        }
        let long = |text: &str| text.trim().is_empty() || text.chars().count() > TEXT_MAX;
        if long(&self.name) {
            return Err(Fault::invalid("who acts has a name of at most 200 characters").at("name"));
        }
        if self.standing().is_none() {
            return Err(Fault::invalid("PRN, GUARD or POWATT of v3-RoleCode").at("relationship"));
        }
        if self.ended.is_none() && self.end(zone).is_some_and(|end| end <= now) {
            let text = "it has ended already: of somebody of age only a court's act makes a guardian";
            return Err(Fault::invalid(text).at("period"));
        }
        Ok(())
    }
}

/// When a person comes of age; who was born on a 29 February does so on 1 March.
fn majority(curp: &Curp, zone: &str) -> Option<Instant> {
    let born = curp.birth_date();
    let year = born.year() + MAJORITY_YEARS;
    let day = Date::new(year, born.month(), born.day()).or_else(|| Date::new(year, 3, 1))?;
    let text = format!("{:04}-{:02}-{:02}", day.year(), day.month(), day.day());
    Span::parse_fhir(&text, zone).map(|span| span.from)
}

/// Completed years of a person; nothing where the CURP is none.
fn age(curp: &str, now: Instant, zone: &str) -> Option<u16> {
    let today = Date::parse(now.to_rfc3339_in(zone).get(..10)?)?;
    Some(Curp::parse(curp).ok()?.birth_date().age_on(today))
}

/// What the law closes to who acts for people of some ages: one line of the table.
struct Closed {
    standing: Standing,
    ages: std::ops::RangeInclusive<u16>,
    class: DataClass,
}

static CLOSED: LazyLock<Vec<Closed>> = LazyLock::new(|| {
    let closed = |line: &'static str| {
        let mut cells = line.splitn(5, ',');
        let mut cell = || cells.next().expect("the table has five columns");
        let standing = Standing::from_code(cell()).expect("the table names standings that are");
        let mut age = || cell().parse().expect("ages are numbers");
        let ages = age()..=age();
        let class = DataClass::from_code(cell()).expect("the table names classes that are");
        Closed { standing, ages, class }
    };
    include_str!("representation_rules.csv").lines().skip(1).map(closed).collect()
});

/// The classes that the law closes to who acts for this person now, as a mask.
pub fn closed_by_law(standing: Standing, person: &str, now: Instant, zone: &str) -> u64 {
    let Some(age) = age(person, now, zone) else { return u64::MAX };
    let closed = CLOSED.iter().filter(|c| c.standing == standing && c.ages.contains(&age));
    closed.fold(0, |mask, c| mask | c.class.bit())
}

// ---------------------------------------------------------------- what a registrar writes

/// Whether a RelatedPerson says that a document was checked: then it is more than somebody to call.
fn claims(resource: &Value) -> Option<&Value> {
    resource["extension"].items().iter().find(|e| e.str_of("url") == CHECKED_DOCUMENT)
}

/// A RelatedPerson is written: where it is a representation, only by a registrar, and the hub hears of it.
pub(crate) fn written(writer: &Writer, tx: &mut Tx<'_>, resource: &Value) -> Result<(), Fault> {
    if resource.resource_type() != "RelatedPerson" {
        return Ok(());
    }
    let before = kept_of_resource(tx, resource.id())?;
    match (claims(resource), before) {
        (None, None) => Ok(()),
        (None, Some(before)) => change(writer, tx, resource.id(), ended(before, writer.now)),
        (Some(document), before) => {
            let read = read(writer, tx, resource, document)?;
            if before.is_some_and(|b| b.person != read.person || b.representative != read.representative) {
                let text = "it is of two other people: end it, and write another";
                return Err(Fault::conflict(text).at("RelatedPerson"));
            }
            change(writer, tx, resource.id(), read)
        }
    }
}

/// A RelatedPerson is deleted.
pub(crate) fn deleted(writer: &Writer, tx: &mut Tx<'_>, kind: &str, id: &str) -> Result<(), Fault> {
    if kind != "RelatedPerson" {
        return Ok(());
    }
    match kept_of_resource(tx, id)? {
        None => Ok(()),
        Some(before) => change(writer, tx, id, ended(before, writer.now)),
    }
}

fn ended(mut representation: Representation, now: Instant) -> Representation {
    representation.ended.get_or_insert(now.micros);
    representation
}

fn change(writer: &Writer, tx: &mut Tx<'_>, id: &str, representation: Representation) -> Result<(), Fault> {
    match &writer.principal {
        Principal::Staff(staff) if staff.roles.contains(&Role::Registrar) => {}
        _ => {
            let text = "who acts for whom is written by a registrar who has checked the document";
            return Err(Fault::forbidden(text).at("RelatedPerson.extension"));
        }
    }
    tx.put_document(OF_RESOURCE, id, &printed(&representation)?, Expect::Any, writer.now)?;
    match writer.node().settings().role {
        NodeRole::Hub => keep(writer, tx, &representation),
        NodeRole::Hospital => {
            let text = printed(&representation)?;
            tx.enqueue(REPRESENTATIONS, &representation.person, &text, writer.now).map(|_| ())
        }
    }
}

fn kept_of_resource(view: &View<'_>, id: &str) -> Result<Option<Representation>, Fault> {
    Ok(view.document(OF_RESOURCE, id)?.and_then(|d| serde_json::from_slice(&d.body).ok()))
}

fn printed(representation: &Representation) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(representation).map_err(|_| Fault::bug("a representation is always printable"))
}

fn read(
    writer: &Writer,
    view: &View<'_>,
    resource: &Value,
    document: &Value,
) -> Result<Representation, Fault> {
    let patient = resource["patient"].str_of("reference").strip_prefix("Patient/").unwrap_or_default();
    let person = curp_of(view, patient)?;
    let person = person.ok_or_else(|| {
        Fault::invalid("the patient is known here by their CURP, or nobody can be told to act for them")
            .at("RelatedPerson.patient")
    })?;
    let own = resource["identifier"].items().iter().find(|i| naming::is_curp_system(i.str_of("system")));
    let codes = resource["relationship"].items().iter().flat_map(|r| r["coding"].items());
    let standing =
        codes.filter(|c| c.str_of("system") == ROLE_CODE).find_map(|c| standing_of(c.str_of("code")));
    let part = |url: &str, value: &str| {
        let found = document["extension"].items().iter().find(|e| e.str_of("url") == url);
        found.map_or("", |e| e.str_of(value)).trim().to_owned()
    };
    let (kind, number) = (part("kind", "valueCode"), part("number", "valueString"));
    if !DOCUMENTS.contains(&kind.as_str()) || number.is_empty() || number.chars().count() > TEXT_MAX {
        let text =
            "a document has a kind (birth-certificate, adoption, court-act, notarial-power) and a number";
        return Err(Fault::invalid(text).at("RelatedPerson.extension"));
    }
    let time = |name: &str, end: bool| {
        let text = resource["period"].str_of(name);
        let span = Span::parse_fhir(text, &writer.zone);
        span.map(|s| if end && !text.contains('T') { s.to } else { s.from })
    };
    let active = resource["active"].as_bool() != Some(false);
    let representation = Representation {
        id: format!("{}-{}", writer.observer, resource.id()),
        person,
        representative: own.map_or("", |i| i.str_of("value")).trim().to_ascii_uppercase(),
        name: name_in(resource),
        standing: standing.map_or("", Standing::code).to_owned(),
        document: kind,
        number,
        checked_by: writer.principal.to_string(),
        institution: writer.observer.clone(),
        from: time("start", false).unwrap_or(writer.now).micros,
        to: time("end", true).map(|t| t.micros),
        ended: (!active).then_some(writer.now.micros),
    };
    let zone = &writer.zone;
    representation.check(writer.now, zone).map_err(|fault| {
        let place = format!("RelatedPerson.{}", fault.place);
        fault.at(place)
    })?;
    Ok(representation)
}

/// Codes of v3-RoleCode that make somebody act for another; any other relation is somebody to call.
fn standing_of(code: &str) -> Option<Standing> {
    match code {
        "PRN" | "MTH" | "FTH" | "NMTH" | "NFTH" | "ADOPTP" | "ADOPTF" | "ADOPTM" => Some(Standing::Parent),
        "GUARD" => Some(Standing::Guardian),
        "POWATT" | "HPOWATT" | "DPOWATT" | "SPOWATT" => Some(Standing::Attorney),
        _ => None,
    }
}

fn name_in(resource: &Value) -> String {
    let name = &resource["name"][0];
    match name.str_of("text") {
        "" => {
            let given = name["given"].items().iter().filter_map(Value::as_str);
            given.chain([name.str_of("family")]).filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ")
        }
        text => text.to_owned(),
    }
}

// ---------------------------------------------------------------- at the hub

/// The new state of one representation: kept, told to the person, and heard in their consent.
fn keep(writer: &Writer, tx: &mut Tx<'_>, representation: &Representation) -> Result<(), Fault> {
    let (person, id) = (&representation.person, &representation.id);
    let key = format!("{person}/{id}");
    let before = tx.document(OF_PERSON, &key)?.and_then(|d| parse(&d.body));
    if before.is_none() && tx.document_keys(OF_PERSON, &format!("{person}/"), LISTED_MAX)?.len() >= LISTED_MAX
    {
        return Err(Fault::too_costly("more people act for one person than the limit"));
    }
    let text = printed(representation)?;
    tx.put_document(OF_PERSON, &key, &text, Expect::Any, writer.now)?;
    let by = format!("{}/{key}", representation.representative);
    tx.put_document(BY_REPRESENTATIVE, &by, key.as_bytes(), Expect::Any, writer.now)?;
    let ids = patients_of_curp(tx, person)?;
    writer.leaf(tx, Act::Update, "representation", &ids, "who acts in the person's place")?;
    let zone = &writer.zone;
    consent_register::end_speaker(writer, tx, person, id, representation.end(zone))?;
    let stands = |r: &Representation| r.in_force(writer.now, zone);
    match (before.as_ref().is_some_and(stands), stands(representation)) {
        (false, true) => tell(tx, writer, representation, "representative-named"),
        (true, false) => tell(tx, writer, representation, "representative-ended"),
        _ => Ok(()),
    }
}

fn tell(tx: &mut Tx<'_>, writer: &Writer, of: &Representation, kind: &str) -> Result<(), Fault> {
    let notice = Notice {
        when: writer.now.to_rfc3339(),
        kind: kind.to_owned(),
        who: of.name.clone(),
        institution: of.institution.clone(),
        reason: of.document.clone(),
        sensitive: Vec::new(),
    };
    let body = serde_json::to_vec(&notice).map_err(|_| Fault::bug("a notice is always printable"))?;
    let key = format!("{}/{:016x}-{}", of.person, writer.now.micros, of.id);
    tx.put_document("notice", &key, &body, Expect::Any, writer.now).map(|_| ())
}

fn parse(body: &[u8]) -> Option<Representation> {
    serde_json::from_slice(body).ok()
}

fn of_person(view: &View<'_>, person: &str) -> Result<Vec<Representation>, Fault> {
    let found = view.documents(OF_PERSON, &format!("{person}/"))?;
    Ok(found.iter().filter_map(|d| parse(&d.body)).collect())
}

fn by_representative(view: &View<'_>, representative: &str) -> Result<Vec<Representation>, Fault> {
    let mut all = Vec::new();
    for row in view.documents(BY_REPRESENTATIVE, &format!("{representative}/"))?.iter().take(LISTED_MAX) {
        let Ok(key) = std::str::from_utf8(&row.body) else { continue };
        all.extend(view.document(OF_PERSON, key)?.and_then(|d| parse(&d.body)));
    }
    Ok(all)
}

impl Node {
    /// Hub: the citizen, acting in the place of whom a representation names; it is looked up for each request, so that its end holds
    /// at once.
    pub fn in_place_of(&self, principal: &Principal, id: &str, now: Instant) -> Result<Principal, Fault> {
        let Principal::Citizen { curp, name } = principal else {
            return Err(Fault::forbidden("only a citizen acts in another person's place"));
        };
        let all = self.store().read(|view| by_representative(view, curp))?;
        let zone = &self.settings().zone;
        let found = all.into_iter().find(|r| r.id == id && r.in_force(now, zone));
        let found = found.and_then(|r| Some((r.standing()?, r)));
        let (standing, found) = found.ok_or_else(|| Fault::forbidden("you do not act for this person"))?;
        Ok(Principal::Representative(Representative {
            curp: curp.clone(),
            name: name.clone(),
            person: found.person,
            standing,
            representation: found.id,
        }))
    }
}

impl Session {
    /// The classes that are closed to who asks since they act in somebody's place, as a mask; nothing for anybody else.
    pub(crate) fn closed_in_place(&self, consent: &Consent) -> u64 {
        match self.principal() {
            Principal::Representative(r) => {
                let zone = &self.node().settings().zone;
                let law = closed_by_law(r.standing, &r.person, self.now(), zone);
                law | consent.closed_to_representatives(self.now())
            }
            _ => 0,
        }
    }

    /// Who speaks, where it is not the person.
    pub(crate) fn speaker(&self) -> Result<Option<Speaker>, Fault> {
        let Principal::Representative(r) = self.principal() else { return Ok(None) };
        let all = self.node().store().read(|view| of_person(view, &r.person))?;
        let zone = &self.node().settings().zone;
        let own = all.into_iter().find(|one| one.id == r.representation && one.in_force(self.now(), zone));
        own.map(|one| Some(one.speaker(zone)))
            .ok_or_else(|| Fault::forbidden("you do not act for this person"))
    }

    /// Hub: who acts for the person, and for whom they act, as far as it stands or has stood.
    pub fn representations(&self) -> Result<(Vec<Representation>, Vec<Representation>), Fault> {
        let Principal::Citizen { curp, .. } = self.principal() else {
            return Err(Fault::forbidden("who acts for whom is told to the person alone"));
        };
        let ids = self.node().store().read(|view| patients_of_curp(view, curp))?;
        self.note(Act::Read, "representations", &ids, "who acts for whom")?;
        self.node().store().read(|view| Ok((of_person(view, curp)?, by_representative(view, curp)?)))
    }

    /// Hub: a person as registered, for who acts in their place.
    pub fn represented(&self, representation: &Representation) -> Result<Option<Value>, Fault> {
        if self.principal().own_record() != Some(&representation.representative) {
            return Err(Fault::forbidden("you do not act for this person"));
        }
        self.node().store().read(|view| {
            let ids = patients_of_curp(view, &representation.person)?;
            let Some(id) = ids.first() else { return Ok(None) };
            Ok(view.get("Patient", id)?.filter(|p| !p.deleted).map(|p| p.body))
        })
    }

    /// Hub: a person of age gives a power of attorney over their record.
    pub async fn give_power(&self, power: Power) -> Result<Representation, Fault> {
        let person = self.names_representatives()?;
        let zone = self.node().settings().zone.clone();
        if age(&person, self.now(), &zone).is_none_or(|age| age < MAJORITY_YEARS) {
            return Err(Fault::forbidden("a power of attorney is given from 18 years on"));
        }
        let representation = Representation {
            id: random_uuid(),
            person,
            representative: power.representative.trim().to_ascii_uppercase(),
            name: power.name.trim().to_owned(),
            standing: Standing::Attorney.code().to_owned(),
            document: String::new(),
            number: String::new(),
            checked_by: String::new(),
            institution: String::new(),
            from: self.now().micros,
            to: power.to.map(|t| t.micros),
            ended: None,
        };
        representation.check(self.now(), &zone).map_err(|fault| match fault.place.as_str() {
            "identifier" => fault.at("curp"),
            "period" => fault.at("until"),
            _ => fault,
        })?;
        let (writer, kept) = (self.writer(), representation.clone());
        self.node().store().write(move |tx| keep(&writer, tx, &kept)).await?;
        Ok(representation)
    }

    /// Hub: the person takes a power of attorney back, or who acts lays it down. What a registrar checked is ended by a registrar.
    pub async fn end_representation(&self, id: &str) -> Result<(), Fault> {
        let own = self.names_representatives()?;
        let (theirs, mine) =
            self.node().store().read(|view| Ok((of_person(view, &own)?, by_representative(view, &own)?)))?;
        let taken_back = theirs.into_iter().find(|r| r.id == id);
        if taken_back.as_ref().is_some_and(|r| r.standing() != Some(Standing::Attorney)) {
            let text = "a parent or guardian is ended by a registrar who has checked a document";
            return Err(Fault::forbidden(text));
        }
        let found = taken_back.or_else(|| mine.into_iter().find(|r| r.id == id));
        let found = found.ok_or_else(|| Fault::not_found("nobody acts by this"))?;
        let (writer, kept) = (self.writer(), ended(found, self.now()));
        self.node().store().write(move |tx| keep(&writer, tx, &kept)).await
    }

    fn names_representatives(&self) -> Result<String, Fault> {
        match self.principal() {
            Principal::Citizen { curp, .. }
                if self.node().settings().role == NodeRole::Hub
                    && self.purpose() == Purpose::PatientRequest =>
            {
                Ok(curp.clone())
            }
            _ => Err(Fault::forbidden("a person names and takes back who acts for them, at the hub")),
        }
    }

    /// Hub: what a hospital's registrar has checked. The institution answers for it, and tells it of itself alone.
    pub async fn take_representation(&self, body: &[u8]) -> Result<(), Fault> {
        let Principal::Node { institution, on_behalf_of: None, .. } = self.principal() else {
            return Err(Fault::forbidden("an institution tells what its own registrar has checked"));
        };
        if self.node().settings().role != NodeRole::Hub {
            return Err(Fault::not_supported("who acts for whom is kept at the hub"));
        }
        let mut told = parse(body).ok_or_else(|| Fault::invalid("this is no representation"))?;
        told.institution.clone_from(institution);
        if !told.id.starts_with(&format!("{institution}-")) || !DOCUMENTS.contains(&told.document.as_str()) {
            return Err(Fault::forbidden("an institution tells what its own registrar has checked"));
        }
        // What ended on its way is kept as ended.
        if told.ended.is_none() && told.in_force(self.now(), &self.node().settings().zone) {
            told.check(self.now(), &self.node().settings().zone)?;
        }
        let writer = self.writer();
        let (institution, person) = (institution.clone(), told.person.clone());
        self.node()
            .store()
            .write(move |tx| {
                let key = format!("{person}/{}", told.id);
                let known = tx.document(OF_PERSON, &key)?.and_then(|d| parse(&d.body));
                if known.is_some_and(|k| k.representative != told.representative) {
                    return Err(Fault::invalid("it is of somebody else"));
                }
                if !crate::patient_index::holds(tx, &person, &institution)? {
                    return Err(Fault::invalid("the institution has registered nothing of this person"));
                }
                keep(&writer, tx, &told)
            })
            .await
    }
}

/// The RelatedPerson that a registrar writes, from its parts.
pub fn related_person(patient: &str, of: &Representation) -> Value {
    let document = fhir!({
        "url": CHECKED_DOCUMENT,
        "extension": [
            { "url": "kind", "valueCode": (of.document.as_str()) },
            { "url": "number", "valueString": (of.number.as_str()) }
        ]
    });
    let mut period = fhir!({ "start": (Instant::from_micros(of.from).to_rfc3339()) });
    if let Some(to) = of.to {
        period.set("end", Instant::from_micros(to).to_rfc3339());
    }
    fhir!({
        "resourceType": "RelatedPerson",
        "extension": [(document)],
        "identifier": [{ "system": (naming::CURP), "value": (of.representative.as_str()) }],
        "active": (of.ended.is_none()),
        "patient": { "reference": (format!("Patient/{patient}")) },
        "relationship": [{ "coding": [{ "system": ROLE_CODE, "code": (of.standing.as_str()) }] }],
        "name": [{ "text": (of.name.as_str()) }],
        "period": (period)
    })
}

#[cfg(test)]
mod tests;
