//! The question about one person: the hub asks those who hold something and merges; a hospital asks its hub (house, invariants 3 and 8).

use crate::answer::{deduplicate, with_source};
use crate::on_behalf::OnBehalf;
use crate::question::{Question, SortKey};
use crate::wire::{Allowance, Wire};
use badiano_fhir::{Value, json, schema};
use badiano_kernel::id::LogicalId;
use badiano_kernel::{Fault, Principal, Purpose};
use badiano_record::participants::Participant;
use badiano_record::{Session, Unreleased};
use bytes::Bytes;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant as Clock};

pub use crate::answer::{Answer, Missing, named_source, source_of};

/// How long a person waits for the slowest source when the operator has set nothing else.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// What the hub itself may need on top, for a hospital that asks it.
const HUB_WORK: Duration = Duration::from_secs(1);
/// Bytes of all answers to one question.
const QUESTION_BYTES_MAX: usize = 64 << 20;
/// Entries of one source.
const ENTRIES_MAX: usize = 20_000;
/// Pages of one source that are followed.
const PAGES_MAX: usize = 32;
/// A longer body is parsed off the loop that serves everybody.
const LONG: usize = 256 << 10;

/// What the sources answered, sealed until it is released, page by page.
#[derive(Clone)]
pub struct Gathered {
    question: Question,
    person: String,
    sealed: Vec<Sealed>,
    missing: Vec<Missing>,
    /// Bytes of the answers as they came, and their entries.
    bytes: usize,
    entries: usize,
}

#[derive(Clone)]
struct Sealed {
    from: Participant,
    entries: Unreleased<Vec<Value>>,
}

/// The place of an entry in the merged order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place(bool, Vec<SortKey>, String, String, String);

/// One page, and the place after which the next one begins, where more follows.
pub struct Page {
    pub answer: Answer,
    pub next: Option<Place>,
}

/// Hub: asks every institution that holds something about the person for all that the pages show, and merges what may be shown.
pub async fn ask_sources(
    session: &Session,
    wire: &Wire,
    curp: &str,
    wait: Duration,
) -> Result<Answer, Fault> {
    let gathered = gather(session, wire, curp, Question::whole_record(), wait).await?;
    let (mut page, kept) = gathered.first_page(session)?;
    // The pages show a person whole: there is a limit on entries, and this is all of them.
    while let (Some(next), Some(kept)) = (&page.next, &kept) {
        let more = kept.page(session, Some(next))?;
        page.answer.entries.extend(more.answer.entries);
        page.next = more.next;
    }
    Ok(page.answer)
}

/// Hub: asks every institution that holds something about the person, in parallel, until `wait` has passed.
pub async fn gather(
    session: &Session,
    wire: &Wire,
    curp: &str,
    question: Question,
    wait: Duration,
) -> Result<Gathered, Fault> {
    let until = Clock::now() + wait;
    let person = session.patient_by_curp(curp)?;
    let holdings = session.holdings_of(person.resource.id())?;
    let participants = session.node().listed()?;
    let for_whom = for_whom(session, curp)?.to_header();
    // Who may show nothing is not asked, and so is neither an answer nor missing.
    let open = holdings.iter().filter(|h| session.may_ask(person.resource.id(), &h.institution));
    let asked: Vec<Participant> = open
        .filter_map(|h| participants.iter().find(|p| p.clues == h.institution && p.active).cloned())
        .collect();
    let asking = Asking {
        wire,
        question: &question,
        form: question.form(curp),
        for_whom,
        allowance: Allowance::new(QUESTION_BYTES_MAX),
        until,
    };
    let answers = join_all(asked.iter().map(|p| asking.one(p))).await;
    let mut gathered = Gathered {
        question: question.clone(),
        person: curp.to_owned(),
        sealed: Vec::new(),
        missing: Vec::new(),
        bytes: 0,
        entries: 0,
    };
    for (from, answer) in asked.into_iter().zip(answers) {
        match answer {
            Ok((entries, bytes)) => {
                gathered.bytes += bytes;
                gathered.entries += entries.len();
                gathered.sealed.push(Sealed { entries: Unreleased::new(entries, &from.clues), from });
            }
            Err(fault) => gathered.missing.push(Missing::of(&from.clues, &from.name, &fault)),
        }
    }
    Ok(gathered)
}

/// One question on its way to many sources.
struct Asking<'a> {
    wire: &'a Wire,
    question: &'a Question,
    form: String,
    for_whom: String,
    allowance: Allowance,
    until: Clock,
}

