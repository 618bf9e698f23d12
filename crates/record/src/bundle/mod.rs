//! Batch and transaction: many interactions in one request, a transaction in one commit (FHIR R4, http.html#transaction).
//!
//! Conditions, conditional references and persons that are known already are decided by the writer before anything is written; what
//! was named otherwise until then is renamed in all references.

mod answer;
mod step;

use crate::conditional::Criteria;
use crate::patient_index;
use crate::resources::{Precondition, Versioned, Writer, check};
use crate::session::{Session, versioned};
use badiano_fhir::search::Reading;
use badiano_fhir::{Value, fhir, search};
use badiano_kernel::{Fault, FaultKind};
use badiano_store::Tx;
use std::collections::{BTreeMap, HashSet};
use step::{Content, Method, Step};

/// Entries in one bundle.
pub const ENTRIES_MAX: usize = 10_000;

/// Old names of resources, and what they are called now.
type Names = BTreeMap<String, String>;

/// What became of an entry: a version, or nothing for a deletion.
type Done = (usize, Option<Versioned>);

/// A transaction as the writer gets it.
struct Work {
    session: Session,
    steps: Vec<Step>,
    /// Conditional references, by their text.
    wanted: BTreeMap<String, Criteria>,
}

impl Session {
    /// All or nothing: every entry is checked, references between entries resolved, and all are written in one commit.
    pub async fn transaction(&self, bundle: &Value, with_resources: bool) -> Result<Value, Fault> {
        let steps = self.steps(bundle)?.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (reads, changes): (Vec<Step>, Vec<Step>) =
            steps.into_iter().partition(|s| s.method == Method::Get);
        let mut entries: Vec<(usize, Value)> = Vec::new();
        for (n, done) in self.commit(changes).await? {
            entries.push((n, answer::entry_of(done, with_resources)));
        }
        for step in reads {
            entries.push((step.n, self.read_entry(&step).map_err(|f| in_entry(f, step.n))?));
        }
        entries.sort_by_key(|(n, _)| *n);
        Ok(response("transaction-response", entries.into_iter().map(|(_, entry)| entry).collect()))
    }

    /// Each entry for itself; one that fails leaves the others alone.
    pub async fn batch(&self, bundle: &Value, with_resources: bool) -> Result<Value, Fault> {
        let mut entries = Vec::new();
        for step in self.steps(bundle)? {
            let entry = match step {
                Ok(step) if step.method == Method::Get => self.read_entry(&step),
                Ok(step) => self
                    .commit(vec![step])
                    .await
                    .map(|mut done| answer::entry_of(done.pop().and_then(|(_, done)| done), with_resources)),
                Err(fault) => Err(fault),
            };
            entries.push(entry.unwrap_or_else(|fault| answer::failed(&fault)));
        }
        Ok(response("batch-response", entries))
    }

    fn steps(&self, bundle: &Value) -> Result<Vec<Result<Step, Fault>>, Fault> {
        let entries = bundle["entry"].items();
        if entries.len() > ENTRIES_MAX {
            return Err(Fault::too_costly(format!("a bundle has at most {ENTRIES_MAX} entries")));
        }
        let parameters = self.node().parameters()?;
        let reading = Reading::from(&*parameters);
        let all = entries.iter().enumerate();
        Ok(all.map(|(n, entry)| Step::read(entry, n, reading).map_err(|f| in_entry(f, n))).collect())
    }

    async fn commit(&self, mut steps: Vec<Step>) -> Result<Vec<Done>, Fault> {
        let named = steps.iter().filter(|s| !s.full_url.is_empty() && s.content.is_some());
        let targets: Names = named.map(|s| (s.full_url.clone(), s.target())).collect();
        let (mut wanted, writer) = (BTreeMap::new(), self.writer());
        for step in &mut steps {
            let n = step.n;
            if let Some(content) = step.content.take() {
                let content = self.make_ready(&writer, content.open(), &targets, &mut wanted);
                step.content = Some(content.map_err(|f| in_entry(f, n))?);
            }
        }
        for step in &steps {
            self.may_try(step).map_err(|f| in_entry(f, step.n))?;
        }
        wanted.values().try_for_each(|criteria| self.may_search(criteria))?;
        let mut work = Work { session: self.clone(), steps, wanted };
        let write = self.node().store().write(move |tx| writer.as_one_access(tx, |tx| work.run(tx, &writer)));
        write.await
    }

    fn may_try(&self, step: &Step) -> Result<(), Fault> {
        if matches!(step.method, Method::Delete | Method::Patch(_)) {
            self.writes_any(&step.kind)?;
        }
        step.criteria.as_ref().map_or(Ok(()), |criteria| self.may_search(criteria))
    }

    /// Everything that does not need the writer's turn: references, rules, index rows and the packed body.
    fn make_ready(
        &self,
        writer: &Writer,
        mut resource: Value,
        targets: &Names,
        wanted: &mut BTreeMap<String, Criteria>,
    ) -> Result<Content, Fault> {
        resolve(&mut resource, targets);
        let conditions = wanted.len();
        conditional_references(&resource, Reading::from(&*self.node().parameters()?), wanted)?;
        check(&resource)?;
        self.may_write(&resource)?;
        if wanted.len() > conditions {
            return Ok(Content::Open(resource));
        }
        Ok(Content::Ready(Box::new(writer.prepare(self.node().store(), resource)?)))
    }

