//! What staff must be told: their notices, and critical results with who has heard them (`StaffNotices`, `CriticalResults` of `web/src/api.ts`).

use super::form::{Json, Refused, clinical, json};
use super::reading::{Row, row};
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use badiano_kernel::{Fault, FaultKind};
use badiano_record::critical::{CriticalItem, Raised};
use badiano_record::notices::{ShownNotice, Why};
use serde::{Deserialize, Serialize};

/// Notices that are marked as read at a time.
const READ_AT_ONCE_MAX: usize = 200;

#[derive(Serialize)]
struct Notices {
    notices: Vec<Notice>,
}

#[derive(Serialize)]
struct Notice {
    id: String,
    when: String,
    why: Why,
    by: String,
    names: Vec<String>,
    unread: bool,
    /// Nothing where the role or the person's consent hides it.
    study: Option<Row>,
}

#[derive(Serialize)]
struct Results {
    items: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    level: String,
    finding: String,
    by: String,
    at: String,
    due: String,
    overdue: bool,
    to: String,
    /// How many times it was told further up.
    step: usize,
    heard: Option<Heard>,
    /// Whether the one who asks raised it, and so writes down whom they told.
    mine: bool,
    study: Row,
}

#[derive(Serialize)]
struct Heard {
    by: String,
    told: String,
    read_back: String,
    at: String,
}

#[derive(Deserialize)]
pub struct CriticalRaise {
    level: String,
    finding: String,
    /// Account that is told first.
    #[serde(default)]
    to: String,
}

#[derive(Deserialize)]
pub struct CriticalHeard {
    /// Who repeated it on the telephone, when that was not the one who writes.
    #[serde(default)]
    told: String,
    read_back: String,
}

#[derive(Deserialize)]
pub struct NoticesRead {
    ids: Vec<String>,
}

#[derive(Serialize)]
struct Made {
    id: String,
}

pub async fn list(caller: Caller) -> Result<Response, Refused> {
    let shown = |n: ShownNotice| Notice {
        id: n.id,
        when: n.notice.when,
        why: n.notice.why,
        by: n.notice.by,
        names: n.notice.names,
        unread: n.notice.read.is_empty(),
        study: n.item.map(|item| row(&item, &caller)),
    };
    clinical(&Notices { notices: caller.session().staff_notices()?.into_iter().map(shown).collect() })
}

pub async fn read(caller: Caller, Json(asked): Json<NoticesRead>) -> Result<StatusCode, Refused> {
    if asked.ids.len() > READ_AT_ONCE_MAX {
        return Err(Fault::too_costly("at most 200 notices at a time").at("ids").into());
    }
    caller.session().read_staff_notices(asked.ids).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `state=open` (the default) or `heard`.
pub async fn critical(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let heard = match asked.iter().find(|(k, _)| k == "state").map_or("open", |(_, v)| v.as_str()) {
        "open" => false,
        "heard" => true,
        _ => return Err(Fault::invalid("state is open or heard").at("state").into()),
    };
    let all = caller.session().critical_results(heard)?;
    clinical(&Results { items: all.into_iter().map(|item| shown(item, &caller)).collect() })
}

fn shown(item: CriticalItem, caller: &Caller) -> Shown {
    let (result, own) = (item.result, caller.principal.staff().map(|s| s.account.as_str()));
    Shown {
        overdue: result.heard.is_none() && *result.due < *caller.now.to_rfc3339(),
        mine: own == Some(&result.by),
        study: row(&item.item, caller),
        id: result.id,
        level: result.level,
        finding: result.finding,
        by: result.by_name,
        at: result.at,
        due: result.due,
        to: item.to_name,
        step: result.step,
        heard: result.heard.map(|h| Heard { by: h.by_name, told: h.told, read_back: h.read_back, at: h.at }),
    }
}

pub async fn raise(
    caller: Caller,
    Path(uid): Path<String>,
    Json(asked): Json<CriticalRaise>,
) -> Result<Response, Refused> {
    let raised = Raised { level: asked.level, finding: asked.finding, to: asked.to };
    let result = caller.session().raise_critical(&uid, raised).await.map_err(explained)?;
    clinical(&Made { id: result.id })
}

pub async fn hear(
    caller: Caller,
    Path(id): Path<String>,
    Json(asked): Json<CriticalHeard>,
) -> Result<Response, Refused> {
    let heard = caller.session().hear_critical(&id, &asked.told, &asked.read_back).await;
    json(&Made { id: heard.map_err(explained)?.id })
}

/// What a person can put right is said in their language.
fn explained(fault: Fault) -> Refused {
    let (spanish, english) = match (fault.kind, fault.place.as_str()) {
        (FaultKind::Invalid, "finding" | "read_back") => (
            "Escríbalo con una frase de al menos 10 caracteres.",
            "Write a sentence of at least 10 characters.",
        ),
        (FaultKind::Invalid, "told") => {
            ("Escriba a quién se lo dijo y cómo.", "Write whom you told, and how.")
        }
        (FaultKind::Conflict, "heard") => (
            "Alguien más ya lo recibió: vuelva a cargar la página.",
            "Somebody else has heard it: load the page again.",
        ),
        _ => return fault.into(),
    };
    let code = if fault.kind == FaultKind::Conflict { "conflict" } else { "invalid" };
    Refused::saying(fault.kind, code, spanish, english)
}
