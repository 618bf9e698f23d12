//! Apps that people let act for them: registered with their addresses and scopes, let in by a signed-in member of staff, and never able
//! to do more than that person and the scopes both allow (SMART App Launch 2.0; RFC 6749, RFC 7636).

use crate::access::Action;
use crate::audit::Act;
use crate::node::Node;
use crate::scope::Scope;
use crate::session::Session;
use badiano_kernel::{Fault, Instant, Principal, id};
use badiano_store::{Expect, Stub, Tx, View, pat_of};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

const APPS: &str = "app";
const CODES: &str = "app-code";
const REFRESHES: &str = "app-refresh";
/// A code is redeemed at once.
const CODE_SECONDS: i64 = 60;
/// An app comes back for another token as long as its person would stay signed in.
const REFRESH_SECONDS: i64 = crate::accounts::SESSION_SECONDS;
/// A token of an app.
pub const APP_TOKEN_SECONDS: i64 = 900;
/// Addresses that one app may have.
const ADDRESSES_MAX: usize = 16;
/// Scopes of one request.
const SCOPES_MAX: usize = 100;
/// Asked for a patient beside any scope of data, and for coming back.
const LAUNCH_PATIENT: &str = "launch/patient";
const COMING_BACK: &str = "online_access";

/// A registered app. It has no secret: its code is proved by PKCE, and its addresses are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    pub id: String,
    pub name: String,
    /// Where people are sent back to; compared as they are written.
    pub redirect_uris: Vec<String>,
    pub scopes: Vec<String>,
    pub active: bool,
}

impl App {
    fn check(&self) -> Result<(), Fault> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:/-".contains(&b);
        if !(1..=128).contains(&self.id.len()) || !self.id.bytes().all(plain) {
            return Err(Fault::invalid("an id has 1 to 128 of a-z, A-Z, 0-9 and . _ : / -").at("id"));
        }
        if self.name.trim().is_empty() {
            return Err(Fault::invalid("an app has a name").at("name"));
        }
        if !(1..=ADDRESSES_MAX).contains(&self.redirect_uris.len()) {
            return Err(Fault::invalid("an app has 1 to 16 addresses").at("redirect_uris"));
        }
        if let Some(other) = self.redirect_uris.iter().find(|uri| origin(uri).is_none()) {
            return Err(Fault::invalid(format!("no https address, nor one of this machine: {other}"))
                .at("redirect_uris"));
        }
        let of_people =
            |s: &&String| !Scope::parse(s).is_some_and(|s| matches!(s.context, "user" | "patient"));
        if let Some(other) = self.scopes.iter().find(of_people) {
            return Err(Fault::invalid(format!("not a scope of an app: {other}")).at("scopes"));
        }
        if self.scopes.is_empty() || self.scopes.len() > SCOPES_MAX {
            return Err(Fault::invalid("an app has 1 to 100 scopes").at("scopes"));
        }
        Ok(())
    }

    /// What of the asked scopes the app is registered for.
    pub fn granted(&self, asked: &str) -> Vec<String> {
        let own: Vec<Scope<'_>> = self.scopes.iter().filter_map(|s| Scope::parse(s)).collect();
        let is_granted = |asked: &&str| match Scope::parse(asked) {
            Some(scope) => own.iter().any(|own| own.covers(scope)),
            None => matches!(*asked, LAUNCH_PATIENT | COMING_BACK),
        };
        let mut granted: Vec<String> = Vec::new();
        for scope in asked.split_whitespace().take(SCOPES_MAX).filter(is_granted) {
            if !granted.iter().any(|known| known == scope) {
                granted.push(scope.to_owned());
            }
        }
        granted
    }
}

/// Whether scopes want one patient to be chosen.
pub fn wants_patient(scopes: &[String]) -> bool {
    scopes.iter().any(|s| s == LAUNCH_PATIENT || s.starts_with("patient/"))
}

/// Scheme, host and port of an address: https, or http on this machine; no user, no fragment.
pub fn origin(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_here = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    let is_plain = !host.is_empty()
        && !uri.contains(['#', '@', '\\', '"', '<', '>'])
        && uri.bytes().all(|b| b.is_ascii_graphic());
    let is_safe = scheme == "https" || (scheme == "http" && is_here);
    (is_plain && is_safe).then(|| &uri[..scheme.len() + 3 + host.len()])
}