    /// `Patient/1`, `Patient/1/_history/2`, or a search.
    fn read_entry(&self, step: &Step) -> Result<Value, Fault> {
        let (path, query) = step.url.split_once('?').unwrap_or((&step.url, ""));
        let parts: Vec<&str> = path.split('/').collect();
        match parts[..] {
            [kind] => {
                let parameters = self.node().parameters()?;
                let parsed = search::parse(kind, &search::pairs(query), true, &*parameters)?;
                Ok(answer::found(self.search(&parsed.query)?))
            }
            [kind, id] => Ok(answer::entry_of(Some(alive(self.read(kind, id)?)?), true)),
            [kind, id, "_history", version] => {
                let version = version.parse().map_err(|_| Fault::not_found("no such version"))?;
                Ok(answer::entry_of(Some(alive(self.read_version(kind, id, version)?)?), true))
            }
            _ => Err(Fault::not_supported("a bundle reads by type and id, by version, or searches a type")),
        }
    }
}

fn alive(found: Versioned) -> Result<Versioned, Fault> {
    if found.deleted { Err(Fault::not_found("the resource was deleted")) } else { Ok(found) }
}

fn response(kind: &str, entries: Vec<Value>) -> Value {
    fhir!({ "resourceType": "Bundle", "type": kind, "entry": (Value::Array(entries)) })
}

/// What the writer found out about an entry before anything was written.
enum Settled {
    /// It is to be written.
    Open,
    /// The condition says that nothing is to be done.
    Nothing,
    /// What there was fits already.
    Found(Box<Versioned>),
    /// An earlier entry does the same.
    Same,
}

impl Work {
    fn run(&mut self, tx: &mut Tx<'_>, writer: &Writer) -> Result<Vec<Done>, Fault> {
        let mut names = Names::new();
        for (text, criteria) in &self.wanted {
            let found = criteria.only(&self.session, tx)?;
            let found = found.ok_or_else(|| Fault::unmet("a conditional reference fits nothing"))?;
            names.insert(text.clone(), format!("{}/{}", found.kind, found.id));
        }
        let mut settled = Vec::with_capacity(self.steps.len());
        for at in 0..self.steps.len() {
            let n = self.steps[at].n;
            settled.push(self.settle(tx, at, &mut names).map_err(|f| in_entry(f, n))?);
        }
        self.refuse_double(&settled)?;
        let mut done: Vec<Done> = Vec::new();
        // Deletes, creates, updates, patches: the order the standard gives.
        let rank = |method: &Method| match method {
            Method::Delete => 0,
            Method::Post => 1,
            Method::Put => 2,
            Method::Patch(_) | Method::Get => 3,
        };
        let mut order: Vec<usize> = (0..self.steps.len()).collect();
        order.sort_by_key(|at| rank(&self.steps[*at].method));
        let mut same = Vec::new();
        for at in order {
            let n = self.steps[at].n;
            match std::mem::replace(&mut settled[at], Settled::Nothing) {
                Settled::Open => {
                    done.push((n, self.write(tx, writer, at, &names).map_err(|f| in_entry(f, n))?))
                }
                Settled::Nothing => done.push((n, None)),
                Settled::Found(found) => done.push((n, Some(*found))),
                Settled::Same => same.push(at),
            }
        }
        for at in same {
            let step = &self.steps[at];
            done.push((step.n, tx.get(&step.kind, &step.id)?.map(versioned)));
        }
        Ok(done)
    }

    /// Decides an entry's condition, and which resource it is about.
    fn settle(&mut self, tx: &mut Tx<'_>, at: usize, names: &mut Names) -> Result<Settled, Fault> {
        let (before, rest) = self.steps.split_at_mut(at);
        let step = &mut rest[0];
        let old = step.target();
        let Some(criteria) = &step.criteria else {
            // A person who is known is that person (house, invariant 5).
            if step.method == Method::Post
                && step.kind == "Patient"
                && let Some(known) =
                    step.content.as_ref().map(|c| patient_index::known(tx, c.value())).transpose()?.flatten()
            {
                step.id = known;
                step.known = true;
                names.insert(old, step.target());
            }
            return Ok(Settled::Open);
        };
        let twin = before.iter().find(|b| {
            b.kind == step.kind && b.method == step.method && b.criteria.as_ref() == Some(criteria)
        });
        if let (Method::Post, Some(twin)) = (&step.method, twin) {
            step.id.clone_from(&twin.id);
            names.insert(old, step.target());
            return Ok(Settled::Same);
        }
        let found = criteria.only(&self.session, tx)?;
        match (&step.method, found) {
            (Method::Post, Some(found)) => {
                step.id.clone_from(&found.id);
                names.insert(old, step.target());
                Ok(Settled::Found(Box::new(versioned(found))))
            }
            (Method::Put, Some(found)) => {
                let content = step.content.take().ok_or_else(|| Fault::bug("a PUT has a resource"))?;
                step.id.clone_from(&found.id);
                step.content = Some(Content::Open(content.open().with("id", found.id.as_str())));
                if step.expect == Precondition::None {
                    step.expect = Precondition::Version(found.version);
                }
                names.insert(old, step.target());
                Ok(Settled::Open)
            }
            (Method::Post | Method::Put, None) => {
                step.expect = Precondition::Absent;
                Ok(Settled::Open)
            }
            (_, Some(found)) => {
                step.id = found.id;
                Ok(Settled::Open)
            }
            (Method::Delete, None) => Ok(Settled::Nothing),
            (_, None) => Err(Fault::not_found("no resource fits the condition")),
        }
    }

