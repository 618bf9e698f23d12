//! Signing in and out, who is signed in, and the first administrator: `Session`, `SignIn`, `SetUp` of `web/src/api.ts`.

use super::form::{Json, Refused, json, sign_in_refused};
use crate::caller::{Caller, cookie};
use crate::gate::Gate;
use crate::oauth::staff::half_cookie;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_kernel::principal::{Representative, Role};
use badiano_kernel::{Fault, Instant, Principal};
use badiano_record::NodeRole;
use badiano_record::accounts::{NewAccount, SESSION_SECONDS, SignInError, totp_uri};
use qrcode::{Color, EcLevel, QrCode};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Longer passwords cost work for nothing.
const PASSWORD_BYTES_MAX: usize = 1024;
/// Free modules around a QR code (ISO/IEC 18004, 9.1).
const QUIET_MODULES: usize = 4;

#[derive(Serialize)]
struct Shown {
    node: ShownNode,
    user: Option<User>,
    csrf: String,
    providers: Vec<ShownProvider>,
    setup: bool,
}

#[derive(Serialize)]
struct ShownNode {
    name: String,
    role: NodeRole,
    institution: String,
    clues: String,
}

#[derive(Serialize)]
struct ShownProvider {
    id: String,
    name: String,
}

#[derive(Serialize)]
struct User {
    account: String,
    name: String,
    roles: Vec<&'static str>,
    citizen: bool,
}

#[derive(Deserialize)]
pub struct SignIn {
    account: String,
    password: String,
    totp: Option<String>,
}

#[derive(Deserialize)]
pub struct SetUp {
    code: String,
    account: String,
    name: String,
    password: String,
}

#[derive(Deserialize)]
pub struct SetUpConfirm {
    code: String,
    account: String,
    totp: String,
}

/// What a page needs to enrol a second factor; shown once.
#[derive(Serialize)]
pub struct Enrolment {
    pub totp_uri: String,
    pub qr_svg: String,
}

/// Who is signed in, or nobody: the one question that needs no sign-in and refuses nobody.
pub async fn session(State(gate): State<Gate>, request: Request) -> Result<Response, Refused> {
    let (mut parts, _) = request.into_parts();
    parts.method = axum::http::Method::GET;
    let caller = Caller::of(&gate, &parts).ok();
    let user = caller.as_ref().and_then(|c| user_of(&c.principal));
    let csrf = caller.and_then(|c| c.csrf).filter(|_| user.is_some()).unwrap_or_default();
    json(&shown(&gate, user, csrf)?)
}

fn shown(gate: &Gate, user: Option<User>, csrf: String) -> Result<Shown, Fault> {
    let settings = gate.node.settings();
    let providers = gate.options.providers.iter();
    Ok(Shown {
        node: ShownNode {
            name: settings.name.clone(),
            role: settings.role,
            institution: settings.name.clone(),
            clues: settings.clues.clone(),
        },
        user,
        csrf,
        providers: providers.map(|p| ShownProvider { id: p.id.clone(), name: p.name.clone() }).collect(),
        setup: !gate.node.has_accounts()?,
    })
}

fn user_of(principal: &Principal) -> Option<User> {
    match principal {
        Principal::Staff(staff) => Some(User {
            account: staff.account.clone(),
            name: staff.name.clone(),
            roles: staff.roles.iter().map(|r| r.code()).collect(),
            citizen: false,
        }),
        // The page has no use for a citizen's CURP as an account name.
        Principal::Citizen { name, .. } | Principal::Representative(Representative { name, .. }) => {
            Some(User { account: String::new(), name: name.clone(), roles: Vec::new(), citizen: true })
        }
        Principal::System { .. }
        | Principal::Peer { .. }
        | Principal::Node { .. }
        | Principal::Job { .. } => None,
    }
}

pub async fn sign_in(State(gate): State<Gate>, Json(asked): Json<SignIn>) -> Result<Response, Refused> {
    if asked.password.len() > PASSWORD_BYTES_MAX {
        return Err(sign_in_refused(SignInError::BadCredentials));
    }
    let now = Instant::now();
    let node = gate.node.clone();
    // An empty code is none: the page asks for it then.
    let totp = asked.totp.filter(|t| !t.trim().is_empty());
    let work = move || node.sign_in(asked.account.trim(), &asked.password, totp.as_deref(), now);
    let staff = off_the_loop(work).await?.map_err(sign_in_refused)?;
    let token = gate.node.open_session(&staff, now).await?;
    let opened = gate.node.signed_in(&token, now)?.ok_or_else(|| Fault::bug("a session was just opened"))?;
    let answer = json(&shown(&gate, user_of(&opened.principal), opened.csrf)?)?;
    with_cookie(answer, &cookie_of(&gate, &token, SESSION_SECONDS))
}

#[derive(Deserialize)]
pub struct SecondHalf {
    totp: String,
}

