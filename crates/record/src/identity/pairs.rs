//! Pairs of records that may be of one person: found as records come, kept until a person has said what they are. What a person said
//! outranks every score, and can be taken back.

use super::likeness::changed;
use super::{Grade, Weighed};
use crate::access::Action;
use crate::audit::Act;
use crate::class::DataClass;
use crate::matching::Band;
use crate::merges;
use crate::node::Node;
use crate::patient_index::curp_in;
use crate::resources::Writer;
use crate::session::Session;
use badiano_fhir::Value;
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_store::{Expect, Tx, View};
use serde::{Deserialize, Serialize};

/// Pairs that wait, by both ids.
const OPEN: &str = "identity-open";
/// Pairs that were decided, by both ids.
const DECIDED: &str = "identity-decided";
/// How far the change log was looked through, and how pairs are treated.
const NODE: &str = "node";
/// Pairs that one record opens at most: more alike ones say that the record says nothing.
const PAIRS_A_RECORD: usize = 10;
/// Changes that may be looked through again after a start.
const SEEN_A_TIME: u64 = 1_000;
/// Letters of a reason.
const REASON_MAX: usize = 1_000;

/// How pairs are treated here; an administrator sets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether pairs with enough bits are joined without anybody being asked.
    pub joins_alone: bool,
    /// From so many bits on (logarithm of the odds to base 2).
    pub automatic_bits: f64,
    /// Pairs with fewer bits are not shown to anybody.
    pub review_bits: f64,
}

impl Default for Policy {
    /// A CURP alone joins without anybody; what is only like is asked of a person.
    fn default() -> Self {
        Policy { joins_alone: false, automatic_bits: 12.0, review_bits: -2.0 }
    }
}

impl Policy {
    fn check(&self) -> Result<(), Fault> {
        let sound = self.automatic_bits.is_finite()
            && self.review_bits.is_finite()
            && self.automatic_bits >= 5.5
            && self.review_bits <= self.automatic_bits;
        if sound {
            Ok(())
        } else {
            Err(Fault::invalid("automatic takes 5.5 bits at least, and no fewer than review"))
        }
    }
}

/// What a pair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// One person: the records are merged.
    Same,
    /// Two people, whatever any score says.
    Different,
    /// Not decided: what was merged is parted, and it waits again.
    Open,
}

/// Two records with what speaks for one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    pub a: String,
    pub b: String,
    /// Logarithm of the odds to base 2.
    pub bits: f64,
    pub grade: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    pub fields: Vec<Weighed>,
    /// RFC 3339.
    pub found: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
}

/// Who said what about a pair, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    pub verdict: Verdict,
    /// The record that is kept, of two that are one person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    pub by: String,
    /// RFC 3339.
    pub at: String,
    pub reason: String,
}

/// A pair with both records as they are now.
#[derive(Debug, Clone)]
pub struct Standing {
    pub pair: Pair,
    pub patients: [Value; 2],
}

fn key(a: &str, b: &str) -> String {
    if a < b { format!("{a}|{b}") } else { format!("{b}|{a}") }
}

fn read(view: &View<'_>, kind: &str, a: &str, b: &str) -> Result<Option<Pair>, Fault> {
    Ok(view.document(kind, &key(a, b))?.and_then(|d| serde_json::from_slice(&d.body).ok()))
}

fn write(tx: &mut Tx<'_>, kind: &str, pair: &Pair, now: Instant) -> Result<(), Fault> {
    let body = serde_json::to_vec(pair).map_err(|_| Fault::bug("a pair is always printable"))?;
    tx.put_document(kind, &key(&pair.a, &pair.b), &body, Expect::Any, now).map(|_| ())
}

fn close(tx: &mut Tx<'_>, pair: &Pair, now: Instant) -> Result<(), Fault> {
    let key = key(&pair.a, &pair.b);
    if tx.document(OPEN, &key)?.is_some() {
        tx.delete_document(OPEN, &key, now)?;
    }
    Ok(())
}

impl Node {
    pub fn identity_policy(&self) -> Result<Policy, Fault> {
        let document = self.store().read(|view| view.document(NODE, "identity-policy"))?;
        let said = document.and_then(|d| serde_json::from_slice(&d.body).ok());
        Ok(said.unwrap_or_default())
    }

