//! Accounts of the node's own staff: Argon2id, a second factor (TOTP, RFC 6238), sessions of browsers, tokens of scripts.

use crate::access::Action;
use crate::apps::{APP_TOKEN_SECONDS, Grant};
use crate::audit::{Act, Outcome};
use crate::known_tokens::ReadAt;
use crate::node::Node;
use crate::session::Session;
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{Fault, Instant, Principal, Purpose, id};
use badiano_store::{Expect, LeafDraft, Tx, View};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A browser's session ends after this long, whatever happens.
pub const SESSION_SECONDS: i64 = 8 * 3600;
/// An access token of a system ends after this long.
pub const SYSTEM_TOKEN_SECONDS: i64 = 300;
/// Wrong tries in a row before an account is locked, and for how long.
const TRIES_MAX: u32 = 5;
const LOCK_SECONDS: i64 = 15 * 60;
const PASSWORD_MIN: usize = 12;

/// An account as kept. The password is an Argon2id hash, the second factor is sealed under the node key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    pub account: String,
    pub name: String,
    pub roles: Vec<String>,
    pub cedula: Option<String>,
    pub active: bool,
    password: String,
    totp: String,
    /// The last TOTP step used, so that a code works once.
    totp_step: u64,
    tries: u32,
    locked_until: i64,
}

/// What a page shows of an account.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct AccountView {
    pub account: String,
    pub name: String,
    pub roles: Vec<String>,
    pub cedula: Option<String>,
    pub active: bool,
}

/// What an administrator, or the first-start page, says of a new account.
#[derive(Debug, Clone, Deserialize)]
pub struct NewAccount {
    pub account: String,
    pub name: String,
    pub roles: Vec<String>,
    pub cedula: Option<String>,
    pub password: String,
}

/// Why a sign-in did not happen; the page tells each apart only where that helps no attacker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInError {
    BadCredentials,
    SecondFactorRequired,
    SecondFactorWrong,
    Locked,
    Unavailable,
}

/// Who is behind a browser's cookie or a script's bearer token.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    who: Who,
    csrf: String,
    expires: i64,
    /// When a second factor was last shown, in seconds.
    strong_at: i64,
    /// Only a caller on this machine may use it.
    loopback_only: bool,
    /// Only a caller who shows the certificate of this thumbprint may use it (RFC 8705, `x5t#S256`).
    #[serde(default)]
    certificate: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Who {
    Account(String),
    Citizen {
        curp: String,
        name: String,
    },
    System {
        client_id: String,
        name: String,
        scopes: Vec<String>,
    },
    /// An app that acts for an account.
    App {
        account: String,
        grant: Grant,
    },
    /// A registered system; its name and whether it may still come are asked of its registration.
    Client {
        client_id: String,
        scopes: Vec<String>,
    },
}

/// What a token of a system is bound to: whoever has stolen it has not got that too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// The thumbprint of the client's certificate (RFC 8705, `x5t#S256`).
    Certificate(String),
    /// This machine.
    Loopback,
}

/// A signed-in caller.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub principal: Principal,
    pub csrf: String,
    pub strong_at: Instant,
    pub loopback_only: bool,
    /// The thumbprint of the certificate that must be shown with the token.
    pub certificate: Option<String>,
    /// The app that acts for the principal.
    pub app: Option<Arc<Grant>>,
}

impl Account {
    fn count_wrong_try(&mut self, now: Instant) {
        self.tries += 1;
        if self.tries >= TRIES_MAX {
            self.locked_until = now.seconds() + LOCK_SECONDS;
            self.tries = 0;
        }
    }

    fn administers(&self) -> bool {
        self.active && self.roles.iter().any(|r| r == Role::Administrator.code())
    }
}

impl Node {
    /// The one-time code that makes the first administrator; nothing once an account exists.
    pub async fn setup_code(&self, now: Instant) -> Result<Option<String>, Fault> {
        if self.store().read(any_account)? {
            return Ok(None);
        }
        let code = BASE64URL.encode(id::random_bytes::<24>());
        let kept = key_of(&code);
        self.store()
            .write_from_reserve(move |tx| {
                tx.put_document("node", "setup-code", kept.as_bytes(), Expect::Any, now).map(|_| ())
            })
            .await?;
        Ok(Some(code))
    }

