//! Report templates of this house, beside those that a department brings: kept as documents by who administers or signs reports.

use crate::audit::Act;
use crate::session::Session;
use badiano_kernel::Fault;
use badiano_kernel::principal::Role;
use badiano_store::{Expect, Tx};

/// Templates that a house keeps.
const TEMPLATES_MAX: usize = 500;
const KIND: &str = "report-template";

impl Session {
    /// Every template of the house, as its department wrote it.
    pub fn house_templates(&self) -> Result<Vec<Vec<u8>>, Fault> {
        self.own_account()?;
        self.note(Act::Read, "report-templates", &[], "report templates")?;
        let all = self.node().store().read(|view| view.documents(KIND, ""))?;
        Ok(all.into_iter().map(|d| d.body).collect())
    }

    /// Keeps a template, in the place of an earlier one of the same id.
    pub async fn keep_template(&self, id: &str, body: Vec<u8>) -> Result<(), Fault> {
        self.sees_to_templates()?;
        let (id, writer) = (id.to_owned(), self.writer());
        let keep = move |tx: &mut Tx<'_>| {
            if tx.document(KIND, &id)?.is_none() && tx.documents(KIND, "")?.len() >= TEMPLATES_MAX {
                return Err(Fault::too_costly("a house keeps at most 500 templates"));
            }
            tx.put_document(KIND, &id, &body, Expect::Any, writer.now)?;
            writer.leaf(tx, Act::Update, "keep-template", &[], &id)
        };
        self.node().store().write(keep).await
    }

    /// Takes a template away; reports that were written from it stay as they are.
    pub async fn drop_template(&self, id: &str) -> Result<(), Fault> {
        self.sees_to_templates()?;
        let (id, writer) = (id.to_owned(), self.writer());
        let take_away = move |tx: &mut Tx<'_>| {
            tx.document(KIND, &id)?.ok_or_else(|| Fault::not_found("no such template of this house"))?;
            tx.delete_document(KIND, &id, writer.now)?;
            writer.leaf(tx, Act::Delete, "drop-template", &[], &id)
        };
        self.node().store().write(take_away).await
    }

    fn sees_to_templates(&self) -> Result<(), Fault> {
        self.own_account()?;
        if self.principal().has_role(Role::Administrator) || self.principal().has_role(Role::Radiologist) {
            return Ok(());
        }
        Err(Fault::forbidden("templates are seen to by who administers or signs reports"))
    }
}
