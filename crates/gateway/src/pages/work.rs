//! The ledger of cases: what stands where and since when, lists of any state, and what a reader does with a case (`Ledger`, `CaseMove`).

use super::form::{Json, Refused, clinical, json};
use super::reading::{Row, narrowed, row, rows, unsafe_to_sign};
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use badiano_departments::catalogue::Procedure;
use badiano_departments::named;
use badiano_kernel::principal::Role;
use badiano_kernel::{Fault, FaultKind};
use badiano_record::workflow::Event;
use badiano_record::worklist::{AGES_HOURS, CaseQuery, READERS};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a reader may do with a case; reports are written through a door of their own.
const MOVES: [&str; 6] = ["claim", "release", "hand-over", "excuse", "recall", "confirm"];
/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 2_000;

#[derive(Serialize)]
struct Ledger {
    /// Bounds of the classes of age, in hours; one class more than bounds.
    ages_hours: [i64; AGES_HOURS.len()],
    tallies: Vec<Counted>,
}

#[derive(Serialize)]
struct Counted {
    list: String,
    state: String,
    modality: String,
    topic: String,
    age: usize,
    overdue: bool,
    cases: u64,
}

#[derive(Serialize)]
struct Cases {
    items: Vec<Row>,
}

#[derive(Serialize)]
struct Readers {
    readers: Vec<Person>,
}

#[derive(Serialize)]
struct Clinicians {
    clinicians: Vec<Person>,
}

#[derive(Serialize)]
struct Person {
    account: String,
    name: String,
}

#[derive(Deserialize)]
pub struct CaseMove {
    event: String,
    /// Who takes over.
    to: Option<String>,
    #[serde(default)]
    reason: String,
}

#[derive(Serialize)]
struct Shown {
    code: &'static str,
    name: Words,
    states: Vec<Named>,
    topics: Vec<Named>,
    /// How urgently somebody must hear of what cannot wait.
    critical: Vec<Named>,
    /// What a reading comes to, of a case that is read apart.
    assessments: Vec<Named>,
    procedures: &'static [Procedure],
    screens: serde_json::Value,
}

#[derive(Serialize)]
struct Words {
    es: &'static str,
    en: &'static str,
}

#[derive(Serialize)]
struct Named {
    code: &'static str,
    es: &'static str,
    en: &'static str,
    /// The list of a state; empty for what has ended, and for what is no state.
    list: &'static str,
}

/// How many cases stand on each open list, by state, modality, subspecialty and age.
pub async fn ledger(caller: Caller) -> Result<Response, Refused> {
    let session = caller.session();
    let lists: BTreeSet<&str> =
        session.workflow()?.states.iter().map(|s| s.list).filter(|l| !l.is_empty()).collect();
    let lists: Vec<&str> = lists.into_iter().collect();
    let tallies = session.tally_cases(&lists)?.into_iter().map(|(t, cases)| Counted {
        list: t.list,
        state: t.state,
        modality: t.modality,
        topic: t.topic,
        age: t.age,
        overdue: t.overdue,
        cases,
    });
    clinical(&Ledger { ages_hours: AGES_HOURS, tallies: tallies.collect() })
}

/// The cases of one list: `list`, and narrowed by `state`, `modality`, `topic`, `overdue`.
pub async fn cases(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let text = |key: &str| asked.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v.as_str());
    let states = Some(text("state")).filter(|s| !s.is_empty()).map(str::to_owned);
    let question =
        CaseQuery { list: text("list").to_owned(), states: states.into_iter().collect(), ..narrowed(&asked) };
    clinical(&Cases { items: rows(&caller, &question)? })
}

/// To whom a case may be handed over.
pub async fn readers(caller: Caller) -> Result<Response, Refused> {
    json(&Readers { readers: people(&caller, &READERS)? })
}

/// To whom a critical result may be addressed.
pub async fn clinicians(caller: Caller) -> Result<Response, Refused> {
    json(&Clinicians { clinicians: people(&caller, &[Role::Clinician])? })
}

fn people(caller: &Caller, roles: &[Role]) -> Result<Vec<Person>, Fault> {
    let all = caller.session().staff_of(roles)?;
    Ok(all.into_iter().map(|(account, name)| Person { account, name }).collect())
}

pub async fn claim(caller: Caller, Path(uid): Path<String>) -> Result<Response, Refused> {
    moved(&caller, &uid, Event::named("claim")).await
}

pub async fn step(
    caller: Caller,
    Path(uid): Path<String>,
    Json(asked): Json<CaseMove>,
) -> Result<Response, Refused> {
    let name = MOVES.into_iter().find(|m| *m == asked.event);
    let name = name.ok_or_else(|| Fault::invalid("no such step").at("event"))?;
    if asked.reason.len() > REASON_BYTES_MAX {
        return Err(Fault::too_costly("a reason has at most 2,000 bytes").at("reason").into());
    }
    moved(&caller, &uid, Event { to: asked.to, reason: asked.reason, ..Event::named(name) }).await
}

async fn moved(caller: &Caller, uid: &str, event: Event) -> Result<Response, Refused> {
    let session = caller.session();
    let name = event.name;
    let done = session.move_case(uid, event).await;
    if let Err(fault) = done {
        return Err(explained(caller, uid, name, fault));
    }
    let (item, _) = session.case(uid)?;
    clinical(&row(&item, caller))
}

/// Who comes second is told who has the study; who gives no reason, that it takes one.
fn explained(caller: &Caller, uid: &str, event: &str, fault: Fault) -> Refused {
    if fault.kind == FaultKind::Invalid && fault.place == "reason" {
        return Refused::saying(
            FaultKind::Invalid,
            "invalid",
            "Escriba el motivo, con al menos 10 caracteres.",
            "Write the reason, of at least 10 characters.",
        );
    }
    if matches!(fault.place.as_str(), "images" | "reader") {
        return unsafe_to_sign(fault);
    }
    let known = (fault.kind == FaultKind::Conflict).then(|| caller.session().case(uid).ok()).flatten();
    let row = known.map(|(item, _)| row(&item, caller));
    match row.and_then(|r| r.another_holder()) {
        Some(holder) => Refused::saying(
            FaultKind::Conflict,
            "conflict",
            &format!("{holder} tiene este estudio."),
            &format!("{holder} has this study."),
        ),
        None => {
            tracing::debug!(event, "a step was refused");
            fault.into()
        }
    }
}

/// What a department consists of, for drawing its screens. No patient data.
pub async fn department(Path(code): Path<String>) -> Result<Response, Refused> {
    let department = named(&code).ok_or_else(|| Fault::not_found("no such department"))?;
    let workflow = &department.workflow;
    let lists = department.screens.iter().find(|s| s.name == "lists").map_or("{}", |s| s.json);
    json(&Shown {
        code: department.code,
        name: Words { es: department.es, en: department.en },
        states: workflow.states.iter().map(|s| named_so(s.code, s.es, s.en, s.list)).collect(),
        topics: department.topics.iter().map(|t| named_so(t.code, t.es, t.en, "")).collect(),
        critical: workflow.critical.iter().map(|l| named_so(l.code, l.es, l.en, "")).collect(),
        assessments: workflow.assessments.iter().map(|a| named_so(a.code, a.es, a.en, "")).collect(),
        procedures: &department.catalogue.procedures,
        screens: serde_json::from_str(lists).map_err(|_| Fault::bug("a test reads every screen"))?,
    })
}

fn named_so(code: &'static str, es: &'static str, en: &'static str, list: &'static str) -> Named {
    Named { code, es, en, list }
}