    pub fn has_accounts(&self) -> Result<bool, Fault> {
        self.store().read(any_account)
    }

    /// The first administrator, by the one-time code. Returns the secret of the second factor (base32).
    pub async fn set_up(&self, code: &str, new: NewAccount, now: Instant) -> Result<String, Fault> {
        let kept = self.store().read(|view| view.document("node", "setup-code"))?;
        let fits = kept.is_some_and(|d| d.body == key_of(code).as_bytes());
        if !fits || self.has_accounts()? {
            return Err(Fault::forbidden("the link has been used or was never given"));
        }
        let job = self.session(Principal::Job { name: "first-administrator" }, Purpose::Operations, now);
        job.make_account(new).await
    }

    /// Signs a member of staff in. Takes its time on purpose (Argon2id): call it off the event loop.
    pub fn sign_in(
        &self,
        account: &str,
        password: &str,
        totp: Option<&str>,
        now: Instant,
    ) -> Result<Staff, SignInError> {
        let found =
            self.store().read(|view| account_of(view, account)).map_err(|_| SignInError::Unavailable)?;
        let Some(mut found) = found else {
            // The same work for an unknown name, so that time tells nothing.
            let _ = hash_password(password);
            self.note_sign_in(account, Outcome::Refused, now);
            return Err(SignInError::BadCredentials);
        };
        if found.locked_until > now.seconds() {
            return Err(SignInError::Locked);
        }
        let outcome = self.check(&mut found, password, totp, now);
        let failed = matches!(outcome, Err(SignInError::BadCredentials | SignInError::SecondFactorWrong));
        found.tries = if failed {
            found.tries + 1
        } else if outcome.is_ok() {
            0
        } else {
            found.tries
        };
        if found.tries >= TRIES_MAX {
            found.locked_until = now.seconds() + LOCK_SECONDS;
            found.tries = 0;
        }
        let staff = self.staff_of(&found);
        let kept = self.store().write_from_reserve(move |tx| keep(tx, &found, now)).wait();
        if kept.is_err() {
            return Err(SignInError::Unavailable);
        }
        self.note_sign_in(account, if outcome.is_ok() { Outcome::Success } else { Outcome::Refused }, now);
        outcome.map(|()| staff)
    }

    fn check(
        &self,
        found: &mut Account,
        password: &str,
        totp: Option<&str>,
        now: Instant,
    ) -> Result<(), SignInError> {
        let hash = PasswordHash::new(&found.password).map_err(|_| SignInError::Unavailable)?;
        let right = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
        if !right || !found.active {
            return Err(SignInError::BadCredentials);
        }
        let Some(totp) = totp else { return Err(SignInError::SecondFactorRequired) };
        self.take_totp(found, totp, now)
    }

    fn take_totp(&self, found: &mut Account, code: &str, now: Instant) -> Result<(), SignInError> {
        let sealed = BASE64URL.decode(&found.totp).map_err(|_| SignInError::Unavailable)?;
        let secret = self.secrets().open("second factor", &sealed).ok_or(SignInError::Unavailable)?;
        let step = u64::try_from(now.seconds().max(0)).unwrap_or(0) / 30;
        let fits = (step.saturating_sub(1)..=step + 1)
            .find(|s| *s > found.totp_step && totp_at(&secret, *s) == code.trim());
        match fits {
            Some(used) => {
                found.totp_step = used;
                Ok(())
            }
            None => Err(SignInError::SecondFactorWrong),
        }
    }

    /// The second factor shown again, for signing a report or for emergency access.
    pub fn confirm(&self, account: &str, totp: &str, now: Instant) -> Result<(), SignInError> {
        let found =
            self.store().read(|view| account_of(view, account)).map_err(|_| SignInError::Unavailable)?;
        let mut found = found.ok_or(SignInError::BadCredentials)?;
        if found.locked_until > now.seconds() {
            return Err(SignInError::Locked);
        }
        let outcome = self.take_totp(&mut found, totp, now);
        if outcome.is_err() {
            found.tries += 1;
        }
        if found.tries >= TRIES_MAX {
            found.locked_until = now.seconds() + LOCK_SECONDS;
            found.tries = 0;
        }
        self.store()
            .write_from_reserve(move |tx| keep(tx, &found, now))
            .wait()
            .map_err(|_| SignInError::Unavailable)?;
        outcome
    }

