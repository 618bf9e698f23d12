//! Staff whom a provider of identity signs in: its `iss` and `sub` (OpenID Connect Core 1.0, section 2), linked to an account by an administrator.

use crate::access::Action;
use crate::accounts::account_of;
use crate::audit::{Act, Outcome};
use crate::node::Node;
use crate::session::Session;
use badiano_kernel::principal::Staff;
use badiano_kernel::{Fault, Instant};
use badiano_store::Expect;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Remembered people without an account; the page shows them with a button to link.
const UNKNOWN_MAX: usize = 100;
/// OpenID Connect Core 1.0, section 2: a `sub` has at most 255 characters.
const SUBJECT_MAX: usize = 255;

/// A person as a provider knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub issuer: String,
    pub subject: String,
}

/// That person, and the account that they enter with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub account: String,
    #[serde(flatten)]
    pub subject: Subject,
}

/// Somebody whom a provider signed in, and whom no account is linked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unlinked {
    #[serde(flatten)]
    pub subject: Subject,
    pub name: String,
    pub seen: String,
}

/// Since the start, by issuer and subject.
pub(crate) type UnlinkedPeople = Mutex<BTreeMap<String, Unlinked>>;

impl Subject {
    fn key(&self) -> String {
        // The length stands before, so that no two pairs have the same text.
        let text = format!("{} {}{}", self.issuer.len(), self.issuer, self.subject);
        BASE64URL.encode(digest(&SHA256, text.as_bytes()))
    }

    fn check(&self) -> Result<(), Fault> {
        if self.subject.is_empty() || self.subject.len() > SUBJECT_MAX || self.issuer.is_empty() {
            return Err(Fault::invalid("a provider names a person by issuer and subject").at("subject"));
        }
        Ok(())
    }
}

impl Node {
    /// The member of staff whom a provider has signed in, if an administrator has linked an account that may enter.
    /// Anybody else is remembered for the administrator.
    pub fn linked_staff(&self, who: &Subject, name: &str, now: Instant) -> Result<Option<Staff>, Fault> {
        let found = self.store().read(|view| {
            let link = view.document("staff-link", &who.key())?;
            let link: Option<Link> = link.and_then(|d| serde_json::from_slice(&d.body).ok());
            link.map(|l| account_of(view, &l.account)).transpose().map(Option::flatten)
        })?;
        if let Some(account) = found {
            return Ok(account.active.then(|| self.staff_of(&account)));
        }
        let mut unlinked = self.unlinked().lock().expect("no holder of the unlinked people panics");
        if unlinked.len() >= UNKNOWN_MAX {
            unlinked.pop_first();
        }
        let name = name.chars().take(SUBJECT_MAX).collect();
        unlinked.insert(who.key(), Unlinked { subject: who.clone(), name, seen: now.to_rfc3339() });
        Ok(None)
    }

    /// Writes down that a member of staff came in, or did not, through a provider.
    pub fn note_provider_sign_in(&self, account: &str, provider: &str, entered: bool, now: Instant) {
        let outcome = if entered { Outcome::Success } else { Outcome::Refused };
        self.note_sign_in(&format!("{account} through {provider}"), outcome, now);
    }
}

impl Session {
    pub fn links(&self) -> Result<(Vec<Link>, Vec<Unlinked>), Fault> {
        self.inspects("links to providers")?;
        let documents = self.node().store().read(|view| view.documents("staff-link", ""))?;
        let links = documents.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect();
        let unlinked = self.node().unlinked().lock().expect("no holder of the unlinked people panics");
        Ok((links, unlinked.values().cloned().collect()))
    }

    /// From now on the person enters with this account. One person has one account; an account may have several ways in.
    pub async fn link_account(&self, link: Link) -> Result<(), Fault> {
        self.administers(Action::Write)?;
        link.subject.check()?;
        let (writer, key) = (self.writer(), link.subject.key());
        let body = serde_json::to_vec(&link).map_err(|_| Fault::bug("a link is always printable"))?;
        let kept = key.clone();
        self.node()
            .store()
            .write(move |tx| {
                if account_of(tx, &link.account)?.is_none() {
                    return Err(Fault::not_found("no such account"));
                }
                if tx.document("staff-link", &kept)?.is_some() {
                    return Err(Fault::conflict("this person is linked to an account already"));
                }
                tx.put_document("staff-link", &kept, &body, Expect::Any, writer.now)?;
                let what = format!("account {} is linked at {}", link.account, link.subject.issuer);
                writer.leaf(tx, Act::Create, "account-link", &[], &what)
            })
            .await?;
        self.node().unlinked().lock().expect("no holder of the unlinked people panics").remove(&key);
        Ok(())
    }

    /// The person no longer enters through the provider. Sessions that are open go on until they end or the account is suspended.
    pub async fn unlink_account(&self, who: &Subject) -> Result<(), Fault> {
        self.administers(Action::Write)?;
        let (writer, key) = (self.writer(), who.key());
        self.node()
            .store()
            .write(move |tx| {
                let found = tx.document("staff-link", &key)?;
                let found: Option<Link> = found.and_then(|d| serde_json::from_slice(&d.body).ok());
                let link = found.ok_or_else(|| Fault::not_found("no such link"))?;
                tx.delete_document("staff-link", &key, writer.now)?;
                let what = format!("account {} is no longer linked at {}", link.account, link.subject.issuer);
                writer.leaf(tx, Act::Delete, "account-link", &[], &what)
            })
            .await
    }
}
