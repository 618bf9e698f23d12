//! The archive through sessions: what arrives at once, and what another institution may have sent to it.

use super::{Outgoing, Reason, Which};
use crate::consent::{Consent, Recipient, Rule};
use crate::consent_register::Statement;
use crate::{Node, NodeOptions, NodeRole, Settings};
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dictionary::{Coding, uids};
use badiano_dicom::query::{Condition, Level, Query};
use badiano_dicom::tags;
use badiano_kernel::{Instant, Principal, Purpose};
use tempfile::TempDir;

const NORTE: &str = "NLSSA999101";
const SUR: &str = "OCSSA999102";
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

struct Place {
    node: Node,
    _folder: TempDir,
}

fn open() -> Place {
    let folder = TempDir::new().expect("a folder");
    let settings = Settings {
        role: NodeRole::Hospital,
        name: NORTE.into(),
        clues: NORTE.into(),
        zone: "America/Mexico_City".into(),
    };
    let options = NodeOptions {
        data: folder.path().join("data"),
        key_file: folder.path().join("key"),
        settings,
        workflows: &[],
    };
    Place { node: Node::open(options).expect("a new node opens"), _folder: folder }
}

impl Place {
    fn peer(&self, institution: &str, now: Instant) -> crate::Session {
        let principal = Principal::Peer { name: "AE".into(), institution: institution.into() };
        self.node.session(principal, Purpose::Treatment, now)
    }
}

/// An object without pixels: what decides where it belongs is its header.
fn object(patient: &str, study: &str, sop: &str) -> Vec<u8> {
    let mut set = DataSet::new();
    set.set_text(tags::SOP_CLASS_UID, CT);
    set.set_text(tags::SOP_INSTANCE_UID, sop);
    set.set_text(tags::MODALITY, "CT");
    set.set_text(tags::PATIENT_NAME, "PEREZ^ANA");
    set.set_text(tags::PATIENT_ID, patient);
    set.set_text(tags::STUDY_INSTANCE_UID, study);
    set.set_text(tags::SERIES_INSTANCE_UID, &format!("{study}.1"));
    set.write(Coding::ExplicitLittle)
}

async fn store(session: &crate::Session, sop: &str, bytes: &[u8]) -> bool {
    let receiving = session.receive_data_set(CT, sop, uids::EXPLICIT_VR_LITTLE_ENDIAN, "AE");
    let mut receiving = receiving.expect("a peer may store");
    receiving.feed(bytes).expect("it is read");
    !receiving.finish().await.expect("it is stored").duplicate
}

