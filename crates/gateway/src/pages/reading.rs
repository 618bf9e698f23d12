//! The reading room: worklist, one study, claiming, and the report (`WorklistItem`, `Study`, `Report` of `web/src/api.ts`).

use super::form::{Json, Refused, clinical, factor_refused};
use super::person::{self, Head, Section};
use super::session::off_the_loop;
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use badiano_dicom::query::{Condition, Level, Query};
use badiano_dicom::{Tag, tags};
use badiano_fhir::Value;
use badiano_kernel::{Fault, FaultKind};
use badiano_record::accounts::SignInError;
use badiano_record::imaging::FoundImage;
use badiano_record::readings::ShownReading;
use badiano_record::reports::{ASSESSMENT_EXTENSION, ReportAction, ReportText, TEMPLATE_EXTENSION};
use badiano_record::resources::Versioned;
use badiano_record::workflow::Stage;
use badiano_record::worklist::{CaseItem, CaseQuery, READERS};
use serde::{Deserialize, Serialize};

/// Rows of one worklist.
const ROWS_MAX: usize = 500;
/// Series of one study that are listed.
const SERIES_MAX: usize = 1000;
/// Longest text of one section, and most sections, of a report.
const SECTION_BYTES_MAX: usize = 64 << 10;
const SECTIONS_MAX: usize = 50;

