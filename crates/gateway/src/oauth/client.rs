//! OpenID Connect Core 1.0 as a client: authorization code with PKCE S256 (RFC 7636), identity token checked, claims from userinfo.

use super::staff::{self, Entered, half_cookie};
use super::{Provider, Started};
use crate::caller::{Connection, cookie};
use crate::gate::Gate;
use crate::reply::Refusal;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_kernel::{Fault, Instant, id};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use std::time::Duration;

/// Asymmetric only: a provider's secret must never be able to sign a token for us.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::PS256];
/// Ties the browser that began to the one that comes back.
const STATE_COOKIE: &str = "badiano_state";

#[derive(Deserialize)]
pub struct StartQuery {
    provider: String,
}

#[derive(Deserialize)]
pub struct CallbackQuery {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// What discovery tells.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    id_token: String,
}

/// What an identity token says (OpenID Connect Core 1.0, section 2).
#[derive(Deserialize)]
pub struct IdClaims {
    pub sub: String,
    pub nonce: Option<String>,
    pub acr: Option<String>,
    #[serde(default)]
    pub amr: Vec<String>,
}

/// What is taken from the provider about a person.
#[derive(Deserialize, Default)]
struct UserInfo {
    sub: Option<String>,
    name: Option<String>,
    curp: Option<String>,
}

/// Sends the browser to the provider.
pub async fn start(State(gate): State<Gate>, Query(query): Query<StartQuery>) -> Result<Response, Refusal> {
    let provider = provider(&gate, &query.provider).map_err(Refusal::page)?;
    let discovery = discover(provider).await.map_err(Refusal::page)?;
    let random = || BASE64URL.encode(id::random_bytes::<32>());
    let (state, verifier, nonce) = (random(), random(), random());
    let challenge = BASE64URL.encode(digest(&SHA256, verifier.as_bytes()));
    let separator = if discovery.authorization_endpoint.contains('?') { '&' } else { '?' };
    let scope = if provider.for_citizens { "openid profile curp" } else { "openid profile" };
    let mut location = format!(
        "{}{separator}response_type=code&client_id={}&redirect_uri={}&scope={}&state={state}&nonce={nonce}&code_challenge={challenge}&code_challenge_method=S256",
        discovery.authorization_endpoint,
        percent(&provider.client_id),
        percent(&redirect_uri(&gate)),
        percent(scope),
    );
    if !provider.second_factor.acr.is_empty() {
        location.push_str(&format!("&acr_values={}", percent(&provider.second_factor.acr.join(" "))));
    }
    let started = Started { provider: provider.id.clone(), verifier, nonce };
    gate.pending.put(state.clone(), Instant::now().seconds(), started);
    let secure = if gate.options.secure_cookies { "; Secure" } else { "" };
    let cookie = format!("{STATE_COOKIE}={state}; Path=/oauth; HttpOnly; SameSite=Lax; Max-Age=600{secure}");
    Ok(redirect(&location, &[cookie]))
}

/// Takes the browser back, changes the code for tokens, and opens our own session.
pub async fn callback(
    State(gate): State<Gate>,
    Extension(_connection): Extension<Connection>,
    headers: HeaderMap,
    Query(query): Query<CallbackQuery>,
) -> Result<Response, Refusal> {
    let entered = finish(&gate, &headers, query).await.map_err(Refusal::page)?;
    let secure = if gate.options.secure_cookies { "; Secure" } else { "" };
    let mut cookies =
        vec![format!("{STATE_COOKIE}=; Path=/oauth; HttpOnly; SameSite=Lax; Max-Age=0{secure}")];
    let mut set = |name: &str, value: &str, seconds: i64| {
        cookies.push(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"));
    };
    let place = match &entered {
        Entered::Session(value) => {
            set(&gate.cookie_name(), value, badiano_record::accounts::SESSION_SECONDS);
            "/"
        }
        Entered::SecondFactor(value) => {
            set(&half_cookie(&gate), value, super::STARTED_SECONDS);
            "/#/entrar/codigo"
        }
        Entered::NoAccount => "/#/entrar/sin-cuenta",
    };
    Ok(redirect(place, &cookies))
}

async fn finish(gate: &Gate, headers: &HeaderMap, query: CallbackQuery) -> Result<Entered, Fault> {
    if query.error.is_some() {
        return Err(Fault::unauthenticated("the provider did not sign the person in"));
    }
    let now = Instant::now();
    let state = query.state.ok_or_else(|| Fault::invalid("the provider's answer has no state"))?;
    if cookie(headers, STATE_COOKIE).as_deref() != Some(state.as_str()) {
        return Err(Fault::forbidden("this sign-in was begun in another browser"));
    }
    let started = gate.pending.take(&state, now.seconds());
    let started =
        started.ok_or_else(|| Fault::unauthenticated("the sign-in took too long or was used already"))?;
    let provider = provider(gate, &started.provider)?;
    if query.iss.is_some_and(|iss| iss != provider.issuer) {
        return Err(Fault::forbidden("the answer comes from another provider"));
    }
    let code = query.code.ok_or_else(|| Fault::invalid("the provider's answer has no code"))?;
    let discovery = discover(provider).await?;
    let tokens = exchange(gate, provider, &discovery, &code, &started.verifier).await?;
    let claims = check_id_token(provider, &discovery, &tokens.id_token, &started.nonce).await?;
    let info = user_info(&discovery, &tokens.access_token).await?;
    if info.sub.as_deref().is_some_and(|s| s != claims.sub) {
        return Err(Fault::forbidden("the provider's answers are about two people"));
    }
    let name = info.name.unwrap_or_default();
    if provider.for_citizens {
        let curp = info.curp.ok_or_else(|| Fault::forbidden("the provider gave no CURP for this person"))?;
        gate.node.open_citizen_session(&curp, &name, now).await.map(Entered::Session)
    } else {
        staff::enter(gate, provider, &claims, &name, now).await
    }
}

fn provider<'g>(gate: &'g Gate, id: &str) -> Result<&'g Provider, Fault> {
    gate.options.providers.iter().find(|p| p.id == id).ok_or_else(|| Fault::not_found("no such provider"))
}

