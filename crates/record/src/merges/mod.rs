//! Records of one person joined and parted again (FHIR R4 Patient.link; HL7 v2 A40, IHE PIR and PMIR). Nothing is rewritten: the data
//! stay under the record that they came with, questions about the one that is kept reach them, and parting gives both back.

use crate::class::DataClass;
use crate::patient_index::{curp_in, patients_of_curp};
use crate::resources::{Precondition, Writer};
use crate::session::Session;
use badiano_fhir::search::{Filter, Test};
use badiano_fhir::{Value, fhir};
use badiano_kernel::Fault;
use badiano_store::{Expect, Tx, View, pat_of};

/// Under the record that was replaced: the one that replaces it.
const MERGED: &str = "merged";
/// Under the record that is kept: those that it replaces.
const ABSORBED: &str = "absorbed";
/// Merges of merges that are followed.
const HOPS_MAX: usize = 16;

/// The record that stands for this one now: itself, unless it was merged.
pub(crate) fn survivor(view: &View<'_>, id: &str) -> Result<String, Fault> {
    let mut id = id.to_owned();
    for _ in 0..HOPS_MAX {
        match view.document(MERGED, &id)?.and_then(|d| String::from_utf8(d.body).ok()) {
            Some(into) => id = into,
            None => break,
        }
    }
    Ok(id)
}

/// Every record that was merged into this one, those that were merged into them too.
pub(crate) fn absorbed(view: &View<'_>, id: &str) -> Result<Vec<String>, Fault> {
    let mut all = direct(view, id)?;
    let mut next = 0;
    while next < all.len() {
        let more = direct(view, &all[next])?;
        all.extend(more);
        next += 1;
    }
    Ok(all)
}

fn direct(view: &View<'_>, id: &str) -> Result<Vec<String>, Fault> {
    let document = view.document(ABSORBED, id)?;
    Ok(document.and_then(|d| serde_json::from_slice(&d.body).ok()).unwrap_or_default())
}

/// A question about a record is one about those that it replaces, too.
pub(crate) fn widen(view: &View<'_>, filter: &mut Filter) -> Result<(), Fault> {
    match filter {
        Filter::All(all) | Filter::Any(all) => all.iter_mut().try_for_each(|one| widen(view, one)),
        Filter::Not(one) | Filter::Chain { filter: one, .. } | Filter::Has { filter: one, .. } => {
            widen(view, one)
        }
        Filter::Param { any_of, .. } => {
            let mut more = Vec::new();
            for test in any_of.iter() {
                if let Test::Reference { kind, id, .. } = test
                    && kind.as_deref().is_none_or(|kind| kind == "Patient")
                {
                    more.extend(absorbed(view, id)?.into_iter().map(|other| {
                        let mut test = test.clone();
                        if let Test::Reference { id, .. } = &mut test {
                            *id = other.into();
                        }
                        test
                    }));
                }
            }
            any_of.extend(more);
            Ok(())
        }
        Filter::Compartment { name, id } if &**name == "Patient" => {
            let others = absorbed(view, id)?;
            if !others.is_empty() {
                let of = |id: String| Filter::Compartment { name: "Patient".into(), id: id.into() };
                let all = others.into_iter().chain([id.to_string()]).map(of);
                *filter = Filter::Any(all.collect());
            }
            Ok(())
        }
        Filter::Compartment { .. } => Ok(()),
    }
}

/// The one patient says who replaces it, and stays as it was otherwise.
pub(crate) fn merge(tx: &mut Tx<'_>, writer: &Writer, from: &str, into: &str) -> Result<(), Fault> {
    let kept = survivor(tx, into)?;
    let stands = survivor(tx, from)?;
    if stands == kept {
        let reversed = kept == from && into != from;
        let text = "they are merged the other way round: part them first";
        return if reversed { Err(Fault::conflict(text)) } else { Ok(()) };
    }
    if stands != from {
        return Err(Fault::conflict("the record is merged into another: part them first"));
    }
    let into = kept;
    let gone = || Fault::not_found("no such patient to merge");
    let mut old = tx.get("Patient", from)?.filter(|p| !p.deleted).ok_or_else(gone)?.body;
    let mut kept = tx.get("Patient", &into)?.filter(|p| !p.deleted).ok_or_else(gone)?.body;
    tx.put_document(MERGED, from, into.as_bytes(), Expect::Any, writer.now)?;
    let mut all = direct(tx, &into)?;
    all.push(from.to_owned());
    put_list(tx, ABSORBED, &into, &all, writer)?;
    // What the person said of consent, and their right to see, reach the data of both from now on.
    if let Some(curp) = curp_in(&kept).filter(|_| curp_in(&old).is_none()) {
        let mut bearers = patients_of_curp(tx, &curp)?;
        for id in absorbed(tx, from)?.into_iter().chain([from.to_owned()]) {
            if !bearers.contains(&id) {
                bearers.push(id);
            }
        }
        put_list(tx, "curp", &curp, &bearers, writer)?;
    }
    let link =
        |id: &str, kind: &str| fhir!({ "other": { "reference": (format!("Patient/{id}")) }, "type": kind });
    old.set("active", false);
    old.push("link", link(&into, "replaced-by"));
    kept.push("link", link(from, "replaces"));
    writer.put(tx, old, Precondition::None, "merge")?;
    writer.put(tx, kept, Precondition::None, "merge")?;
    Ok(())
}