    fn refuse_double(&self, settled: &[Settled]) -> Result<(), Fault> {
        let mut written = HashSet::new();
        for (step, settled) in self.steps.iter().zip(settled) {
            if matches!(settled, Settled::Open) && !written.insert((step.kind.as_str(), step.id.as_str())) {
                return Err(in_entry(
                    Fault::invalid("two entries of the bundle write the same resource"),
                    step.n,
                ));
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        tx: &mut Tx<'_>,
        writer: &Writer,
        at: usize,
        names: &Names,
    ) -> Result<Option<Versioned>, Fault> {
        let step = &mut self.steps[at];
        let old = tx.get(&step.kind, &step.id)?;
        if old.as_ref().is_some_and(|old| !self.session.sees_stored(old)) {
            return Err(Fault::forbidden("this id cannot be written"));
        }
        let content = step.content.take().map(|content| content.renamed(names));
        let asked = step.expect;
        let done = match (&step.method, content) {
            (Method::Post, Some(person)) if step.known => {
                patient_index::register(tx, writer, person.open()).map(Some)
            }
            (Method::Patch(patch), _) => {
                let old = old.filter(|o| !o.deleted).ok_or_else(|| Fault::not_found("no such resource"))?;
                let after = patch.apply(&old.body)?;
                check(&after)?;
                self.session.may_write(&after)?;
                let expect =
                    if asked == Precondition::None { Precondition::Version(old.version) } else { asked };
                writer.put(tx, after, expect, "transaction").map(Some)
            }
            (Method::Post, Some(person))
                if step.kind == "Patient" && patient_index::known(tx, person.value())?.is_some() =>
            {
                Err(Fault::invalid("two entries of the bundle are about the same person"))
            }
            (_, Some(Content::Ready(draft))) => writer.put_draft(tx, *draft, asked, "transaction").map(Some),
            (_, Some(Content::Open(resource))) => writer.put(tx, resource, asked, "transaction").map(Some),
            (_, None) => {
                if let Some(old) = old.filter(|o| !o.deleted) {
                    self.session.may_write(&old.body)?;
                }
                writer.delete(tx, &step.kind, &step.id, asked).map(|_| None)
            }
        };
        done.map_err(|fault| match (fault.kind, asked) {
            (FaultKind::Conflict, Precondition::Version(_)) => Fault { kind: FaultKind::Unmet, ..fault },
            _ => fault,
        })
    }
}

/// The conditional references of a resource (http.html#trules): `Patient?identifier=x`.
fn conditional_references(
    value: &Value,
    reading: Reading<'_>,
    wanted: &mut BTreeMap<String, Criteria>,
) -> Result<(), Fault> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|v| conditional_references(v, reading, wanted)),
        Value::Object(object) => {
            for (key, item) in object.iter() {
                match item.as_str() {
                    Some(text) if key == "reference" && text.contains('?') && !text.contains("://") => {
                        if !wanted.contains_key(text) {
                            wanted.insert(
                                text.to_owned(),
                                Criteria::of_url(text, reading).map_err(|f| f.at(key))?,
                            );
                        }
                    }
                    _ => conditional_references(item, reading, wanted)?,
                }
            }
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Whether a reference bears one of the names.
fn names_any(value: &Value, names: &Names) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|v| names_any(v, names)),
        Value::Object(object) => object.iter().any(|(key, item)| match item.as_str() {
            Some(text) => key == "reference" && names.contains_key(text),
            None => names_any(item, names),
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// References to the full URL of another entry become references to what it is written as.
pub(crate) fn resolve(value: &mut Value, targets: &Names) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|v| resolve(v, targets)),
        Value::Object(object) => {
            for (key, item) in object.iter_mut() {
                let target =
                    (key == "reference").then(|| item.as_str().and_then(|r| targets.get(r))).flatten();
                match target {
                    Some(target) => *item = Value::from(target.as_str()),
                    None => resolve(item, targets),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn in_entry(fault: Fault, n: usize) -> Fault {
    let place = match fault.place.as_str() {
        "" => format!("Bundle.entry[{n}]"),
        place if place.starts_with("Bundle.entry") => place.to_owned(),
        place if place.starts_with("request") => format!("Bundle.entry[{n}].{place}"),
        place => format!("Bundle.entry[{n}].resource.{place}"),
    };
    Fault { place, ..fault }
}
