//! Every service of the DIMSE table and storage, asked by titles that are not listed, by a foreign institution that the patient has
//! closed everything to, and by a modality of the hospital.

use crate::dimse_calls::{About, Heard, call, request, written};
use crate::person::SCANNER;
use crate::world::{AE_TITLE, NORTE, SUR, World, list_peer, system};
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dimse::sop_class::service_sop_class;
use badiano_dicom::dimse::{Operation, Request};
use badiano_gateway::dimse::SERVICES;
use badiano_kernel::id::Uid;
use badiano_kernel::{Instant, Principal, Purpose};
use badiano_record::consent::{Consent, Recipient, Rule};
use badiano_record::consent_register::Statement;
use badiano_record::peers::{Peer, PeerKind};

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

fn about(world: &World, step: &str) -> About {
    About {
        study: world.patient.study.uid().to_owned(),
        sop: world.patient.study.sop_instance_uid(1),
        sop_class: CT.to_owned(),
        accession: world.patient.order.accession.clone(),
        step: step.to_owned(),
        destination: SCANNER,
    }
}

/// Each operation that the node serves: reports of commitment go the other way.
fn doors() -> Vec<(&'static str, Operation)> {
    let of_class = |class: &&'static str| -> Vec<(&'static str, Operation)> {
        let known = service_sop_class(class).unwrap_or_else(|| panic!("{class} has no row"));
        let served = known.operations.iter().filter(|o| **o != Operation::NEventReport);
        served.map(|o| (*class, *o)).collect()
    };
    let mut all: Vec<_> = SERVICES.iter().flat_map(of_class).collect();
    all.push((CT, Operation::CStore));
    all
}

async fn ask(
    world: &World,
    calling: &str,
    called: &str,
    class: &str,
    operation: Operation,
    step: &str,
) -> Heard {
    let about = about(world, step);
    let (request, set): (Request, Option<DataSet>) = request(class, operation, &about);
    let data = match operation {
        Operation::CStore => Some(data_set_of(world)),
        _ => set.as_ref().map(written),
    };
    call(world.norte.dimse, calling, called, request, data).await
}

/// The data set of the patient's first image, in the transfer syntax of the calls.
fn data_set_of(world: &World) -> Vec<u8> {
    let mut set = DataSet::new();
    set.set_text(badiano_dicom::tags::SOP_CLASS_UID, CT);
    set.set_text(badiano_dicom::tags::SOP_INSTANCE_UID, &world.patient.study.sop_instance_uid(1));
    set.set_text(badiano_dicom::tags::STUDY_INSTANCE_UID, world.patient.study.uid());
    set.set_text(badiano_dicom::tags::SERIES_INSTANCE_UID, world.patient.study.series_uid());
    written(&set)
}