    /// The password shown again, where it may stand for the second factor. Takes its time on purpose (Argon2id).
    pub fn confirm_password(&self, account: &str, password: &str, now: Instant) -> Result<(), SignInError> {
        let found =
            self.store().read(|view| account_of(view, account)).map_err(|_| SignInError::Unavailable)?;
        let mut found = found.ok_or(SignInError::BadCredentials)?;
        if found.locked_until > now.seconds() {
            return Err(SignInError::Locked);
        }
        let hash = PasswordHash::new(&found.password).map_err(|_| SignInError::Unavailable)?;
        if Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && found.active {
            return Ok(());
        }
        found.count_wrong_try(now);
        self.store()
            .write_from_reserve(move |tx| keep(tx, &found, now))
            .wait()
            .map_err(|_| SignInError::Unavailable)?;
        Err(SignInError::SecondFactorWrong)
    }

    /// The first administrator shows that the second factor works; with that, the one-time link is used up.
    /// The code shown here still signs in: it has not opened anything yet.
    pub fn confirm_set_up(
        &self,
        code: &str,
        account: &str,
        totp: &str,
        now: Instant,
    ) -> Result<(), SignInError> {
        let kept = self.store().read(|view| view.document("node", "setup-code"));
        let kept = kept.map_err(|_| SignInError::Unavailable)?;
        if kept.is_none_or(|d| d.body != key_of(code).as_bytes()) {
            return Err(SignInError::BadCredentials);
        }
        let found =
            self.store().read(|view| account_of(view, account)).map_err(|_| SignInError::Unavailable)?;
        let mut found = found.ok_or(SignInError::BadCredentials)?;
        if found.locked_until > now.seconds() {
            return Err(SignInError::Locked);
        }
        let mut tried = found.clone();
        let outcome = self.take_totp(&mut tried, totp, now);
        if outcome.is_err() {
            found.count_wrong_try(now);
        }
        let right = outcome.is_ok();
        let kept = self.store().write_from_reserve(move |tx| {
            if right { tx.delete_document("node", "setup-code", now) } else { keep(tx, &found, now) }
        });
        kept.wait().map_err(|_| SignInError::Unavailable)?;
        outcome
    }

    pub(crate) fn staff_of(&self, account: &Account) -> Staff {
        Staff {
            account: account.account.clone(),
            name: account.name.clone(),
            roles: account.roles.iter().filter_map(|r| Role::from_code(r)).collect(),
            institution: self.settings().clues.clone(),
            cedula: account.cedula.clone(),
        }
    }

    pub(crate) fn note_sign_in(&self, account: &str, outcome: Outcome, now: Instant) {
        let principal = Principal::Job { name: "sign-in" };
        let writer = self.session(principal, Purpose::Operations, now).writer();
        let entry = writer.entry(Act::Execute, "sign-in", outcome, None, &format!("account {account}"));
        let content = entry.to_json(&writer.observer).into_bytes();
        // A lost entry of a refused sign-in must not let anybody in: the caller has its answer already.
        let _ = self.store().note_read(LeafDraft { subject: None, content, now });
    }

    /// A browser's session for a member of staff; returns the cookie's value.
    pub async fn open_session(&self, staff: &Staff, now: Instant) -> Result<String, Fault> {
        self.keep_session(Who::Account(staff.account.clone()), now, SESSION_SECONDS, None).await
    }

    /// A browser's session for a citizen whom the identity provider has signed in.
    pub async fn open_citizen_session(&self, curp: &str, name: &str, now: Instant) -> Result<String, Fault> {
        let curp = badiano_mexico::curp::Curp::parse(curp).map_err(|e| Fault::invalid(e.to_string()))?;
        let who = Who::Citizen { curp: curp.as_str().to_owned(), name: name.to_owned() };
        self.keep_session(who, now, SESSION_SECONDS, None).await
    }

    /// A token for scripts on this machine: a named principal with listed scopes.
    pub async fn open_script_token(
        &self,
        client_id: &str,
        name: &str,
        scopes: &[String],
        seconds: i64,
        now: Instant,
    ) -> Result<String, Fault> {
        let who = Who::System { client_id: client_id.into(), name: name.into(), scopes: scopes.to_vec() };
        self.keep_session(who, now, seconds, Some(Bound::Loopback)).await
    }

