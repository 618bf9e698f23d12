//! Bulk data over a real store: what an export takes along, how it goes on after a restart, what an import refuses line by line
//! (HL7 FHIR Bulk Data Access 2.0).

use super::{NORTE, open, scripts};
use badiano_fhir::{Value, fhir, json};
use badiano_kernel::{FaultKind, Instant, Principal, Purpose};
use badiano_record::bulk::{File, Job, KEPT_SECONDS, Level, Request, State, Work};
use badiano_record::resources::Precondition;
use badiano_record::{Node, NodeOptions, NodeRole, Session, Settings};
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::TempDir;

fn session(node: &Node, now: Instant) -> Session {
    node.session(scripts("system/*.cruds"), Purpose::Treatment, now)
}

fn of(kinds: &[&str]) -> Request {
    Request { kinds: kinds.iter().map(|k| (*k).to_owned()).collect(), ..Request::default() }
}

async fn put(session: &Session, resource: Value) {
    session.update(resource, Precondition::None).await.expect("written");
}

/// Some people with observations, and one that concerns nobody.
async fn populate(session: &Session, people: usize, each: usize) {
    for p in 0..people {
        put(session, fhir!({ "resourceType": "Patient", "id": (format!("p{p}")) })).await;
        for n in 0..each {
            let observation = fhir!({
                "resourceType": "Observation", "id": (format!("o{p}-{n}")), "status": "final",
                "code": { "coding": [{ "system": "urn:c", "code": (format!("c{}", n % 2)) }] },
                "subject": { "reference": (format!("Patient/p{p}")) }
            });
            put(session, observation).await;
        }
    }
    put(session, fhir!({ "resourceType": "Observation", "id": "nobody", "status": "final", "code": { "text": "agua" } })).await;
}

async fn run(node: &Node, now: Instant) {
    while node.advance_bulk(now).await.expect("a step") {}
}

fn lines(session: &Session, job: &Job, files: &[File]) -> Vec<Value> {
    let mut all = Vec::new();
    for file in files {
        let mut n = 0;
        while let Some(text) = session.bulk_lines(job, file, n).expect("lines") {
            let text = String::from_utf8(text).expect("UTF-8");
            all.extend(text.lines().map(|line| json::parse(line.as_bytes()).expect("a resource a line")));
            n += 1;
        }
    }
    all
}

async fn exported(node: &Node, level: &Level, request: Request, now: Instant) -> BTreeSet<String> {
    let session = session(node, now);
    let job = session.begin_export(level, request).await.expect("begun");
    run(node, now).await;
    let job = session.bulk_job(&job.id).expect("one's own job");
    assert_eq!(job.state, State::Done, "{:?}", job.why);
    let all = lines(&session, &job, &job.files);
    let ids: BTreeSet<String> = all.iter().map(|r| r.id().to_owned()).collect();
    assert_eq!((ids.len(), job.lines), (all.len(), all.len() as u64), "none stands twice");
    ids
}

#[tokio::test]
async fn an_export_takes_along_what_was_asked_for_and_no_more() {
    let (place, now) = (open(NodeRole::Hospital, NORTE), Instant::now());
    let own = session(&place.node, now);
    populate(&own, 3, 4).await;
    let member = |id: &str| fhir!({ "entity": { "reference": (format!("Patient/{id}")) } });
    let group = fhir!({ "resourceType": "Group", "id": "g", "type": "person", "actual": true,
        "member": [(member("p0")), (member("p2"))] });
    put(&own, group).await;
    let node = &place.node;
    assert_eq!(exported(node, &Level::System, of(&["Observation"]), now).await.len(), 13);
    assert_eq!(
        exported(node, &Level::Patients, of(&["Observation"]), now).await.len(),
        12,
        "nobody's is left"
    );
    let of_group = exported(node, &Level::Group("g".into()), of(&["Observation", "Patient"]), now).await;
    assert_eq!(of_group.len(), 10);
    assert!(!of_group.iter().any(|id| id.contains("p1") || id.contains("o1")), "{of_group:?}");
    let filtered = Request { type_filters: vec!["Observation?code=c1".into()], ..of(&["Observation"]) };
    assert_eq!(exported(node, &Level::System, filtered, now).await.len(), 6);
    let later = Request { since: Some("2999-01-01T00:00:00Z".into()), ..of(&["Observation"]) };
    assert!(exported(node, &Level::System, later, now).await.is_empty());
}