impl Asking<'_> {
    /// The entries of one source, over all of its pages.
    async fn one(&self, source: &Participant) -> Result<(Vec<Value>, usize), Fault> {
        let whole = || async {
            let base = format!("{}/fhir/", source.address);
            let url = format!("{base}{}/_search", self.question.kind());
            let mut body =
                self.wire.question(&url, Some(&self.form), &self.for_whom, &self.allowance).await?;
            let (mut entries, mut bytes) = (Vec::new(), 0);
            for _ in 0..PAGES_MAX {
                bytes += body.len();
                let read = read(body, self.question).await?;
                entries.extend(read.entries);
                if entries.len() > ENTRIES_MAX {
                    return Err(Fault::too_costly("more entries than the limit"));
                }
                let Some(next) = read.next else { return Ok((entries, bytes)) };
                if !next.starts_with(&base) {
                    return Err(Fault::invalid("its next page lies at another server"));
                }
                body = self.wire.question(&next, None, &self.for_whom, &self.allowance).await?;
            }
            Err(Fault::too_costly("more pages than the limit"))
        };
        self.wire.sources().ask(&source.clues, self.until, whole).await
    }
}

struct Read {
    entries: Vec<Value>,
    next: Option<String>,
}

async fn read(body: Bytes, question: &Question) -> Result<Read, Fault> {
    if body.len() <= LONG {
        return entries_of(&body, question);
    }
    let question = question.clone();
    let work = tokio::task::spawn_blocking(move || entries_of(&body, &question)).await;
    work.map_err(|_| Fault::bug("reading an answer ended abruptly"))?
}

/// What a source answered, as far as it is a searchset of what was asked for. Whose it is, is looked at when it is released.
fn entries_of(body: &[u8], question: &Question) -> Result<Read, Fault> {
    let mut bundle = json::parse(body).map_err(|e| Fault::invalid(format!("not FHIR JSON: {}", e.what)))?;
    if bundle.resource_type() != "Bundle" || bundle.str_of("type") != "searchset" {
        return Err(Fault::invalid("not a Bundle of type searchset"));
    }
    let next = bundle["link"].items().iter().find(|l| l.str_of("relation") == "next");
    let next = next.map(|l| l.str_of("url").to_owned());
    let whole = bundle.as_object_mut().and_then(|o| o.remove("entry"));
    let mut entries = Vec::new();
    let Some(Value::Array(all)) = whole else { return Ok(Read { entries, next }) };
    for mut entry in all {
        let resource = entry.as_object_mut().and_then(|o| o.remove("resource")).unwrap_or(Value::Null);
        match resource.resource_type() {
            // Its own remarks on the question.
            "OperationOutcome" => {}
            kind if !schema::is_resource_type(kind) => {
                return Err(Fault::invalid("an entry of no type of R4"));
            }
            kind if !question.asks_for(kind) => {
                return Err(Fault::invalid("an entry of a type that was not asked for"));
            }
            _ if LogicalId::parse(resource.id()).is_err() => {
                return Err(Fault::invalid("an entry without an id"));
            }
            _ => entries.push(resource),
        }
    }
    Ok(Read { entries, next })
}

impl Gathered {
    pub fn question(&self) -> &Question {
        &self.question
    }

    pub fn person(&self) -> &str {
        &self.person
    }

    /// Bytes of the answers as they came.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The first page; what is needed for further ones is given back only where there are any.
    pub fn first_page(mut self, session: &Session) -> Result<(Page, Option<Gathered>), Fault> {
        let kept = (self.entries > self.question.count()).then(|| self.clone());
        let sealed = std::mem::take(&mut self.sealed);
        let page = self.open(session, sealed, None)?;
        let kept = kept.filter(|_| page.next.is_some());
        Ok((page, kept))
    }

    /// Releases what may be shown now, merged and in order, from after a place on.
    pub fn page(&self, session: &Session, after: Option<&Place>) -> Result<Page, Fault> {
        self.open(session, self.sealed.clone(), after)
    }

    fn open(&self, session: &Session, sealed: Vec<Sealed>, after: Option<&Place>) -> Result<Page, Fault> {
        let mut answer = Answer {
            missing: self.missing.clone(),
            kind: self.question.kind().to_owned(),
            ..Answer::default()
        };
        let (sources, entries): (Vec<Participant>, Vec<Unreleased<Vec<Value>>>) =
            sealed.into_iter().map(|s| (s.from, s.entries)).unzip();
        for (from, released) in sources.iter().zip(session.release_all(entries, &self.person)?) {
            if released.of_others > 0 {
                let mixed = Fault::invalid("it has answered about somebody else");
                answer.missing.push(Missing::of(&from.clues, &from.name, &mixed));
                continue;
            }
            answer.answered += 1;
            answer.addresses.insert(from.clues.clone(), from.address.clone());
            let named = released.entries.into_iter().map(|e| with_source(e, &from.clues, &from.name));
            answer.entries.extend(named);
        }
        deduplicate(&mut answer.entries);
        Ok(self.cut(answer, &session.node().settings().zone, after))
    }