fn study(uid: &str) -> Query {
    Query {
        level: Level::Study,
        conditions: vec![(tags::STUDY_INSTANCE_UID, Condition::Single(uid.to_owned()))],
        combined_date_time: false,
        fuzzy: false,
        limit: usize::MAX,
        offset: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_object_sent_eight_times_at_once_is_stored_once_and_acknowledged_eight_times() {
    let place = open();
    let bytes = object("A1", "2.25.10", "2.25.10.1.1");
    let mut running = Vec::new();
    for _ in 0..8 {
        let (session, bytes) = (place.peer(NORTE, Instant::now()), bytes.clone());
        running.push(tokio::spawn(async move { store(&session, "2.25.10.1.1", &bytes).await }));
    }
    let mut new = 0;
    for one in running {
        new += usize::from(one.await.expect("each is acknowledged"));
    }
    let kept = place.peer(NORTE, Instant::now()).retrievable(&study("2.25.10"), None).expect("a list");
    assert_eq!((new, kept.len()), (1, 1), "one was new, and one stands");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_first_objects_of_a_new_patient_at_once_make_one_patient() {
    let place = open();
    let mut running = Vec::new();
    for n in 0..8 {
        let session = place.peer(NORTE, Instant::now());
        running.push(tokio::spawn(async move {
            let sop = format!("2.25.2{n}.1.1");
            store(&session, &sop, &object("NUEVA-1", &format!("2.25.2{n}"), &sop)).await
        }));
    }
    for one in running {
        assert!(one.await.expect("each is acknowledged"), "each is new");
    }
    let all = place.node.store().read(|view| crate::patient_index::bearers_of(view, "NUEVA-1"));
    assert_eq!(all.expect("an answer").len(), 1, "one person bears the number");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_consent_closes_is_neither_given_to_an_institution_nor_sent_to_it_by_another() {
    let place = open();
    let now = Instant::now();
    let person = &badiano_testkit::people::population(7, 1)[0];
    let system = "urn:badiano:authority:N";
    let registrar = Principal::System {
        client_id: "t".into(),
        name: "t".into(),
        institution: NORTE.into(),
        scopes: vec!["system/*.cruds".into()],
    };
    let patient = person.patient(system);
    let number = patient["identifier"]
        .items()
        .iter()
        .find(|i| i.str_of("system") == system)
        .map(|i| i.str_of("value").to_owned())
        .expect("a number of the hospital");
    place
        .node
        .session(registrar, Purpose::Treatment, now)
        .register_patient(patient)
        .await
        .expect("registered");
    let (norte, sur) = (place.peer(NORTE, now), place.peer(SUR, now));
    assert!(store(&norte, "2.25.30.1.1", &object(&number, "2.25.30", "2.25.30.1.1")).await);
    let given = |list: Vec<Outgoing>| list.len();
    assert_eq!(given(sur.retrievable(&study("2.25.30"), None).expect("a list")), 1, "care is open");
    let said =
        |session: &crate::Session| session.served_metadata("2.25.30", None, "base").map(|s| s.body.len());
    let of_one = said(&sur).expect("care is open");
    assert!(store(&norte, "2.25.30.1.2", &object(&number, "2.25.30", "2.25.30.1.2")).await);
    let of_two = said(&sur).expect("care is open");
    assert!(of_two > of_one, "what was kept is not given once an object has arrived");
    assert_eq!(said(&sur), Ok(of_two), "and what is kept is the same");

    let rule = Rule {
        permit: false,
        class: None,
        recipient: Some(Recipient::Institution(SUR.into())),
        purpose: None,
        from: now,
        to: None,
        by: None,
    };
    let consent = Consent { rules: vec![rule] };
    let hub = Principal::Node { institution: "DFSSA999001".into(), name: "hub".into(), on_behalf_of: None };
    let statement = Statement { curp: person.curp.as_str().to_owned(), version: 1, consent };
    let told = place.node.session(hub, Purpose::Operations, now).take_consent(statement).await;
    told.expect("the hub spreads consent");

    let (norte, sur) = (place.peer(NORTE, now), place.peer(SUR, now));
    assert_eq!(given(sur.retrievable(&study("2.25.30"), None).expect("a list")), 0, "C-GET by Sur: nothing");
    assert!(said(&sur).is_err() && said(&norte).is_ok(), "what is kept is not given either");
    let sent = norte.retrievable(&study("2.25.30"), Some((&sur, "SUR"))).expect("a list");
    assert_eq!(given(sent), 0, "C-MOVE to Sur asked by Norte: nothing");
    assert_eq!(given(norte.retrievable(&study("2.25.30"), None).expect("a list")), 2, "Norte keeps its own");
}

fn administrator() -> Principal {
    Principal::System {
        client_id: "a".into(),
        name: "a".into(),
        institution: NORTE.into(),
        scopes: vec!["badiano/admin".into()],
    }
}

/// Bytes of an object as they leave in its own transfer syntax.
fn given(session: &crate::Session, uid: &str) -> Vec<u8> {
    let object = session.retrievable(&study(uid), None).expect("a list").remove(0);
    let mut out = session.open_outgoing(&object, uids::EXPLICIT_VR_LITTLE_ENDIAN).expect("it is opened");
    let mut all = Vec::new();
    loop {
        let (bytes, last) = out.next_bytes().expect("it is read");
        all.extend(bytes);
        if last {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_is_on_corrects_what_leaves_by_every_door_and_what_came_stays() {
    let place = open();
    let now = Instant::now();
    let admin = place.node.session(administrator(), Purpose::Operations, now);
    let rule = r#"{"name":"norte","when":{"ae":["A?"]},"changes":[
        {"action":"affix","attribute":"PatientID","prefix":"N-"},
        {"action":"set","attribute":"InstitutionName","value":"Hospital Niño Jesús"}]}"#;
    let kept = admin.put_coercion_rule(serde_json::from_str(rule).expect("a rule")).await.expect("kept");
    assert_eq!((kept.rule.version, kept.active), (1, false));
    let peer = place.peer(NORTE, now);
    let before = object("B7", "2.25.40", "2.25.40.1.1");
    assert!(store(&peer, "2.25.40.1.1", &before).await);
    assert_eq!(given(&peer, "2.25.40"), before, "a rule that is off does nothing, bit for bit");
    assert!(
        admin.set_coercion_rule_active("norte", 2, true).await.is_err(),
        "not the version that was tried"
    );
    admin.set_coercion_rule_active("norte", 1, true).await.expect("switched on");

    let mut with_pixels =
        DataSet::read(&object("B8", "2.25.41", "2.25.41.1.1"), Coding::ExplicitLittle).expect("a set");
    for (tag, n) in
        [(tags::ROWS, 200), (tags::COLUMNS, 300), (tags::BITS_ALLOCATED, 16), (tags::SAMPLES_PER_PIXEL, 1)]
    {
        with_pixels.set_ints(tag, &[n]);
    }
    let pixels: Vec<u8> = (0..120_000_u32).map(|n| (n % 251) as u8).collect();
    with_pixels.set_bytes(tags::PIXEL_DATA, badiano_dicom::VR::OW, pixels.clone());
    let came = with_pixels.write(Coding::ExplicitLittle);
    assert!(store(&peer, "2.25.41.1.1", &came).await);
    let left = DataSet::read(&given(&peer, "2.25.41"), Coding::ExplicitLittle).expect("a whole object");
    assert_eq!(left.text(tags::PATIENT_ID).as_deref(), Some("N-B8"));
    assert_eq!(left.text(tags::INSTITUTION_NAME).as_deref(), Some("Hospital Niño Jesús"));
    assert_eq!(left.get(tags::PIXEL_DATA), with_pixels.get(tags::PIXEL_DATA));
    let was = left.item(tags::ORIGINAL_ATTRIBUTES_SEQUENCE).expect("what was is said");
    let was = was.item(tags::MODIFIED_ATTRIBUTES_SEQUENCE).expect("the values before");
    assert_eq!(was.text(tags::PATIENT_ID).as_deref(), Some("B8"));
    let one = peer.archived("2.25.41", None).expect("an object").remove(0);
    assert_eq!(peer.frame(&one, 1).expect("a frame"), pixels, "frames are found behind the longer header");
    let metadata = String::from_utf8(one.metadata().expect("metadata")).expect("text");
    assert!(metadata.contains("N-B8") && metadata.contains("Niño"), "{metadata}");
    let mut received = peer.open_received(&one).await.expect("it stays");
    let length = usize::try_from(received.length()).expect("short");
    let file = received.read_range(0, length).expect("it is read");
    assert!(file.ends_with(&came), "the object as it came, bit for bit");
    let said = peer.coercions_of("2.25.41").expect("what was done");
    assert_eq!((said.len(), said[0].1[0].rule.as_str(), said[0].1[0].version), (1, "norte", 1));

    admin.put_coercion_rule(serde_json::from_str(rule).expect("a rule")).await.expect("a second version");
    assert!(store(&peer, "2.25.42.1.1", &object("B9", "2.25.42", "2.25.42.1.1")).await);
    assert_eq!(given(&peer, "2.25.42"), object("B9", "2.25.42", "2.25.42.1.1"), "a new version is off");
}

fn radiologist() -> Principal {
    Principal::Staff(badiano_kernel::principal::Staff {
        account: "r".into(),
        name: "Rosa Ríos".into(),
        roles: vec![badiano_kernel::principal::Role::Radiologist],
        institution: NORTE.into(),
        cedula: None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rejection_note_names_is_no_longer_given_until_somebody_brings_it_back() {
    let place = open();
    let now = Instant::now();
    let (peer, reader) = (place.peer(NORTE, now), place.node.session(radiologist(), Purpose::Treatment, now));
    for n in 1..=3 {
        let sop = format!("2.25.50.1.{n}");
        assert!(store(&peer, &sop, &object("C1", "2.25.50", &sop)).await);
    }
    assert!(store(&peer, "2.25.51.1.1", &object("C2", "2.25.51", "2.25.51.1.1")).await);
    let left = |uid: &str| peer.retrievable(&study(uid), None).expect("a list").len();
    let before = given(&peer, "2.25.50");
    let one = Which { objects: vec!["2.25.50.1.1".into()], ..Which::default() };
    let note = reader.reject("2.25.50", &one, Reason::Quality, "movida").await.expect("rejected");
    assert_eq!(left("2.25.50"), 2, "the object and the note are hidden");
    assert!(
        !store(&peer, "2.25.50.1.1", &object("C1", "2.25.50", "2.25.50.1.1")).await,
        "sent again, it stays hidden"
    );
    assert_eq!(left("2.25.50"), 2);
    let listed = reader.rejected_of("2.25.50").expect("a list");
    assert!(
        listed.iter().any(|r| r.sop == "2.25.50.1.1" && r.note == note && r.reason == "113001"),
        "{listed:?}"
    );
    let all = reader.reject("2.25.50", &Which::default(), Reason::WrongWorklistEntry, "").await;
    all.expect("the rest is rejected");
    assert_eq!(left("2.25.50"), 0);
    assert!(reader.archived("2.25.50", None).is_err(), "the study looks as if it did not exist");
    assert_eq!(left("2.25.51"), 1, "another patient's study stays");
    assert_eq!(reader.restore_rejected("2.25.50", &["2.25.50.1.1".into()]).await, Ok(1));
    assert_eq!((left("2.25.50"), given(&peer, "2.25.50")), (1, before), "as it came, bit for bit");
    assert_eq!(reader.restore_rejected("2.25.50", &[]).await, Ok(2), "the rest; notes stay hidden");
    assert_eq!(left("2.25.50"), 3);
    assert!(reader.reject("2.25.50", &Which::default(), Reason::RetentionExpired, "").await.is_err());
}

/// A Key Object Selection as another maker's workstation writes it.
fn key_objects(title: &str, patient: &str, uid: &str, sop: &str, named: &[&str]) -> Vec<u8> {
    let mut set = DataSet::read(&object(patient, uid, sop), Coding::ExplicitLittle).expect("a set");
    set.set_text(tags::SOP_CLASS_UID, super::KEY_OBJECT_SELECTION);
    set.set_text(tags::SERIES_INSTANCE_UID, &format!("{uid}.9"));
    let mut code = DataSet::new();
    code.set_text(tags::CODE_VALUE, title);
    code.set_text(tags::CODING_SCHEME_DESIGNATOR, "DCM");
    code.set_text(tags::CODE_MEANING, "title");
    set.set_items(tags::CONCEPT_NAME_CODE_SEQUENCE, vec![code]);
    let objects = named.iter().map(|named| {
        let mut item = DataSet::new();
        item.set_text(tags::REFERENCED_SOP_CLASS_UID, CT);
        item.set_text(tags::REFERENCED_SOP_INSTANCE_UID, named);
        item
    });
    let mut series = DataSet::new();
    series.set_items(tags::REFERENCED_SOP_SEQUENCE, objects.collect());
    series.set_text(tags::SERIES_INSTANCE_UID, &format!("{uid}.1"));
    let mut of_study = DataSet::new();
    of_study.set_items(tags::REFERENCED_SERIES_SEQUENCE, vec![series]);
    of_study.set_text(tags::STUDY_INSTANCE_UID, uid);
    set.set_items(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, vec![of_study]);
    set.write(Coding::ExplicitLittle)
}

async fn store_key_objects(session: &crate::Session, sop: &str, bytes: &[u8]) {
    let receiving =
        session.receive_data_set(super::KEY_OBJECT_SELECTION, sop, uids::EXPLICIT_VR_LITTLE_ENDIAN, "AE");
    let mut receiving = receiving.expect("a peer may store");
    receiving.feed(bytes).expect("it is read");
    receiving.finish().await.expect("it is stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_hides_what_comes_after_it_and_never_what_is_of_another_patient() {
    let place = open();
    let peer = place.peer(NORTE, Instant::now());
    let left = |uid: &str| peer.retrievable(&study(uid), None).expect("a list").len();
    assert!(store(&peer, "2.25.60.1.1", &object("D1", "2.25.60", "2.25.60.1.1")).await);
    assert!(store(&peer, "2.25.61.1.1", &object("D2", "2.25.61", "2.25.61.1.1")).await);
    let of_another = key_objects("113037", "D1", "2.25.60", "2.25.60.9.1", &["2.25.61.1.1"]);
    store_key_objects(&peer, "2.25.60.9.1", &of_another).await;
    assert_eq!((left("2.25.60"), left("2.25.61")), (1, 1), "only the note is hidden");
    let ahead = key_objects("113038", "D1", "2.25.60", "2.25.60.9.2", &["2.25.60.1.2"]);
    store_key_objects(&peer, "2.25.60.9.2", &ahead).await;
    assert!(store(&peer, "2.25.60.1.2", &object("D1", "2.25.60", "2.25.60.1.2")).await);
    assert_eq!(left("2.25.60"), 1, "the note came first");
    let expired = key_objects("113039", "D1", "2.25.60", "2.25.60.9.3", &["2.25.60.1.1"]);
    store_key_objects(&peer, "2.25.60.9.3", &expired).await;
    assert_eq!(left("2.25.60"), 0);
    assert!(store(&peer, "2.25.60.1.1", &object("D1", "2.25.60", "2.25.60.1.1")).await, "taken in as new");
    assert_eq!(left("2.25.60"), 1);
    let key = key_objects("113000", "D1", "2.25.60", "2.25.60.9.4", &["2.25.60.1.1"]);
    store_key_objects(&peer, "2.25.60.9.4", &key).await;
    assert_eq!(left("2.25.60"), 2, "other key objects are kept and given like any object");
}

async fn listens(place: &Place, name: &str) -> crate::peers::Peer {
    let peer = crate::peers::Peer {
        id: String::new(),
        kind: crate::peers::PeerKind::Dicom,
        name: name.into(),
        description: String::new(),
        host: "127.0.0.1".into(),
        port: 104,
        institution: NORTE.into(),
        certificate: String::new(),
        active: true,
    };
    let admin = place.node.session(administrator(), Purpose::Operations, Instant::now());
    admin.put_peer(peer).await.expect("listed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_takes_what_it_is_for_waits_until_the_study_is_quiet_and_forgets_what_was_taken() {
    let place = open();
    let peer = listens(&place, "PACS").await;
    let now = Instant::now();
    let admin = place.node.session(administrator(), Purpose::Operations, now);
    let route = r#"{"name":"ct","when":{"ae":["AE"],"attributes":{"PatientID":["R*"]}},"to":["PACS"],"priority":2,"settleSeconds":60}"#;
    admin.put_route(serde_json::from_str(route).expect("a route")).await.expect("kept");
    let unlisted = route.replace("PACS", "NADIE");
    assert!(admin.put_route(serde_json::from_str(&unlisted).expect("a route")).await.is_err());
    let scanner = place.peer(NORTE, now);
    assert!(store(&scanner, "2.25.70.1.1", &object("R1", "2.25.70", "2.25.70.1.1")).await);
    assert!(store(&scanner, "2.25.70.1.2", &object("R1", "2.25.70", "2.25.70.1.2")).await);
    assert!(store(&scanner, "2.25.71.1.1", &object("X1", "2.25.71", "2.25.71.1.1")).await);
    let queue = super::route_queue(2, "PACS");
    let claim = |at: Instant| place.node.claim(&queue, at, 10).expect("a list");
    assert!(claim(now.plus_seconds(5)).is_empty(), "the study is still arriving");
    let later = now.plus_seconds(120);
    let [item] = &claim(later)[..] else { panic!("one errand for one study") };
    let shown = admin.waiting_errands().expect("a list");
    assert_eq!((shown.len(), shown[0].objects, shown[0].to.as_str()), (1, 2, "PACS"));
    let super::Work::Send(sending) = place.node.route_work(item, &peer, later).await.expect("work") else {
        panic!("it is to be sent")
    };
    assert_eq!(sending.objects.len(), 2);
    place.node.routed(&sending, vec!["2.25.70.1.1".into()]).await.expect("kept");
    place.node.failed(item, &badiano_kernel::Fault::unavailable("gone"), later).await.expect("kept");
    let [again] = &claim(later.plus_seconds(10))[..] else { panic!("it is tried again") };
    let super::Work::Send(rest) = place.node.route_work(again, &peer, later).await.expect("work") else {
        panic!("the rest is to be sent")
    };
    assert_eq!(rest.objects.len(), 1, "what was taken is not sent again");
    place.node.routed(&rest, vec!["2.25.70.1.2".into()]).await.expect("kept");
    place.node.errand_done(again, &rest, later).await.expect("done");
    assert!(claim(later.plus_seconds(10)).is_empty());
    let reader = place.node.session(radiologist(), Purpose::Treatment, now);
    assert_eq!(reader.send_study("2.25.70", "PACS").await, Ok(2), "a person sends it again");
    assert!(reader.send_study("2.25.70", "NADIE").await.is_err());
    let by_hand = place.node.claim(&super::route_queue(1, "PACS"), Instant::now(), 10).expect("a list");
    assert_eq!(by_hand.len(), 1);
}