    /// Looks at the records that changed since the last time for others that may be of the same person. The number of pairs found.
    pub async fn consider_identities(&self, now: Instant) -> Result<usize, Fault> {
        let policy = self.identity_policy()?;
        let session = self.session(Principal::Job { name: "identity" }, Purpose::Operations, now);
        let kept = self.store().read(|view| view.document(NODE, "identity-seen"))?;
        let kept: u64 = kept.and_then(|d| String::from_utf8(d.body).ok()?.parse().ok()).unwrap_or(0);
        let (people, seen) =
            self.store().read(|view| changed(view, self.likeness().considered().max(kept)))?;
        let Some(seen) = seen else { return Ok(0) };
        let mut pairs: Vec<Pair> = Vec::new();
        for (_, person) in people.into_iter().filter_map(|(id, p)| p.map(|p| (id, p))) {
            let found = self.likeness().matches(self, &person, PAIRS_A_RECORD)?;
            let worth = found.into_iter().filter(|l| l.score.bits >= policy.review_bits);
            pairs.extend(worth.map(|like| Pair {
                a: person.id.to_string(),
                b: like.id,
                bits: like.score.bits,
                grade: match like.score.band {
                    // What the list would join alone, but this house's policy does not, is asked first.
                    Band::Automatic => Grade::Certain.code().into(),
                    Band::Review | Band::NoLink => Grade::of(&like.score).code().into(),
                },
                guard: like.score.guard.map(str::to_owned),
                fields: like.fields,
                found: now.to_rfc3339(),
                decided: None,
            }));
        }
        let writer = session.writer();
        // While nobody is like anybody the place is kept now and then only: it would be a change each time.
        if pairs.is_empty() && seen < kept + SEEN_A_TIME {
            self.likeness().has_considered(seen);
            return Ok(0);
        }
        let opened = self
            .store()
            .write(move |tx| {
                let mut opened = 0;
                for pair in &pairs {
                    opened += usize::from(consider(tx, &writer, pair, &policy)?);
                }
                tx.replace_document(NODE, "identity-seen", seen.to_string().as_bytes(), writer.now)?;
                Ok(opened)
            })
            .await?;
        self.likeness().has_considered(seen);
        Ok(opened)
    }
}

/// Joins or keeps a pair, unless it was decided. Whether it is new.
fn consider(tx: &mut Tx<'_>, writer: &Writer, pair: &Pair, policy: &Policy) -> Result<bool, Fault> {
    let stand = |tx: &Tx<'_>, id: &str| -> Result<Option<Value>, Fault> {
        if merges::survivor(tx, id)? != id {
            return Ok(None);
        }
        Ok(tx.get("Patient", id)?.filter(|p| !p.deleted).map(|p| p.body))
    };
    let (Some(a), Some(b)) = (stand(tx, &pair.a)?, stand(tx, &pair.b)?) else { return Ok(false) };
    if read(tx, DECIDED, &pair.a, &pair.b)?.is_some() {
        return Ok(false);
    }
    let known = read(tx, OPEN, &pair.a, &pair.b)?;
    if policy.joins_alone && pair.guard.is_none() && pair.bits >= policy.automatic_bits {
        let kept = better(&a, &b).to_owned();
        join(tx, writer, pair, &kept, "joined by likeness alone")?;
        return Ok(true);
    }
    if known.as_ref().is_none_or(|k| (k.bits - pair.bits).abs() > 0.01) {
        let found = known.as_ref().map_or(pair.found.clone(), |k| k.found.clone());
        write(tx, OPEN, &Pair { found, ..pair.clone() }, writer.now)?;
    }
    Ok(known.is_none())
}

/// Of two records that are one person, the one to keep: with a CURP, with more numbers, and at last the smaller id.
fn better<'v>(a: &'v Value, b: &'v Value) -> &'v str {
    let rank = |p: &Value| (curp_in(p).is_some(), p["identifier"].items().len());
    let (of_a, of_b) = (rank(a), rank(b));
    if of_a > of_b || (of_a == of_b && a.id() < b.id()) { a.id() } else { b.id() }
}

fn join(tx: &mut Tx<'_>, writer: &Writer, pair: &Pair, kept: &str, reason: &str) -> Result<(), Fault> {
    let gone = if pair.a == kept { &pair.b } else { &pair.a };
    merges::merge(tx, writer, gone, kept)?;
    decide(tx, writer, pair, Verdict::Same, Some(kept), reason)
}

fn decide(
    tx: &mut Tx<'_>,
    writer: &Writer,
    pair: &Pair,
    verdict: Verdict,
    kept: Option<&str>,
    reason: &str,
) -> Result<(), Fault> {
    close(tx, pair, writer.now)?;
    let decided = Decided {
        verdict,
        kept: kept.map(str::to_owned),
        by: writer.principal.to_string(),
        at: writer.now.to_rfc3339(),
        reason: reason.to_owned(),
    };
    write(tx, DECIDED, &Pair { decided: Some(decided), ..pair.clone() }, writer.now)
}