    /// Sorted, counted and cut to a page. The person stands before what there is about them; where a type was asked for, the
    /// person's records come along with the page and are not counted.
    fn cut(&self, mut answer: Answer, zone: &str, after: Option<&Place>) -> Page {
        let kind = self.question.kind();
        let entries = std::mem::take(&mut answer.entries);
        let (rows, along): (Vec<Value>, Vec<Value>) =
            entries.into_iter().partition(|e| kind == "Patient" || e.resource_type() == kind);
        answer.total = Some(rows.iter().filter(|e| e.resource_type() == kind).count());
        let place = |e: &Value| {
            let apart = e.resource_type() != "Patient";
            Place(
                apart,
                self.question.key(e, zone),
                source_of(e),
                e.resource_type().to_owned(),
                e.id().to_owned(),
            )
        };
        let mut rows: Vec<(Place, Value)> = rows.into_iter().map(|e| (place(&e), e)).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let begin = after.map_or(0, |after| rows.partition_point(|(place, _)| place <= after));
        let end = rows.len().min(begin + self.question.count());
        let next = (end < rows.len()).then(|| rows[end - 1].0.clone());
        let shown: Vec<Value> = rows.drain(begin..end).map(|(_, entry)| entry).collect();
        let sources: Vec<String> = shown.iter().map(source_of).collect();
        let along = along.into_iter().filter(|e| sources.contains(&source_of(e)));
        answer.entries = along.collect();
        answer.entries.splice(0..0, shown);
        Page { answer, next }
    }
}

/// Hospital: asks the hub about a person, for a member of its own staff.
pub async fn ask_hub(session: &Session, wire: &Wire, curp: &str, wait: Duration) -> Result<Answer, Fault> {
    let hub = session.node().hub_link()?;
    let hub = hub.ok_or_else(|| Fault::unavailable("this hospital has not joined a hub"))?;
    let for_whom = for_whom(session, curp)?.to_header();
    let question = Question::whole_record();
    let (base, allowance) = (format!("{}/fhir/", hub.address), Allowance::new(QUESTION_BYTES_MAX));
    let whole = async {
        let url = format!("{base}{}/_search", question.kind());
        let form = question.form_for_hub(curp);
        let mut body = wire.question(&url, Some(&form), &for_whom, &allowance).await?;
        let mut answer = Answer::default();
        loop {
            let bundle =
                json::parse(&body).map_err(|_| Fault::unavailable("the hub's answer is not FHIR"))?;
            let page = Answer::from_bundle(&bundle);
            answer.entries.extend(page.entries);
            answer.missing = page.missing;
            let next = bundle["link"].items().iter().find(|l| l.str_of("relation") == "next");
            let Some(next) = next.map(|l| l.str_of("url")).filter(|url| url.starts_with(&base)) else {
                return Ok::<Answer, Fault>(answer);
            };
            body = wire.question(next, None, &for_whom, &allowance).await?;
        }
    };
    let whole = tokio::time::timeout(wait + HUB_WORK, whole).await;
    let mut answer = whole.map_err(|_| Fault::unavailable("no answer in time"))??;
    let mut by_source: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entry in std::mem::take(&mut answer.entries) {
        by_source.entry(source_of(&entry)).or_default().push(entry);
    }
    for (source, entries) in by_source {
        answer.answered += 1;
        answer.entries.extend(session.release(Unreleased::new(entries, &source), curp)?.entries);
    }
    Ok(answer)
}

/// Who asks, as the next node must hear it.
pub fn for_whom(session: &Session, curp: &str) -> Result<OnBehalf, Fault> {
    if let Some(staff) = session.principal().staff() {
        return Ok(OnBehalf::of_staff(staff, session.purpose(), session.emergency(), curp));
    }
    match session.principal() {
        Principal::Citizen { curp: own, name }
            if own == curp && session.purpose() == Purpose::PatientRequest =>
        {
            Ok(OnBehalf { name: name.clone(), ..OnBehalf::of_citizen(curp) })
        }
        Principal::Representative(r) if r.person == curp && session.purpose() == Purpose::PatientRequest => {
            Ok(OnBehalf::of_representative(r))
        }
        _ => Err(Fault::forbidden("a question to other institutions is asked for a person")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_fhir::fhir;

    fn read(bundle: &Value) -> Result<Read, Fault> {
        entries_of(json::to_string(bundle).as_bytes(), &Question::whole_record())
    }

    fn searchset(resource: Value) -> Value {
        fhir!({ "resourceType": "Bundle", "type": "searchset", "entry": [{ "resource": resource }] })
    }

    #[test]
    fn an_answer_that_is_no_searchset_of_what_was_asked_for_is_refused_whole() {
        let patient = || fhir!({ "resourceType": "Patient", "id": "1" });
        assert_eq!(read(&searchset(patient())).expect("fits").entries.len(), 1);
        let refused = [
            patient(),
            searchset(fhir!({ "resourceType": "Binary", "id": "1" })),
            searchset(fhir!({ "resourceType": "Nothing", "id": "1" })),
            searchset(fhir!({ "resourceType": "Patient", "id": "not an id" })),
            searchset(Value::Null),
            fhir!({ "resourceType": "Bundle", "type": "history" }),
        ];
        for bundle in refused {
            assert!(read(&bundle).is_err(), "{bundle:?}");
        }
        assert!(entries_of(b"<html>", &Question::whole_record()).is_err());
    }

    #[test]
    fn the_remarks_of_a_source_are_no_entries() {
        let remark = searchset(fhir!({ "resourceType": "OperationOutcome" }));
        assert!(read(&remark).expect("fits").entries.is_empty());
    }
}