    /// An access token of a registered system (SMART Backend Services), good for five minutes.
    pub async fn open_system_token(
        &self,
        client_id: &str,
        scopes: &[String],
        bound: Bound,
        now: Instant,
    ) -> Result<String, Fault> {
        let who = Who::Client { client_id: client_id.into(), scopes: scopes.to_vec() };
        self.keep_session(who, now, SYSTEM_TOKEN_SECONDS, Some(bound)).await
    }

    /// An access token of an app that acts for an account.
    pub(crate) async fn open_app_token(
        &self,
        account: &str,
        grant: &Grant,
        now: Instant,
    ) -> Result<String, Fault> {
        let who = Who::App { account: account.into(), grant: grant.clone() };
        self.keep_session(who, now, APP_TOKEN_SECONDS, None).await
    }

    async fn keep_session(
        &self,
        who: Who,
        now: Instant,
        seconds: i64,
        bound: Option<Bound>,
    ) -> Result<String, Fault> {
        let token = BASE64URL.encode(id::random_bytes::<32>());
        let kept = Kept {
            who,
            csrf: BASE64URL.encode(id::random_bytes::<24>()),
            expires: now.seconds() + seconds,
            strong_at: now.seconds(),
            loopback_only: bound == Some(Bound::Loopback),
            certificate: match bound {
                Some(Bound::Certificate(thumbprint)) => Some(thumbprint),
                Some(Bound::Loopback) | None => None,
            },
        };
        let (key, body) = (
            key_of(&token),
            serde_json::to_vec(&kept).map_err(|_| Fault::bug("a session is always printable"))?,
        );
        self.store()
            .write_from_reserve(move |tx| {
                tx.put_document("signed-in", &key, &body, Expect::Absent, now).map(|_| ())
            })
            .await?;
        Ok(token)
    }

    /// Who a cookie or bearer token stands for, if it still does.
    pub fn signed_in(&self, token: &str, now: Instant) -> Result<Option<SignedIn>, Fault> {
        if token.len() > 256 {
            return Ok(None);
        }
        let (key, at) = (key_of(token), ReadAt::of(self.store()));
        if let Some(known) = self.known_tokens().get(at, &key, now) {
            return Ok(Some(known));
        }
        let found = self.behind(&key, now)?;
        if let Some((signed_in, expires)) = &found {
            self.known_tokens().keep(at, key, signed_in, *expires);
        }
        Ok(found.map(|(signed_in, _)| signed_in))
    }

    /// Who stands behind the token of this hash, and in which second it runs out.
    fn behind(&self, key: &str, now: Instant) -> Result<Option<(SignedIn, i64)>, Fault> {
        self.store().read(|view| {
            let Some(document) = view.document("signed-in", key)? else { return Ok(None) };
            let Ok(kept) = serde_json::from_slice::<Kept>(&document.body) else { return Ok(None) };
            if kept.expires <= now.seconds() {
                return Ok(None);
            }
            let mut app = None;
            let principal = match kept.who {
                Who::App { account, grant } => {
                    let is_active = crate::apps::active(view, &grant.app)?.is_some();
                    app = Some(Arc::new(grant));
                    match account_of(view, &account)?.filter(|a| a.active && is_active) {
                        Some(account) => Principal::Staff(self.staff_of(&account)),
                        None => return Ok(None),
                    }
                }
                Who::Account(name) => match account_of(view, &name)?.filter(|a| a.active) {
                    Some(account) => Principal::Staff(self.staff_of(&account)),
                    None => return Ok(None),
                },
                Who::Citizen { curp, name } => Principal::Citizen { curp, name },
                Who::System { client_id, name, scopes } => {
                    Principal::System { client_id, name, institution: self.settings().clues.clone(), scopes }
                }
                Who::Client { client_id, scopes } => match crate::clients::active(view, &client_id)? {
                    Some(client) => client.principal(&self.settings().clues, scopes),
                    None => return Ok(None),
                },
            };
            let signed_in = SignedIn {
                principal,
                csrf: kept.csrf,
                strong_at: Instant::from_seconds(kept.strong_at),
                loopback_only: kept.loopback_only,
                certificate: kept.certificate,
                app,
            };
            Ok(Some((signed_in, kept.expires)))
        })
    }

