//! The citizen's own pages at the hub: their record, their consents and their notices (`Me`, `MyConsents`, `MyNotices` of `web/src/api.ts`).

use super::accesses;
use super::form::{English, Json, Refused, clinical, json};
use super::national::{self, Failed};
use super::person::{self, Condition, Head, Immunization, Names, Recorded, Section};
use crate::caller::{Caller, IN_PLACE_OF};
use axum::http::StatusCode;
use axum::response::Response;
use badiano_exchange::ask::{self, Answer, source_of};
use badiano_fhir::Value;
use badiano_kernel::principal::Role;
use badiano_kernel::time::Span;
use badiano_kernel::{Fault, FaultKind, Instant, Principal, Purpose};
use badiano_record::accesses::Access;
use badiano_record::class::DataClass;
use badiano_record::consent::{Consent, Question, Recipient, Rule};
use badiano_record::consent_words::sentence;
use badiano_record::participants::Participant;
use badiano_record::{NodeRole, Session};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What counts as a recent access.
const RECENT_SECONDS: i64 = 30 * 86_400;

#[derive(Serialize)]
struct Me {
    person: Head,
    allergies: Vec<Recorded>,
    conditions: Vec<Condition>,
    medications: Vec<Recorded>,
    immunizations: Vec<Immunization>,
    studies: Vec<MyStudy>,
    failed: Vec<Failed>,
    accesses_recent: usize,
    notices_unread: usize,
}

#[derive(Debug, Serialize)]
struct MyStudy {
    study_uid: String,
    description: String,
    modality: String,
    started: String,
    institution: String,
    instances: u64,
    image_url: String,
    report: Option<MyReport>,
}

#[derive(Debug, Serialize)]
struct MyReport {
    title: String,
    status: String,
    issued: String,
    author: String,
    conclusion: String,
    sections: Vec<Section>,
}

#[derive(Serialize)]
struct MyConsents {
    institutions: Vec<Institution>,
    rules: Vec<ShownRule>,
    sensitive: Vec<&'static str>,
    closed: Vec<Closed>,
}