/// Marks of the patient in an answer; its UIDs were in the question.
fn told(world: &World, heard: &Heard) -> Vec<String> {
    let text = heard.text();
    let asked = [world.patient.study.uid().to_owned(), world.patient.study.sop_instance_uid(1)];
    let marks = world.patient.marks().into_iter().filter(|m| !asked.contains(m));
    marks.filter(|m| text.contains(m.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_association_stands_for_a_title_that_is_not_listed_and_each_is_in_the_log() {
    let world = World::new().await;
    let watch = world.norte.watch().await;
    let suspended = Peer {
        certificate: String::new(),
        id: String::new(),
        kind: PeerKind::Dicom,
        name: "SUSPENDIDO".into(),
        description: String::new(),
        host: "127.0.0.1".into(),
        port: 0,
        institution: NORTE.into(),
        active: false,
    };
    let elsewhere = Peer { name: "LEJOS".into(), host: "10.9.9.9".into(), active: true, ..suspended.clone() };
    for peer in [suspended, elsewhere] {
        system(&world.norte.node, "badiano/admin").put_peer(peer).await.expect("listed");
    }
    let (mut tried, mut open) = (0, Vec::new());
    for (calling, called) in
        [("DESCONOCIDO", AE_TITLE), ("SUSPENDIDO", AE_TITLE), ("LEJOS", AE_TITLE), (SCANNER, "OTRO")]
    {
        for (class, operation) in doors() {
            let heard = ask(&world, calling, called, class, operation, "1.2.3").await;
            tried += 1;
            if !heard.rejected || !told(&world, &heard).is_empty() {
                open.push(format!(
                    "{operation:?} of {class} from {calling} to {called}: {:?}",
                    heard.statuses
                ));
            }
        }
    }
    println!("{} DIMSE doors, {tried} tries under titles that are not listed", doors().len());
    assert!(open.is_empty(), "doors without an access decision:\n{}", open.join("\n"));
    let entries = watch.entries().await;
    for door in ["DICOM association,", "DICOM association to another title,"] {
        let noted = entries.iter().any(|e| {
            e.str_of("outcome") == "4"
                && e["entity"].items().iter().any(|e| e.str_of("description").starts_with(door))
        });
        assert!(noted, "no entry of a refusal: {door}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_closed_to_an_institution_is_not_there_for_its_modality() {
    let world = World::new().await;
    list_peer(&world.norte.node, PeerKind::Dicom, "CT-SUR", SUR).await;
    let rule = Rule {
        permit: false,
        class: None,
        recipient: Some(Recipient::Institution(SUR.into())),
        purpose: None,
        from: Instant::now(),
        to: None,
        by: None,
    };
    let statement =
        Statement { curp: world.curp().into(), version: 1, consent: Consent { rules: vec![rule] } };
    let hub =
        Principal::Node { institution: crate::world::HUB.into(), name: "hub".into(), on_behalf_of: None };
    let session = world.norte.node.session(hub, Purpose::Operations, Instant::now());
    session.take_consent(statement).await.expect("told");
    let step = Uid::random();
    let mps = badiano_dicom::dimse::sop_class::MODALITY_PERFORMED_PROCEDURE_STEP;
    let begun = ask(&world, SCANNER, AE_TITLE, mps, Operation::NCreate, step.as_str()).await;
    assert_eq!(begun.statuses, [0], "the hospital's own modality begins the step");
    let mut shown = Vec::new();
    for (class, operation) in doors().into_iter().filter(|(_, o)| *o != Operation::CStore) {
        let heard = ask(&world, "CT-SUR", AE_TITLE, class, operation, step.as_str()).await;
        let told = told(&world, &heard);
        let last = heard.statuses.last().copied();
        // A question finds nothing; a retrieval has nothing to send; what is changed is not there.
        let fits = match operation {
            Operation::NSet | Operation::NCreate => last.is_some_and(|s| s != 0),
            _ => heard.statuses.len() <= 1 && last.is_some(),
        };
        if !told.is_empty() || !fits {
            shown.push(format!("{operation:?} of {class}: {:04X?} {told:?}", heard.statuses));
        }
    }
    assert!(shown.is_empty(), "shown to whom everything is closed:\n{}", shown.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_answers_a_listed_modality_and_has_it_in_the_log() {
    let world = World::new().await;
    let step = Uid::random();
    let mut unlogged = Vec::new();
    for (n, (class, operation)) in doors().into_iter().enumerate() {
        let calling = format!("MODALIDAD{n}");
        list_peer(&world.norte.node, PeerKind::Dicom, &calling, NORTE).await;
        let watch = world.norte.watch().await;
        let heard = ask(&world, &calling, AE_TITLE, class, operation, step.as_str()).await;
        let there_already = watch.holds();
        assert!(!heard.rejected && !heard.statuses.is_empty(), "{operation:?} of {class} is not served");
        let told = told(&world, &heard);
        let entries = watch.entries().await;
        let of_peer: Vec<_> = entries
            .iter()
            .filter(|e| e.str_of("outcome") == "0" && e["agent"][0].str_of("name").contains(&calling))
            .collect();
        let patient = format!("Patient/{}", world.norte.patient);
        let names = of_peer
            .iter()
            .any(|e| e["entity"].items().iter().any(|e| e["what"].str_of("reference") == patient));
        if of_peer.is_empty() || !there_already || (!told.is_empty() && !names) {
            unlogged.push(format!("{operation:?} of {class}: {} entries, told {told:?}", of_peer.len()));
        }
    }
    println!("{} DIMSE doors answered who may, each with its entry in the log", doors().len());
    assert!(unlogged.is_empty(), "doors without an audit entry:\n{}", unlogged.join("\n"));
}