/// What a person let an app do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub app: String,
    pub name: String,
    pub scopes: Vec<String>,
    /// The one patient that `patient/` scopes are about.
    pub patient: Option<String>,
}

impl Grant {
    fn scopes<'g>(&'g self, kind: &'g str, action: Action) -> impl Iterator<Item = Scope<'g>> {
        let all = self.scopes.iter().filter_map(|s| Scope::parse(s));
        all.filter(move |s| s.names(kind) && s.allows(action))
    }

    /// A subscription would go on without the app's limits: an app makes none.
    pub fn names(&self, kind: &str, action: Action) -> bool {
        (action == Action::Read || kind != "Subscription") && self.scopes(kind, action).next().is_some()
    }

    /// Whether a thing about this patient (the store's number; 0 for nobody's) is within the scopes.
    pub fn shows(&self, stub: &Stub) -> bool {
        let own = self.patient.as_deref().map(pat_of);
        self.scopes(&stub.kind, Action::Read)
            .any(|s| s.context == "user" || stub.pat == 0 || Some(stub.pat) == own)
    }

    /// Whether a resource about these patients may be written.
    pub fn writes(&self, kind: &str, patients: &[String]) -> bool {
        let own = |s: Scope<'_>| {
            s.context == "user"
                || (!patients.is_empty() && patients.iter().all(|p| Some(p) == self.patient.as_ref()))
        };
        kind != "Subscription" && self.scopes(kind, Action::Write).any(own)
    }
}

/// What an app gets for its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppTokens {
    pub access: String,
    pub refresh: Option<String>,
    pub grant: Grant,
}

/// What an app asks a person for.
#[derive(Debug, Clone)]
pub struct AppRequest {
    pub app: String,
    pub redirect_uri: String,
    pub scope: String,
    /// `code_challenge`, S256.
    pub challenge: String,
}

#[derive(Serialize, Deserialize)]
struct Code {
    account: String,
    grant: Grant,
    redirect_uri: String,
    challenge: String,
    expires: i64,
}

#[derive(Serialize, Deserialize)]
struct Refresh {
    account: String,
    grant: Grant,
    expires: i64,
}

fn hashed(secret: &str) -> String {
    BASE64URL.encode(digest(&SHA256, secret.as_bytes()))
}

fn read<T: DeserializeOwned>(view: &View<'_>, kind: &str, key: &str) -> Result<Option<T>, Fault> {
    Ok(view.document(kind, key)?.and_then(|d| serde_json::from_slice(&d.body).ok()))
}

fn keep<T: Serialize>(tx: &mut Tx<'_>, kind: &str, key: &str, what: &T, now: Instant) -> Result<(), Fault> {
    let body = serde_json::to_vec(what).map_err(|_| Fault::bug("what is kept of an app is printable"))?;
    tx.replace_document(kind, key, &body, now).map(drop)
}

pub(crate) fn active(view: &View<'_>, id: &str) -> Result<Option<App>, Fault> {
    Ok(read::<App>(view, APPS, id)?.filter(|app| app.active))
}

/// Codes and refresh tokens that have run out.
pub(crate) fn run_out(view: &View<'_>, now: Instant) -> Result<Vec<(&'static str, String)>, Fault> {
    #[derive(Deserialize)]
    struct Ends {
        expires: i64,
    }
    let mut all = Vec::new();
    for kind in [CODES, REFRESHES] {
        let ended =
            |body: &[u8]| serde_json::from_slice::<Ends>(body).map_or(true, |e| e.expires <= now.seconds());
        all.extend(view.documents(kind, "")?.into_iter().filter(|d| ended(&d.body)).map(|d| (kind, d.key)));
    }
    Ok(all)
}

impl Node {
    /// A registered, active app.
    pub fn app(&self, id: &str) -> Result<Option<App>, Fault> {
        self.store().read(|view| active(view, id))
    }

    /// Whether pages of this origin belong to an active app.
    pub fn is_app_origin(&self, asked: &str) -> Result<bool, Fault> {
        let documents = self.store().read(|view| view.documents(APPS, ""))?;
        let apps = documents.iter().filter_map(|d| serde_json::from_slice::<App>(&d.body).ok());
        Ok(apps.filter(|a| a.active).any(|a| a.redirect_uris.iter().any(|uri| origin(uri) == Some(asked))))
    }