fn redirect_uri(gate: &Gate) -> String {
    format!("{}/oauth/callback", gate.options.pages)
}

fn client() -> Result<reqwest::Client, Fault> {
    let builder = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none());
    builder.no_proxy().build().map_err(|e| Fault::bug(format!("the client cannot be made: {e}")))
}

async fn read<T: serde::de::DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, Fault> {
    let answer =
        request.send().await.map_err(|_| Fault::unavailable("the identity provider cannot be reached"))?;
    if !answer.status().is_success() {
        return Err(Fault::unauthenticated(format!(
            "the identity provider answered {}",
            answer.status().as_u16()
        )));
    }
    let body =
        answer.bytes().await.map_err(|_| Fault::unavailable("the identity provider's answer broke off"))?;
    serde_json::from_slice(&body)
        .map_err(|_| Fault::unavailable("the identity provider's answer cannot be read"))
}

async fn discover(provider: &Provider) -> Result<Discovery, Fault> {
    let url = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
    let found: Discovery = read(client()?.get(url)).await?;
    if found.issuer != provider.issuer {
        return Err(Fault::forbidden("the provider calls itself by another name than configured"));
    }
    Ok(found)
}

async fn exchange(
    gate: &Gate,
    provider: &Provider,
    discovery: &Discovery,
    code: &str,
    verifier: &str,
) -> Result<Tokens, Fault> {
    let mut form = format!(
        "grant_type=authorization_code&code={}&redirect_uri={}&code_verifier={verifier}",
        percent(code),
        percent(&redirect_uri(gate))
    );
    let mut request = client()?.post(&discovery.token_endpoint);
    match &provider.client_secret {
        Some(secret) => request = request.basic_auth(percent(&provider.client_id), Some(percent(secret))),
        None => form.push_str(&format!("&client_id={}", percent(&provider.client_id))),
    }
    read(request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)).await
}

async fn check_id_token(
    provider: &Provider,
    discovery: &Discovery,
    token: &str,
    nonce: &str,
) -> Result<IdClaims, Fault> {
    let refused = || Fault::unauthenticated("the provider's identity token does not hold");
    let head = decode_header(token).map_err(|_| refused())?;
    if !ALGORITHMS.contains(&head.alg) {
        return Err(refused());
    }
    let keys: JwkSet = read(client()?.get(&discovery.jwks_uri)).await?;
    let fits = |k: &&jsonwebtoken::jwk::Jwk| head.kid.is_none() || k.common.key_id == head.kid;
    let mut validation = Validation::new(head.alg);
    validation.set_audience(&[&provider.client_id]);
    validation.set_issuer(&[&provider.issuer]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    let opened = keys.keys.iter().filter(fits).find_map(|jwk| {
        let key = DecodingKey::from_jwk(jwk).ok()?;
        decode::<IdClaims>(token, &key, &validation).ok()
    });
    let claims = opened.ok_or_else(refused)?.claims;
    if claims.nonce.as_deref() == Some(nonce) { Ok(claims) } else { Err(refused()) }
}

async fn user_info(discovery: &Discovery, access_token: &str) -> Result<UserInfo, Fault> {
    match &discovery.userinfo_endpoint {
        Some(url) => read(client()?.get(url).bearer_auth(access_token)).await,
        None => Ok(UserInfo::default()),
    }
}

fn redirect(location: &str, cookies: &[String]) -> Response {
    let mut headers = HeaderMap::new();
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            headers.append(header::SET_COOKIE, value);
        }
    }
    if let Ok(value) = HeaderValue::from_str(location) {
        headers.insert(header::LOCATION, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (StatusCode::SEE_OTHER, headers).into_response()
}

pub(super) fn percent(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