#[derive(Serialize)]
struct Institution {
    clues: String,
    name: String,
    holds: bool,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct ShownRule {
    permit: bool,
    clues: Option<String>,
    cedula: Option<String>,
    role: Option<&'static str>,
    data_class: Option<&'static str>,
    purpose: Option<&'static str>,
    from: String,
    until: Option<String>,
    /// To whoever acts in the person's place.
    representatives: bool,
    /// Said by who acts in the person's place.
    by_representative: bool,
    /// The same in plain words, in the reader's language.
    sentence: String,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Closed {
    clues: String,
    data_classes: Vec<&'static str>,
}

#[derive(Deserialize)]
pub struct ConsentChange {
    permit: bool,
    clues: Option<String>,
    /// Instead of an institution: a professional by their licence, or everybody with a role.
    #[serde(default)]
    cedula: Option<String>,
    #[serde(default)]
    role: Option<String>,
    /// Instead of all three: whoever acts in the person's place.
    #[serde(default)]
    representatives: bool,
    data_class: Option<String>,
    /// Code of v3-ActReason; without it a permission is for care, and a refusal for all.
    #[serde(default)]
    purpose: Option<String>,
    /// The last day, or the moment, until which it holds.
    #[serde(default)]
    until: Option<String>,
}

#[derive(Serialize)]
struct MyNotices {
    notices: Vec<ShownNotice>,
}

#[derive(Serialize)]
struct ShownNotice {
    when: String,
    kind: String,
    who: String,
    institution: String,
    reason: String,
    /// Codes of sensitive classes that were opened.
    sensitive: Vec<String>,
    unread: bool,
}

/// The CURP of the person whose pages these are: who asks, or in whose place they ask. At the hub, and for nobody else.
pub fn own_curp(caller: &Caller) -> Result<String, Fault> {
    match caller.principal.own_record() {
        Some(curp) if caller.gate.node.settings().role == NodeRole::Hub => Ok(curp.to_owned()),
        Some(_) => Err(Fault::not_supported("a person's own pages are at the hub")),
        None => Err(Fault::forbidden("these pages are for the person themselves")),
    }
}

pub async fn me(caller: Caller, English(english): English) -> Result<Response, Refused> {
    let curp = own_curp(&caller)?;
    let (session, wire) = (caller.session(), caller.gate.wire()?);
    let wait = caller.gate.options.patience.person;
    let (asked, logs) =
        tokio::join!(ask::ask_sources(&session, &wire, &curp, wait), accesses::gather(&caller, &curp));
    let found = match asked {
        Ok(found) => found,
        // Nobody has registered this person yet: an empty record, not a fault.
        Err(fault) if fault.kind == FaultKind::NotFound => Answer::default(),
        Err(fault) => return Err(fault.into()),
    };
    national::open_studies(&caller, &curp, &found.entries);
    let names = national::names(&caller, &found);
    let summary = person::summary(&found.entries, &names);
    let since = caller.now.plus_seconds(-RECENT_SECONDS).to_rfc3339();
    let by_others = |a: &&Access| a.purpose != Purpose::PatientRequest.code() || !a.in_place.is_empty();
    let recent = logs?.accesses.iter().filter(by_others).filter(|a| a.when >= since).count();
    clinical(&Me {
        person: own_head(&caller, &session, &curp),
        allergies: summary.allergies,
        conditions: summary.conditions,
        medications: summary.medications,
        immunizations: summary.immunizations,
        studies: studies(&found.entries, &names, &in_place(&caller)),
        failed: national::failed(&found.missing, english),
        accesses_recent: recent,
        notices_unread: notices_of(&session, &names)?.iter().filter(|n| n.unread).count(),
    })
}

/// What a link adds that is followed in another person's place: a picture is fetched without our header.
fn in_place(caller: &Caller) -> String {
    let representation = caller.principal.representative().map(|r| r.representation.as_str());
    representation.map(|id| format!("&{IN_PLACE_OF}={id}")).unwrap_or_default()
}

/// As the hub knows the person; by sign-in alone where it does not.
fn own_head(caller: &Caller, session: &Session, curp: &str) -> Head {
    let known = session.patient_by_curp(curp).map(|p| person::head(&p.resource));
    let signed_in = match &caller.principal {
        Principal::Citizen { name, .. } => name.clone(),
        _ => String::new(),
    };
    known.unwrap_or_else(|_| Head { name: signed_in, curp: curp.to_owned(), ..Head::default() })
}

/// Each study with its newest report; a report without a study stands for itself. `in_place` is added to links.
fn studies(entries: &[Value], names: &Names, in_place: &str) -> Vec<MyStudy> {
    let of = |kind: &'static str| entries.iter().filter(move |e| e.resource_type() == kind);
    let mut reports: Vec<&Value> = of("DiagnosticReport").filter(|r| is_issued(r)).collect();
    reports.sort_by(|a, b| b.str_of("issued").cmp(a.str_of("issued")));
    let mut told: Vec<&Value> = Vec::new();
    let mut all: Vec<MyStudy> = Vec::new();
    for study in of("ImagingStudy") {
        let own = reports.iter().find(|r| person::is_about(r, study)).copied();
        told.extend(reports.iter().filter(|r| person::is_about(r, study)));
        all.push(my_study(study, own, names, in_place));
    }
    for report in reports.iter().filter(|r| !told.iter().any(|t| std::ptr::eq(*t, **r))) {
        all.push(MyStudy {
            study_uid: String::new(),
            description: person::concept(&report["code"]),
            modality: String::new(),
            started: report.str_of("effectiveDateTime").to_owned(),
            institution: person::institution(names, &source_of(report)),
            instances: 0,
            image_url: String::new(),
            report: Some(my_report(report)),
        });
    }
    all.sort_by(|a, b| b.started.cmp(&a.started));
    all
}

/// A draft is not told: only what a reader has signed.
fn is_issued(report: &Value) -> bool {
    matches!(report.str_of("status"), "final" | "amended" | "corrected" | "appended")
}

fn my_study(study: &Value, report: Option<&Value>, names: &Names, in_place: &str) -> MyStudy {
    let (study_uid, instances) = (person::study_uid(study), person::instances(study));
    let image_url = match instances {
        0 => String::new(),
        _ => format!("/dicomweb-nacional/studies/{study_uid}/rendered?viewport=900,900{in_place}"),
    };
    MyStudy {
        image_url,
        study_uid,
        instances,
        description: study.str_of("description").to_owned(),
        modality: person::modalities(study),
        started: study.str_of("started").to_owned(),
        institution: person::institution(names, &source_of(study)),
        report: report.map(my_report),
    }
}

fn my_report(report: &Value) -> MyReport {
    MyReport {
        title: person::concept(&report["code"]),
        status: report.str_of("status").to_owned(),
        issued: report.str_of("issued").to_owned(),
        author: person::author(report),
        conclusion: report.str_of("conclusion").to_owned(),
        sections: person::sections(report),
    }
}

pub async fn consents(caller: Caller, English(english): English) -> Result<Response, Refused> {
    let curp = own_curp(&caller)?;
    json(&shown_consents(&caller, &curp, english)?)
}

/// 200 only when it is durable here; it is in the queue to every active institution from the same commit on.
pub async fn change_consent(
    caller: Caller,
    English(english): English,
    Json(asked): Json<ConsentChange>,
) -> Result<Response, Refused> {
    let curp = own_curp(&caller)?;
    let listed = active(&caller)?;
    if asked.clues.as_ref().is_some_and(|clues| listed.iter().all(|p| p.clues != *clues)) {
        return Err(Fault::invalid("no such institution").at("clues").into());
    }
    let class = match asked.data_class.as_deref().map(DataClass::from_code) {
        None => None,
        Some(Some(class)) if class != DataClass::Public => Some(class),
        Some(_) => return Err(Fault::invalid("no such class of data").at("data_class").into()),
    };
    let rule = Rule {
        permit: asked.permit,
        class,
        recipient: recipient(&asked)?,
        purpose: purpose(&asked)?,
        from: caller.now,
        to: until(&asked, caller.now, &caller.gate.node.settings().zone)?,
        by: None,
    };
    let institutions: Vec<String> = listed.into_iter().map(|p| p.clues).collect();
    caller.session().give_consent(rule, &institutions).await?;
    json(&shown_consents(&caller, &curp, english)?)
}

fn recipient(asked: &ConsentChange) -> Result<Option<Recipient>, Fault> {
    if asked.representatives {
        let alone = asked.clues.is_none() && asked.cedula.is_none() && asked.role.is_none();
        return match alone && asked.purpose.is_none() {
            true => Ok(Some(Recipient::Representatives)),
            false => Err(Fault::invalid("representatives are named alone").at("representatives")),
        };
    }
    match (&asked.clues, &asked.cedula, &asked.role) {
        (None, None, None) => Ok(None),
        (Some(clues), None, None) => Ok(Some(Recipient::Institution(clues.clone()))),
        (None, Some(cedula), None)
            if cedula.bytes().all(|b| b.is_ascii_digit()) && (5..=8).contains(&cedula.len()) =>
        {
            Ok(Some(Recipient::Professional(cedula.clone())))
        }
        (None, Some(_), None) => {
            Err(Fault::invalid("a licence (cédula) has five to eight digits").at("cedula"))
        }
        (None, None, Some(role)) => match Role::from_code(role).filter(|r| r.is_clinical()) {
            Some(role) => Ok(Some(Recipient::Role(role))),
            None => Err(Fault::invalid("no such clinical role").at("role")),
        },
        _ => Err(Fault::invalid("one of an institution, a professional and a role is named").at("clues")),
    }
}

fn purpose(asked: &ConsentChange) -> Result<Option<Purpose>, Fault> {
    let known = |code: &str| {
        Purpose::from_code(code).filter(|p| !matches!(p, Purpose::Emergency | Purpose::PatientRequest))
    };
    match asked.purpose.as_deref().map(known) {
        None => Ok(None),
        Some(Some(purpose)) => Ok(Some(purpose)),
        Some(None) => Err(Fault::invalid("TREAT, PUBHLTH, HRESCH or HOPERAT").at("purpose")),
    }
}

fn until(asked: &ConsentChange, now: Instant, zone: &str) -> Result<Option<Instant>, Fault> {
    let Some(text) = asked.until.as_deref() else { return Ok(None) };
    let span = Span::parse_fhir(text, zone).ok_or_else(|| Fault::invalid("a date or a time").at("until"))?;
    let end = if text.contains('T') { span.from } else { span.to };
    if end > now { Ok(Some(end)) } else { Err(Fault::invalid("it has passed already").at("until")) }
}

fn active(caller: &Caller) -> Result<Vec<Participant>, Fault> {
    Ok(caller.gate.node.participants()?.into_iter().filter(|p| p.active).collect())
}

fn shown_consents(caller: &Caller, curp: &str, english: bool) -> Result<MyConsents, Fault> {
    let session = caller.session();
    let consent = session.own_consent()?;
    let holders: BTreeSet<String> = match session.patient_by_curp(curp) {
        Ok(person) => session.holdings_of(person.resource.id())?.into_iter().map(|h| h.institution).collect(),
        Err(fault) if fault.kind == FaultKind::NotFound => BTreeSet::new(),
        Err(fault) => return Err(fault),
    };
    let (listed, names) = (active(caller)?, national::names(caller, &Answer::default()));
    let closed = listed
        .iter()
        .map(|p| closed_to(&consent, &p.clues, caller.now))
        .filter(|c| !c.data_classes.is_empty());
    Ok(MyConsents {
        rules: standing(&consent, caller.now, &|rule| {
            sentence(rule, english, &caller.gate.node.settings().zone, &|clues| {
                person::institution(&names, clues)
            })
        }),
        sensitive: DataClass::ALL.into_iter().filter(|c| c.is_sensitive()).map(DataClass::code).collect(),
        closed: closed.collect(),
        institutions: listed
            .iter()
            .map(|p| Institution {
                clues: p.clues.clone(),
                name: p.name.clone(),
                holds: holders.contains(&p.clues),
            })
            .collect(),
    })
}

/// The last word on each institution and class, newest first; what it replaced or what has ended no longer stands.
fn standing(consent: &Consent, now: Instant, words: &dyn Fn(&Rule) -> String) -> Vec<ShownRule> {
    let mut told = Vec::new();
    let mut shown = Vec::new();
    for rule in consent.rules.iter().rev().filter(|r| r.from <= now && r.to.is_none_or(|end| now < end)) {
        let by = rule.by.as_ref().map(|s| s.representation.clone());
        let about = (rule.recipient.clone(), rule.class, rule.purpose, by);
        if told.contains(&about) {
            continue;
        }
        told.push(about);
        shown.push(ShownRule {
            permit: rule.permit,
            clues: match &rule.recipient {
                Some(Recipient::Institution(clues)) => Some(clues.clone()),
                _ => None,
            },
            cedula: match &rule.recipient {
                Some(Recipient::Professional(cedula)) => Some(cedula.clone()),
                _ => None,
            },
            role: match rule.recipient {
                Some(Recipient::Role(role)) => Some(role.code()),
                _ => None,
            },
            data_class: rule.class.map(DataClass::code),
            purpose: rule.purpose.map(Purpose::code),
            from: rule.from.to_rfc3339(),
            until: rule.to.map(Instant::to_rfc3339),
            representatives: rule.recipient == Some(Recipient::Representatives),
            by_representative: rule.by.is_some(),
            sentence: words(rule),
        });
    }
    shown
}

/// What an institution may not see, for treatment, of what others have recorded.
fn closed_to(consent: &Consent, clues: &str, now: Instant) -> Closed {
    let may_see = |class: &DataClass| {
        let question = Question {
            recipient: clues,
            staff: None,
            source: "",
            purpose: Purpose::Treatment,
            classes: class.bit(),
            now,
        };
        consent.permits(&question)
    };
    let closed = DataClass::ALL.into_iter().filter(|c| *c != DataClass::Public && !may_see(c));
    Closed { clues: clues.to_owned(), data_classes: closed.map(DataClass::code).collect() }
}

pub async fn notices(caller: Caller) -> Result<Response, Refused> {
    own_curp(&caller)?;
    let names = national::names(&caller, &Answer::default());
    json(&MyNotices { notices: notices_of(&caller.session(), &names)? })
}

pub async fn read_notices(caller: Caller) -> Result<StatusCode, Refused> {
    own_curp(&caller)?;
    caller.session().read_notices().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn notices_of(session: &Session, names: &Names) -> Result<Vec<ShownNotice>, Fault> {
    let read = session.notices_read()?;
    let unread = |when: &str| match (Instant::parse_rfc3339(when), read) {
        (Some(when), Some(read)) => when > read,
        _ => true,
    };
    let shown = |n: badiano_record::accesses::Notice| ShownNotice {
        unread: unread(&n.when),
        institution: person::institution(names, &n.institution),
        when: n.when,
        kind: n.kind,
        who: n.who,
        reason: n.reason,
        sensitive: n.sensitive,
    };
    Ok(session.notices()?.into_iter().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::fhir;

    fn rule(permit: bool, recipient: Option<&str>, class: Option<DataClass>, at: i64) -> Rule {
        Rule {
            permit,
            class,
            recipient: recipient.map(|r| Recipient::Institution(r.to_owned())),
            purpose: None,
            from: Instant::from_seconds(at),
            to: None,
            by: None,
        }
    }

    fn from_norte(resource: Value) -> Value {
        resource.with("meta", fhir!({ "source": "urn:badiano:clues:A" }))
    }

    #[test]
    fn a_rule_that_was_replaced_no_longer_stands() {
        let consent = Consent {
            rules: vec![
                rule(false, Some("A"), Some(DataClass::Imaging), 1),
                rule(false, None, None, 2),
                rule(true, Some("A"), Some(DataClass::Imaging), 3),
            ],
        };
        let shown = standing(&consent, Instant::from_seconds(10), &|_| String::new());
        let told: Vec<(bool, Option<&str>)> = shown.iter().map(|r| (r.permit, r.clues.as_deref())).collect();
        assert_eq!(told, [(true, Some("A")), (false, None)]);
        assert!(standing(&consent, Instant::from_seconds(0), &|_| String::new()).is_empty());
    }

    #[test]
    fn what_a_withdrawal_comes_to_is_said_for_the_institution_named_and_no_other() {
        let consent = Consent { rules: vec![rule(false, Some("B"), Some(DataClass::Imaging), 1)] };
        let now = Instant::from_seconds(10);
        assert_eq!(
            closed_to(&consent, "B", now).data_classes,
            ["imaging", "hiv", "mental-health", "reproduction", "violence"]
        );
        assert_eq!(
            closed_to(&consent, "C", now).data_classes,
            ["hiv", "mental-health", "reproduction", "violence"]
        );
    }

    #[test]
    fn a_draft_is_not_told_and_a_study_without_objects_has_no_picture() {
        let study = |n: i64| fhir!({ "resourceType": "ImagingStudy", "id": "1.2", "identifier": [{ "system": "urn:dicom:uid", "value": "urn:oid:1.2" }], "numberOfInstances": n });
        let report = |status: &str| fhir!({ "resourceType": "DiagnosticReport", "id": "r", "status": status, "issued": "2026-01-01T00:00:00Z", "imagingStudy": [{ "reference": "ImagingStudy/1.2" }] });
        let told = studies(&[from_norte(study(3)), from_norte(report("preliminary"))], &Names::new(), "");
        assert!(told.len() == 1 && told[0].report.is_none());
        assert_eq!(told[0].image_url, "/dicomweb-nacional/studies/1.2/rendered?viewport=900,900");
        let told = studies(&[from_norte(study(0)), from_norte(report("final"))], &Names::new(), "");
        assert!(told.len() == 1 && told[0].report.is_some() && told[0].image_url.is_empty());
        let alone = studies(&[from_norte(report("final"))], &Names::new(), "");
        assert_eq!((alone.len(), alone[0].study_uid.as_str()), (1, ""));
    }
}
