//! Staff who come from a provider (OpenID Connect Core 1.0): the account linked to them, and a second factor by `acr`, `amr` or here.

use super::Provider;
use super::client::IdClaims;
use crate::gate::Gate;
use badiano_kernel::{Fault, Instant, id};
use badiano_record::linked::Subject;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

/// Ties the browser that came from the provider to the second factor that it is to show; one name a node, as of the session.
pub fn half_cookie(gate: &Gate) -> String {
    format!("{}_half", gate.cookie_name())
}

/// Signed in by a provider, and not yet by a second factor.
#[derive(Debug, Clone)]
pub struct Half {
    pub account: String,
    pub provider: String,
    pub who: Subject,
}

/// Where a member of staff stands when the provider sends them back.
pub enum Entered {
    /// The value of the session's cookie.
    Session(String),
    /// The value of [`half_cookie`].
    SecondFactor(String),
    /// No account is linked, or it is suspended.
    NoAccount,
}

pub async fn enter(
    gate: &Gate,
    provider: &Provider,
    claims: &IdClaims,
    name: &str,
    now: Instant,
) -> Result<Entered, Fault> {
    let who = Subject { issuer: provider.issuer.clone(), subject: claims.sub.clone() };
    let Some(staff) = gate.node.linked_staff(&who, name, now)? else {
        gate.node.note_provider_sign_in("(none)", &provider.id, false, now);
        return Ok(Entered::NoAccount);
    };
    if shows_second_factor(provider, claims) {
        gate.node.note_provider_sign_in(&staff.account, &provider.id, true, now);
        return Ok(Entered::Session(gate.node.open_session(&staff, now).await?));
    }
    let key = BASE64URL.encode(id::random_bytes::<32>());
    let half = Half { account: staff.account, provider: provider.id.clone(), who };
    gate.halves.put(key.clone(), now.seconds(), half);
    Ok(Entered::SecondFactor(key))
}

fn shows_second_factor(provider: &Provider, claims: &IdClaims) -> bool {
    let wanted = &provider.second_factor;
    claims.acr.as_ref().is_some_and(|acr| wanted.acr.contains(acr))
        || claims.amr.iter().any(|amr| wanted.amr.contains(amr))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::SecondFactor;

    #[test]
    fn only_the_configured_words_of_a_provider_count_as_a_second_factor() {
        let provider = |acr: &[&str], amr: &[&str]| Provider {
            id: "p".into(),
            name: "P".into(),
            issuer: "https://p".into(),
            client_id: "c".into(),
            client_secret: None,
            for_citizens: false,
            second_factor: SecondFactor {
                acr: acr.iter().map(|s| (*s).to_owned()).collect(),
                amr: amr.iter().map(|s| (*s).to_owned()).collect(),
            },
        };
        let claims = |acr: Option<&str>, amr: &[&str]| IdClaims {
            sub: "s".into(),
            nonce: None,
            acr: acr.map(str::to_owned),
            amr: amr.iter().map(|s| (*s).to_owned()).collect(),
        };
        assert!(!shows_second_factor(&provider(&[], &[]), &claims(Some("mfa"), &["otp"])));
        assert!(!shows_second_factor(&provider(&["gold"], &["otp"]), &claims(Some("silver"), &["pwd"])));
        assert!(shows_second_factor(&provider(&["gold"], &[]), &claims(Some("gold"), &[])));
        assert!(shows_second_factor(&provider(&[], &["otp", "hwk"]), &claims(None, &["pwd", "hwk"])));
    }
}
