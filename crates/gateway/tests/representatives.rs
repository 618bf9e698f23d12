//! Who acts in a person's place, over the hub's sockets: what opens to them here and at another hospital, what the log says, and what
//! closes at once.

use crate::asking::{Asker, Sent};
use crate::world::World;
use axum::http::Method;
use badiano_gateway::caller::IN_PLACE_OF;
use serde_json::{Value, json};

async fn get(asker: &Asker, world: &World, path: &str) -> (u16, Value) {
    let answer = asker.ask(&world.hub, &Method::GET, path, &Sent::default()).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

async fn post(asker: &Asker, world: &World, path: &str, body: Value) -> u16 {
    let sent = Sent { kind: "application/json".into(), bytes: body.to_string().into_bytes() };
    asker.ask(&world.hub, &Method::POST, path, &sent).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_representative_sees_the_record_of_the_country_until_the_person_takes_it_back() {
    let world = World::new().await;
    let person = world.citizen(&world.hub, world.curp()).await;
    let other = world.other_curp();
    let path = "/api/me/representatives";
    assert_eq!(post(&person, &world, path, json!({ "curp": other, "name": "Otra" })).await, 200);
    let friend = world.citizen(&world.hub, &other).await;
    let (_, listed) = get(&friend, &world, path).await;
    let id = listed["theirs"][0]["id"].as_str().expect("they act for one person").to_owned();
    assert!(listed["theirs"][0]["name"].as_str().is_some_and(|n| n.contains("Wolxyzkuri")), "{listed}");
    let (_, own) = get(&friend, &world, "/api/me").await;
    assert!(!own.to_string().contains("CONCLUSION-QXZ"), "their own record is not the person's");

    let friend = friend.with(IN_PLACE_OF, &id);
    let watch = world.norte.watch().await;
    let (status, record) = get(&friend, &world, "/api/me").await;
    assert_eq!(status, 200, "{record}");
    assert!(record.to_string().contains("CONCLUSION-QXZ"), "the report of Norte is in it: {record}");
    let entries = watch.entries().await;
    let acted =
        |e: &&badiano_fhir::Value| e["agent"][0]["type"]["coding"][0].str_of("code") == "representative";
    let entry = entries.iter().find(acted).expect("Norte's log says who acted");
    assert_eq!(entry["agent"][0]["role"][0]["coding"][0].str_of("code"), "POWATT");
    assert!(
        entry["agent"][1]["who"].str_of("reference").starts_with("Patient/"),
        "and in whose place: {entry:?}"
    );
    let (_, told) = get(&person, &world, "/api/me/accesses").await;
    let seen = told["entries"].as_array().expect("a list").iter();
    assert!(
        seen.clone().any(|e| e["in_place"] == "POWATT" && e["own"] == false),
        "the person sees who acted"
    );

    assert_eq!(post(&friend, &world, path, json!({ "curp": other, "name": "x" })).await, 403, "names nobody");
    let image = record["studies"][0]["image_url"].as_str().expect("a picture").to_owned();
    assert!(image.ends_with(&format!("{IN_PLACE_OF}={id}")), "{image}");
    let picture = friend.ask(&world.hub, &Method::GET, &image, &Sent::default()).await;
    assert_eq!(picture.status, 200, "{}", picture.whole);
    let closing = json!({ "permit": false, "clues": null, "data_class": "imaging", "representatives": true });
    assert_eq!(post(&person, &world, "/api/me/consents", closing).await, 200);
    let (_, record) = get(&friend, &world, "/api/me").await;
    let uid = world.patient.study.uid();
    assert!(!record.to_string().contains(uid), "closed at the hub before any hospital heard of it: {record}");
    let picture = friend.ask(&world.hub, &Method::GET, &image, &Sent::default()).await;
    assert_eq!(picture.status, 404, "{}", picture.whole);
    let (_, told) = get(&friend, &world, "/api/me/consents").await;
    assert_eq!(told["rules"], json!([]), "nor is it told that something was closed");

    assert_eq!(post(&person, &world, &format!("{path}/{id}/end"), json!({})).await, 204);
    for path in ["/api/me", "/api/me/accesses", "/fhir/Patient", &image] {
        assert_eq!(get(&friend, &world, path).await.0, 403, "{path}: it holds at once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_in_a_place_that_is_not_theirs() {
    let world = World::new().await;
    let person = world.citizen(&world.hub, world.curp()).await;
    let path = "/api/me/representatives";
    let (_, made) = {
        let body = json!({ "curp": world.other_curp(), "name": "Otra" });
        assert_eq!(post(&person, &world, path, body).await, 200);
        get(&person, &world, path).await
    };
    let id = made["mine"][0]["id"].as_str().expect("named").to_owned();
    let stranger = world.citizen(&world.hub, "SABC560626MDFLRN01").await.with(IN_PLACE_OF, &id);
    assert_eq!(get(&stranger, &world, "/api/me").await.0, 403);
    let staff = world.rightful(&world.hub, "registrar").await.with(IN_PLACE_OF, &id);
    assert_eq!(get(&staff, &world, "/api/identity/pairs").await.0, 403, "staff act as themselves");
    let told = json!({
        "id": "NLSSA999101-x", "person": world.curp(), "representative": "SABC560626MDFLRN01", "name": "X",
        "standing": "POWATT", "document": "", "number": "", "checked_by": "", "institution": "NLSSA999101", "from": 0
    });
    let norte = world.rightful(&world.hub, "norte").await;
    assert_eq!(post(&norte, &world, "/pni/representations", told).await, 403, "no document was checked");
}
