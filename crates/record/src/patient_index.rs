//! Who the patient is: one record a person at this node, found by CURP or by an institution's own number (IHE PIXm, PMIR).

use crate::access::Action;
use crate::audit::Act;
use crate::class::DataClass;
use crate::merges;
use crate::resources::{self, Precondition, Versioned, Writer};
use crate::session::{Session, versioned};
use badiano_fhir::Value;
use badiano_fhir::search::{Filter, Query, Test};
use badiano_kernel::{Fault, Instant, id::LogicalId};
use badiano_mexico::curp::{self, Curp};
use badiano_mexico::naming;
use badiano_store::{Expect, Tx, View, pat_of};
use serde::{Deserialize, Serialize};

/// What the index keeps of one patient beside the resource, to go from the store's number back to the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientKey {
    pub id: String,
    pub curp: Option<String>,
}

/// Where data about a person are held: kept by the hub, fed by the nodes (the locator).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    pub institution: String,
    pub since: i64,
}

/// The CURP of a Patient resource, where it is one; generic ones ("no CURP") are none.
pub fn curp_in(patient: &Value) -> Option<String> {
    let identifiers = patient["identifier"].items().iter();
    let text = identifiers
        .filter(|i| naming::is_curp_system(i.str_of("system")))
        .map(|i| i.str_of("value"))
        .next()?;
    if curp::is_generic(text) {
        return None;
    }
    Curp::parse(text).ok().map(|c| c.as_str().to_owned())
}

/// The CURP of a patient of this node.
pub fn curp_of(view: &View<'_>, patient: &str) -> Result<Option<String>, Fault> {
    Ok(key_of(view, pat_of(patient))?.and_then(|k| k.curp))
}

/// From the store's number back to the patient.
pub(crate) fn key_of(view: &View<'_>, pat: i64) -> Result<Option<PatientKey>, Fault> {
    Ok(view.document("pat", &pat.to_string())?.and_then(|d| serde_json::from_slice(&d.body).ok()))
}

/// The patients of this node that bear a CURP; more than one only until they are merged.
pub fn patients_of_curp(view: &View<'_>, curp: &str) -> Result<Vec<String>, Fault> {
    let document = view.document("curp", curp)?;
    Ok(document.and_then(|d| serde_json::from_slice(&d.body).ok()).unwrap_or_default())
}

/// Writes the person as known, or a new version of who is known already. In one commit; returns the local id.
///
/// A CURP decides alone. Without it, an identifier with its issuer does. Two patients are never made one by a name.
pub(crate) fn register(tx: &mut Tx<'_>, writer: &Writer, mut patient: Value) -> Result<Versioned, Fault> {
    let curp = curp_in(&patient);
    let known = find(tx, &patient, curp.as_deref())?;
    let id = known.clone().unwrap_or_else(|| LogicalId::random().as_str().to_owned());
    patient.set("id", id.as_str());
    if let Some(old) = tx.get("Patient", &id)?.filter(|o| !o.deleted) {
        let merged = carry_over(&old.body, patient);
        if same_content(&old.body, &merged) {
            return Ok(versioned(old));
        }
        patient = merged;
    }
    writer.put(tx, patient, Precondition::None, "register")
}

fn find(tx: &Tx<'_>, patient: &Value, curp: Option<&str>) -> Result<Option<String>, Fault> {
    if let Some(curp) = curp
        && let Some(id) = patients_of_curp(tx, curp)?.into_iter().next()
    {
        return merges::survivor(tx, &id).map(Some);
    }
    for identifier in patient["identifier"].items() {
        let Some(key) = identifier_key(identifier) else { continue };
        let Some(document) = tx.document("identifier", &key)? else { continue };
        let id = String::from_utf8(document.body).map_err(|_| Fault::bug("an identifier points to no id"))?;
        // The same number with another CURP is another person, or a mistake that a person must look at.
        let other = curp_of(tx, &id)?;
        if curp.is_none() || other.is_none() || other.as_deref() == curp {
            return merges::survivor(tx, &id).map(Some);
        }
    }
    Ok(None)
}

fn identifier_key(identifier: &Value) -> Option<String> {
    let (system, value) = (identifier.str_of("system"), identifier.str_of("value"));
    let useful = !system.is_empty() && !value.is_empty() && !naming::is_curp_system(system);
    useful.then(|| format!("{system}|{value}"))
}

/// The local id of a person who is known by CURP or by an issuer's number.
pub(crate) fn known(tx: &Tx<'_>, patient: &Value) -> Result<Option<String>, Fault> {
    find(tx, patient, curp_in(patient).as_deref())
}

