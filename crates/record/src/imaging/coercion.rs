//! The archive's rules that correct headers: kept in versions, tried on a file, switched on, followed when an object arrives (PS3.4 B.4.1.3).

use super::arrive::bears;
use super::scheduled::worklist_entry;
use crate::access::Action;
use crate::audit::Act;
use crate::node::Node;
use crate::operate::OPERATE;
use crate::orders::{self, WorklistItem};
use crate::session::Session;
use badiano_dicom::coercion::{Around, Coerced, Followed, RULES_MAX, Rule, coerce};
use badiano_dicom::dataset::DataSet;
use badiano_dicom::part10::Header;
use badiano_dicom::tags;
use badiano_kernel::{Fault, Principal};
use badiano_store::{Expect, Tx};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::sync::{Arc, RwLock};

const KIND: &str = "coercion-rule";

/// A rule as the archive keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleKept {
    pub rule: Rule,
    /// Followed for what arrives from now on.
    pub active: bool,
    /// Who wrote this version.
    pub by: String,
}

/// What a rule would do to a file that somebody brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    pub followed: Vec<Followed>,
    /// The object can be given with the header as corrected.
    pub can_be_given: bool,
    /// What was read leniently.
    pub issues: Vec<String>,
}

/// The rules that are followed, in the order of their names.
pub(crate) type ActiveRules = RwLock<Arc<Vec<Rule>>>;

/// Reads which rules are followed: at the start, and when one is changed.
pub(crate) fn load(node: &Node) -> Result<(), Fault> {
    let active: Vec<Rule> = kept(node)?.into_iter().filter(|k| k.active).map(|k| k.rule).collect();
    *node.coercion().write().expect("no holder of the rules panics") = Arc::new(active);
    Ok(())
}

fn kept(node: &Node) -> Result<Vec<RuleKept>, Fault> {
    let documents = node.store().read(|view| view.documents(KIND, ""))?;
    Ok(documents.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect())
}

impl Session {
    pub fn coercion_rules(&self) -> Result<Vec<RuleKept>, Fault> {
        self.inspects("coercion rules")?;
        kept(self.node())
    }

    /// Every version of a rule, newest first.
    pub fn coercion_rule_history(&self, name: &str) -> Result<Vec<RuleKept>, Fault> {
        self.inspects("coercion rules")?;
        let all = self.node().store().read(|view| view.document_history(KIND, name))?;
        if all.is_empty() {
            return Err(Fault::not_found("no such rule"));
        }
        Ok(all.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect())
    }

