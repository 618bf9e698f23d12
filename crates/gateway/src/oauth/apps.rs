//! Apps that a member of staff lets act for them: the authorization endpoint with its page, and codes and refresh tokens for access
//! tokens (SMART App Launch 2.0, standalone launch; RFC 6749, 4.1 and 6; RFC 7636).

use super::client::percent;
use super::token::{Refused, TokenRequest, refused};
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use crate::gate::Gate;
use crate::pages::form::{self, Json, json};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use badiano_kernel::{Fault, Instant};
use badiano_record::apps::{APP_TOKEN_SECONDS, App, AppRequest, AppTokens, wants_patient};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::{Deserialize, Serialize};

/// So long is a CURP; ids of patients are longer or shorter.
const CURP_CHARS: usize = 18;

/// What an app writes into the address of the authorization endpoint.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    response_type: String,
    client_id: String,
    redirect_uri: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    aud: String,
    #[serde(default)]
    code_challenge: String,
    #[serde(default)]
    code_challenge_method: String,
    /// Of the answer of the page: CURP or id of the patient whom the app may see.
    #[serde(default)]
    patient: String,
}

impl Asked {
    fn of(query: &str) -> Asked {
        let mut asked = Asked::default();
        for (name, value) in pairs(query) {
            let place = match name.as_str() {
                "response_type" => &mut asked.response_type,
                "client_id" => &mut asked.client_id,
                "redirect_uri" => &mut asked.redirect_uri,
                "scope" => &mut asked.scope,
                "state" => &mut asked.state,
                "aud" => &mut asked.aud,
                "code_challenge" => &mut asked.code_challenge,
                "code_challenge_method" => &mut asked.code_challenge_method,
                _ => continue,
            };
            *place = value;
        }
        asked
    }

    fn request(&self) -> AppRequest {
        AppRequest {
            app: self.client_id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            scope: self.scope.clone(),
            challenge: self.code_challenge.clone(),
        }
    }

    /// What the app did wrong; it is told at its own address.
    fn wrong(&self, gate: &Gate) -> Option<(&'static str, &'static str)> {
        let bases = [&gate.options.address, &gate.options.pages].map(|base| format!("{base}/fhir"));
        if self.response_type != "code" {
            return Some(("unsupported_response_type", "this endpoint gives codes"));
        }
        if self.code_challenge_method != "S256" || self.code_challenge.len() != 43 {
            return Some(("invalid_request", "a code_challenge by S256 is needed (RFC 7636)"));
        }
        if !bases.iter().any(|base| self.aud.trim_end_matches('/') == base) {
            return Some(("invalid_request", "aud is the address of the FHIR server here"));
        }
        None
    }

    /// The app's address with an answer.
    fn back(&self, answer: &[(&str, &str)]) -> String {
        let state = (!self.state.is_empty()).then_some(("state", self.state.as_str()));
        let all = answer.iter().copied().chain(state);
        let all: Vec<String> = all.map(|(name, value)| format!("{name}={}", percent(value))).collect();
        let separator = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.redirect_uri, all.join("&"))
    }
}

/// RFC 6749, 4.1.1: to the page where a person decides, or back with what is wrong. Nobody is sent to an address that is not registered.
pub async fn authorize(
    State(gate): State<Gate>,
    RawQuery(query): RawQuery,
) -> Result<Response, form::Refused> {
    let query = query.unwrap_or_default();
    let asked = Asked::of(&query);
    let app = gate.node.app(&asked.client_id)?;
    let app = app.ok_or_else(|| Fault::invalid("no app is registered under this name").at("client_id"))?;
    if !app.redirect_uris.contains(&asked.redirect_uri) {
        return Err(Fault::invalid("the app is not registered with this address").at("redirect_uri").into());
    }
    let to = match asked.wrong(&gate) {
        Some((error, why)) => asked.back(&[("error", error), ("error_description", why)]),
        None => format!("{}/#/autorizar/{}", gate.options.pages, BASE64URL.encode(query)),
    };
    Ok(Redirect::to(&to).into_response())
}

#[derive(Serialize)]
struct AppAsking {
    name: String,
    /// Where the answer is sent.
    host: String,
    scopes: Vec<String>,
    wants_patient: bool,
}