/// Keeps the ways from CURP and numbers to the person; every write of a Patient goes through here.
pub(crate) fn keep_keys(tx: &mut Tx<'_>, patient: &Value, id: &str, now: Instant) -> Result<(), Fault> {
    let curp = curp_in(patient);
    let curp = curp.as_deref();
    let key = PatientKey { id: id.to_owned(), curp: curp.map(str::to_owned) };
    let body = serde_json::to_vec(&key).map_err(|_| Fault::bug("a key is always printable"))?;
    tx.put_document("pat", &pat_of(id).to_string(), &body, Expect::Any, now)?;
    if let Some(curp) = curp {
        let mut ids = patients_of_curp(tx, curp)?;
        if !ids.iter().any(|i| i == id) {
            ids.push(id.to_owned());
            let body = serde_json::to_vec(&ids).map_err(|_| Fault::bug("ids are always printable"))?;
            tx.put_document("curp", curp, &body, Expect::Any, now)?;
        }
    }
    for identifier in patient["identifier"].items() {
        let number = identifier.str_of("value");
        let mut bearers = bearers_of(tx, number)?;
        if !number.is_empty() && !bearers.iter().any(|b| b == id) {
            bearers.push(id.to_owned());
            let body = serde_json::to_vec(&bearers).map_err(|_| Fault::bug("ids are always printable"))?;
            tx.put_document("patient-number", number, &body, Expect::Any, now)?;
        }
        if let Some(key) = identifier_key(identifier)
            && tx.document("identifier", &key)?.is_none()
        {
            tx.put_document("identifier", &key, id.as_bytes(), Expect::Any, now)?;
        }
    }
    Ok(())
}

/// Everybody who bears a number, whoever issued it: for objects that do not say the issuer.
pub(crate) fn bearers_of(view: &View<'_>, number: &str) -> Result<Vec<String>, Fault> {
    let document = view.document("patient-number", number)?;
    Ok(document.and_then(|d| serde_json::from_slice(&d.body).ok()).unwrap_or_default())
}

/// The patient who bears a number of one issuer.
pub(crate) fn by_identifier(view: &View<'_>, system: &str, number: &str) -> Result<Option<String>, Fault> {
    let document = view.document("identifier", &format!("{system}|{number}"))?;
    let id = document.and_then(|d| String::from_utf8(d.body).ok());
    id.map(|id| merges::survivor(view, &id)).transpose()
}

/// The patient who bears a CURP, or a number of one issuer.
pub(crate) fn bearer(view: &View<'_>, system: &str, value: &str) -> Result<Option<String>, Fault> {
    if !naming::is_curp_system(system) {
        return by_identifier(view, system, value);
    }
    let first = patients_of_curp(view, value)?.into_iter().next();
    first.map(|id| merges::survivor(view, &id)).transpose()
}

/// What the new message does not say stays as it was; identifiers add up.
pub(crate) fn carry_over(old: &Value, mut new: Value) -> Value {
    for (key, value) in old.as_object().into_iter().flat_map(badiano_fhir::value::Object::iter) {
        if new[key].is_null() {
            new.set(key, value.clone());
        }
    }
    for identifier in old["identifier"].items() {
        let same = |i: &Value| {
            i.str_of("system") == identifier.str_of("system")
                && i.str_of("value") == identifier.str_of("value")
        };
        if !new["identifier"].items().iter().any(same) {
            new.push("identifier", identifier.clone());
        }
    }
    new
}

fn same_content(a: &Value, b: &Value) -> bool {
    let bare = |v: &Value| {
        let mut v = v.clone();
        if let Some(o) = v.as_object_mut() {
            o.remove("meta");
            o.remove("id");
        }
        v
    };
    bare(a) == bare(b)
}

impl Session {
    /// Registers a person from a door that feeds identities (ADT, PMIR, the hospital's own page).
    pub async fn register_patient(&self, patient: Value) -> Result<Versioned, Fault> {
        resources::check(&patient)?;
        self.scope_allows("Patient", Action::Write)?;
        self.may_write(&patient)?;
        let writer = self.writer();
        self.node().store().write(move |tx| register(tx, &writer, patient)).await
    }

    /// The id of a patient by the name in an address: the guide writes `Patient/{curp}`. Anything else stays as it is.
    pub fn local_id(&self, kind: &str, name: &str) -> Result<String, Fault> {
        let known = self.node().store().read(|view| by_curp(view, kind, name))?;
        Ok(known.unwrap_or_else(|| name.to_owned()))
    }

