//! Flags of free text as a clinician sees and clears them: what the words of a resource were taken for, and by whom it was looked at.

use crate::audit::Act;
use crate::resources::{Precondition, Versioned, Writer};
use crate::session::Session;
use crate::text_flags::{self, CLEARED, Flag};
use badiano_fhir::{Value, fhir, search};
use badiano_kernel::principal::Role;
use badiano_kernel::{Fault, Principal};
use badiano_store::Expect;
use serde::{Deserialize, Serialize};

/// Shortest and longest reason of a clearing, in characters.
const REASON_MIN: usize = 5;
const REASON_MAX: usize = 1000;
/// Documents: by type and id, what was cleared.
const KEPT: &str = "text-flag-cleared";

/// A clinician has read a text and found that it does not tell of a matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Clearing {
    class: String,
    /// The text that was read.
    mark: String,
    by: String,
    when: String,
    reason: String,
}

impl Writer {
    /// Tags of clearing stand only where a clinician has cleared this text: those that came along are taken out, those kept put in.
    pub(crate) fn settle_flags(&self, resource: &mut Value) -> Result<(), Fault> {
        let is_tag = |tag: &Value| tag.str_of("system") == CLEARED;
        let claimed = resource["meta"]["tag"].items().iter().any(is_tag);
        if claimed {
            let kept: Vec<Value> =
                resource["meta"]["tag"].items().iter().filter(|t| !is_tag(t)).cloned().collect();
            let mut meta = resource["meta"].clone();
            meta.set("tag", Value::Array(kept));
            if meta["tag"].items().is_empty() {
                meta.as_object_mut().map(|o| o.remove("tag"));
            }
            resource.set("meta", meta);
        }
        let flags = text_flags::flags_of(resource);
        if flags.is_empty() {
            return Ok(());
        }
        let name = format!("{}/{}", resource.resource_type(), resource.id());
        let document = self.node().store().read(|view| view.document(KEPT, &name))?;
        let cleared: Vec<Clearing> =
            document.and_then(|d| serde_json::from_slice(&d.body).ok()).unwrap_or_default();
        let holds = |f: &&Flag| cleared.iter().any(|c| c.class == f.class.code() && c.mark == f.mark);
        for flag in flags.iter().filter(holds) {
            let mut meta =
                if resource["meta"].is_null() { Value::object() } else { resource["meta"].clone() };
            meta.push("tag", tag_of(flag));
            resource.set("meta", meta);
        }
        Ok(())
    }
}

fn tag_of(flag: &Flag) -> Value {
    fhir!({ "system": CLEARED, "version": (flag.mark.as_str()), "code": (flag.class.code()) })
}

impl Session {
    /// What the free text of a resource was taken for.
    pub fn text_flags(&self, kind: &str, id: &str) -> Result<Vec<Flag>, Fault> {
        Ok(text_flags::flags_of(&self.read(kind, id)?.resource))
    }

    /// A clinician has read the text and says that it does not tell of this matter. Kept with who and why, and audited; another text
    /// is flagged anew.
    pub async fn clear_text_flag(
        &self,
        kind: &str,
        id: &str,
        class: &str,
        reason: &str,
        expect: Precondition,
    ) -> Result<Versioned, Fault> {
        let by = match self.principal() {
            Principal::Staff(staff)
                if staff.roles.iter().any(|r| matches!(r, Role::Clinician | Role::Radiologist)) =>
            {
                staff.clone()
            }
            _ => return Err(Fault::forbidden("a flag is cleared by a clinician of this institution")),
        };
        let reason = reason.trim();
        if !(REASON_MIN..=REASON_MAX).contains(&reason.chars().count()) {
            return Err(Fault::invalid("a reason has 5 to 1000 characters").at("reason"));
        }
        let stored = self.read(kind, id)?;
        let flags = text_flags::flags_of(&stored.resource);
        let flag = flags.into_iter().find(|f| f.class.code() == class && !f.cleared);
        let flag = flag.ok_or_else(|| Fault::not_found("the text has no such flag").at("class"))?;
        let clearing = Clearing {
            class: flag.class.code().to_owned(),
            mark: flag.mark,
            by: format!("{} ({})", by.name, by.cedula.as_deref().unwrap_or(&by.account)),
            when: self.now().to_rfc3339(),
            reason: reason.to_owned(),
        };
        let mut writer = self.writer();
        writer.reason = Some(reason.to_owned());
        let (name, patients) = (format!("{kind}/{id}"), search::compartment_patients(&stored.resource));
        // Kept before it counts: a crash between the two leaves the flag standing.
        let kept = writer.clone();
        self.node()
            .store()
            .write(move |tx| {
                let mut all: Vec<Clearing> = match tx.document(KEPT, &name)? {
                    Some(d) => serde_json::from_slice(&d.body)
                        .map_err(|_| Fault::bug("what was cleared cannot be read"))?,
                    None => Vec::new(),
                };
                all.retain(|c| c.class != clearing.class);
                all.push(clearing);
                let body = serde_json::to_vec(&all).map_err(|_| Fault::bug("it is always printable"))?;
                tx.put_document(KEPT, &name, &body, Expect::Any, kept.now)?;
                kept.leaf(tx, Act::Update, "clear-text-flag", &patients, &name)
            })
            .await?;
        let expect =
            if expect == Precondition::None { Precondition::Version(stored.version) } else { expect };
        self.update(stored.resource, expect).await
    }
}