/// `GET /api/apps/asking?...`: who asks for what, for the page.
pub async fn asking(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, form::Refused> {
    let asked = Asked::of(&query.unwrap_or_default());
    let (app, scopes) = caller.session().app_asking(&asked.request())?;
    let host = badiano_record::apps::origin(&asked.redirect_uri).unwrap_or_default().to_owned();
    json(&AppAsking { name: app.name, host, wants_patient: wants_patient(&scopes), scopes })
}

#[derive(Serialize)]
struct Answered {
    redirect: String,
}

/// `POST /api/apps/let-in`: the person lets the app in; the page goes to the address of the answer.
pub async fn let_in(caller: Caller, Json(asked): Json<Asked>) -> Result<Response, form::Refused> {
    let session = caller.session();
    session.may_let_apps_in()?;
    if let Some((_, why)) = asked.wrong(&caller.gate) {
        return Err(Fault::invalid(why).into());
    }
    let patient = match asked.patient.trim() {
        "" => None,
        curp if curp.len() == CURP_CHARS => {
            Some(session.patient_by_curp(&curp.to_uppercase())?.resource.id().to_owned())
        }
        id => Some(id.to_owned()),
    };
    let code = session.let_app_in(&asked.request(), patient.as_deref()).await?;
    json(&Answered { redirect: asked.back(&[("code", &code)]) })
}

/// The apps that are registered, for the administrator.
#[derive(Serialize)]
struct Apps {
    apps: Vec<App>,
}

pub async fn list(caller: Caller) -> Result<Response, form::Refused> {
    json(&Apps { apps: caller.session().apps()? })
}

/// The same id again is a change.
pub async fn put(caller: Caller, Json(app): Json<App>) -> Result<Response, form::Refused> {
    json(&caller.session().put_app(app).await?)
}

/// A code or a refresh token for an access token.
pub(super) async fn tokens(gate: &Gate, request: &TokenRequest) -> Result<String, Refused> {
    let now = Instant::now();
    let named = |what: &Option<String>| what.clone().unwrap_or_default();
    let (app, redirect_uri) = (named(&request.client_id), named(&request.redirect_uri));
    let given = if request.grant_type.as_deref() == Some("refresh_token") {
        gate.node.refresh_app(&named(&request.refresh_token), &app, now).await
    } else {
        let (code, verifier) = (named(&request.code), named(&request.code_verifier));
        gate.node.redeem_app_code(&code, &app, &redirect_uri, &verifier, now).await
    };
    let given = given.map_err(|_| refused("temporarily_unavailable", "tokens cannot be kept now"))?;
    let unproved =
        refused("invalid_grant", "the code or token is wrong, was used, has run out or is another app's");
    let AppTokens { access, refresh, grant } = given.ok_or(unproved)?;
    let mut body = serde_json::json!({
        "access_token": access,
        "token_type": "bearer",
        "expires_in": APP_TOKEN_SECONDS,
        "scope": grant.scopes.join(" ")
    });
    if let Some(refresh) = refresh {
        body["refresh_token"] = refresh.into();
    }
    if let Some(patient) = grant.patient {
        body["patient"] = patient.into();
        body["need_patient_banner"] = true.into();
    }
    Ok(body.to_string())
}

/// Lets pages of registered apps ask from the browser (Fetch standard, CORS protocol): with their token, never with our cookie.
pub async fn cross_origin(
    State(gate): State<Gate>,
    request: Request<axum::body::Body>,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let is_for_apps =
        path.starts_with("/fhir") || path == "/oauth/token" || path.starts_with("/.well-known/");
    let origin = request.headers().get(header::ORIGIN).filter(|_| is_for_apps).cloned();
    let known = origin.filter(|o| o.to_str().is_ok_and(|o| gate.node.is_app_origin(o).unwrap_or(false)));
    let Some(origin) = known else { return next.run(request).await };
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response =
        if is_preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Accept, Content-Type, If-Match, If-None-Match, If-None-Exist, Prefer",
        ),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "ETag, Location, Last-Modified, Content-Location"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_keeps_the_apps_own_query_and_state() {
        let asked = Asked {
            redirect_uri: "https://a.example/b?x=1".into(),
            state: "a b&c".into(),
            ..Asked::default()
        };
        assert_eq!(asked.back(&[("code", "k")]), "https://a.example/b?x=1&code=k&state=a%20b%26c");
    }
}
