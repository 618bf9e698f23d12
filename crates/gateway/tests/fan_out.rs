//! The national question against sources that are late, dead, hanging, dripping, endless, mixed up or mute, over real sockets.

use crate::country::{ASKER, Country, Joining, clues, person, physician};
use badiano_exchange::breaker::State;
use badiano_exchange::wire::{ANSWER_BYTES_MAX, Allowance, Wire};
use badiano_fhir::{Value, json};
use badiano_gateway::Patience;
use badiano_kernel::{Fault, Principal, Purpose};
use badiano_record::consent::{Recipient, Rule};
use badiano_testkit::proof::{Plan, Proof};
use badiano_testkit::sources::{Behaviour, Source, request};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const CURP: &str = "SABC560626MDFLRN01";
const OTHER: &str = "AAPR630321HDFLRC09";
/// Shorter than people wait, so that the tests end.
const PATIENCE: Patience = Patience { person: Duration::from_millis(900), longest: Duration::from_secs(3) };
/// What one simulated institution holds about a person.
const ENTRIES: usize = 7;

struct Together {
    country: Country,
    sources: Vec<Source>,
    wire: Wire,
}

impl Together {
    async fn new(count: usize) -> Together {
        let country = Country::new(PATIENCE).await;
        let mut sources = Vec::new();
        for number in 0..count {
            let (source, (csr, key)) = (Source::bind(&clues(number)).await, request());
            let joining = Joining { clues: clues(number), address: source.url(), request: csr };
            let (certificate, authority) = country.join(joining).await;
            source.serve(&certificate, &key, &authority);
            sources.push(source);
        }
        let all: Vec<String> = (0..count).map(clues).collect();
        for curp in [CURP, OTHER] {
            country.register(&person(curp), &all).await;
        }
        let wire = Wire::new(&country.asker).expect("a wire");
        Together { country, sources, wire }
    }

    async fn ask(&self, curp: &str) -> Answered {
        self.search("Patient", "", curp).await
    }

    /// The person takes everything from an institution.
    async fn withdraw(&self, curp: &str, institution: &str) {
        let citizen = Principal::Citizen { curp: curp.into(), name: "Ella".into() };
        let now = badiano_kernel::Instant::now();
        let session = self.country.hub.session(citizen, Purpose::PatientRequest, now);
        let recipient = Some(Recipient::Institution(institution.to_owned()));
        let rule =
            Rule { permit: false, class: None, recipient, purpose: None, from: now, to: None, by: None };
        session.give_consent(rule, &[]).await.expect("said");
    }

    async fn search(&self, kind: &str, form: &str, curp: &str) -> Answered {
        let url = format!("{}/fhir/{kind}/_search", self.country.address);
        Answered::of(&ask(&self.wire, &url, Some(form), curp).await.expect("an answer"))
    }
}

/// Asks the hub by POST, or by GET where there is no form.
async fn ask(wire: &Wire, url: &str, form: Option<&str>, curp: &str) -> Result<Value, Fault> {
    let body = wire.question(url, form, &physician(curp), &Allowance::new(ANSWER_BYTES_MAX)).await?;
    json::parse(&body).map_err(|e| Fault::invalid(e.to_string()))
}

/// A merged answer, counted.
#[derive(Debug, Default, PartialEq)]
struct Answered {
    /// Entries of each institution.
    entries: BTreeMap<String, usize>,
    /// Code of each institution that is missing.
    missing: BTreeMap<String, String>,
    /// Institutions with a Provenance.
    provenances: usize,
    /// CURPs of the Patients.
    curps: Vec<String>,
    times: Vec<String>,
    next: Option<String>,
    total: i64,
}

