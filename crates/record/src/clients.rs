//! Registered systems: their public keys and scopes (SMART Backend Services), and assertions that were used already (RFC 7523).

use crate::access::{self, Action};
use crate::audit::Act;
use crate::node::Node;
use crate::session::Session;
use badiano_kernel::{Fault, Instant, Principal};
use badiano_store::{Expect, View};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// Keys that one system may have side by side while it changes them.
const KEYS_MAX: usize = 8;
/// Clocks may differ by this much when an assertion's end is looked at.
const CLOCKS_SECONDS: i64 = 120;

/// A system that may ask for tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    pub id: String,
    pub name: String,
    /// JSON Web Key Set with its public keys (RFC 7517).
    pub jwks: String,
    pub scopes: Vec<String>,
    pub active: bool,
}

impl Client {
    pub(crate) fn principal(self, institution: &str, scopes: Vec<String>) -> Principal {
        Principal::System { client_id: self.id, name: self.name, institution: institution.to_owned(), scopes }
    }

    fn check(&self) -> Result<(), Fault> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:/-".contains(&b);
        if !(1..=128).contains(&self.id.len()) || !self.id.bytes().all(plain) {
            return Err(Fault::invalid("an id has 1 to 128 of a-z, A-Z, 0-9 and . _ : / -").at("id"));
        }
        if self.name.trim().is_empty() {
            return Err(Fault::invalid("a system has a name").at("name"));
        }
        if let Some(other) = self.scopes.iter().find(|s| !access::is_system_scope(s)) {
            return Err(Fault::invalid(format!("not a scope of a system: {other}")).at("scopes"));
        }
        if self.scopes.is_empty() {
            return Err(Fault::invalid("a system has at least one scope").at("scopes"));
        }
        check_keys(&self.jwks)
    }
}

/// Public keys of RSA or elliptic curves only: a secret that both sides know could sign for the other.
fn check_keys(jwks: &str) -> Result<(), Fault> {
    let bad = |text: &str| Err(Fault::invalid(text).at("jwks"));
    let set: serde_json::Value = serde_json::from_str(jwks).unwrap_or_default();
    let Some(keys) = set["keys"].as_array() else { return bad("this is not a JSON Web Key Set") };
    if !(1..=KEYS_MAX).contains(&keys.len()) {
        return bad("a system has 1 to 8 keys");
    }
    if keys.iter().any(|k| !matches!(k["kty"].as_str(), Some("RSA" | "EC"))) {
        return bad("keys are of RSA or of an elliptic curve");
    }
    if keys.iter().any(|k| !k["d"].is_null()) {
        return bad("a private key was given: draw a new one and give its public half");
    }
    Ok(())
}

pub(crate) fn active(view: &View<'_>, id: &str) -> Result<Option<Client>, Fault> {
    let document = view.document("client", id)?;
    let client: Option<Client> = document.and_then(|d| serde_json::from_slice(&d.body).ok());
    Ok(client.filter(|c| c.active))
}

/// Marks of assertions that have ended by any clock.
pub(crate) fn old_assertions(view: &View<'_>, now: Instant) -> Result<Vec<(&'static str, String)>, Fault> {
    let ended = |body: &[u8]| {
        let end = std::str::from_utf8(body).ok().and_then(|t| t.parse::<i64>().ok());
        end.is_none_or(|end| end + CLOCKS_SECONDS < now.seconds())
    };
    let old = view.documents("assertion", "")?.into_iter().filter(|d| ended(&d.body));
    Ok(old.map(|d| ("assertion", d.key)).collect())
}

impl Node {
    /// A registered, active system.
    pub fn client(&self, id: &str) -> Result<Option<Client>, Fault> {
        self.store().read(|view| active(view, id))
    }

    /// Marks an assertion as used, durably: a conflict says that it is a replay, also after a restart.
    pub async fn use_assertion(
        &self,
        client: &str,
        jti: &str,
        expires: i64,
        now: Instant,
    ) -> Result<(), Fault> {
        // The length stands before, so that no two pairs have the same text.
        let text = format!("{} {client} {jti}", client.len());
        let (key, body) = (BASE64URL.encode(digest(&SHA256, text.as_bytes())), expires.to_string());
        self.store()
            .write_from_reserve(move |tx| {
                if tx.document("assertion", &key)?.is_some() {
                    return Err(Fault::conflict("the assertion was used already"));
                }
                tx.replace_document("assertion", &key, body.as_bytes(), now).map(|_| ())
            })
            .await
    }
}

impl Session {
    pub fn clients(&self) -> Result<Vec<Client>, Fault> {
        self.inspects("systems")?;
        let documents = self.node().store().read(|view| view.documents("client", ""))?;
        Ok(documents.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect())
    }

    /// Registers a system or changes it; each version is kept. Tokens of one that is suspended end at once.
    pub async fn put_client(&self, client: Client) -> Result<Client, Fault> {
        self.administers(Action::Write)?;
        client.check()?;
        let body = serde_json::to_vec(&client).map_err(|_| Fault::bug("a client is always printable"))?;
        let (id, writer) = (client.id.clone(), self.writer());
        self.node()
            .store()
            .write_from_reserve(move |tx| {
                tx.put_document("client", &id, &body, Expect::Any, writer.now)?;
                writer.leaf(tx, Act::Update, "client", &[], &format!("client {id}"))
            })
            .await?;
        Ok(client)
    }

    /// Suspends or readmits a system.
    pub async fn set_client_active(&self, id: &str, active: bool) -> Result<Client, Fault> {
        let found = self.clients()?.into_iter().find(|c| c.id == id);
        let found = found.ok_or_else(|| Fault::not_found("no such system"))?;
        self.put_client(Client { active, ..found }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(jwks: &str, scope: &str) -> Client {
        Client {
            id: "lab".into(),
            name: "Laboratorio".into(),
            jwks: jwks.into(),
            scopes: vec![scope.into()],
            active: true,
        }
    }

    #[test]
    fn a_system_is_registered_with_public_keys_and_scopes_of_systems_only() {
        let public = r#"{"keys":[{"kty":"EC","crv":"P-384","x":"a","y":"b"}]}"#;
        assert!(client(public, "system/Patient.rs").check().is_ok());
        for scope in ["badiano/operate", "badiano/admin", "user/*.rs", "system/Patient", "system/*.xyz", ""] {
            assert_eq!(client(public, scope).check().expect_err(scope).place, "scopes");
        }
        let private = r#"{"keys":[{"kty":"EC","crv":"P-384","x":"a","y":"b","d":"c"}]}"#;
        let shared = r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#;
        for jwks in [private, shared, r#"{"keys":[]}"#, "{}", "no"] {
            assert_eq!(client(jwks, "system/*.rs").check().expect_err(jwks).place, "jwks");
        }
    }
}