/// Parts what was merged: each has again what is its own. Gives the record that it had been merged into.
pub(crate) fn unmerge(tx: &mut Tx<'_>, writer: &Writer, from: &str) -> Result<String, Fault> {
    let into = tx.document(MERGED, from)?.and_then(|d| String::from_utf8(d.body).ok());
    let into = into.ok_or_else(|| Fault::conflict("this record is not merged"))?;
    tx.delete_document(MERGED, from, writer.now)?;
    let mut all = direct(tx, &into)?;
    all.retain(|id| id != from);
    put_list(tx, ABSORBED, &into, &all, writer)?;
    let gone = || Fault::bug("a merged patient is not there");
    let mut old = tx.get("Patient", from)?.ok_or_else(gone)?.body;
    let mut kept = tx.get("Patient", &into)?.ok_or_else(gone)?.body;
    let own_curp = curp_in(&old);
    if let Some(curp) = curp_in(&kept).filter(|curp| own_curp.as_ref() != Some(curp)) {
        let mut bearers = patients_of_curp(tx, &curp)?;
        let parted = absorbed(tx, from)?;
        bearers.retain(|id| id != from && !parted.contains(id));
        put_list(tx, "curp", &curp, &bearers, writer)?;
    }
    give_back(tx, &old, &mut kept, &into, writer)?;
    unlink(&mut old, &into);
    unlink(&mut kept, from);
    old.set("active", true);
    writer.put(tx, old, Precondition::None, "unmerge")?;
    writer.put(tx, kept, Precondition::None, "unmerge")?;
    Ok(into)
}

/// Numbers of the one that came to the other while they were one.
fn give_back(
    tx: &mut Tx<'_>,
    from: &Value,
    kept: &mut Value,
    into: &str,
    writer: &Writer,
) -> Result<(), Fault> {
    let same = |a: &Value, b: &Value| {
        a.str_of("system") == b.str_of("system") && a.str_of("value") == b.str_of("value")
    };
    let mut own = Vec::new();
    for identifier in kept["identifier"].items() {
        let shared = from["identifier"].items().iter().any(|i| same(i, identifier));
        let key = format!("{}|{}", identifier.str_of("system"), identifier.str_of("value"));
        let first = tx.document("identifier", &key)?;
        let was_theirs = shared && first.is_some_and(|d| d.body == from.id().as_bytes());
        if !was_theirs {
            own.push(identifier.clone());
            continue;
        }
        let number = identifier.str_of("value");
        let mut bearers = crate::patient_index::bearers_of(tx, number)?;
        bearers.retain(|id| id != into);
        put_list(tx, "patient-number", number, &bearers, writer)?;
    }
    if own.is_empty() {
        kept.as_object_mut().map(|object| object.remove("identifier"));
    } else {
        kept.set("identifier", Value::Array(own));
    }
    Ok(())
}

fn unlink(patient: &mut Value, other: &str) {
    let reference = format!("Patient/{other}");
    let kept: Vec<Value> = patient["link"]
        .items()
        .iter()
        .filter(|l| l["other"].str_of("reference") != reference)
        .cloned()
        .collect();
    if let Some(object) = patient.as_object_mut() {
        object.remove("link");
    }
    if !kept.is_empty() {
        patient.set("link", Value::Array(kept));
    }
}

fn put_list(tx: &mut Tx<'_>, kind: &str, key: &str, ids: &[String], writer: &Writer) -> Result<(), Fault> {
    let body = serde_json::to_vec(ids).map_err(|_| Fault::bug("ids are always printable"))?;
    tx.put_document(kind, key, &body, Expect::Any, writer.now).map(|_| ())
}

impl Session {
    /// Joins two records of one person; who may write who a patient is may do it.
    pub async fn merge_patients(&self, from: &str, into: &str) -> Result<(), Fault> {
        self.may_tell_who_is_who(&[from, into])?;
        let (writer, from, into) = (self.writer(), from.to_owned(), into.to_owned());
        self.node().store().write(move |tx| merge(tx, &writer, &from, &into)).await
    }

    /// Parts them again; gives the record that was kept.
    pub async fn unmerge_patients(&self, from: &str) -> Result<String, Fault> {
        self.may_tell_who_is_who(&[from])?;
        let (writer, id) = (self.writer(), from.to_owned());
        let into = self.node().store().write(move |tx| unmerge(tx, &writer, &id)).await?;
        crate::consent_register::forget(self.node(), from)?;
        Ok(into)
    }

    /// Both must be visible, and identity be this principal's to write.
    pub(crate) fn may_tell_who_is_who(&self, ids: &[&str]) -> Result<(), Fault> {
        self.may_write(&fhir!({ "resourceType": "Patient" }))?;
        self.may_read_classes(DataClass::Demographics.bit())?;
        for id in ids {
            let stub = badiano_store::Stub {
                kind: "Patient".into(),
                id: (*id).to_owned(),
                pat: pat_of(id),
                class: DataClass::Demographics.bit(),
                source: String::new(),
            };
            let known = self.node().store().read(|view| view.get("Patient", id))?;
            if known.is_none_or(|p| p.deleted) || !self.sees(&stub) {
                return Err(Fault::not_found("no such patient"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
