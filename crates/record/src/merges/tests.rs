//! Merges through sessions: what is asked of the one that is kept, what consent reaches, and what parting gives back.

use super::{absorbed, survivor};
use crate::consent::{Consent, Recipient, Rule};
use crate::consent_register::Statement;
use crate::resources::Precondition;
use crate::{Node, NodeOptions, NodeRole, Session, Settings};
use badiano_fhir::search::{self, Query};
use badiano_fhir::{Value, fhir};
use badiano_kernel::{FaultKind, Instant, Principal, Purpose};
use tempfile::TempDir;

const NORTE: &str = "NLSSA999101";
const SUR: &str = "OCSSA999102";
const ISSUER: &str = "urn:badiano:authority:N";

struct Place {
    node: Node,
    _folder: TempDir,
}

impl Place {
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

    fn system(&self, institution: &str) -> Session {
        let principal = Principal::System {
            client_id: "t".into(),
            name: "t".into(),
            institution: institution.into(),
            scopes: vec!["system/*.cruds".into()],
        };
        self.node.session(principal, Purpose::Treatment, Instant::now())
    }

    async fn register(&self, patient: Value) -> String {
        self.system(NORTE).register_patient(patient).await.expect("registered").resource.id().to_owned()
    }

    /// A condition of a patient.
    async fn about(&self, patient: &str, text: &str) {
        let condition = fhir!({
            "resourceType": "Condition", "subject": { "reference": (format!("Patient/{patient}")) },
            "code": { "text": text }
        });
        self.system(NORTE).create(condition).await.expect("written");
    }

    fn found(&self, institution: &str, asked: &[(&str, &str)]) -> usize {
        let pairs: Vec<(String, String)> =
            asked.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let parsed = search::parse("Condition", &pairs, true, "America/Mexico_City").expect("understood");
        let page = self.system(institution).search(&Query { count: 50, ..parsed.query }).expect("answered");
        page.hits.len()
    }

    async fn close_to(&self, curp: &str, institution: &str) {
        let rule = Rule {
            permit: false,
            class: None,
            recipient: Some(Recipient::Institution(institution.into())),
            purpose: None,
            from: Instant::now(),
            to: None,
            by: None,
        };
        let hub = Principal::Node { institution: "HUB".into(), name: "hub".into(), on_behalf_of: None };
        let statement = Statement { curp: curp.into(), version: 1, consent: Consent { rules: vec![rule] } };
        let session = self.node.session(hub, Purpose::Operations, Instant::now());
        session.take_consent(statement).await.expect("taken");
    }
}

fn with_curp() -> (Value, String) {
    let patient = badiano_testkit::people::population(7, 1)[0].patient(ISSUER);
    let curp = crate::patient_index::curp_in(&patient).expect("the first of a population has a CURP");
    (patient, curp)
}

fn without_curp(number: &str) -> Value {
    fhir!({
        "resourceType": "Patient", "identifier": [{ "system": ISSUER, "value": number }],
        "name": [{ "family": "Desconocida" }]
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_the_one_that_is_kept_reaches_both_and_parting_gives_back_what_was_each_ones() {
    let place = Place::open();
    let (patient, _) = with_curp();
    let (kept, gone) = (place.register(patient).await, place.register(without_curp("77")).await);
    place.about(&kept, "one").await;
    place.about(&gone, "two").await;
    let before = place.system(NORTE).read("Patient", &kept).expect("read").resource["identifier"].clone();

    place.system(NORTE).merge_patients(&gone, &kept).await.expect("merged");
    assert_eq!(place.found(NORTE, &[("patient", &format!("Patient/{kept}"))]), 2);
    assert_eq!(place.found(NORTE, &[("subject", &kept)]), 2);
    assert_eq!(place.found(NORTE, &[("patient", &gone)]), 1, "the old name gives what it always gave");
    let again = place.register(without_curp("77")).await;
    assert_eq!(again, kept, "what comes under the old number comes to the one that is kept");

    place.system(NORTE).unmerge_patients(&gone).await.expect("parted");
    assert_eq!(place.found(NORTE, &[("patient", &kept)]), 1);
    let parted = place.system(NORTE).read("Patient", &gone).expect("read").resource;
    assert_eq!((&parted["active"], parted["link"].items().len()), (&Value::Bool(true), 0));
    let own = place.system(NORTE).read("Patient", &kept).expect("read").resource;
    assert_eq!(own["identifier"], before, "the number that came while they were one went back");
    assert_eq!(own["link"].items().len(), 0);
    assert_eq!(place.register(without_curp("77")).await, gone, "and so does what comes under it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_closed_is_closed_in_a_record_that_is_merged_into_theirs_or_came_after_they_closed_it()
{
    let place = Place::open();
    let (patient, curp) = with_curp();
    place.close_to(&curp, SUR).await;
    // The person becomes known by plain FHIR, after what they said did.
    let id = "kept-1";
    let patient = patient.with("id", id);
    place.system(NORTE).update(patient, Precondition::None).await.expect("written");
    place.about(id, "one").await;
    assert_eq!((place.found(NORTE, &[("patient", id)]), place.found(SUR, &[("patient", id)])), (1, 0));

    let gone = place.register(without_curp("78")).await;
    place.about(&gone, "two").await;
    assert_eq!(place.found(SUR, &[("code:text", "two")]), 1, "nobody has closed it");
    place.system(NORTE).merge_patients(&gone, id).await.expect("merged");
    assert_eq!(place.found(NORTE, &[("patient", id)]), 2);
    assert_eq!(place.found(SUR, &[("code:text", "two")]), 0, "it is hers now, and she closed it");
    place.system(NORTE).unmerge_patients(&gone).await.expect("parted");
    assert_eq!(place.found(SUR, &[("code:text", "two")]), 1, "it never was hers");
}

#[tokio::test(flavor = "multi_thread")]
async fn merges_of_merges_are_followed_and_a_circle_is_refused() {
    let place = Place::open();
    let (a, b, c) = (
        place.register(without_curp("1")).await,
        place.register(without_curp("2")).await,
        place.register(without_curp("3")).await,
    );
    let session = place.system(NORTE);
    session.merge_patients(&a, &b).await.expect("merged");
    session.merge_patients(&b, &c).await.expect("merged");
    session.merge_patients(&a, &b).await.expect("said again, nothing more happens");
    let seen = place.node.store().read(|view| Ok((survivor(view, &a)?, absorbed(view, &c)?)));
    let (stands, mut all) = seen.expect("an answer");
    all.sort();
    let mut both = vec![a.clone(), b.clone()];
    both.sort();
    assert_eq!((stands, all), (c.clone(), both));
    let circle = session.merge_patients(&c, &a).await.expect_err("refused");
    assert_eq!(circle.kind, FaultKind::Conflict, "{circle}");
    session.merge_patients(&c, "nobody").await.expect_err("refused");
    session.unmerge_patients(&c).await.expect_err("it is not merged");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_merges_of_one_record_into_eight_others_at_once_have_one_winner() {
    let place = Place::open();
    let one = place.register(without_curp("1")).await;
    let mut running = Vec::new();
    for n in 0..8 {
        let other = place.register(without_curp(&format!("n{n}"))).await;
        let (session, one) = (place.system(NORTE), one.clone());
        running.push(tokio::spawn(async move { session.merge_patients(&one, &other).await.is_ok() }));
    }
    let mut winners = 0;
    for one in running {
        winners += usize::from(one.await.expect("each is answered"));
    }
    let links = place.system(NORTE).read("Patient", &one).expect("read").resource["link"].items().len();
    assert_eq!((winners, links), (1, 1));
}