impl Session {
    /// Pairs that wait, most alike first, or those that were decided; with both records, as far as they may be seen.
    pub fn identity_pairs(&self, decided: bool, limit: usize) -> Result<(Vec<Standing>, usize), Fault> {
        self.may_write(&badiano_fhir::fhir!({ "resourceType": "Patient" }))?;
        self.may_read_classes(DataClass::Demographics.bit())?;
        let kind = if decided { DECIDED } else { OPEN };
        let documents = self.node().store().read(|view| view.documents(kind, ""))?;
        let mut pairs: Vec<Pair> =
            documents.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect();
        if decided {
            let when = |p: &Pair| p.decided.as_ref().map(|d| d.at.clone());
            pairs.sort_by_key(|p| std::cmp::Reverse(when(p)));
        } else {
            pairs.sort_by(|x, y| y.bits.total_cmp(&x.bits).then_with(|| x.a.cmp(&y.a)));
        }
        let all = pairs.len();
        let mut standing = Vec::new();
        let mut shown = Vec::new();
        for pair in pairs {
            if standing.len() >= limit {
                break;
            }
            let both = self
                .node()
                .store()
                .read(|view| Ok([view.get("Patient", &pair.a)?, view.get("Patient", &pair.b)?]))?;
            let [Some(a), Some(b)] = both else { continue };
            if a.deleted || b.deleted || !self.sees_stored(&a) || !self.sees_stored(&b) {
                continue;
            }
            shown.extend([pair.a.clone(), pair.b.clone()]);
            standing.push(Standing { pair, patients: [a.body, b.body] });
        }
        shown.sort();
        shown.dedup();
        self.note(Act::Read, "identity-pairs", &shown, "Patient")?;
        Ok((standing, all))
    }

    /// A person says what a pair is, and why. `kept` names the record that stays, of two that are one.
    pub async fn decide_identity(
        &self,
        a: &str,
        b: &str,
        verdict: Verdict,
        kept: Option<&str>,
        reason: &str,
    ) -> Result<(), Fault> {
        self.may_tell_who_is_who(&[a, b])?;
        let reason = reason.trim().to_owned();
        if reason.chars().count() > REASON_MAX {
            return Err(Fault::invalid("a reason has at most 1,000 letters").at("reason"));
        }
        if kept.is_some_and(|kept| kept != a && kept != b) {
            return Err(Fault::invalid("the record that is kept is one of both").at("kept"));
        }
        let (writer, a, b, kept) = (self.writer(), a.to_owned(), b.to_owned(), kept.map(str::to_owned));
        let parted = self
            .node()
            .store()
            .write(move |tx| said(tx, &writer, [&a, &b], verdict, kept.as_deref(), &reason))
            .await?;
        match parted {
            Some(from) => crate::consent_register::forget(self.node(), &from),
            None => Ok(()),
        }
    }

    pub fn identity_policy(&self) -> Result<Policy, Fault> {
        self.inspects("identity policy")?;
        self.node().identity_policy()
    }

    /// What is decided without anybody from now on; what was decided stays.
    pub async fn set_identity_policy(&self, policy: Policy) -> Result<(), Fault> {
        self.administers(Action::Write)?;
        policy.check()?;
        let writer = self.writer();
        let body = serde_json::to_vec(&policy).map_err(|_| Fault::bug("a policy is always printable"))?;
        self.node()
            .store()
            .write(move |tx| {
                tx.put_document(NODE, "identity-policy", &body, Expect::Any, writer.now)?;
                writer.leaf(tx, Act::Update, "identity-policy", &[], "who is joined without being asked")
            })
            .await
    }
}

/// Gives the record that was parted, when one was.
fn said(
    tx: &mut Tx<'_>,
    writer: &Writer,
    [a, b]: [&str; 2],
    verdict: Verdict,
    kept: Option<&str>,
    reason: &str,
) -> Result<Option<String>, Fault> {
    let before = read(tx, DECIDED, a, b)?;
    let pair = match (&before, read(tx, OPEN, a, b)?) {
        (Some(pair), _) => pair.clone(),
        (None, Some(pair)) => pair,
        // Somebody may know what no score has found.
        (None, None) => Pair {
            a: a.to_owned(),
            b: b.to_owned(),
            bits: 0.0,
            grade: String::new(),
            guard: None,
            fields: Vec::new(),
            found: writer.now.to_rfc3339(),
            decided: None,
        },
    };
    let merged = before.and_then(|p| p.decided).filter(|d| d.verdict == Verdict::Same).and_then(|d| d.kept);
    let mut parted = None;
    if let Some(kept) = merged.filter(|_| verdict != Verdict::Same) {
        let gone = if kept == a { b } else { a };
        merges::unmerge(tx, writer, gone)?;
        parted = Some(gone.to_owned());
    }
    let patients: Vec<String> = vec![a.to_owned(), b.to_owned()];
    match verdict {
        Verdict::Same => {
            let body = |id: &str| -> Result<Value, Fault> {
                let found = tx.get("Patient", id)?;
                found.map(|p| p.body).ok_or_else(|| Fault::not_found("no such patient"))
            };
            let (of_a, of_b) = (body(a)?, body(b)?);
            let kept = kept.map_or_else(|| better(&of_a, &of_b).to_owned(), str::to_owned);
            join(tx, writer, &pair, &kept, reason)?;
        }
        Verdict::Different => decide(tx, writer, &pair, verdict, None, reason)?,
        Verdict::Open => {
            let key = key(a, b);
            if tx.document(DECIDED, &key)?.is_some() {
                tx.delete_document(DECIDED, &key, writer.now)?;
            }
            write(tx, OPEN, &Pair { decided: None, ..pair }, writer.now)?;
        }
    }
    writer.leaf(tx, Act::Update, "identity-decision", &patients, &format!("{verdict:?}: {reason}"))?;
    Ok(parted)
}
