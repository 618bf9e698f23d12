//! Search parameters of the node's own: what was written before them, meanwhile and after is found, and nothing is asked too early.

use crate::{NORTE, scripts};
use badiano_fhir::{Value, fhir, search};
use badiano_kernel::{Fault, FaultKind, Instant, Purpose};
use badiano_record::resources::Precondition;
use badiano_record::{Node, NodeOptions, NodeRole, Session, Settings};
use std::path::Path;
use tempfile::TempDir;

const URL: &str = "http://hospital.example/fhir/StructureDefinition/gafete";

fn at(folder: &Path) -> Node {
    let zone = "America/Mexico_City".into();
    let settings = Settings { role: NodeRole::Hospital, name: NORTE.into(), clues: NORTE.into(), zone };
    let (data, key_file) = (folder.join("data"), folder.join("key"));
    Node::open(NodeOptions { data, key_file, settings, workflows: &[] }).expect("the node opens")
}

fn session(node: &Node) -> Session {
    node.session(scripts("system/*.cruds"), Purpose::Treatment, Instant::now())
}

/// A device whose badge is known by an extension that the standard has no parameter for.
fn device(id: &str, badge: &str) -> Value {
    fhir!({ "resourceType": "Device", "id": id, "extension": [{ "url": URL, "valueString": badge }] })
}

fn parameter(expression: &str) -> Value {
    fhir!({ "resourceType": "SearchParameter", "id": "gafete", "url": "http://hospital.example/fhir/SearchParameter/gafete",
            "name": "gafete", "status": "active", "description": "The badge of a device", "code": "gafete",
            "base": ["Device"], "type": "string", "expression": expression })
}

async fn put(node: &Node, resource: Value) -> Result<(), Fault> {
    session(node).update(resource, Precondition::None).await.map(drop)
}

fn found(node: &Node, badge: &str) -> Result<Vec<String>, Fault> {
    let pairs = [("gafete".to_owned(), badge.to_owned()), ("_count".to_owned(), "1000".to_owned())];
    let parameters = node.parameters()?;
    let query = search::parse("Device", &pairs, true, &*parameters)?.query;
    let hits = session(node).search(&query)?.hits;
    let mut ids: Vec<String> = hits.into_iter().map(|hit| hit.resource.id().to_owned()).collect();
    ids.sort();
    Ok(ids)
}

async fn index_all(node: &Node) {
    while node.advance_search_parameters(Instant::now()).await.expect("the walk goes on") {}
}

fn plain() -> String {
    format!("Device.extension.where(url = '{URL}').value")
}

#[tokio::test]
async fn what_was_written_before_a_parameter_is_found_when_all_of_it_is_indexed_and_what_comes_after_too() {
    let folder = TempDir::new().expect("a folder");
    let node = at(folder.path());
    for n in 0..1_203 {
        put(&node, device(&format!("d{n}"), if n % 400 == 0 { "Áurea" } else { "otra" }))
            .await
            .expect("written");
    }
    assert_eq!(found(&node, "aurea").expect_err("unknown").kind, FaultKind::Invalid);
    put(&node, parameter(&plain())).await.expect("a parameter is taken");
    put(&node, device("meanwhile", "Áurea")).await.expect("written");
    assert_eq!(found(&node, "aurea").expect_err("too early").kind, FaultKind::Unavailable);
    assert!(node.advance_search_parameters(Instant::now()).await.expect("a step"), "there is more");
    put(&node, device("d400", "cambió")).await.expect("changed before the walk came to it");
    drop(node);
    let node = at(folder.path());
    assert_eq!(found(&node, "aurea").expect_err("too early").kind, FaultKind::Unavailable, "after a restart");
    index_all(&node).await;
    assert_eq!(
        found(&node, "aurea"),
        Ok(vec!["d0".into(), "d1200".into(), "d800".into(), "meanwhile".into()])
    );
    put(&node, device("after", "Áurea")).await.expect("written");
    assert_eq!(found(&node, "aurea").map(|ids| ids.len()), Ok(5));
    let versions = session(&node).read("Device", "d0").expect("there").version;
    assert_eq!(versions, 1, "being indexed is no new version");
    drop(node);
    let store = badiano_store::Store::open(badiano_store::Options {
        data: folder.path().join("data"),
        key_file: folder.path().join("key"),
        zone: "America/Mexico_City".into(),
    });
    let agreement = store.expect("opens").read(|view| view.index_agreement()).expect("read");
    assert_eq!((agreement.missing, agreement.stray), (0, 0), "rows and bodies say the same");
}

#[tokio::test]
async fn a_parameter_that_means_something_else_is_not_asked_until_everything_is_indexed_again() {
    let folder = TempDir::new().expect("a folder");
    let node = at(folder.path());
    put(&node, device("d", "Áurea")).await.expect("written");
    put(&node, parameter(&plain())).await.expect("taken");
    index_all(&node).await;
    assert_eq!(found(&node, "aurea").map(|ids| ids.len()), Ok(1));
    put(&node, parameter("Device.lotNumber")).await.expect("changed");
    assert_eq!(found(&node, "aurea").expect_err("too early").kind, FaultKind::Unavailable);
    index_all(&node).await;
    assert_eq!(found(&node, "aurea"), Ok(Vec::new()), "what it said before is gone");
    session(&node).delete("SearchParameter", "gafete", Precondition::None).await.expect("deleted");
    assert_eq!(found(&node, "aurea").expect_err("unknown").kind, FaultKind::Invalid);
}

#[tokio::test]
async fn a_definition_and_what_it_finds_may_come_in_one_transaction() {
    let folder = TempDir::new().expect("a folder");
    let node = at(folder.path());
    let entry = |resource: Value| {
        let url = format!("{}/{}", resource.resource_type(), resource.id());
        fhir!({ "resource": (resource), "request": { "method": "PUT", "url": url } })
    };
    let entries = vec![entry(parameter(&plain())), entry(device("same", "Áurea"))];
    let mut bundle = fhir!({ "resourceType": "Bundle", "type": "transaction" });
    bundle.set("entry", Value::Array(entries));
    session(&node).transaction(&bundle, false).await.expect("both are written");
    index_all(&node).await;
    assert_eq!(found(&node, "aurea"), Ok(vec!["same".into()]));
}

#[tokio::test]
async fn a_definition_that_cannot_work_or_stands_already_is_refused_and_a_draft_is_no_parameter() {
    let folder = TempDir::new().expect("a folder");
    let node = at(folder.path());
    let fault = put(&node, parameter("Device.sinElemento")).await.expect_err("leads nowhere");
    assert_eq!((fault.kind, fault.place.as_str()), (FaultKind::Invalid, "SearchParameter.expression"));
    let mut draft = parameter("Device.sinElemento");
    draft.set("status", "draft");
    put(&node, draft).await.expect("a draft is a resource like any other");
    assert_eq!(found(&node, "aurea").expect_err("unknown").kind, FaultKind::Invalid);
    put(&node, parameter(&plain())).await.expect("taken");
    let mut second = parameter("Device.lotNumber");
    second.set("id", "otro");
    assert_eq!(put(&node, second).await.expect_err("the code is taken").kind, FaultKind::Conflict);
}