#[tokio::test]
async fn an_export_is_for_its_owner_and_within_the_scopes_and_goes_when_it_was_kept_long_enough() {
    let (place, now) = (open(NodeRole::Hospital, NORTE), Instant::now());
    let own = session(&place.node, now);
    populate(&own, 1, 1).await;
    let job = own.begin_export(&Level::System, of(&["Observation"])).await.expect("begun");
    run(&place.node, now).await;
    let scopes = vec!["system/*.cruds".to_owned()];
    let other =
        Principal::System { client_id: "u".into(), name: "u".into(), institution: NORTE.into(), scopes };
    let other = place.node.session(other, Purpose::Treatment, now);
    assert_eq!(other.bulk_job(&job.id).expect_err("another's").kind, FaultKind::NotFound);
    let narrow = place.node.session(scripts("system/Patient.rs"), Purpose::Treatment, now);
    let refused = narrow.begin_export(&Level::System, of(&["Observation"])).await;
    assert_eq!(refused.expect_err("out of scope").kind, FaultKind::Forbidden);
    let later = now.plus_seconds(KEPT_SECONDS + 60);
    run(&place.node, later).await;
    assert_eq!(session(&place.node, later).bulk_job(&job.id).expect_err("gone").kind, FaultKind::NotFound);
}

fn at(folder: &Path) -> Node {
    let settings =
        Settings { role: NodeRole::Hospital, name: "N".into(), clues: NORTE.into(), zone: "UTC".into() };
    let (data, key_file) = (folder.join("data"), folder.join("key"));
    Node::open(NodeOptions { data, key_file, settings, workflows: &[] }).expect("the node opens")
}

#[tokio::test]
async fn an_export_goes_on_after_a_restart_and_nothing_stands_twice() {
    let (folder, now) = (TempDir::new().expect("a folder"), Instant::now());
    let job = {
        let node = at(folder.path());
        let text: String = (0..6_000)
            .map(|n| format!("{{\"resourceType\":\"Basic\",\"id\":\"b{n}\",\"code\":{{\"text\":\"x\"}}}}\n"))
            .collect();
        let mut lines = session(&node, now).begin_import("").await.expect("begun");
        lines.take(text.as_bytes()).await.expect("taken");
        lines.finish().await.expect("kept");
        run(&node, now).await;
        let job = session(&node, now).begin_export(&Level::System, of(&["Basic"])).await.expect("begun");
        assert!(node.advance_bulk(now).await.expect("a step"), "some of it is left");
        job
    };
    let node = at(folder.path());
    let own = session(&node, now);
    let half = own.bulk_job(&job.id).expect("it is still there");
    assert!(half.lines > 0 && half.lines < 6_000, "{} lines", half.lines);
    run(&node, now).await;
    let job = own.bulk_job(&job.id).expect("done");
    let ids: BTreeSet<String> = lines(&own, &job, &job.files).iter().map(|r| r.id().to_owned()).collect();
    assert_eq!((ids.len(), job.lines, job.state), (6_000, 6_000, State::Done));
}

#[tokio::test]
async fn an_import_writes_what_is_good_and_says_which_lines_were_not() {
    let (place, now) = (open(NodeRole::Hospital, NORTE), Instant::now());
    let own = session(&place.node, now);
    let mut import = own.begin_import("").await.expect("begun");
    import
        .take(b"{\"resourceType\":\"Basic\",\"id\":\"a\",\"code\":{\"text\":\"x\"}}\nno json\n\n")
        .await
        .expect("taken");
    import.take(b"{\"resourceType\":\"Basic\",\"id\":\"b\"}\n{\"resourceType\":\"Basic\",\"id\":\"c\",\"code\":{\"te").await.expect("taken");
    import.take(b"xt\":\"y\"}}").await.expect("taken");
    let job = import.finish().await.expect("kept");
    run(&place.node, now).await;
    let job = own.bulk_job(&job.id).expect("done");
    let Work::Import { lines: all, written, refused, .. } = job.work else { panic!("it is an import") };
    assert_eq!((all, written, refused, job.state), (4, 2, 2, State::Done));
    assert!(
        own.read("Basic", "a").is_ok() && own.read("Basic", "c").is_ok() && own.read("Basic", "b").is_err()
    );
    let told = lines(&own, &job, &job.errors);
    let told: Vec<String> = told.iter().map(json::to_string).collect();
    assert!(told.len() == 2 && told[0].contains("line 2") && told[1].contains("line 3"), "{told:?}");
}