    /// Writes the next version of a rule. It is off until it is switched on, also where an earlier version was followed.
    pub async fn put_coercion_rule(&self, mut rule: Rule) -> Result<RuleKept, Fault> {
        self.administers(Action::Write)?;
        rule.check().map_err(Fault::invalid)?;
        let (by, writer) = (self.principal().to_string(), self.writer());
        let write = move |tx: &mut Tx<'_>| {
            let before: Option<RuleKept> =
                tx.document(KIND, &rule.name)?.and_then(|d| serde_json::from_slice(&d.body).ok());
            if before.is_none() && tx.documents(KIND, "")?.len() >= RULES_MAX {
                return Err(Fault::too_costly("an archive keeps at most 200 rules"));
            }
            rule.version = before.map_or(1, |b| b.rule.version + 1);
            let kept = RuleKept { rule, active: false, by };
            put(tx, &kept, writer.now)?;
            let what = format!("{} version {}", kept.rule.name, kept.rule.version);
            writer.leaf(tx, Act::Update, "coercion-rule", &[], &what)?;
            Ok(kept)
        };
        let kept = self.node().store().write(write).await?;
        load(self.node())?;
        Ok(kept)
    }

    /// Switches a version on, the one that was tried: a newer one is refused. Or off.
    pub async fn set_coercion_rule_active(
        &self,
        name: &str,
        version: u32,
        active: bool,
    ) -> Result<RuleKept, Fault> {
        self.administers(Action::Write)?;
        let (name, writer) = (name.to_owned(), self.writer());
        let write = move |tx: &mut Tx<'_>| {
            let found = tx.document(KIND, &name)?.and_then(|d| serde_json::from_slice(&d.body).ok());
            let mut kept: RuleKept = found.ok_or_else(|| Fault::not_found("no such rule"))?;
            if kept.rule.version != version {
                return Err(Fault::conflict("the rule has another version by now"));
            }
            kept.active = active;
            put(tx, &kept, writer.now)?;
            let what = format!("{name} version {version} {}", if active { "on" } else { "off" });
            writer.leaf(tx, Act::Update, "coercion-rule", &[], &what)?;
            Ok(kept)
        };
        let kept = self.node().store().write(write).await?;
        load(self.node())?;
        Ok(kept)
    }

    /// What a rule, or every one that is on, would do to a file; nothing is stored.
    pub fn try_coercion(&self, header: &Header, ae: &str, rule: Option<&str>) -> Result<Tried, Fault> {
        self.inspects("coercion rules on a file")?;
        let all = kept(self.node())?;
        let rules: Vec<&Rule> = match rule {
            Some(name) => all.iter().map(|k| &k.rule).filter(|r| r.name == name).collect(),
            None => all.iter().filter(|k| k.active).map(|k| &k.rule).collect(),
        };
        if rule.is_some() && rules.is_empty() {
            return Err(Fault::not_found("no such rule"));
        }
        let coerced = self.follow(header, &rules, ae)?;
        Ok(Tried {
            can_be_given: coerced.as_ref().is_none_or(|c| c.pieces(header).is_some()),
            followed: coerced.map(|c| c.followed).unwrap_or_default(),
            issues: header.issues.clone(),
        })
    }

    /// An object that arrives, under the rules that are on.
    pub(super) fn coerced(&self, header: &Header) -> Result<Option<Coerced>, Fault> {
        let rules = self.node().coercion().read().expect("no holder of the rules panics").clone();
        if rules.is_empty() {
            return Ok(None);
        }
        let rules: Vec<&Rule> = rules.iter().collect();
        self.follow(header, &rules, self.sender())
    }

    fn follow(&self, header: &Header, rules: &[&Rule], ae: &str) -> Result<Option<Coerced>, Fault> {
        let failed = RefCell::new(Ok(()));
        let worklist = || match self.entry_of(&header.dataset) {
            Ok(entry) => entry,
            Err(fault) => {
                *failed.borrow_mut() = Err(fault);
                None
            }
        };
        let settings = self.node().settings();
        let around = Around {
            ae,
            institution: self.principal().institution().unwrap_or_default(),
            system: &format!("BADIANO {}", settings.clues),
            now: &self.now().to_compact_in(&settings.zone),
            worklist: &worklist,
        };
        let coerced = coerce(header, rules, &around);
        failed.into_inner()?;
        Ok(coerced)
    }

    /// By what rules know who sends.
    pub(super) fn sender(&self) -> &str {
        match self.principal() {
            Principal::Peer { name, .. } => name,
            Principal::System { scopes, .. } if scopes.iter().any(|s| s == OPERATE) => "import",
            _ => "STOW-RS",
        }
    }

    /// The worklist entry of an object: by its study or accession number, and of its patient. An object without a number is of the
    /// entry only when it bears the study that the entry gave out.
    fn entry_of(&self, set: &DataSet) -> Result<Option<DataSet>, Fault> {
        let text = |tag| set.text(tag).unwrap_or_default();
        let (study, number) = (text(tags::STUDY_INSTANCE_UID), text(tags::PATIENT_ID));
        self.node().store().read(|view| {
            let Some(step) = orders::step_for(view, &study, &text(tags::ACCESSION_NUMBER))? else {
                return Ok(None);
            };
            let is_theirs = match number.as_str() {
                "" => step.study_uid == study,
                number => bears(view, &step.patient, number)?,
            };
            let patient = view.get("Patient", &step.patient)?.filter(|_| is_theirs);
            Ok(patient.map(|p| worklist_entry(&WorklistItem { step, patient: p.body })))
        })
    }

    /// What rules did to the objects of a study: each SOP instance with the rules that it met.
    pub fn coercions_of(&self, study: &str) -> Result<Vec<(String, Vec<Followed>)>, Fault> {
        let all = self.archived(study, None)?;
        Ok(all
            .into_iter()
            .filter_map(|one| one.corrected.map(|c| (one.sop, c.followed().to_vec())))
            .collect())
    }
}

fn put(tx: &mut Tx<'_>, kept: &RuleKept, now: badiano_kernel::Instant) -> Result<(), Fault> {
    let body = serde_json::to_vec(kept).map_err(|_| Fault::bug("a rule is always printable"))?;
    tx.put_document(KIND, &kept.rule.name, &body, Expect::Any, now).map(drop)
}
