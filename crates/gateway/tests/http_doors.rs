//! Every row of the HTTP table, called: by nobody, by those who may not, by a browser led astray, and by somebody who may.
//!
//! Three lists come of it: public doors, which `docs/conformance/doors.csv` writes down, and two that stay empty, doors that let
//! somebody in undecided and doors that leave nothing in the log.

use crate::asking::{Answer, Asker, Sent};
use crate::rightful::{Asked, Row, Words, rows};
use crate::world::{Place, World};
use axum::http::Method;
use badiano_fhir::Value;
use badiano_gateway::routes;
use badiano_kernel::{Instant, Principal, Purpose};
use std::collections::BTreeMap;

const WRITTEN: &str = include_str!("../../../docs/conformance/doors.csv");

/// Kind by door, as written down.
fn written() -> BTreeMap<String, String> {
    let row = |line: &str| -> Option<(String, String)> {
        let mut columns = line.splitn(3, ',');
        let (door, kind) = (columns.next()?, columns.next()?);
        columns.next().filter(|why| why.len() > 10)?;
        Some((door.to_owned(), kind.to_owned()))
    };
    let rows = WRITTEN.lines().skip(1).map(|l| row(l).unwrap_or_else(|| panic!("doors.csv: {l}")));
    rows.filter(|(door, _)| !door.starts_with("DICOM") && !door.starts_with("HL7")).collect()
}

struct Door {
    method: Method,
    path: String,
    name: String,
    row: Option<Row>,
}

/// The table that serves, without the public doors.
fn closed_doors() -> Vec<Door> {
    let (written, rows) = (written(), rows());
    let known: Vec<String> = routes::doors().list().iter().map(|(m, p)| format!("{m} {p}")).collect();
    for row in &rows {
        assert!(known.contains(&row.door), "rightful.json names a door that is not there: {}", row.door);
    }
    let all = routes::doors().list().into_iter().map(|(method, path)| {
        let name = format!("{method} {path}");
        let row = rows.iter().find(|r| r.door == name).cloned();
        Door { method, path, name, row }
    });
    all.filter(|d| written.get(&d.name).is_none_or(|kind| kind != "public")).collect()
}

/// The marks of the patient that an answer holds and the request did not bring itself.
fn told(world: &World, asked: &Asked, answer: &Answer) -> Vec<String> {
    let brought = format!("{} {}", asked.path, String::from_utf8_lossy(&asked.sent.bytes));
    let marks = world.patient.marks().into_iter().filter(|m| !brought.contains(m.as_str()));
    marks.filter(|m| answer.whole.contains(m.as_str())).collect()
}

/// A refusal in the form of the door's own protocol.
fn is_refusal(path: &str, answer: &Answer) -> bool {
    let json = badiano_fhir::json::parse(&answer.body).unwrap_or(Value::Null);
    match path {
        p if p.starts_with("/fhir") => json.resource_type() == "OperationOutcome",
        p if ["/dicomweb", "/wado", "/pni/images"].iter().any(|base| p.starts_with(base)) => {
            answer.kind.starts_with("text/plain") && !answer.body.is_empty()
        }
        _ => !json.str_of("code").is_empty() && !json.str_of("text").is_empty(),
    }
}

/// What nodes say to the hub for themselves, any listed institution may say.
fn is_for_any_node(door: &Door) -> bool {
    door.row.as_ref().is_some_and(|r| r.at == "hub" && r.who == "norte")
}

/// A batch is answered whole; each of its entries may be refused.
fn is_batch(door: &str) -> bool {
    matches!(door, "POST /fhir" | "POST /fhir/")
}

/// Whether somebody known was refused by this answer; each entry of a batch answers for itself.
fn refuses(door: &Door, answer: &Answer) -> bool {
    if is_batch(&door.name) && answer.status == 200 {
        let bundle = badiano_fhir::json::parse(&answer.body).unwrap_or(Value::Null);
        let entries = bundle["entry"].items();
        return !entries.is_empty()
            && entries.iter().all(|e| e["response"].str_of("status").starts_with('4'));
    }
    matches!(answer.status, 401 | 403 | 404) && is_refusal(&door.path, answer)
}

