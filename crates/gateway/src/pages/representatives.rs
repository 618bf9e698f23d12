//! Who acts in a person's place and for whom they act, at the hub (`MyRepresentatives` of `web/src/api.ts`).

use super::citizen::own_curp;
use super::form::{Json, Refused, json};
use super::{national, person};
use crate::caller::Caller;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use badiano_exchange::ask::Answer;
use badiano_kernel::time::Span;
use badiano_kernel::{Fault, Instant};
use badiano_record::representation::{Power, Representation};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct MyRepresentatives {
    /// Who acts, or has acted, in the person's place.
    mine: Vec<Shown>,
    /// For whom the person acts now.
    theirs: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    name: String,
    /// Code of v3-RoleCode: PRN, GUARD, POWATT.
    standing: String,
    /// The kind of document that was checked; empty for a power that the person gave.
    document: String,
    institution: String,
    from: String,
    until: Option<String>,
    in_force: bool,
    /// Whether who reads this can end it here.
    can_end: bool,
}

/// A power of attorney over one's record.
#[derive(Deserialize)]
pub struct Asked {
    curp: String,
    name: String,
    /// The last day on which it holds.
    #[serde(default)]
    until: Option<String>,
}

pub async fn list(caller: Caller) -> Result<Response, Refused> {
    own_curp(&caller)?;
    json(&shown_all(&caller)?)
}

pub async fn give_power(caller: Caller, Json(asked): Json<Asked>) -> Result<Response, Refused> {
    own_curp(&caller)?;
    let zone = &caller.gate.node.settings().zone;
    let to = match asked.until.as_deref().filter(|u| !u.is_empty()) {
        None => None,
        Some(text) => {
            let span = Span::parse_fhir(text, zone);
            Some(span.ok_or_else(|| Fault::invalid("a date").at("until"))?.to)
        }
    };
    caller.session().give_power(Power { representative: asked.curp, name: asked.name, to }).await?;
    json(&shown_all(&caller)?)
}

pub async fn end(caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    own_curp(&caller)?;
    caller.session().end_representation(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown_all(caller: &Caller) -> Result<MyRepresentatives, Fault> {
    let session = caller.session();
    let (mine, theirs) = session.representations()?;
    let names = national::names(caller, &Answer::default());
    let (now, zone) = (caller.now, &caller.gate.node.settings().zone);
    let shown = |of: &Representation, name: String, mine: bool| {
        let in_force = of.in_force(now, zone);
        Shown {
            id: of.id.clone(),
            name,
            standing: of.standing.clone(),
            document: of.document.clone(),
            institution: match of.institution.as_str() {
                "" => String::new(),
                clues => person::institution(&names, clues),
            },
            from: Instant::from_micros(of.from).to_rfc3339(),
            until: of.end(zone).map(Instant::to_rfc3339),
            in_force,
            can_end: in_force && (!mine || of.document.is_empty()),
        }
    };
    let mut acts_for = Vec::new();
    for of in theirs.iter().filter(|of| of.in_force(now, zone)) {
        let name = session.represented(of)?.map(|p| person::head(&p).name).unwrap_or_default();
        acts_for.push(shown(of, name, false));
    }
    Ok(MyRepresentatives {
        mine: mine.iter().map(|of| shown(of, of.name.clone(), true)).collect(),
        theirs: acts_for,
    })
}
