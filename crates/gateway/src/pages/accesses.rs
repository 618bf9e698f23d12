//! Who looked at a person's data, in every log of the country, with the proof of each entry (`MyAccesses` of `web/src/api.ts`).

use super::citizen::own_curp;
use super::form::{English, Refused, json};
use super::national::{self, Failed};
use super::person::{self, Names};
use crate::caller::Caller;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use badiano_exchange::Wire;
use badiano_exchange::ask::{self, Answer, DEADLINE};
use badiano_exchange::on_behalf::OnBehalf;
use badiano_kernel::{Fault, Purpose};
use badiano_record::accesses::Access;
use badiano_record::participants::Participant;
use futures_util::{StreamExt, stream};
use serde::Serialize;

/// Logs that are asked at once.
const ASKED_AT_ONCE: usize = 32;
/// Entries of one answer, newest first.
const ENTRIES_MAX: usize = 1000;

/// What the logs said, newest first, and those that did not answer.
pub struct Gathered {
    pub accesses: Vec<Access>,
    pub failed: Vec<(Participant, Fault)>,
}

#[derive(Serialize)]
struct MyAccesses {
    entries: Vec<Shown>,
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Shown {
    id: String,
    when: String,
    who: String,
    institution: String,
    clues: String,
    what: String,
    interaction: String,
    purpose: String,
    reason: String,
    emergency: bool,
    refused: bool,
    /// By who reads this list.
    own: bool,
    /// By what who looked acted in the person's place (v3-RoleCode); empty where they did not.
    in_place: String,
    has_proof: bool,
}

/// This hub's log and that of every active institution: also one that holds nothing may have asked.
pub async fn gather(caller: &Caller, curp: &str) -> Result<Gathered, Fault> {
    let mut gathered = Gathered { accesses: caller.session().accesses_of(curp)?, failed: Vec::new() };
    let wire = caller.gate.wire()?;
    let listed = caller.gate.node.participants()?.into_iter().filter(|p| p.active);
    let for_whom = ask::for_whom(&caller.session(), curp)?;
    let asked = listed.map(|p| {
        let (wire, for_whom) = (wire.clone(), &for_whom);
        async move { (log_of(&wire, &p, for_whom).await, p) }
    });
    let mut answers = stream::iter(asked).buffer_unordered(ASKED_AT_ONCE);
    while let Some((answer, participant)) = answers.next().await {
        match answer {
            Ok(entries) => gathered.accesses.extend(entries),
            Err(fault) => {
                tracing::warn!(%fault, institution = %participant.clues, "who looked could not be read");
                gathered.failed.push((participant, fault));
            }
        }
    }
    gathered.accesses.sort_by(|a, b| b.when.cmp(&a.when));
    gathered.failed.sort_by(|a, b| a.0.clues.cmp(&b.0.clues));
    Ok(gathered)
}

/// One institution's log about the person; entries under another log's name are left out.
async fn log_of(wire: &Wire, participant: &Participant, for_whom: &OnBehalf) -> Result<Vec<Access>, Fault> {
    let url = format!("{}/pni/accesses", participant.address);
    let body = wire.post_json(&url, "{}".to_owned(), Some(for_whom), DEADLINE).await?;
    let entries: Vec<Access> =
        serde_json::from_slice(&body).map_err(|_| Fault::invalid("the answer is not a list of accesses"))?;
    Ok(entries.into_iter().filter(|e| clues_of(&e.id) == participant.clues).collect())
}

pub async fn accesses(caller: Caller, English(english): English) -> Result<Response, Refused> {
    let curp = own_curp(&caller)?;
    let gathered = gather(&caller, &curp).await?;
    let names = national::names(&caller, &Answer::default());
    let reader = caller.principal.representative().map(|r| r.name.as_str());
    let entries =
        gathered.accesses.into_iter().take(ENTRIES_MAX).map(|a| shown(a, &names, english, reader)).collect();
    let failed = gathered.failed.iter().map(|(p, fault)| failed_of(p, fault, english)).collect();
    json(&MyAccesses { entries, failed })
}

fn failed_of(participant: &Participant, fault: &Fault, english: bool) -> Failed {
    let why = match (fault.text.contains("in time"), english) {
        (true, false) => "no respondió a tiempo",
        (true, true) => "did not answer in time",
        (false, false) => "no se pudo leer su bitácora",
        (false, true) => "its log could not be read",
    };
    Failed { clues: participant.clues.clone(), name: participant.name.clone(), why: why.to_owned() }
}

/// The proof of one entry, as `badiano verify` checks it.
pub async fn proof(caller: Caller, Path(id): Path<String>) -> Result<Response, Refused> {
    let curp = own_curp(&caller)?;
    let clues = clues_of(&id).to_owned();
    let all = if clues == caller.gate.node.settings().clues {
        caller.session().accesses_of(&curp)?
    } else {
        let listed = caller.gate.node.participants()?.into_iter().find(|p| p.active && p.clues == clues);
        let at = listed.ok_or_else(|| Fault::not_found("no such entry"))?;
        log_of(&caller.gate.wire()?, &at, &ask::for_whom(&caller.session(), &curp)?).await?
    };
    let found = all.into_iter().find(|a| a.id == id).filter(|a| !a.proof.is_empty());
    let found = found.ok_or_else(|| Fault::not_found("no such entry, or its checkpoint is a second away"))?;
    let name = format!("attachment; filename=\"comprobante-{clues}-{}.txt\"", index_of(&id));
    let name = HeaderValue::from_str(&name).map_err(|_| Fault::not_found("no such entry"))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, found.proof).into_response())
}