    /// Takes away sessions and tokens that have run out, and marks of assertions that could not be used again anyway.
    pub async fn forget_expired(&self, now: Instant) -> Result<usize, Fault> {
        let expired = self.store().read(|view| {
            let ran_out = |body: &[u8]| {
                serde_json::from_slice::<Kept>(body).map_or(true, |k| k.expires <= now.seconds())
            };
            let sessions = view.documents("signed-in", "")?.into_iter().filter(|d| ran_out(&d.body));
            let mut keys: Vec<(&'static str, String)> = sessions.map(|d| ("signed-in", d.key)).collect();
            keys.extend(crate::clients::old_assertions(view, now)?);
            keys.extend(crate::apps::run_out(view, now)?);
            Ok(keys)
        })?;
        let count = expired.len();
        self.store()
            .write_from_reserve(move |tx| {
                expired.iter().try_for_each(|(kind, key)| tx.drop_document(kind, key))
            })
            .await?;
        Ok(count)
    }
}

impl Session {
    /// Ends a sign-in or token of the caller's own.
    pub async fn sign_out(&self, token: &str) -> Result<(), Fault> {
        let (key, writer) = (key_of(token), self.writer());
        self.node()
            .store()
            .write_from_reserve(move |tx| {
                tx.delete_document("signed-in", &key, writer.now)?;
                writer.leaf(tx, Act::Execute, "sign-out", &[], "signed out")
            })
            .await
    }

    /// Makes an account; returns the secret of its second factor (base32), which is shown once.
    pub async fn make_account(&self, new: NewAccount) -> Result<String, Fault> {
        if !matches!(self.principal(), Principal::Job { .. }) {
            self.administers(Action::Write)?;
        }
        let secret: [u8; 20] = id::random_bytes();
        self.put_account(new, &secret).await?;
        Ok(base32(&secret))
    }

    async fn put_account(&self, new: NewAccount, secret: &[u8; 20]) -> Result<(), Fault> {
        let name_fits = (1..=64).contains(&new.account.len())
            && new.account.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b));
        if !name_fits {
            return Err(
                Fault::invalid("an account name has 1 to 64 of a-z, A-Z, 0-9 and . _ - @").at("account")
            );
        }
        if new.password.chars().count() < PASSWORD_MIN {
            return Err(Fault::invalid("a password has at least 12 characters").at("password"));
        }
        if let Some(unknown) = new.roles.iter().find(|r| Role::from_code(r).is_none()) {
            return Err(Fault::invalid(format!("no such role: {unknown}")).at("roles"));
        }
        let node = self.node().clone();
        let account = Account {
            password: hash_password(&new.password)?,
            totp: BASE64URL.encode(node.secrets().seal("second factor", secret)),
            account: new.account,
            name: new.name,
            roles: new.roles,
            cedula: new.cedula,
            active: true,
            totp_step: 0,
            tries: 0,
            locked_until: 0,
        };
        let writer = self.writer();
        node.store()
            .write(move |tx| {
                if account_of(tx, &account.account)?.is_some() {
                    return Err(Fault::conflict("there is an account of this name"));
                }
                keep(tx, &account, writer.now)?;
                writer.leaf(tx, Act::Create, "account", &[], &format!("account {}", account.account))
            })
            .await
    }

    pub fn accounts(&self) -> Result<Vec<AccountView>, Fault> {
        self.inspects("accounts")?;
        let all = self.node().store().read(all_accounts)?;
        Ok(all
            .into_iter()
            .map(|a| AccountView {
                account: a.account,
                name: a.name,
                roles: a.roles,
                cedula: a.cedula,
                active: a.active,
            })
            .collect())
    }

    /// Gives an account other roles; they hold from its next request on.
    pub async fn set_account_roles(&self, account: &str, roles: Vec<String>) -> Result<(), Fault> {
        self.administers(Action::Write)?;
        if let Some(unknown) = roles.iter().find(|r| Role::from_code(r).is_none()) {
            return Err(Fault::invalid(format!("no such role: {unknown}")).at("roles"));
        }
        let (account, writer) = (account.to_owned(), self.writer());
        self.node()
            .store()
            .write_from_reserve(move |tx| {
                let mut found =
                    account_of(tx, &account)?.ok_or_else(|| Fault::not_found("no such account"))?;
                found.roles = roles;
                keep(tx, &found, writer.now)?;
                needs_an_administrator(tx)?;
                writer.leaf(tx, Act::Update, "account", &[], &format!("account {account}"))
            })
            .await
    }

    /// Suspends or readmits an account; open sessions of it end at once.
    pub async fn set_account_active(&self, account: &str, active: bool) -> Result<(), Fault> {
        self.administers(Action::Write)?;
        let (account, writer) = (account.to_owned(), self.writer());
        self.node()
            .store()
            .write_from_reserve(move |tx| {
                let mut found =
                    account_of(tx, &account)?.ok_or_else(|| Fault::not_found("no such account"))?;
                found.active = active;
                keep(tx, &found, writer.now)?;
                needs_an_administrator(tx)?;
                writer.leaf(tx, Act::Update, "account", &[], &format!("account {account}"))
            })
            .await
    }
}