    /// Tokens for a code, once; nothing for a code that is wrong, old, another's, or not proved.
    pub async fn redeem_app_code(
        &self,
        code: &str,
        app: &str,
        redirect_uri: &str,
        verifier: &str,
        now: Instant,
    ) -> Result<Option<AppTokens>, Fault> {
        let key = hashed(code);
        let take = move |tx: &mut Tx<'_>| {
            let kept: Option<Code> = read(tx, CODES, &key)?;
            tx.drop_document(CODES, &key).map(|()| kept)
        };
        let Some(kept) = self.store().write_from_reserve(take).await? else { return Ok(None) };
        let proved = (43..=128).contains(&verifier.len()) && hashed(verifier) == kept.challenge;
        let own = kept.grant.app == app && kept.redirect_uri == redirect_uri && kept.expires > now.seconds();
        if !proved || !own {
            return Ok(None);
        }
        self.app_tokens(kept.account, kept.grant, now.seconds() + REFRESH_SECONDS, now).await.map(Some)
    }

    /// New tokens for a refresh token, which is good once.
    pub async fn refresh_app(
        &self,
        token: &str,
        app: &str,
        now: Instant,
    ) -> Result<Option<AppTokens>, Fault> {
        let (key, asks) = (hashed(token), app.to_owned());
        let take = move |tx: &mut Tx<'_>| {
            let kept: Option<Refresh> = read(tx, REFRESHES, &key)?;
            let kept = kept.filter(|k| k.grant.app == asks);
            if kept.is_some() {
                tx.drop_document(REFRESHES, &key)?;
            }
            Ok(kept)
        };
        let Some(kept) = self.store().write_from_reserve(take).await? else { return Ok(None) };
        if kept.expires <= now.seconds() || self.app(app)?.is_none() {
            return Ok(None);
        }
        self.app_tokens(kept.account, kept.grant, kept.expires, now).await.map(Some)
    }

    async fn app_tokens(
        &self,
        account: String,
        grant: Grant,
        until: i64,
        now: Instant,
    ) -> Result<AppTokens, Fault> {
        let access = self.open_app_token(&account, &grant, now).await?;
        if !grant.scopes.iter().any(|s| s == COMING_BACK) {
            return Ok(AppTokens { access, refresh: None, grant });
        }
        let refresh = BASE64URL.encode(id::random_bytes::<32>());
        let (key, kept) = (hashed(&refresh), Refresh { account, grant: grant.clone(), expires: until });
        self.store().write_from_reserve(move |tx| keep(tx, REFRESHES, &key, &kept, now)).await?;
        Ok(AppTokens { access, refresh: Some(refresh), grant })
    }
}

impl Session {
    pub fn apps(&self) -> Result<Vec<App>, Fault> {
        self.inspects("apps")?;
        let documents = self.node().store().read(|view| view.documents(APPS, ""))?;
        Ok(documents.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect())
    }