/// The institution whose log an entry stands in: `badiano.mx/DFSSA000001#12`.
fn clues_of(id: &str) -> &str {
    id.split_once('/').and_then(|(_, rest)| rest.split_once('#')).map_or("", |(clues, _)| clues)
}

fn index_of(id: &str) -> &str {
    id.rsplit_once('#')
        .map_or("", |(_, index)| index)
        .get(..20)
        .unwrap_or_else(|| id.rsplit_once('#').map_or("", |(_, index)| index))
}

/// `reader` is who reads the list in the person's place.
fn shown(access: Access, names: &Names, english: bool, reader: Option<&str>) -> Shown {
    let own = access.purpose == Purpose::PatientRequest.code()
        && match reader {
            None => access.in_place.is_empty(),
            Some(name) => !access.in_place.is_empty() && access.who == name,
        };
    // Who acts for no institution (the person, a job of the node) is shown with the node that logged it.
    let clues = match access.institution.as_str() {
        "" => clues_of(&access.id).to_owned(),
        named => named.to_owned(),
    };
    Shown {
        what: in_words(&access.interaction, &access.what, english),
        institution: person::institution(names, &clues),
        clues,
        emergency: access.purpose == Purpose::Emergency.code(),
        own,
        in_place: access.in_place.clone(),
        has_proof: !access.proof.is_empty(),
        id: access.id,
        when: access.when,
        who: access.who,
        interaction: access.interaction,
        purpose: access.purpose,
        reason: access.reason,
        refused: access.refused,
    }
}