    /// The same in a question: `patient={curp}`, `subject=Patient/{curp}`; and what was merged into a patient is asked for with it.
    pub(crate) fn with_local_ids(&self, query: &Query) -> Result<Query, Fault> {
        let mut query = query.clone();
        let mut filters = std::mem::take(&mut query.filters);
        let name = |view: &View<'_>| {
            filters.iter_mut().try_for_each(|filter| {
                name_locally(view, filter)?;
                merges::widen(view, filter)
            })
        };
        self.node().store().read(name)?;
        Ok(Query { filters, ..query })
    }

    /// A person by CURP, as this node knows them.
    pub fn patient_by_curp(&self, curp: &str) -> Result<Versioned, Fault> {
        let curp = Curp::parse(curp).map_err(|e| Fault::invalid(e.to_string()))?;
        let ids = self.node().store().read(|view| patients_of_curp(view, curp.as_str()))?;
        let Some(id) = ids.into_iter().next() else {
            self.note_refused("patient-by-curp", "Patient")?;
            return Err(Fault::not_found("no such person"));
        };
        self.read("Patient", &id)
    }

    /// Hub: notes that an institution holds data about a person, and who they are.
    pub async fn note_holding(&self, patient: Value, institution: &str) -> Result<(), Fault> {
        resources::check(&patient)?;
        self.hub_takes_registration(institution)?;
        let writer = self.writer();
        let institution = institution.to_owned();
        self.node()
            .store()
            .write(move |tx| {
                let person = register(tx, &writer, patient)?;
                let id = person.resource.id().to_owned();
                let mut all = holdings(tx, &id)?;
                if all.iter().all(|h| h.institution != institution) {
                    all.push(Holding { institution, since: writer.now.micros });
                    let body =
                        serde_json::to_vec(&all).map_err(|_| Fault::bug("holdings are always printable"))?;
                    tx.put_document("holding", &id, &body, Expect::Any, writer.now)?;
                }
                Ok(())
            })
            .await
    }

    /// Hub: whether an institution would be asked at all: one from which everything is closed to this session is not contacted.
    pub fn may_ask(&self, patient: &str, source: &str) -> bool {
        let stub = |class: DataClass| badiano_store::Stub {
            kind: String::new(),
            id: String::new(),
            pat: pat_of(patient),
            class: class.bit(),
            source: source.to_owned(),
        };
        let clinical = |c: &DataClass| !matches!(c, DataClass::Demographics | DataClass::Public);
        DataClass::ALL.into_iter().filter(clinical).any(|class| self.sees(&stub(class)))
    }

    fn hub_takes_registration(&self, institution: &str) -> Result<(), Fault> {
        match self.principal() {
            badiano_kernel::Principal::Node { institution: own, .. } if own == institution => Ok(()),
            _ => Err(Fault::forbidden("an institution registers only what it holds itself")),
        }
    }

    /// Hub: the institutions that hold data about a person; never asked of anybody else.
    pub fn holdings_of(&self, patient: &str) -> Result<Vec<Holding>, Fault> {
        self.may_read_classes(DataClass::Demographics.bit())?;
        self.note(Act::Execute, "locate", &[patient.to_owned()], "holdings")?;
        self.node().store().read(|view| all_holdings(view, patient))
    }
}

fn by_curp(view: &View<'_>, kind: &str, name: &str) -> Result<Option<String>, Fault> {
    match Curp::parse(name) {
        Ok(curp) if kind == "Patient" => Ok(patients_of_curp(view, curp.as_str())?.into_iter().next()),
        _ => Ok(None),
    }
}

fn name_locally(view: &View<'_>, filter: &mut Filter) -> Result<(), Fault> {
    match filter {
        Filter::All(all) | Filter::Any(all) => all.iter_mut().try_for_each(|one| name_locally(view, one)),
        Filter::Not(one) | Filter::Chain { filter: one, .. } | Filter::Has { filter: one, .. } => {
            name_locally(view, one)
        }
        Filter::Param { any_of, .. } => {
            for test in any_of {
                if let Test::Reference { kind, id, .. } = test
                    && let Some(local) = by_curp(view, kind.as_deref().unwrap_or("Patient"), id)?
                {
                    (*kind, *id) = (Some("Patient".into()), local.into());
                }
            }
            Ok(())
        }
        Filter::Compartment { .. } => Ok(()),
    }
}

fn holdings(view: &View<'_>, patient: &str) -> Result<Vec<Holding>, Fault> {
    let document = view.document("holding", patient)?;
    Ok(document.and_then(|d| serde_json::from_slice(&d.body).ok()).unwrap_or_default())
}

/// Hub: whether an institution has registered something about a person.
pub(crate) fn holds(view: &View<'_>, curp: &str, institution: &str) -> Result<bool, Fault> {
    for id in patients_of_curp(view, curp)? {
        if all_holdings(view, &id)?.iter().any(|h| h.institution == institution) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Those of a record and of all that were merged into it, each institution once.
fn all_holdings(view: &View<'_>, patient: &str) -> Result<Vec<Holding>, Fault> {
    let mut all = holdings(view, patient)?;
    for other in merges::absorbed(view, patient)? {
        for holding in holdings(view, &other)? {
            if all.iter().all(|h| h.institution != holding.institution) {
                all.push(holding);
            }
        }
    }
    Ok(all)
}
