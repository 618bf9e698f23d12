//! The national question over FHIR: a search at the hub, by a node for a person of its staff or for the citizen, goes to all who hold
//! something; merged, sorted and paged here (FHIR R4, search.html#paging; RFC 7240 for `Prefer: wait`).

use super::cursor::{self, Cursor};
use crate::caller::Caller;
use crate::gate::Patience;
use axum::http::HeaderMap;
use badiano_exchange::ask::{self, Gathered, Page, Place};
use badiano_exchange::question::Question;
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Fault, Principal, Purpose};
use badiano_record::NodeRole;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where a further page is: which kept answer, and after which entry.
#[derive(Serialize, Deserialize)]
struct Further {
    answer: String,
    after: Place,
}

/// Another node asks the hub for a person of its staff, or the citizen for themselves.
pub fn is_meant(caller: &Caller) -> bool {
    caller.gate.node.settings().role == NodeRole::Hub
        && matches!(&caller.principal, Principal::Node { on_behalf_of: Some(_), .. })
        && caller.person.is_some()
}

/// What is not a search of one type goes to one institution only.
pub fn of_one_type() -> Fault {
    Fault::not_supported(
        "the national question is a search of one type: Patient, or one that names its patient",
    )
}

/// `Prefer: wait=10`: how many seconds the caller waits for the slowest source, within the operator's limit.
pub fn wait(headers: &HeaderMap, patience: Patience) -> Duration {
    let prefer = headers.get_all("prefer").iter().filter_map(|h| h.to_str().ok());
    let mut said = prefer.flat_map(|h| h.split([',', ';'])).filter_map(|p| p.trim().strip_prefix("wait="));
    match said.find_map(|seconds| seconds.parse::<u64>().ok()) {
        Some(seconds) => Duration::from_secs(seconds.max(1)).min(patience.longest),
        None => patience.person,
    }
}

/// Asks, or shows a further page of what was asked.
pub async fn ask(
    caller: &Caller,
    kind: &str,
    pairs: &[(String, String)],
    wait: Duration,
) -> Result<Value, Fault> {
    let person = caller.person.as_deref().unwrap_or_default();
    if let Some((_, text)) = pairs.iter().find(|(name, _)| name == cursor::NAME) {
        return further(caller, kind, person, text);
    }
    let question = Question::parse(kind, pairs, &caller.gate.node.settings().zone)?;
    let session = caller.session();
    if caller.purpose == Purpose::Emergency {
        session.open_emergency().await?;
    }
    let gathered = ask::gather(&session, &caller.gate.wire()?, person, question, wait).await?;
    let (page, kept) = gathered.first_page(&session)?;
    let mut bundle = page.answer.into_bundle(caller.now);
    if let (Some(after), Some(kept)) = (page.next, kept) {
        let cursor = Cursor::new(kind, Vec::new(), true, caller.now);
        let answer = caller.gate.kept.keep(kept, caller.now);
        bundle.set("link", link(caller, &cursor, Further { answer, after })?);
    }
    Ok(bundle)
}

/// Released anew: what consent has closed since is not on it.
fn further(caller: &Caller, kind: &str, person: &str, text: &str) -> Result<Value, Fault> {
    let invalid =
        || Fault::invalid("the address of the page is not one of a national question").at(cursor::NAME);
    let cursor = Cursor::open(text, caller)?;
    let place: Further =
        cursor.after.as_deref().and_then(|b| serde_json::from_slice(b).ok()).ok_or_else(invalid)?;
    let gathered = caller.gate.kept.get(&place.answer, caller.now);
    let gathered =
        gathered.filter(|g: &std::sync::Arc<Gathered>| g.person() == person && cursor.path == kind);
    let gathered =
        gathered.ok_or_else(|| Fault::invalid("the page has run out: search again").at(cursor::NAME))?;
    let Page { answer, next } = gathered.page(&caller.session(), Some(&place.after))?;
    let mut bundle = answer.into_bundle(caller.now);
    if let Some(after) = next {
        bundle.set("link", link(caller, &cursor, Further { answer: place.answer, after })?);
    }
    Ok(bundle)
}

fn link(caller: &Caller, cursor: &Cursor, further: Further) -> Result<Value, Fault> {
    let place = serde_json::to_vec(&further).map_err(|_| Fault::bug("a place is always printable"))?;
    let sealed = cursor.next(place, None).seal(caller)?;
    let url = format!("{}/fhir/{}?{}={sealed}", caller.base, cursor.path, cursor::NAME);
    Ok(Value::Array(vec![fhir!({ "relation": "next", "url": url })]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_waits_as_long_as_it_says_within_the_operators_limit() {
        let said = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", text.parse().expect("a header"));
            wait(&headers, Patience::default()).as_secs()
        };
        assert_eq!(
            [said("wait=2"), said("handling=strict, wait=12"), said("wait=900"), said("wait=x")],
            [2, 12, 30, 5]
        );
        assert_eq!(said("wait=0"), 1);
    }
}