/// What was looked at, as people say it: by interaction, else by the type of resource.
const WORDS: &[(&str, &str, &str)] = &[
    ("find-images", "Búsqueda de estudios de imagen", "Search for imaging studies"),
    ("retrieve-images", "Imágenes de un estudio", "Images of a study"),
    ("C-STORE", "Imágenes recibidas", "Images received"),
    ("reading-worklist", "Lista de estudios por leer", "List of studies to read"),
    ("reading", "Estudio y su reporte", "Study and its report"),
    ("claim", "Estudio tomado para lectura", "Study taken for reading"),
    ("save-report", "Borrador de reporte", "Draft of a report"),
    ("sign-report", "Reporte firmado", "Report signed"),
    ("amend-report", "Reporte corregido", "Report amended"),
    ("worklist", "Lista de trabajo del equipo de imagen", "Worklist of an imaging device"),
    ("mpps", "Realización del estudio", "Performance of the study"),
    ("locate", "Instituciones que tienen información", "Institutions that hold information"),
    ("release", "Información reunida de otra institución", "Information gathered from another institution"),
    ("emergency-access", "Acceso de emergencia", "Emergency access"),
    ("consent", "Permisos", "Permissions"),
    ("register", "Registro de identidad", "Identity registered"),
    ("merge", "Unión de dos registros de identidad", "Two identity records merged"),
    ("representation", "Quién actúa en su nombre", "Who acts in your place"),
    ("representations", "Quién actúa en su nombre", "Who acts in your place"),
    ("Patient", "Datos de identidad", "Identity data"),
    ("DiagnosticReport", "Reporte de estudio", "Report of a study"),
    ("ImagingStudy", "Estudio de imagen", "Imaging study"),
    ("ServiceRequest", "Solicitud de estudio", "Order of a study"),
    ("Task", "Cita de estudio", "Scheduled study"),
    ("Encounter", "Atención recibida", "Encounter"),
    ("Observation", "Resultado de laboratorio o medición", "Laboratory result or measurement"),
    ("Condition", "Diagnóstico", "Diagnosis"),
    ("AllergyIntolerance", "Alergia", "Allergy"),
    ("MedicationRequest", "Receta", "Prescription"),
    ("Immunization", "Vacuna", "Immunization"),
    ("DocumentReference", "Documento", "Document"),
    ("Consent", "Permisos", "Permissions"),
];

fn in_words(interaction: &str, what: &str, english: bool) -> String {
    let kind = what.split('/').next().unwrap_or_default();
    let named = |key: &str| WORDS.iter().find(|(k, _, _)| *k == key);
    match named(interaction).or_else(|| named(kind)) {
        Some((_, _, words)) if english => (*words).to_owned(),
        Some((_, words, _)) => (*words).to_owned(),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(interaction: &str, what: &str, purpose: &str) -> Access {
        Access {
            id: "badiano.mx/DFSSA000001#12".into(),
            when: "2026-01-01T00:00:00.000Z".into(),
            who: "Ana".into(),
            institution: "DFSSA000002".into(),
            interaction: interaction.into(),
            what: what.into(),
            purpose: purpose.into(),
            reason: String::new(),
            refused: false,
            in_place: String::new(),
            proof: String::new(),
        }
    }

    #[test]
    fn an_entry_names_its_log_and_index() {
        assert_eq!(
            (clues_of("badiano.mx/DFSSA000001#12"), index_of("badiano.mx/DFSSA000001#12")),
            ("DFSSA000001", "12")
        );
        for odd in ["", "#", "a/b", "badiano.mx", "x#1"] {
            assert_eq!(clues_of(odd), "", "{odd}");
        }
        assert_eq!(index_of(&format!("a/b#{}", "9".repeat(50))).len(), 20);
    }

    #[test]
    fn what_was_looked_at_is_said_in_words_and_the_persons_own_reading_is_marked() {
        let names = Names::from([("DFSSA000002".to_owned(), "Hospital Sur".to_owned())]);
        let read = shown(access("read", "DiagnosticReport/1", "TREAT"), &names, false, None);
        assert_eq!(
            (read.what.as_str(), read.institution.as_str(), read.own),
            ("Reporte de estudio", "Hospital Sur", false)
        );
        assert!(shown(access("read", "Patient/1", "PATRQT"), &names, false, None).own);
        let emergency = shown(access("emergency-access", "emergency access", "ETREAT"), &names, true, None);
        assert!(emergency.emergency && emergency.what == "Emergency access" && !emergency.has_proof);
        assert_eq!(in_words("other", "something new", false), "something new");
    }

    #[test]
    fn an_entry_of_nobodys_institution_stands_with_the_node_that_logged_it() {
        let mut own = access("read", "Patient/1", "PATRQT");
        own.institution.clear();
        assert_eq!(shown(own, &Names::new(), false, None).institution, "DFSSA000001");
    }
}