#[derive(Serialize)]
struct Worklist {
    items: Vec<Row>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Row {
    study_uid: String,
    state: String,
    patient: Head,
    accession: String,
    modality: String,
    description: String,
    priority: String,
    topic: String,
    arrived: String,
    since: String,
    due: String,
    overdue: bool,
    instances: u64,
    reader: Option<String>,
    mine: bool,
    unmatched: bool,
    /// Where its reading stands: one alone, by a resident, or the first, second or third of a case that is read apart.
    stage: Stage,
    /// Why it ended without a result; empty for all others.
    reason: String,
}

impl Row {
    /// Who else has it while it is open.
    pub fn another_holder(self) -> Option<String> {
        self.reader.filter(|_| !self.mine)
    }
}

#[derive(Serialize)]
struct Study {
    #[serde(flatten)]
    row: Row,
    order: Order,
    series: Vec<Series>,
    report: Option<Report>,
    /// What was read apart: for who decides, and for all once it is signed.
    readings: Vec<Apart>,
    may_report: bool,
}

#[derive(Serialize)]
struct Apart {
    author: String,
    at: String,
    assessment: String,
    sections: Vec<Section>,
    conclusion: String,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Order {
    reason: String,
    requester: String,
    procedure: String,
}

#[derive(Serialize)]
struct Series {
    series_uid: String,
    modality: String,
    description: String,
    instances: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    id: String,
    status: String,
    version: u64,
    template: String,
    sections: Vec<Section>,
    conclusion: String,
    /// What it comes to, of a case that is read apart.
    assessment: String,
    author: String,
    issued: String,
    earlier: Vec<Earlier>,
}

#[derive(Debug, Serialize)]
struct Earlier {
    version: u64,
    status: String,
    author: String,
    issued: String,
    sections: Vec<Section>,
    conclusion: String,
}

#[derive(Deserialize)]
pub struct ReportWrite {
    action: Action,
    template: String,
    sections: Vec<Written>,
    conclusion: String,
    #[serde(default)]
    assessment: String,
    version: Option<u64>,
    second_factor: Option<SecondFactor>,
    /// What the page shows; needed for signing and amending.
    shown: Option<Shown>,
}

/// What stands before the eyes of who signs.
#[derive(Deserialize)]
struct Shown {
    /// Study Instance UID that the viewer has open.
    viewer_study_uid: String,
    accession: String,
    patient: ShownPatient,
}

/// As `PatientHead`: the name and whatever identifiers the page has beside it.
#[derive(Deserialize)]
struct ShownPatient {
    name: String,
    birth_date: String,
    curp: String,
    record_number: String,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Action {
    Save,
    Sign,
    Amend,
}

#[derive(Deserialize)]
struct Written {
    title: String,
    text: String,
}

/// Shown again for what weighs.
#[derive(Deserialize, Default)]
pub struct SecondFactor {
    pub totp: Option<String>,
    pub password: Option<String>,
}

/// What is to be read, in the order of the ledger; what is signed newest first.
pub async fn worklist(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let state = asked.iter().find(|(k, _)| k == "state").map_or("open", |(_, v)| v.as_str());
    let open = CaseQuery { list: "reading".to_owned(), ..narrowed(&asked) };
    let signed = CaseQuery { states: ["final", "amended"].map(str::to_owned).to_vec(), ..narrowed(&asked) };
    let questions = match state {
        "open" => vec![open],
        "signed" => vec![signed],
        "all" => vec![open, signed],
        _ => return Err(Fault::invalid("state is open, signed or all").at("state").into()),
    };
    let mut items = Vec::new();
    for question in &questions {
        items.extend(rows(&caller, question)?);
    }
    clinical(&Worklist { items })
}

/// How a list is narrowed in an address: `modality`, `topic`, `overdue`.
pub fn narrowed(asked: &[(String, String)]) -> CaseQuery {
    let text = |key: &str| asked.iter().find(|(k, _)| k == key).map_or(String::new(), |(_, v)| v.clone());
    CaseQuery {
        modality: text("modality"),
        topic: text("topic"),
        overdue: text("overdue") == "true",
        limit: ROWS_MAX,
        ..CaseQuery::default()
    }
}

pub fn rows(caller: &Caller, question: &CaseQuery) -> Result<Vec<Row>, Fault> {
    let found = caller.session().cases(question)?;
    Ok(found.iter().map(|item| row(item, caller)).collect())
}

pub async fn study(caller: Caller, Path(uid): Path<String>) -> Result<Response, Refused> {
    let session = caller.session();
    let (item, report) = session.case(&uid)?;
    let report = report.map(|r| shown_report(&caller, r)).transpose()?;
    let conditions = vec![(tags::STUDY_INSTANCE_UID, Condition::Single(uid))];
    let query = Query {
        level: Level::Series,
        conditions,
        combined_date_time: false,
        fuzzy: false,
        limit: SERIES_MAX,
        offset: 0,
    };
    let series = session.find_images(&query)?.iter().map(series_of).collect();
    clinical(&Study {
        row: row(&item, &caller),
        order: order(&item.order),
        series,
        report,
        readings: session.readings_of(&item.case)?.into_iter().map(apart).collect(),
        may_report: READERS.iter().any(|role| caller.principal.has_role(*role)),
    })
}

fn apart(reading: ShownReading) -> Apart {
    let section = |(title, text)| Section { title, text };
    Apart {
        author: reading.name,
        at: reading.at,
        assessment: reading.text.assessment,
        sections: reading.text.sections.into_iter().map(section).collect(),
        conclusion: reading.text.conclusion,
    }
}

/// Signing and amending take a second factor again; who writes and whether it may be is decided by the session.
pub async fn write(
    caller: Caller,
    Path(uid): Path<String>,
    Json(asked): Json<ReportWrite>,
) -> Result<Response, Refused> {
    if asked.sections.len() > SECTIONS_MAX
        || asked.sections.iter().any(|s| s.text.len() + s.title.len() > SECTION_BYTES_MAX)
    {
        return Err(Fault::too_costly("a report has at most 50 sections of 64 KiB").at("sections").into());
    }
    let action = match asked.action {
        Action::Save => ReportAction::Save,
        Action::Sign => ReportAction::Sign,
        Action::Amend => ReportAction::Amend,
    };
    if action != ReportAction::Save {
        if asked.conclusion.trim().is_empty() {
            return Err(Refused::saying(
                FaultKind::Invalid,
                "invalid",
                "Para firmar hace falta la conclusión.",
                "A report that is signed has a conclusion.",
            ));
        }
        let (item, _) = caller.session().case(&uid)?;
        same_study(&item, asked.shown.as_ref())?;
        confirm(&caller, asked.second_factor.unwrap_or_default(), true).await?;
    }
    let text = ReportText {
        template: asked.template,
        sections: asked.sections.into_iter().map(|s| (s.title, s.text)).collect(),
        conclusion: asked.conclusion,
        assessment: asked.assessment,
    };
    let written = caller.session().write_report(&uid, action, text, asked.version).await;
    clinical(&shown_report(&caller, written.map_err(unsafe_to_sign)?)?)
}

/// The viewer, the report and the order are about the study and the person that the node knows, and two identifiers say so.
fn same_study(item: &CaseItem, shown: Option<&Shown>) -> Result<(), Refused> {
    let mismatch = |spanish: &str, english: &str| {
        Err(Refused::saying(FaultKind::Conflict, "mismatch", spanish, english))
    };
    let Some(shown) = shown else {
        return Err(Fault::invalid("who signs says what the page shows").at("shown").into());
    };
    if shown.viewer_study_uid != item.case.study_uid {
        return mismatch(
            "El visor no tiene abierto este estudio: ábralo antes de firmar.",
            "The viewer does not have this study open: open it before signing.",
        );
    }
    let (known, said) = (person::head(&item.patient), &shown.patient);
    let pairs = [
        (&known.name, &said.name),
        (&known.birth_date, &said.birth_date),
        (&known.curp, &said.curp),
        (&known.record_number, &said.record_number),
    ];
    if pairs.iter().any(|(known, said)| known != said) || shown.accession != item.case.accession {
        return mismatch(
            "Los datos del paciente o de la orden cambiaron: vuelva a cargar la página antes de firmar.",
            "The patient or the order has changed: load the page again before signing.",
        );
    }
    if pairs.iter().filter(|(known, _)| !known.is_empty()).count() < 2 {
        return mismatch(
            "Falta un segundo dato que identifique a la persona; no se puede firmar.",
            "A second identifier of the person is missing; this cannot be signed.",
        );
    }
    Ok(())
}

/// Why a signature is refused by the record: images that were not opened, an order of another person.
pub fn unsafe_to_sign(fault: Fault) -> Refused {
    let (code, spanish, english) = match fault.place.as_str() {
        "images" => (
            "not_opened",
            "Hay imágenes de este estudio que usted no ha abierto: ábralas en el visor antes de firmar.",
            "There are images of this study that you have not opened: open them in the viewer before signing.",
        ),
        "order" => (
            "mismatch",
            "La orden es de otra persona: no se puede firmar.",
            "The order is another person's: this cannot be signed.",
        ),
        "assessment" => (
            "invalid",
            "Elija la categoría: este estudio lo leen dos personas por separado.",
            "Choose the category: two people read this study apart.",
        ),
        "reader" => (
            "conflict",
            "Usted ya leyó este estudio: la otra lectura es de alguien más.",
            "You have read this study: the other reading is somebody else's.",
        ),
        _ => return fault.into(),
    };
    Refused::saying(fault.kind, code, spanish, english)
}

/// The one who is signed in shows again who they are; a password only where it is enough.
pub async fn confirm(caller: &Caller, factor: SecondFactor, password_is_enough: bool) -> Result<(), Refused> {
    let account = account_of(caller);
    if account.is_empty() || !matches!(caller.principal, badiano_kernel::Principal::Staff(_)) {
        return Err(Fault::forbidden("this takes a person of this node's staff").into());
    }
    let (node, now) = (caller.gate.node.clone(), caller.now);
    let given = |text: Option<String>| text.filter(|t| !t.is_empty());
    let (totp, password) = (given(factor.totp), given(factor.password).filter(|_| password_is_enough));
    let outcome = off_the_loop(move || match (totp, password) {
        (Some(totp), _) => node.confirm(&account, totp.trim(), now),
        (None, Some(password)) => node.confirm_password(&account, &password, now),
        (None, None) => Err(SignInError::SecondFactorRequired),
    });
    outcome.await?.map_err(factor_refused)
}

fn account_of(caller: &Caller) -> String {
    caller.principal.staff().map(|s| s.account.clone()).unwrap_or_default()
}

pub fn row(item: &CaseItem, caller: &Caller) -> Row {
    row_for(item, &account_of(caller), &caller.now.to_rfc3339())
}

/// All moments are RFC 3339 in UTC of one width, so that texts compare as moments do.
fn row_for(item: &CaseItem, account: &str, now: &str) -> Row {
    let case = &item.case;
    Row {
        study_uid: case.study_uid.clone(),
        state: case.state.clone(),
        patient: person::head(&item.patient),
        accession: case.accession.clone(),
        modality: case.modality.clone(),
        description: case.description.clone(),
        priority: case.priority.clone(),
        topic: case.topic.clone(),
        arrived: case.arrived.clone(),
        since: case.since.clone(),
        due: case.due.clone(),
        overdue: case.reason.is_empty()
            && !matches!(case.state.as_str(), "final" | "amended")
            && *case.due < *now,
        instances: item.instances,
        reader: item.reader_name.clone().or_else(|| case.reader.clone()),
        mine: !account.is_empty() && case.reader.as_deref() == Some(account),
        unmatched: case.unmatched,
        stage: case.standing().stage(),
        reason: case.reason.clone(),
    }
}

fn order(request: &Value) -> Order {
    let reasons: Vec<String> =
        request["reasonCode"].items().iter().map(person::concept).filter(|r| !r.is_empty()).collect();
    Order {
        reason: reasons.join("; "),
        requester: request["requester"].str_of("display").to_owned(),
        procedure: person::concept(&request["code"]),
    }
}

fn series_of(found: &FoundImage) -> Series {
    let text = |tag: Tag| {
        let number = u32::from(tag.0) << 16 | u32::from(tag.1);
        found.attributes.iter().find(|(t, _)| *t == number).map_or(String::new(), |(_, v)| v.clone())
    };
    Series {
        series_uid: text(tags::SERIES_INSTANCE_UID),
        modality: text(tags::MODALITY),
        description: text(tags::SERIES_DESCRIPTION),
        instances: found.instances,
    }
}

/// The report with the signed versions before it, which are read only where there can be one.
fn shown_report(caller: &Caller, newest: Versioned) -> Result<Report, Fault> {
    let history = match newest.version {
        1 => Vec::new(),
        _ => caller.session().versions_of("DiagnosticReport", newest.resource.id())?,
    };
    Ok(report(&newest, &history))
}

fn report(newest: &Versioned, history: &[Versioned]) -> Report {
    let resource = &newest.resource;
    let said = |url: &str, value: &str| {
        let own = resource["extension"].items().iter().find(|e| e.str_of("url") == url);
        own.map_or("", |e| e.str_of(value)).to_owned()
    };
    let signed = |v: &&Versioned| {
        v.version < newest.version && !v.deleted && matches!(v.resource.str_of("status"), "final" | "amended")
    };
    let mut earlier: Vec<Earlier> = history
        .iter()
        .filter(signed)
        .map(|v| Earlier {
            version: v.version,
            status: v.resource.str_of("status").to_owned(),
            author: person::author(&v.resource),
            issued: v.resource.str_of("issued").to_owned(),
            sections: person::sections(&v.resource),
            conclusion: v.resource.str_of("conclusion").to_owned(),
        })
        .collect();
    earlier.sort_by_key(|e| std::cmp::Reverse(e.version));
    Report {
        id: resource.id().to_owned(),
        status: resource.str_of("status").to_owned(),
        version: newest.version,
        template: said(TEMPLATE_EXTENSION, "valueString"),
        assessment: said(ASSESSMENT_EXTENSION, "valueCode"),
        sections: person::sections(resource),
        conclusion: resource.str_of("conclusion").to_owned(),
        author: person::author(resource),
        issued: resource.str_of("issued").to_owned(),
        earlier,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::fhir;
    use badiano_kernel::Instant;
    use badiano_record::ledger::Case;

    fn item(state: &str) -> CaseItem {
        let text = |s: &str| s.to_owned();
        let case = Case {
            study_uid: text("1.2"),
            department: text("radiology"),
            state: text(state),
            patient: text("p"),
            accession: text("A1"),
            modality: text("CT"),
            description: text("Tórax"),
            priority: text("urgent"),
            topic: text("thorax"),
            arrived: text("2026-01-01T00:00:00.000Z"),
            since: text("2026-01-01T00:00:00.000Z"),
            due: text("2026-01-01T08:00:00.000Z"),
            reader: Some(text("ana")),
            signed: state == "final",
            ..Case::default()
        };
        CaseItem {
            case,
            patient: Value::Null,
            order: fhir!({ "priority": "urgent", "reasonCode": [{ "text": "Tos" }, { "coding": [{ "code": "R05" }] }], "code": { "text": "TC de tórax" } }),
            instances: 12,
            reader_name: Some("Ana Íñiguez".into()),
        }
    }

    #[test]
    fn a_row_says_whose_it_is_whether_it_is_late_and_a_study_what_was_ordered() {
        let item = item("claimed");
        let (before, after) = ("2026-01-01T07:59:59.999Z", "2026-01-01T08:00:00.001Z");
        let mine = row_for(&item, "ana", after);
        assert!(mine.mine && !row_for(&item, "", after).mine && !row_for(&item, "eva", after).mine);
        assert!(mine.overdue && !row_for(&item, "ana", before).overdue);
        assert!(!row_for(&self::item("final"), "ana", after).overdue, "what is signed is never late");
        assert_eq!(
            (mine.reader.as_deref(), mine.priority.as_str(), mine.instances),
            (Some("Ana Íñiguez"), "urgent", 12)
        );
        let wanted =
            Order { reason: "Tos; R05".into(), requester: String::new(), procedure: "TC de tórax".into() };
        assert_eq!(order(&item.order), wanted);
    }

    #[test]
    fn signing_is_refused_when_viewer_report_and_order_differ_or_one_identifier_is_missing() {
        let patient = |given: &str| fhir!({ "name": [{ "text": "Ana Pérez" }], "birthDate": given });
        let item = CaseItem { patient: patient("1980-01-01"), ..item("claimed") };
        let shown = |study: &str, accession: &str, birth_date: &str| Shown {
            viewer_study_uid: study.into(),
            accession: accession.into(),
            patient: ShownPatient {
                name: "Ana Pérez".into(),
                birth_date: birth_date.into(),
                curp: String::new(),
                record_number: String::new(),
            },
        };
        assert!(same_study(&item, Some(&shown("1.2", "A1", "1980-01-01"))).is_ok());
        for (study, accession, born) in [
            ("1.3", "A1", "1980-01-01"),
            ("", "A1", "1980-01-01"),
            ("1.2", "A2", "1980-01-01"),
            ("1.2", "A1", "1980"),
        ] {
            let refused = same_study(&item, Some(&shown(study, accession, born))).expect_err("differs");
            assert_eq!(refused.code, "mismatch", "{study} {accession} {born}");
        }
        assert_eq!(same_study(&item, None).expect_err("nothing shown").code, "invalid");
        let nameless = CaseItem { patient: patient(""), ..self::item("claimed") };
        assert!(same_study(&nameless, Some(&shown("1.2", "A1", ""))).is_err(), "a name alone is not enough");
    }

    #[test]
    fn only_earlier_versions_that_were_signed_are_shown_beside_a_report() {
        let version = |version: u64, status: &str| Versioned {
            resource: fhir!({ "resourceType": "DiagnosticReport", "id": "r", "status": status, "conclusion": (format!("c{version}")) }),
            version,
            updated: Instant::from_seconds(0),
            deleted: false,
            created: false,
        };
        let history = [
            version(4, "amended"),
            version(3, "final"),
            version(2, "preliminary"),
            version(1, "preliminary"),
        ];
        let shown = report(&history[0], &history);
        let earlier: Vec<(u64, &str)> =
            shown.earlier.iter().map(|e| (e.version, e.conclusion.as_str())).collect();
        assert_eq!((shown.version, earlier), (4, vec![(3, "c3")]));
    }
}