impl Answered {
    fn of(bundle: &Value) -> Answered {
        assert_eq!(bundle.resource_type(), "Bundle", "{bundle:?}");
        let mut answered = Answered { total: bundle["total"].as_i64().unwrap_or(-1), ..Answered::default() };
        let next = bundle["link"].items().iter().find(|l| l.str_of("relation") == "next");
        answered.next = next.map(|l| l.str_of("url").to_owned());
        for entry in bundle["entry"].items() {
            let resource = &entry["resource"];
            match resource.resource_type() {
                "OperationOutcome" => {
                    let coding = &resource["issue"][0]["details"]["coding"][0];
                    let (who, why) = (coding.str_of("display"), coding.str_of("code"));
                    answered.missing.insert(who.into(), why.into());
                }
                "Provenance" => answered.provenances += 1,
                kind => {
                    let source = resource["meta"].str_of("source").trim_start_matches("urn:badiano:clues:");
                    *answered.entries.entry(source.into()).or_default() += 1;
                    if kind == "Patient" {
                        answered.curps.push(resource["identifier"][0].str_of("value").into());
                    } else {
                        answered.times.push(resource.str_of("recordedDate").into());
                    }
                }
            }
        }
        answered
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_behaves_badly_costs_its_own_answer_and_no_other() {
    let bad = Behaviour::HOSTILE.len();
    let together = Together::new(bad + 2).await;
    for (source, behaviour) in together.sources.iter().zip(Behaviour::HOSTILE) {
        source.behave(behaviour);
    }
    let began = Instant::now();
    let answered = together.ask(CURP).await;
    let took = began.elapsed();
    assert!(took < PATIENCE.person + Duration::from_millis(800), "{took:?}");
    for (number, behaviour) in Behaviour::HOSTILE.iter().enumerate() {
        assert!(answered.missing.contains_key(&clues(number)), "{behaviour:?}: {answered:?}");
    }
    let good = BTreeMap::from([(clues(bad), ENTRIES), (clues(bad + 1), ENTRIES)]);
    assert_eq!((answered.entries, answered.provenances), (good, 2));
    assert_eq!(answered.curps, [CURP, CURP]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_three_dead_and_three_hanging_every_live_datum_comes_and_six_are_named() {
    let together = Together::new(12).await;
    for source in &together.sources[0..3] {
        source.behave(Behaviour::Drops);
    }
    for source in &together.sources[3..6] {
        source.behave(Behaviour::Hangs);
    }
    let began = Instant::now();
    let answered = together.ask(CURP).await;
    let took = began.elapsed();
    let missing: Vec<&str> = answered.missing.values().map(String::as_str).collect();
    assert_eq!(missing, ["transient", "transient", "transient", "timeout", "timeout", "timeout"]);
    assert_eq!(answered.entries.values().sum::<usize>(), 6 * ENTRIES);
    assert!(took >= PATIENCE.person && took < PATIENCE.person + Duration::from_millis(600), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_is_left_alone_and_asked_again_when_it_is_well() {
    let together = Together::new(2).await;
    together.sources[0].behave(Behaviour::Refuses(503));
    let state = || {
        let all = together.country.gate.sources.health();
        all.into_iter().find(|h| h.clues == clues(0)).map(|h| h.state)
    };
    let began = Instant::now();
    while state() != Some(State::Open) {
        together.ask(CURP).await;
        assert!(began.elapsed() < Duration::from_secs(5), "open in less than five seconds");
    }
    let asked = together.sources[0].asked();
    let answered = together.ask(CURP).await;
    assert_eq!(answered.missing.get(&clues(0)).map(String::as_str), Some("transient"));
    assert_eq!(together.sources[0].asked(), asked, "it is left alone");
    together.sources[0].behave(Behaviour::Answers(Duration::ZERO));
    let well = Instant::now();
    while !together.ask(CURP).await.missing.is_empty() {
        assert!(well.elapsed() < Duration::from_secs(10), "asked again within ten seconds");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(state(), Some(State::Closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_across_sources_in_one_order_and_hold_every_entry_once() {
    let together = Together::new(5).await;
    let mut answered = together.search("Condition", "_sort=-recorded-date&_count=3", CURP).await;
    let (mut times, mut pages) = (answered.times.clone(), 1);
    assert_eq!(answered.total, 10);
    while let Some(next) = answered.next {
        answered = Answered::of(&ask(&together.wire, &next, None, CURP).await.expect("a page"));
        assert!(answered.times.len() <= 3);
        times.extend(answered.times.clone());
        pages += 1;
    }
    let mut sorted = times.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    assert_eq!((times.len(), pages), (10, 4));
    assert_eq!(times, sorted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_released_anew_and_its_address_is_for_nobody_else() {
    let together = Together::new(3).await;
    let answered = together.search("Condition", "_count=2", CURP).await;
    let next = answered.next.expect("more");
    let of_another = ask(&together.wire, &next, None, OTHER).await;
    assert!(of_another.is_err(), "the page of one person is not one of another");
    together.withdraw(CURP, ASKER).await;
    let page = Answered::of(&ask(&together.wire, &next, None, CURP).await.expect("a page"));
    assert!(page.entries.is_empty() && page.curps.is_empty(), "{page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_mixes_two_people_whatever_the_sources_do_at_once() {
    let together = Together::new(4).await;
    let mut proof = Proof::begin("fan_out", Plan { slice: 40, full: 20_000 });
    while let Some(mut case) = proof.next() {
        for source in &together.sources {
            let bad = [
                Behaviour::WrongPatient,
                Behaviour::MixesPatients,
                Behaviour::NobodysEntries,
                Behaviour::Answers(Duration::from_millis(case.rng.below(20))),
                Behaviour::Answers(Duration::ZERO),
            ];
            source.behave(bad[case.rng.below(5) as usize]);
        }
        let (a, b) = tokio::join!(together.ask(CURP), together.ask(OTHER));
        for (answered, curp) in [(&a, CURP), (&b, OTHER)] {
            assert!(answered.curps.iter().all(|c| c == curp), "{answered:?}");
            assert!(answered.entries.values().all(|n| *n == ENTRIES), "{answered:?}");
            assert_eq!(answered.entries.len() + answered.missing.len(), 4, "{answered:?}");
            proof.note("entries released", answered.entries.values().sum::<usize>() as u64);
            proof.note("answers refused", answered.missing.len() as u64);
        }
    }
}
