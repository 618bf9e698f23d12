//! Records that may be of one person, for the clerk who decides (`IdentityPairs` of `web/src/api.ts`), and the policy of the node.

use super::form::{Json, Refused, clinical, json};
use super::person::{self, Head};
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use badiano_fhir::Value;
use badiano_kernel::Fault;
use badiano_record::identity::{Decided, Policy, Standing, Verdict, Weighed};
use serde::{Deserialize, Serialize};

/// Pairs that one page shows.
const PAIRS_MAX: usize = 100;

#[derive(Serialize)]
struct Pairs {
    pairs: Vec<Shown>,
    total: usize,
}

#[derive(Serialize)]
struct Shown {
    bits: f64,
    grade: String,
    guard: Option<String>,
    fields: Vec<Weighed>,
    found: String,
    decided: Option<Decided>,
    records: [Record; 2],
}

/// A record as a clerk compares it.
#[derive(Serialize)]
struct Record {
    id: String,
    #[serde(flatten)]
    head: Head,
    address: String,
    phone: String,
    updated: String,
}

#[derive(Deserialize)]
pub struct Decision {
    a: String,
    b: String,
    verdict: Verdict,
    #[serde(default)]
    kept: Option<String>,
    #[serde(default)]
    reason: String,
}

/// `state=open` (the default) or `decided`.
pub async fn list(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refused> {
    let asked = pairs(&query.unwrap_or_default());
    let decided = match asked.iter().find(|(k, _)| k == "state").map_or("open", |(_, v)| v.as_str()) {
        "open" => false,
        "decided" => true,
        _ => return Err(Fault::invalid("state is open or decided").at("state").into()),
    };
    let (found, total) = caller.session().identity_pairs(decided, PAIRS_MAX)?;
    clinical(&Pairs { pairs: found.into_iter().map(shown).collect(), total })
}

fn shown(standing: Standing) -> Shown {
    let Standing { pair, patients } = standing;
    Shown {
        bits: pair.bits,
        grade: pair.grade,
        guard: pair.guard,
        fields: pair.fields,
        found: pair.found,
        decided: pair.decided,
        records: patients.map(|p| record(&p)),
    }
}

fn record(patient: &Value) -> Record {
    let address = patient["address"].items().iter().find(|a| a.str_of("use") != "old");
    let phone = patient["telecom"].items().iter().find(|t| t.str_of("system") == "phone");
    Record {
        id: patient.id().to_owned(),
        head: person::head(patient),
        address: address.map(one_line).unwrap_or_default(),
        phone: phone.map(|t| t.str_of("value").to_owned()).unwrap_or_default(),
        updated: patient["meta"].str_of("lastUpdated").to_owned(),
    }
}

fn one_line(address: &Value) -> String {
    let lines = address["line"].items().iter().filter_map(Value::as_str);
    let rest = ["district", "postalCode", "city", "state"].map(|part| address.str_of(part));
    let parts: Vec<&str> = lines.chain(rest).filter(|p| !p.is_empty()).collect();
    parts.join(", ")
}

/// The ids go in the body: an address names no patient.
pub async fn decide(caller: Caller, Json(asked): Json<Decision>) -> Result<StatusCode, Refused> {
    let Decision { a, b, verdict, kept, reason } = asked;
    caller.session().decide_identity(&a, &b, verdict, kept.as_deref(), &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn policy(caller: Caller) -> Result<Response, Refused> {
    json(&caller.session().identity_policy()?)
}

pub async fn set_policy(caller: Caller, Json(asked): Json<Policy>) -> Result<StatusCode, Refused> {
    caller.session().set_identity_policy(asked).await?;
    Ok(StatusCode::NO_CONTENT)
}