    /// Registers an app or changes it; each version is kept. Tokens of one that is suspended end at once.
    pub async fn put_app(&self, app: App) -> Result<App, Fault> {
        self.administers(Action::Write)?;
        app.check()?;
        let body = serde_json::to_vec(&app).map_err(|_| Fault::bug("an app is always printable"))?;
        let (id, writer) = (app.id.clone(), self.writer());
        let write = move |tx: &mut Tx<'_>| {
            tx.put_document(APPS, &id, &body, Expect::Any, writer.now)?;
            writer.leaf(tx, Act::Update, "app", &[], &format!("app {id}"))
        };
        self.node().store().write_from_reserve(write).await?;
        Ok(app)
    }

    /// Requires a member of staff who is signed in here and reads something: an app has nothing to do for others.
    pub fn may_let_apps_in(&self) -> Result<(), Fault> {
        if !matches!(self.principal(), Principal::Staff(_)) {
            return Err(Fault::forbidden("apps act for members of staff who are signed in here"));
        }
        if self.app().is_some() {
            return Err(Fault::forbidden("an app lets in no other app"));
        }
        self.reads_any("Patient")
    }

    /// The registered app that asks, and what of its scopes it would get.
    pub fn app_asking(&self, asked: &AppRequest) -> Result<(App, Vec<String>), Fault> {
        self.may_let_apps_in()?;
        self.note(Act::Read, "app-asking", &[], "an app that asks")?;
        let app =
            self.node().app(&asked.app)?.ok_or_else(|| Fault::not_found("no such app").at("client_id"))?;
        if !app.redirect_uris.contains(&asked.redirect_uri) {
            return Err(Fault::invalid("the app is not registered with this address").at("redirect_uri"));
        }
        if asked.challenge.len() != 43 {
            return Err(
                Fault::invalid("a code_challenge by S256 has 43 characters (RFC 7636)").at("code_challenge")
            );
        }
        let granted = app.granted(&asked.scope);
        if !granted.iter().any(|s| Scope::parse(s).is_some()) {
            return Err(Fault::invalid("the app is registered for none of these scopes").at("scope"));
        }
        Ok((app, granted))
    }

    /// Lets an app act for the member of staff who is signed in; the answer is the code it redeems.
    pub async fn let_app_in(&self, asked: &AppRequest, patient: Option<&str>) -> Result<String, Fault> {
        let Principal::Staff(staff) = self.principal() else {
            return Err(Fault::forbidden("apps act for members of staff who are signed in here"));
        };
        let (app, scopes) = self.app_asking(asked)?;
        if wants_patient(&scopes) != patient.is_some() {
            return Err(Fault::invalid("the scopes ask for one patient, or for none").at("patient"));
        }
        if let Some(patient) = patient {
            self.read("Patient", patient)?;
        }
        let code = BASE64URL.encode(id::random_bytes::<32>());
        let patients: Vec<String> = patient.map(str::to_owned).into_iter().collect();
        let grant = Grant { app: app.id.clone(), name: app.name, scopes, patient: patients.first().cloned() };
        let kept = Code {
            account: staff.account.clone(),
            grant,
            redirect_uri: asked.redirect_uri.clone(),
            challenge: asked.challenge.clone(),
            expires: self.now().seconds() + CODE_SECONDS,
        };
        let (key, writer) = (hashed(&code), self.writer());
        let write = move |tx: &mut Tx<'_>| {
            keep(tx, CODES, &key, &kept, writer.now)?;
            let what = format!("app {}: {}", app.id, kept.grant.scopes.join(" "));
            writer.leaf(tx, Act::Execute, "let-app-in", &patients, &what)
        };
        self.node().store().write_from_reserve(write).await?;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(uri: &str, scope: &str) -> App {
        let (redirect_uris, scopes) = (vec![uri.into()], vec![scope.into()]);
        App {
            id: "crecimiento".into(),
            name: "Curvas de crecimiento".into(),
            redirect_uris,
            scopes,
            active: true,
        }
    }

    #[test]
    fn an_app_is_registered_with_safe_addresses_and_scopes_of_people() {
        for uri in ["https://app.example/back", "http://localhost:9000/", "http://127.0.0.1:1/x"] {
            assert!(app(uri, "patient/*.rs").check().is_ok(), "{uri}");
        }
        let wrong = [
            "http://app.example/",
            "https://",
            "javascript:alert(1)",
            "https://a.example/#x",
            "https://a@b.example/",
            "ftp://localhost/",
        ];
        for uri in wrong {
            assert_eq!(app(uri, "patient/*.rs").check().expect_err(uri).place, "redirect_uris");
        }
        for scope in ["system/*.rs", "openid", "patient/Nobody.rs"] {
            assert_eq!(app("https://app.example/", scope).check().expect_err(scope).place, "scopes");
        }
    }

    #[test]
    fn an_app_gets_no_more_than_it_is_registered_for() {
        let own = app("https://app.example/", "patient/*.rs");
        let asked = "openid launch/patient patient/Observation.rs patient/Observation.cruds user/Patient.rs online_access";
        assert_eq!(own.granted(asked), ["launch/patient", "patient/Observation.rs", "online_access"]);
    }

    #[test]
    fn a_grant_of_one_patient_shows_that_patient_and_what_is_nobodys() {
        let grant = Grant {
            app: "a".into(),
            name: "A".into(),
            scopes: vec!["patient/*.rs".into(), "patient/Observation.c".into()],
            patient: Some("p".into()),
        };
        let stub = |kind: &str, pat| Stub {
            kind: kind.into(),
            id: "1".into(),
            pat,
            class: 0,
            source: String::new(),
        };
        assert!(grant.shows(&stub("Observation", pat_of("p"))));
        assert!(grant.shows(&stub("Practitioner", 0)));
        assert!(!grant.shows(&stub("Observation", pat_of("q"))));
        assert!(grant.writes("Observation", &["p".into()]));
        assert!(!grant.writes("Observation", &["p".into(), "q".into()]) && !grant.writes("Observation", &[]));
        assert!(!grant.writes("Condition", &["p".into()]));
    }
}