/// A node that nobody administers could not be mended from its pages.
fn needs_an_administrator(view: &View<'_>) -> Result<(), Fault> {
    let documents = view.documents("account", "")?;
    let mut all = documents.iter().filter_map(|d| serde_json::from_slice::<Account>(&d.body).ok());
    if all.any(|a| a.administers()) {
        Ok(())
    } else {
        Err(Fault::conflict("the last active administrator stays"))
    }
}

fn any_account(view: &View<'_>) -> Result<bool, Fault> {
    Ok(!view.documents("account", "")?.is_empty())
}

pub(crate) fn all_accounts(view: &View<'_>) -> Result<Vec<Account>, Fault> {
    let documents = view.documents("account", "")?;
    Ok(documents.iter().filter_map(|d| serde_json::from_slice(&d.body).ok()).collect())
}

pub(crate) fn account_of(view: &View<'_>, account: &str) -> Result<Option<Account>, Fault> {
    Ok(view.document("account", account)?.and_then(|d| serde_json::from_slice(&d.body).ok()))
}

fn keep(tx: &mut Tx<'_>, account: &Account, now: Instant) -> Result<(), Fault> {
    let body = serde_json::to_vec(account).map_err(|_| Fault::bug("an account is always printable"))?;
    tx.put_document("account", &account.account, &body, Expect::Any, now).map(|_| ())
}

/// Tokens are kept as hashes: a stolen data directory signs nobody in.
fn key_of(token: &str) -> String {
    BASE64URL.encode(digest(&SHA256, token.as_bytes()))
}

fn hash_password(password: &str) -> Result<String, Fault> {
    let salt: [u8; 16] = id::random_bytes();
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|h| h.to_string()).map_err(|_| Fault::bug("a password can always be hashed"))
}

/// The six digits of a step of 30 seconds (RFC 6238 over RFC 4226).
pub fn totp_at(secret: &[u8], step: u64) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let mac = ring::hmac::sign(&key, &step.to_be_bytes());
    let mac = mac.as_ref();
    let at = usize::from(mac[mac.len() - 1] & 0x0f);
    let number = u32::from_be_bytes([mac[at] & 0x7f, mac[at + 1], mac[at + 2], mac[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// RFC 4648 base 32 without padding, as authenticator programs read it.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::new();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(ALPHABET[(buffer >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        out.push(char::from(ALPHABET[(buffer << (5 - bits) & 31) as usize]));
    }
    out
}

/// The address that an authenticator program scans.
pub fn totp_uri(issuer: &str, account: &str, secret: &str) -> String {
    let plain = |s: &str| -> String {
        s.bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect()
    };
    let issuer = plain(issuer);
    format!("otpauth://totp/{issuer}:{}?secret={secret}&issuer={issuer}&digits=6&period=30", plain(account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totp_gives_the_values_of_rfc_6238() {
        let secret = b"12345678901234567890";
        for (time, code) in [
            (59_u64, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(totp_at(secret, time / 30), code);
        }
    }

    #[test]
    fn base32_gives_the_values_of_rfc_4648() {
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(base32(b"f"), "MY");
    }
}