/// A citizen may ask about themselves anywhere, and a system about its own types where none is named: of the patient they find nothing.
fn finds_nothing(door: &Door, who: &str, answer: &Answer) -> bool {
    let of_codes = ["lookup", "validate-code", "subsumes", "expand", "translate"];
    let asks = of_codes.iter().any(|name| door.path.ends_with(&format!("${name}")))
        || door.method == Method::GET
        || door.path.ends_with("_search")
        || door.path.starts_with("/api/me");
    let of_all_types = who.starts_with("a system") && door.path == "/fhir/_history";
    ((who.starts_with("a citizen") && asks) || of_all_types) && (200..300).contains(&answer.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn public_doors_are_written_down_and_hold_nothing_of_a_patient() {
    let world = World::new().await;
    let words = Words::of(&world).await;
    let all: Vec<(Method, String)> = routes::doors().list();
    let written = written();
    for door in written.keys() {
        assert!(all.iter().any(|(m, p)| format!("{m} {p}") == *door), "doors.csv: there is no {door}");
    }
    let mut wrong = Vec::new();
    for place in [&world.hub, &world.norte] {
        let nobody = world.strangers(place).await.remove(0).1;
        for (method, path) in
            all.iter().filter(|(m, p)| written.get(&format!("{m} {p}")).is_some_and(|k| k == "public"))
        {
            let asked = words.fill(method, path, None, "").expect("public doors have no parameters");
            let answer = nobody.ask(place, method, &asked.path, &asked.sent).await;
            let told = told(&world, &asked, &answer);
            if !told.is_empty() {
                wrong.push(format!("{method} {path} tells {told:?}"));
            }
        }
        for page in ["/", "/visor/", "/no-such-page"] {
            let asked = Asked { path: page.to_owned(), sent: crate::asking::Sent::default() };
            let answer = nobody.ask(place, &Method::GET, page, &asked.sent).await;
            assert!(told(&world, &asked, &answer).is_empty(), "{page}");
        }
    }
    assert!(wrong.is_empty(), "public doors that tell of a patient:\n{}", wrong.join("\n"));
}

/// What one caller met at every closed door of a place.
struct Round {
    tried: usize,
    undecided: Vec<String>,
    unlogged: Vec<String>,
}

async fn round(
    world: &World,
    place: &Place,
    words: &Words,
    who: &str,
    asker: &Asker,
    doors: &[Door],
) -> Round {
    let watch = place.watch().await;
    let mut round = Round { tried: 0, undecided: Vec::new(), unlogged: Vec::new() };
    let mut refused = Vec::new();
    for door in doors.iter().filter(|d| who != "a node for itself" || !is_for_any_node(d)) {
        let at = format!("{} at {}, {who}", door.name, place.clues);
        let asked = match words.fill(&door.method, &door.path, door.row.as_ref(), &asker.totp) {
            Ok(asked) => asked,
            Err(why) => {
                round.undecided.push(format!("{at}: {why}; give it one in tests/rightful.rs"));
                continue;
            }
        };
        let answer = asker.ask(place, &door.method, &asked.path, &asked.sent).await;
        round.tried += 1;
        let told = told(world, &asked, &answer);
        if !told.is_empty() {
            round.undecided.push(format!("{at}: the answer holds {told:?}"));
        } else if refuses(door, &answer) {
            refused.push((door.name.clone(), at));
        } else if answer.status != 501 && !finds_nothing(door, who, &answer) {
            let start: String = answer.whole.chars().take(300).collect();
            round.undecided.push(format!("{at}: {start}"));
        }
    }
    let entries = watch.entries().await;
    let noted = |door: &str| entries.iter().any(|e| is_refused_entry(e, asker, door));
    round.unlogged = refused.into_iter().filter(|(door, _)| !noted(door)).map(|(_, at)| at).collect();
    round
}

/// One try at a door is noted once in fifteen minutes for each principal, and for each address of strangers.
fn is_refused_entry(entry: &Value, asker: &Asker, door: &str) -> bool {
    let what = |e: &Value| e["entity"].items().iter().any(|e| e.str_of("description").starts_with(door));
    let of_batch = is_batch(door) && entry["subtype"][0].str_of("code") == "read";
    entry.str_of("outcome") == "4"
        && entry["agent"][0].str_of("name").contains(&asker.name)
        && (what(entry) || of_batch)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_closed_door_lets_anybody_in_undecided_and_each_refusal_is_in_the_log() {
    let world = World::new().await;
    let words = Words::of(&world).await;
    let doors = closed_doors();
    let of_principals: Vec<Door> = closed_doors()
        .into_iter()
        .filter(|d| written().get(&d.name).is_none_or(|k| k != "session"))
        .collect();
    let (mut tried, mut undecided, mut unlogged) = (0, Vec::new(), Vec::new());
    for place in [&world.hub, &world.norte] {
        let mut rounds = Vec::new();
        for (n, (who, asker)) in world.strangers(place).await.into_iter().enumerate() {
            let mut round = round(&world, place, &words, who, &asker, &doors).await;
            // Strangers of one address are noted together.
            round.unlogged.retain(|_| n == 0);
            rounds.push(round);
        }
        for (who, asker) in world.narrow(place).await {
            rounds.push(round(&world, place, &words, who, &asker, &of_principals).await);
        }
        for round in rounds {
            tried += round.tried;
            undecided.extend(round.undecided);
            unlogged.extend(round.unlogged);
        }
    }
    println!("{} closed HTTP doors, {tried} tries of nobody, foreign and too narrow principals", doors.len());
    assert!(undecided.is_empty(), "doors without an access decision:\n{}", undecided.join("\n"));
    assert!(unlogged.is_empty(), "doors without an audit entry of a refusal:\n{}", unlogged.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_door_that_changes_something_takes_a_cookie_without_the_token_of_our_own_page() {
    let world = World::new().await;
    let words = Words::of(&world).await;
    let doors: Vec<Door> = closed_doors().into_iter().filter(|d| d.method != Method::GET).collect();
    let (mut tried, mut taken) = (0, Vec::new());
    for place in [&world.hub, &world.norte] {
        for (who, asker) in world.forged(place).await {
            for door in &doors {
                let asked = words.fill(&door.method, &door.path, door.row.as_ref(), &asker.totp);
                let asked = asked.unwrap_or_else(|why| panic!("{}: {why}", door.name));
                let answer = asker.ask(place, &door.method, &asked.path, &asked.sent).await;
                tried += 1;
                if answer.status != 403 || !is_refusal(&door.path, &answer) {
                    taken.push(format!("{} at {}, {who}: {}", door.name, place.clues, answer.status));
                }
            }
        }
    }
    println!("{} doors that change something, {tried} forged requests", doors.len());
    assert!(taken.is_empty(), "doors that take a forged request:\n{}", taken.join("\n"));
}

/// Whom a door that is only read is tried for, until it answers.
const READERS: [(&str, &str); 8] = [
    ("norte", "scripts"),
    ("norte", "radiologist"),
    ("norte", "clinician"),
    ("norte", "administrator"),
    ("norte", "security-office"),
    ("hub", "administrator"),
    ("hub", "citizen"),
    ("hub", "staff-of-sur"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_closed_door_answers_who_may_and_has_it_in_the_log_before_the_answer() {
    let world = World::new().await;
    let words = Words::of(&world).await;
    let (mut shut, mut unlogged, mut answered) = (Vec::new(), Vec::new(), 0);
    for door in closed_doors() {
        match opened(&world, &words, &door).await {
            Err(why) => shut.push(format!("{}: {why}", door.name)),
            Ok(None) => answered += 1,
            Ok(Some(missing)) => unlogged.push(format!("{}: {missing}", door.name)),
        }
    }
    println!("{answered} closed HTTP doors answered who may, each with its entry in the log");
    assert!(
        shut.is_empty(),
        "doors that nobody opens (say who in tests/rightful.json):\n{}",
        shut.join("\n")
    );
    assert!(unlogged.is_empty(), "doors without an audit entry:\n{}", unlogged.join("\n"));
}

/// Opens a door by somebody fresh: what is missing in the log, if anything.
async fn opened(world: &World, words: &Words, door: &Door) -> Result<Option<String>, String> {
    if let Some(row) = &door.row {
        return opened_by(world, words, door, &row.at, &row.who).await;
    }
    if door.method != Method::GET {
        return Err("a door that changes something is asked as tests/rightful.json says".to_owned());
    }
    let mut last = String::new();
    for (at, who) in READERS {
        match opened_by(world, words, door, at, who).await {
            Err(why) => last = why,
            done => return done,
        }
    }
    Err(format!("no reader gets in; the last was told {last}"))
}

async fn opened_by(
    world: &World,
    words: &Words,
    door: &Door,
    at: &str,
    who: &str,
) -> Result<Option<String>, String> {
    let place = if at == "hub" { &world.hub } else { &world.norte };
    let asker = world.rightful(place, who).await;
    if let Some(first) = door.row.as_ref().and_then(|r| r.first.as_deref()) {
        let before =
            closed_doors().into_iter().find(|d| d.name == first).ok_or(format!("no door {first}"))?;
        let asked = words.fill(&before.method, &before.path, before.row.as_ref(), &asker.totp)?;
        asker.ask(place, &before.method, &asked.path, &asked.sent).await;
    }
    let asked = words.fill(&door.method, &door.path, door.row.as_ref(), &asker.totp)?;
    let watch = place.watch().await;
    let answer = asker.ask(place, &door.method, &asked.path, &asked.sent).await;
    let there_already = watch.holds();
    let wanted = door.row.as_ref().and_then(|r| r.status);
    if wanted.map_or(!(200..300).contains(&answer.status), |w| w != answer.status) {
        return Err(format!("{who} at {at}: {}", answer.whole.chars().take(300).collect::<String>()));
    }
    let told = told(world, &asked, &answer);
    let entries = watch.entries().await;
    let of_asker: Vec<&Value> = entries
        .iter()
        .filter(|e| e.str_of("outcome") == "0" && e["agent"][0].str_of("name").contains(&asker.name))
        .collect();
    let patient = format!("Patient/{}", place.patient);
    let names_patient =
        |e: &&Value| e["entity"].items().iter().any(|e| e["what"].str_of("reference") == patient);
    if of_asker.is_empty() {
        return Ok(Some(format!("{who} at {at} is not in the log ({} new entries)", entries.len())));
    }
    let of_nobody = written().get(&door.name).is_some_and(|kind| kind == "log");
    if !told.is_empty() && !of_nobody && !of_asker.iter().any(names_patient) {
        return Ok(Some(format!("{who} at {at} was told {told:?} and no entry names the patient")));
    }
    if !there_already {
        return Ok(Some(format!("{who} at {at}: the entry came after the answer")));
    }
    Ok(None)
}

#[tokio::test(flavor = "multi_thread")]
async fn images_fetched_in_an_emergency_tell_the_person_once() {
    let world = World::new().await;
    let asker = world.rightful(&world.hub, "staff-of-sur-in-an-emergency").await;
    let study = format!("/pni/images/{}/{}", world.norte.clues, world.patient.study.uid());
    let notices = || {
        let principal = Principal::Citizen { curp: world.curp().to_owned(), name: "Persona".to_owned() };
        let session = world.hub.node.session(principal, Purpose::PatientRequest, Instant::now());
        session.notices().expect("notices")
    };
    assert!(notices().is_empty());
    for path in ["/metadata", "/series", "/instances"] {
        let answer = asker.ask(&world.hub, &Method::GET, &format!("{study}{path}"), &Sent::default()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.whole);
        let told = notices();
        let told: Vec<_> = told.iter().map(|n| (n.kind.as_str(), n.reason.as_str())).collect();
        assert_eq!(told, [("emergency-access", "inconsciente en urgencias")], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stuck_is_listed_with_why_and_waits_again_when_a_person_says_so() {
    let world = World::new().await;
    let _two_items = Words::of(&world).await;
    let (norte, path) = (&world.norte, "/api/admin/queues");
    let admin = world.rightful(norte, "administrator").await;
    let listed = async || {
        let answer = admin.ask(norte, &Method::GET, path, &Sent::default()).await;
        assert_eq!(answer.status, 200, "{}", answer.whole);
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        body["items"].as_array().cloned().expect("a list")
    };
    let stuck: Vec<_> = listed().await.into_iter().filter(|i| i["dead"] == true).collect();
    let [item] = &stuck[..] else { panic!("one item is stuck: {stuck:?}") };
    assert!(item["why"].as_str().is_some_and(|why| why.contains("test")), "{item}");
    let (retry, sent) = (
        format!("{path}/{}/retry", item["id"]),
        Sent { kind: "application/json".into(), bytes: b"{}".to_vec() },
    );
    assert_eq!(admin.ask(norte, &Method::POST, &retry, &sent).await.status, 204);
    let after = listed().await;
    let again = after.iter().find(|i| i["id"] == item["id"]).expect("it is still there");
    assert_eq!(again["dead"], false, "{again}");
}
