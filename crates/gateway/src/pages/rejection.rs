//! Objects marked as rejected, what was rejected, and giving it again (IHE RAD IOCM; `RejectedObjects` of `web/src/api.ts`).

use super::form::{Json, Refused, json};
use crate::caller::Caller;
use axum::extract::Path;
use axum::response::Response;
use badiano_kernel::Fault;
use badiano_record::imaging::{Reason, Rejected, Which};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub struct Rejection {
    /// A code of context group 7011.
    reason: String,
    #[serde(default)]
    comment: String,
    /// Series Instance UIDs; with no series and no object, the whole study.
    #[serde(default)]
    series: Vec<String>,
    #[serde(default)]
    objects: Vec<String>,
}

#[derive(Deserialize)]
pub struct Restoration {
    /// SOP Instance UIDs; none are all of the study.
    #[serde(default)]
    objects: Vec<String>,
}

#[derive(Serialize)]
struct Made {
    /// SOP Instance UID of the note.
    note: String,
}

#[derive(Serialize)]
struct Restored {
    objects: usize,
}

#[derive(Serialize)]
struct Objects {
    objects: Vec<Object>,
}

#[derive(Serialize)]
struct Object {
    study: String,
    series: String,
    sop: String,
    sop_class: String,
    reason: String,
    meaning: &'static str,
    note: String,
    at: String,
    awaited: bool,
}

pub async fn reject(
    caller: Caller,
    Path(uid): Path<String>,
    Json(asked): Json<Rejection>,
) -> Result<Response, Refused> {
    let unknown = || Fault::invalid("the reason is 113001, 113037 or 113038").at("reason");
    let reason = Reason::from_code(&asked.reason).ok_or_else(unknown)?;
    let which = Which { series: asked.series, objects: asked.objects };
    json(&Made { note: caller.session().reject(&uid, &which, reason, &asked.comment).await? })
}

pub async fn of_study(caller: Caller, Path(uid): Path<String>) -> Result<Response, Refused> {
    listed(caller.session().rejected_of(&uid)?)
}

pub async fn list(caller: Caller) -> Result<Response, Refused> {
    listed(caller.session().rejected()?)
}

pub async fn restore(
    caller: Caller,
    Path(uid): Path<String>,
    Json(asked): Json<Restoration>,
) -> Result<Response, Refused> {
    json(&Restored { objects: caller.session().restore_rejected(&uid, &asked.objects).await? })
}

fn listed(all: Vec<Rejected>) -> Result<Response, Refused> {
    let object = |r: Rejected| Object {
        meaning: Reason::from_code(&r.reason).map_or("", Reason::meaning),
        study: r.study,
        series: r.series,
        sop: r.sop,
        sop_class: r.sop_class,
        reason: r.reason,
        note: r.note,
        at: r.at,
        awaited: r.awaited,
    };
    json(&Objects { objects: all.into_iter().map(object).collect() })
}