/// Staff whom a provider has signed in show the second factor of their account here.
pub async fn second_factor(
    State(gate): State<Gate>,
    headers: HeaderMap,
    Json(asked): Json<SecondHalf>,
) -> Result<Response, Refused> {
    let now = Instant::now();
    let late = || Fault::unauthenticated("the sign-in took too long: begin again");
    let key = cookie(&headers, &half_cookie(&gate)).ok_or_else(late)?;
    let half = gate.halves.look(&key, now.seconds()).ok_or_else(late)?;
    let (node, account) = (gate.node.clone(), half.account.clone());
    let confirmed = off_the_loop(move || node.confirm(&account, &asked.totp, now)).await?;
    gate.node.note_provider_sign_in(&half.account, &half.provider, confirmed.is_ok(), now);
    confirmed.map_err(sign_in_refused)?;
    let half = gate.halves.take(&key, now.seconds()).ok_or_else(late)?;
    // Asked once more: the account may have been suspended, or the link taken away, in between.
    let staff = gate.node.linked_staff(&half.who, "", now)?;
    let staff = staff.ok_or_else(|| Fault::forbidden("no account that may enter is linked"))?;
    let token = gate.node.open_session(&staff, now).await?;
    let opened = gate.node.signed_in(&token, now)?.ok_or_else(|| Fault::bug("a session was just opened"))?;
    let answer = json(&shown(&gate, user_of(&opened.principal), opened.csrf)?)?;
    with_cookie(answer, &cookie_of(&gate, &token, SESSION_SECONDS))
}

pub async fn sign_out(caller: Caller) -> Result<Response, Refused> {
    if let Some(token) = &caller.token {
        caller.session().sign_out(token).await?;
    }
    with_cookie(StatusCode::NO_CONTENT.into_response(), &cookie_of(&caller.gate, "", 0))
}

pub async fn set_up(State(gate): State<Gate>, Json(asked): Json<SetUp>) -> Result<Response, Refused> {
    let new = NewAccount {
        account: asked.account,
        name: asked.name,
        roles: vec![Role::Administrator.code().to_owned()],
        cedula: None,
        password: short_enough(asked.password)?,
    };
    let (node, account, runtime) =
        (gate.node.clone(), new.account.clone(), tokio::runtime::Handle::current());
    let secret =
        off_the_loop(move || runtime.block_on(node.set_up(&asked.code, new, Instant::now()))).await??;
    json(&enrolment(&gate.node.settings().name, &account, &secret)?)
}

pub async fn confirm_set_up(
    State(gate): State<Gate>,
    Json(asked): Json<SetUpConfirm>,
) -> Result<StatusCode, Refused> {
    let work = move || gate.node.confirm_set_up(&asked.code, &asked.account, &asked.totp, Instant::now());
    match off_the_loop(work).await? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(SignInError::BadCredentials) => {
            Err(Fault::forbidden("the link has been used or was never given").into())
        }
        Err(other) => Err(sign_in_refused(other)),
    }
}

/// Refuses a password that is only long.
pub fn short_enough(password: String) -> Result<String, Fault> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(Fault::invalid("a password has at most 1,024 bytes").at("password"));
    }
    Ok(password)
}

/// Runs what takes its time (Argon2id, a wait for the disk) off the event loop.
pub async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Fault::bug("work off the loop ended abruptly"))
}

/// The address for an authenticator program, and the same as a QR code.
pub fn enrolment(issuer: &str, account: &str, secret: &str) -> Result<Enrolment, Fault> {
    let totp_uri = totp_uri(issuer, account, secret);
    let qr_svg = qr_svg(&totp_uri)?;
    Ok(Enrolment { totp_uri, qr_svg })
}

/// One path of unit squares: no script, no style, nothing from outside.
fn qr_svg(text: &str) -> Result<String, Fault> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M);
    let code = code.map_err(|_| Fault::invalid("the name is too long for a QR code").at("account"))?;
    let width = code.width();
    let side = width + 2 * QUIET_MODULES;
    let mut path = String::new();
    for (n, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (n % width + QUIET_MODULES, n / width + QUIET_MODULES);
            write!(path, "M{x} {y}h1v1h-1z").expect("a string takes any text");
        }
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{pixels}\" height=\"{pixels}\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>",
        pixels = side * 5
    ))
}

fn cookie_of(gate: &Gate, token: &str, seconds: i64) -> String {
    let secure = if gate.options.secure_cookies { "; Secure" } else { "" };
    format!("{}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}", gate.cookie_name())
}

fn with_cookie(mut response: Response, cookie: &str) -> Result<Response, Refused> {
    let value = HeaderValue::from_str(cookie).map_err(|_| Fault::bug("a cookie is plain text"))?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_is_one_svg_of_paths_with_its_size() {
        let enrolment = enrolment("Hospital Ñandú", "ana", "MZXW6YTBOI").expect("a code");
        assert!(enrolment.totp_uri.starts_with("otpauth://totp/"));
        let svg = enrolment.qr_svg;
        assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>"), "{svg}");
        assert!(svg.contains(" width=") && svg.contains(" height=") && svg.contains(" viewBox="));
        assert!(!svg.contains("style") && !svg.contains("script") && !svg.contains("href"));
        assert!(svg.matches("h1v1h-1z").count() > 200, "a code has many dark modules");
        assert!(qr_svg(&"x".repeat(4000)).is_err());
    }

    #[test]
    fn a_citizen_is_shown_by_name_and_never_by_curp() {
        let user =
            user_of(&Principal::Citizen { curp: "SABC560626MDFLRN01".into(), name: "Concepción".into() });
        let text = serde_json::to_string(&user).expect("printable");
        assert!(!text.contains("SABC") && text.contains("\"citizen\":true"), "{text}");
        assert!(user_of(&Principal::Peer { name: "CT1".into(), institution: "X".into() }).is_none());
    }
}
